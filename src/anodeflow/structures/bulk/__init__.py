"""Crystals: the catalogue, files, symbols, symmetry settings, moments, isolated atoms."""
