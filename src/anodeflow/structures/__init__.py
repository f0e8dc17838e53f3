"""Builds and reads atoms: bulks, slabs, sites, interfaces, orderings. It knows no study and no code."""
