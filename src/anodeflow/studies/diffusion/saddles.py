"""What the lowest modes say of the saddle of a hop, and the way down from one of second order."""

from collections.abc import Mapping

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.structures.geometry.positions import largest_distance, placed, unwrapped
from anodeflow.structures.geometry.transfer import path_direction
from anodeflow.structures.sites.path import turned_round
from anodeflow.studies.diffusion.document import Hop
from anodeflow.studies.diffusion.exchanges import ends_of
from anodeflow.studies.diffusion.hop_search import MOST_FOLLOWED, HopSearch, second_order

DOWN = 0.25
"""How far the atom that moves most is pushed there, Å."""
STILL = 1e-4
"""Å: a saddle that is nearer to the end of its climb was not walked up to; more than results files round away."""


def review_modes(search: HopSearch, modes: Mapping[str, ModesDoc | None]) -> None:
    """Take the lowest modes of saddles into account.

    A hop over a saddle of second order waits to be computed again, without symmetry, from a path that is pushed along
    the second negative mode; if that was done twice it ends as `second order`.

    Parameters
    ----------
    search
        Its `saddles` are none afterwards.
    modes
        Index of a hop -> lowest modes of its saddle; none where they could not be computed.
    """
    search.saddles = []
    for key, found in modes.items():
        index = int(key)
        hop = search.hops[index]
        if found is None:
            search.warnings.append(
                Caveat("modes-missing", "the lowest modes of its saddle could not be computed").under(hop.subject)
            )
            continue
        search.calculation_ids[f"modes of hop {index}"] = found.id
        of_modes = Subject("hop", index, ", modes of its saddle")
        search.warnings += [warning.under(of_modes) for warning in found.warnings]
        hop.negative_modes, hop.curvatures, hop.modes_certain = found.negative_modes, found.curvatures, found.certain
        if found.certain is False:
            hop.message = f"whether its saddle has {found.negative_modes} negative modes is not certain"
        if found.negative_modes == 0:
            hop.state = "no saddle"
            hop.message = "the highest point of its path has no negative mode, so it is no saddle"
        elif found.negative_modes > 1:
            _follow(search, index, found)
        else:
            _take_saddle(search, index, found)


def _take_saddle(search: HopSearch, index: int, found: ModesDoc) -> None:
    """Take energy and geometry of a saddle of first order from where it was walked up to.

    Where no step of the walk led nearer, the climb's energy stays, and with it what was taken off or told of it.
    """
    hop = search.hops[index]
    top = hop.saddle_image
    hop.max_force = found.max_force
    if largest_distance(hop.images[top], found.structure) < STILL:
        return
    energy = found.energy - search.total_energy(hop.initial)
    hop.profile[top].energy = energy
    hop.barrier_forward, hop.barrier_reverse = energy, energy - hop.profile[-1].energy
    hop.images[top] = unwrapped(hop.images[top], found.structure)
    _take_counterpart(search, hop, top)
    hop.energy_over_rest = None
    search.warnings = [
        each for each in search.warnings if not (each.code == "saddle-force-left" and hop.subject in each.about)
    ]


def _take_counterpart(search: HopSearch, hop: Hop, top: int) -> None:
    """Let the path that symmetry turns round have the same saddle on its other half."""
    other = len(hop.images) - 1 - top
    if other == top or not hop.symmetric:
        return
    hop.profile[other].energy = hop.profile[top].energy
    symmetry = ends_of(search, hop.index).symmetry
    if symmetry is not None:
        hop.images[other] = turned_round(symmetry, hop.images[top], hop.images[other])


def _follow(search: HopSearch, index: int, found: ModesDoc) -> None:
    """Push the path of a hop off a saddle of second order, or give up."""
    hop, key = search.hops[index], str(index)
    times = search.followed.get(key, 0)
    told = f"its saddle is of order {found.negative_modes}"
    hop.state = "second order"
    if times >= MOST_FOLLOWED:
        hop.message = f"{told}, also after {times} pushes along its second negative mode: a lower way leads past it"
        return
    hop.message = f"{told}, and the path pushed off it could not be computed"
    search.followed[key] = times + 1
    search.downhill[key] = downhill_path(hop, np.array(found.modes[: found.negative_modes]))
    search.waiting.append(index)
    for step in (f"hop {index}", f"modes of hop {index}"):
        search.calculation_ids[second_order(step, times + 1)] = search.calculation_ids.pop(step)


def downhill_path(hop: Hop, negative: np.ndarray) -> list[Structure]:
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
