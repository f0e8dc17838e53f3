"""Binding relative to the adatom on its own metal."""
