"""Hops of an adatom between the minima of a surface, and the cheapest way across."""
