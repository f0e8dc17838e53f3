"""Small random displacements, so that symmetry holds no atom on a saddle."""

import numpy as np
from pymatgen.core import Structure


def rattled(structure: Structure, deviation: float) -> Structure:
    """Return the structure with its free atoms displaced at random, the same way each time.

    Parameters
    ----------
    structure
        What a relaxation starts from; atoms fixed by `selective_dynamics` stay.
    deviation
        Standard deviation of each Cartesian component, Å.
    """
    moves = np.random.default_rng(0).normal(scale=deviation, size=(len(structure), 3))
    free = structure.site_properties.get("selective_dynamics")
    if free is not None:
        moves *= np.array(free, dtype=bool)
    return Structure(
        structure.lattice,
        structure.species,
        structure.cart_coords + moves,
        coords_are_cartesian=True,
        site_properties=structure.site_properties,
    )
