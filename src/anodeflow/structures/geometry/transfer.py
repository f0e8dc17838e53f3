"""A geometry of one code made one of another: what both have alike is replaced, what is new is kept.

Two codes disagree on the spacing of a slab's layers by some 0.01 Å everywhere. Where the second one has relaxed the
slab already, only what an adatom, an exchange or a hop changes is to be taken from the first one.
"""

from itertools import pairwise

import numpy as np
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import fixed_coordinates, holding_fixed, minimum_images, steps_between
from anodeflow.structures.geometry.symmetrise import with_symmetry_of

_SAME_ATOM = 0.6
"""An atom this near to one of the reference, before it is relaxed, is that atom, Å."""
_ALIKE = 0.1
"""Where an atom of the reference differs by more than this between both codes, nothing is shifted, Å.

They are in different minima then, or one of them is far off: what an adatom changes may undo the difference. (A full
layer of Li on a thin Li(001) slab, coarse k-points: 0.27 Å, and DFT began 0.48 Å off its minimum instead of 0.28.)
"""
_NEIGHBOURHOOD = 2.0  # Å: decay of the weight of reference atoms around one that the reference does not have


def transferred(
    start: Structure, relaxed: Structure, reference: Structure | None, reference_by_first: Structure | None
) -> Structure:
    """Return where the second code should begin.

    Parameters
    ----------
    start
        What the first code was given: `reference` with something changed (an adatom, a vacancy, an exchange).
    relaxed
        What it made of that, the same atoms in the same order.
    reference
        Minimum of the second code without the change; none: there is none yet.
    reference_by_first
        The same minimum by the first code, the same atoms in the same order.

    Returns
    -------
    Structure
        `relaxed` with every atom shifted by the difference of both codes for that atom of the reference; atoms that
        the reference lacks, by the mean of those around them. Not shifted without a reference, or if the two
        references differ by more than 0.1 Å. Fixed atoms are where they are in `start`, and the symmetry of `start` is
        kept if the first code kept it but for rounding.
    """
    positions = start.cart_coords + steps_between(start, relaxed)
    if reference is not None and reference_by_first is not None:
        shifts = minimum_images(reference, reference.cart_coords - reference_by_first.cart_coords)
        if np.linalg.norm(shifts, axis=1).max() < _ALIKE:
            positions = positions + _corrections(start, reference, shifts)
    return holding_fixed(start, with_symmetry_of(start, positions))


def transferred_path(
    images: list[Structure], by_first: tuple[Structure, Structure], ends: tuple[Structure, Structure]
) -> list[Structure]:
    """Return a path of the first code as one between the end states of the second one.

    Parameters
    ----------
    images
        Path of the first code.
    by_first
        Its two end states: those that `images` begins and ends with.
    ends
        End states of the second code, in the periodic images that the path leads through.

    Returns
    -------
    list of Structure
        Each image is shifted by the difference of both codes at the ends, interpolated along the path.
    """
    shifts = [second.cart_coords - first.cart_coords for first, second in zip(by_first, ends, strict=True)]
    steps = [np.linalg.norm(after.cart_coords - before.cart_coords) for before, after in pairwise(images)]
    along = np.concatenate([[0.0], np.cumsum(steps)]) / sum(steps)
    moved = [
        holding_fixed(ends[0], image.cart_coords + (1 - t) * shifts[0] + t * shifts[1])
        for image, t in zip(images, along, strict=True)
    ]
    return [ends[0], *moved[1:-1], ends[1]]


def path_direction(before: Structure, after: Structure) -> np.ndarray:
    """Return the unit vector (n, 3), in the space of all free coordinates, from one image of a path to another."""
    step = np.where(fixed_coordinates(before), 0.0, steps_between(before, after))
    return step / np.linalg.norm(step)


def _corrections(start: Structure, reference: Structure, shifts: np.ndarray) -> np.ndarray:
    """Return the shift of each atom of `start` (n, 3), from those of the reference's atoms."""
    apart = start.lattice.get_all_distances(start.frac_coords, reference.frac_coords)
    nearest = apart.argmin(axis=1)
    known = apart.min(axis=1) < _SAME_ATOM
    weights = np.exp(-((apart - apart.min(axis=1, keepdims=True)) / _NEIGHBOURHOOD))
    around = weights @ shifts / weights.sum(axis=1, keepdims=True)
    return np.where(known[:, None], shifts[nearest], around)
