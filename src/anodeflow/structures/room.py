"""Whether a slab leaves an adatom the room that its hops need.

On a soft metal the saddle of a hop pushes surface atoms apart, and the periodic images of the adatom, or layers held
fixed close below, keep them from giving way.
"""

from pymatgen.core import Lattice, Structure

ROOM = 10.0
"""Distance between an adatom and its image from which on hops on soft metals are converged, Å."""
LAYERS = 6
"""Atomic layers from which on they are."""


def image_distance(lattice: Lattice) -> float:
    """Return the distance between an atom and its nearest image in the plane, Å."""
    a, b = lattice.matrix[:2]
    return float(min((vector @ vector) ** 0.5 for vector in (a, b, a + b, a - b)))


def room_warning(slab: Structure, layers: int | None) -> str | None:
    """Return what is to be said of hops on a slab; none if it is large enough, or no metal.

    Parameters
    ----------
    slab
        Clean slab in its supercell.
    layers
        Number of its atomic layers; none where it is not known.
    """
    if not all(site.specie.is_metal for site in slab):
        return None
    width = image_distance(slab.lattice)
    small = []
    if width < ROOM - 0.05:
        small.append(f"adatoms {width:.1f} Å apart")
    if layers is not None and layers < LAYERS:
        small.append(f"{layers} layers")
    if not small:
        return None
    return (
        f"{' and '.join(small)} leave a hop too little room: barriers on soft metals need {ROOM:g} Å and {LAYERS} "
        "layers, both together (SevenNet, Li(001): 0.16 eV with either, 0.04 eV with both)"
    )
