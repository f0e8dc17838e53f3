"""Bader charge and charge-density difference of an adatom."""
