"""The public Python interface, which :mod:`anodeflow` gives under its own name: for scripts and notebooks."""
