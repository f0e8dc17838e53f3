"""``anodeflow serve``: campaigns, results and documents in a browser on this machine, live and read-only."""
