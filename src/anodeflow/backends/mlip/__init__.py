"""Machine-learned potentials, by way of atomate2 and ASE."""
