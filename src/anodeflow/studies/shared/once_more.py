"""Paths that are relaxed once more, since their highest point is no saddle of first order."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from pymatgen.core import Structure

from anodeflow.screening.makers import PrescreenedNebMaker, guided
from anodeflow.screening.thresholds import to_smaller_forces, to_the_end
from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.geometry.transfer import path_direction
from anodeflow.studies.shared.hop_rounds import Route
from anodeflow.studies.shared.saddle_search import SaddleSearch

MOST_FOLLOWED = 2
"""How often the path of a hop is pushed off a saddle of second order."""
DOWN = 0.25
"""How far the atom that moves most is pushed there, Å."""
_WHOLE = 7
SMALLER = 0.2
"""Share of the force asked of paths to which one is relaxed whose highest point is no saddle. Far from the saddle of a
flat path little force is left: 0.04 eV/Å are 0.4 Å where the curvature is 0.1 eV/Å²."""


def once_more(maker: Any, search: SaddleSearch, index: int) -> Route:
    """Return how the path of a hop is relaxed again, without symmetry, whose highest point is no saddle of first order.

    Pushed off a saddle of second order: a potential that goes before relaxes that whole path first, for one image alone
    would not stay on it, and then DFT all of it where the potential's minima led nowhere before. Or, where there is no
    saddle, as it is and to smaller forces. `maker`: that of all paths.
    """
    hop, key = search.hops[index], str(index)
    first = search.total_energy(hop.initial)
    energies = (first, first + hop.profile[-1].energy)
    if key in search.downhill:
        path = search.downhill.pop(key)
        if isinstance(maker, PrescreenedNebMaker):
            path = in_between(path)
        return Route(path, energies, search.path_options(index), maker, ", off its saddle of second order")
    path = search.finer.pop(key)
    options: dict[str, Any] = {}
    if isinstance(maker, PrescreenedNebMaker):  # the potential has had its say
        maker = guided(to_the_end(maker.then), maker.prescreen)
        if hop.band is not None:
            options["band"] = hop.band
        if len(path) == 3:
            options["tangent"] = path_direction(path[0], path[-1]).tolist()
    return Route(path, energies, options, to_smaller_forces(maker, SMALLER), ", to smaller forces")


def in_between(path: Sequence[Structure]) -> list[Structure]:
    """Return a path with as many images as the relaxation of a whole path wants: seven at least.

    Those that are added lie on straight lines between their neighbours.
    """
    parts = max(1, -(-(_WHOLE - 1) // (len(path) - 1)))
    images = [path[0]]
    for one, other in pairwise(path):
        step = (other.cart_coords - one.cart_coords) / parts
        images += [placed(other, one.cart_coords + step * number) for number in range(1, parts)] + [other]
    return images


def names_of_step(step: str) -> list[str]:
    """Return what a step of a hop is called besides, where the hop was computed again."""
    return [without_saddle(step), *(second_order(step, time) for time in range(1, MOST_FOLLOWED + 1))]


def without_saddle(step: str) -> str:
    """Return what a step of a hop is called once the hop is relaxed to smaller forces."""
    return f"{step}, no saddle"


def second_order(step: str, times: int) -> str:
    """Return what a step of a hop is called once the hop is followed down from a saddle of second order."""
    return f"{step}, second order {times}"


def downhill_path(hop: Any, negative: np.ndarray) -> list[Structure]:
    """Return the path of a hop, bent at its saddle along the negative mode that leads least along the path.

    Parameters
    ----------
    hop
        Hop whose highest image is a saddle of second or higher order.
    negative
        Its negative modes (k, n, 3), of unit length.

    Returns
    -------
    list of Structure
        The images, the ends unchanged; the nearer to the saddle, the farther they are pushed, up to 0.25 Å.
    """
    top = hop.saddle_image
    along = path_direction(hop.images[top - 1], hop.images[top + 1])
    across = negative[int(np.argmin([abs(np.vdot(mode, along)) for mode in negative]))]
    across = across - np.vdot(across, along) * along
    push = across * DOWN / np.linalg.norm(across, axis=1).max()
    distances = np.array([point.distance for point in hop.profile])
    before, after = distances / distances[top], (distances[-1] - distances) / (distances[-1] - distances[top])
    return [
        placed(image, image.cart_coords + push * np.sin(np.pi / 2 * min(share, 1.0)))
        for image, share in zip(hop.images, np.minimum(before, after), strict=True)
    ]
