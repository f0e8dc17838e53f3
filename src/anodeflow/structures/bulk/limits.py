"""What a crystal may be at most: beyond this a file is wrong, or no calculation could treat it."""

from collections.abc import Sequence

import numpy as np

MOST_ATOMS = 2000
"""Most atoms of a cell."""
LARGEST_CRYSTAL = 5_000_000
"""Most characters of a file that is read whole before its atoms can be counted: 2000 atoms need a tenth of it."""
SHORTEST_EDGE, LONGEST_EDGE = 1.0, 500.0
"""Edges of a cell are between these, Å."""
SMALLEST_ANGLE = 10.0
"""Angles of a cell are at least this, and at most 180 less this, degrees."""
_FLATTEST = 0.05  # least height of a cell over the length of the edge that rises to it


def check_count(atoms: int) -> None:
    """Refuse a number of atoms that no calculation could treat.

    Raises
    ------
    ValueError
        If there are none, or too many.
    """
    if not 0 < atoms <= MOST_ATOMS:
        raise ValueError(f"it has {atoms} atoms: 1 to {MOST_ATOMS} are read")


def check_size(text: str) -> None:
    """Refuse a text that takes minutes and gigabytes to take apart, and cannot be one crystal's.

    Raises
    ------
    ValueError
        If it is longer than LARGEST_CRYSTAL.
    """
    if len(text) > LARGEST_CRYSTAL:
        raise ValueError(
            f"it has {len(text) / 1e6:.1f} MB, and {LARGEST_CRYSTAL / 1e6:g} MB are read: leave out what is no part of "
            f"the crystal, such as reflections, or give one of at most {MOST_ATOMS} atoms"
        )


def check_cell(lengths: Sequence[float], angles: Sequence[float]) -> None:
    """Refuse a cell that is no crystal's.

    Parameters
    ----------
    lengths, angles
        Of the cell, Å and degrees.

    Raises
    ------
    ValueError
        If an edge is too short or too long, or the angles span no volume to speak of.
    """
    if not (np.isfinite(lengths).all() and np.isfinite(angles).all()):
        raise ValueError("numbers of its cell are not finite")
    if min(lengths) < SHORTEST_EDGE or max(lengths) > LONGEST_EDGE:
        shown = " ".join(f"{edge:.3g}" for edge in lengths)
        raise ValueError(f"the edges of its cell are {shown} Å: {SHORTEST_EDGE:g} to {LONGEST_EDGE:g} Å are read")
    cosines = np.cos(np.radians(angles))
    # volume of the cell whose edges are all 1
    volume = np.sqrt(max(0.0, 1 - (cosines**2).sum() + 2 * cosines.prod()))
    heights = volume / np.sin(np.radians(angles)).clip(1e-9)
    if min(angles) < SMALLEST_ANGLE or max(angles) > 180 - SMALLEST_ANGLE or heights.min() < _FLATTEST:
        shown = " ".join(f"{angle:.4g}" for angle in angles)
        raise ValueError(f"the angles of its cell are {shown}°: they span a cell too flat to be a crystal's")
