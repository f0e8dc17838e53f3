"""What a campaign will cost, from what calculations like its own have cost here; what a run used; a budget."""
