"""Doors to other programs: calculations of others, crates, OPTIMADE."""
