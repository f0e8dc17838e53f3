"""Small random displacements, so that symmetry holds no atom on a saddle."""

import numpy as np
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import holding_fixed


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
    return holding_fixed(structure, structure.cart_coords + moves)
