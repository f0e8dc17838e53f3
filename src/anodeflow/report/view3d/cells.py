"""Whole cells in three dimensions: crystals, slabs and paths as a calculation has them, whatever they are made of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from anodeflow.report.page import Scene
from anodeflow.report.scenes import rounded, scene_data

_LEAST = 6.0  # Å; smaller cells are shown several times along a periodic direction
_MOST = 4  # times
# Corners of a box in an order that passes along each of its edges.
_EDGES = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 0), (0, 0, 1), (1, 0, 1), (1, 0, 0), (1, 0, 1), (1, 1, 1),
          (1, 1, 0), (1, 1, 1), (0, 1, 1), (0, 1, 0), (0, 1, 1), (0, 0, 1))  # fmt: skip


def cell_scene(frames: Sequence[tuple[str, Structure]], name: str, title: str, caption: str) -> Scene:
    """Return structures of one size as a scene: a menu goes through a few, a slider through many.

    Parameters
    ----------
    frames
        Label and structure of each; the last one is on show first.
    name, title, caption
        Of the scene.
    """
    first = frames[0][1]
    times = _times(first)
    drawn = [
        {"label": label, "species": species, "positions": rounded(positions), "bonds": [], "adatom": None}
        for label, structure in frames
        for species, positions in [_atoms(structure, times)]
    ]
    drawn[-1]["cell"] = rounded(np.array(_EDGES) @ frames[-1][1].lattice.matrix)
    data = scene_data(drawn, "slider" if len(frames) > 3 else "menu", len(frames) - 1)
    return Scene(name, title, caption, data | {"zoom": 2.1})  # the cell is seen to its corners


def _times(structure: Structure) -> tuple[int, ...]:
    lengths = zip(structure.lattice.abc, structure.lattice.pbc, strict=True)
    return tuple(min(_MOST, int(np.ceil(_LEAST / length))) if periodic else 1 for length, periodic in lengths)


def _atoms(structure: Structure, times: tuple[int, ...]) -> tuple[list[str], NDArray]:
    species = [site.specie.symbol for site in structure]
    shifts = np.array(list(np.ndindex(*times))) @ structure.lattice.matrix
    return species * len(shifts), np.concatenate([structure.cart_coords + shift for shift in shifts])
