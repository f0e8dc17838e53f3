"""Binding of an adatom on the distinct sites of a surface."""
