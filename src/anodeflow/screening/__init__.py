"""A cheap potential before DFT: Makers, shortlist, transfer of geometries, and both compared."""
