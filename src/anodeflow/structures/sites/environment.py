"""What an atom at a point would see around it: a fingerprint that no choice of cell or orientation changes."""

import numpy as np
from pymatgen.core import Structure

REACH = 6.5
"""Atoms within this of a point are seen, Å; their weight fades to none there."""
_WIDTH = 0.3  # of the Gaussian that each atom becomes, Å: relaxations and lattice constants of other codes differ so
_STEP = 0.1  # Å


def environment(structure: Structure, point: np.ndarray) -> dict[str, list[float]]:
    """Return the distances of the atoms around a point.

    Parameters
    ----------
    structure
        Slab or crystal.
    point
        Cartesian (3,), Å; no atom of `structure` stands there.

    Returns
    -------
    dict
        Element -> distances within `REACH`, Å, ascending.
    """
    found: dict[str, list[float]] = {}
    for site in sorted(structure.get_sites_in_sphere(point, REACH), key=lambda site: site.nn_distance):
        found.setdefault(site.specie.symbol, []).append(round(float(site.nn_distance), 3))
    return found


def similarity(first: dict[str, list[float]], second: dict[str, list[float]]) -> float:
    """Return how alike two environments are: 1 when equal, 0 when they have nothing in common.

    It is the cosine between the radial distributions of all elements, smeared, each shell weighted by 1/r².
    """
    radii = np.arange(1.0, REACH, _STEP)
    weight = np.cos(np.pi * radii / (2 * REACH)) ** 2 / radii**2
    vectors = [
        np.concatenate(
            [
                weight
                * np.exp(-((radii - np.array(seen.get(element, []))[:, None]) ** 2) / (2 * _WIDTH**2)).sum(axis=0)
                for element in sorted({*first, *second})
            ]
        )
        for seen in (first, second)
    ]
    lengths = [np.linalg.norm(vector) for vector in vectors]
    return float(vectors[0] @ vectors[1] / np.prod(lengths)) if all(lengths) else 0.0
