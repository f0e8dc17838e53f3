"""Cohesive energy of elemental crystals, a study for anodeflow on subjects of its own."""
