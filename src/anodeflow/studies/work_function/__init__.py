"""Work functions of both faces of a slab."""
