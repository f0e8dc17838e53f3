"""Surface energy of every termination, at the chemical potential of a metal."""
