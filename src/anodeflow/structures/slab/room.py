"""Whether a slab leaves an adatom the room that its hops need.

On a soft metal the saddle of a hop pushes surface atoms apart, and the periodic images of the adatom, or layers held
fixed close below, keep them from giving way.
"""

from pymatgen.core import Structure

from anodeflow.core.caveats import Caveat
from anodeflow.structures.geometry.positions import image_distance

ROOM = 10.0
"""Distance between an adatom and its image from which on hops on soft metals are converged, Å."""
LAYERS = 6
"""Atomic layers from which on they are."""
FREE_LAYERS = 3
"""Layers free to move from which on they are."""


def room_warning(slab: Structure, layers: int | None, fixed: int | None = None) -> Caveat | None:
    """Return what is to be said of hops on a slab; none if it is large enough, or no metal.

    Parameters
    ----------
    slab
        Clean slab in its supercell.
    layers
        Number of its atomic layers; none where it is not known.
    fixed
        How many of them are held; none: half of them, rounded down.
    """
    if not all(site.specie.is_metal for site in slab):
        return None
    width = image_distance(slab.lattice)
    small = []
    if width < ROOM - 0.05:
        small.append(f"adatoms {width:.1f} Å apart")
    if layers is not None and layers < LAYERS:
        small.append(f"{layers} layers")
    elif layers is not None and fixed is not None and layers - fixed < FREE_LAYERS:
        small.append(f"{fixed} fixed layers of {layers}")
    if not small:
        return None
    return Caveat(
        "little-room",
        f"{' and '.join(small)} leave a hop too little room: barriers on soft metals need {ROOM:g} Å and {LAYERS} "
        f"layers, {FREE_LAYERS} of them free (SevenNet, Li(001): 0.161 eV with 4 layers and 6.5 Å, 0.162 eV with 6 "
        "layers, 0.134 eV with 10 Å, 0.036 eV with both; GPAW: 0.161 eV without, 0.091 eV with both)",
    )
