"""Pure functions on numbers and structures: no workflow engine, no DFT code."""
