"""Atoms of the alloy exchanged with atoms of the metal, plane after plane."""
