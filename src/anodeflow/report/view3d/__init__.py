"""Atoms and scalar fields as plain numbers for pictures in space."""
