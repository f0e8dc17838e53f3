"""Places of an adatom: sites, minima, hops and the first guess of a path between them."""
