"""A vacancy made in the alloy, which moves into the metal."""
