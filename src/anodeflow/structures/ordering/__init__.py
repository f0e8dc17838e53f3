"""Orderings of an alloy on a parent lattice."""
