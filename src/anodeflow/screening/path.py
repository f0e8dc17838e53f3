"""From a path relaxed by a potential to where DFT begins: its saddle, all of it, or an intermediate minimum."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.profile import DIP, NO_BARRIER, ROUGH_DIP, deepest_dip, profile
from anodeflow.calculations.screening_document import BandRecord, PathMode
from anodeflow.structures.geometry.positions import largest_distance, unwrapped
from anodeflow.structures.geometry.symmetrise import symmetrised, symmetrised_direction
from anodeflow.structures.geometry.transfer import path_direction, transferred_path
from anodeflow.structures.sites.path import turned_round
from anodeflow.structures.sites.path_symmetry import PathSymmetry

OTHER_END = 0.8
"""How far an atom of an end state may move when the potential relaxes it, Å: farther away it is another state."""


@dataclass(frozen=True)
class Start:
    """Where DFT begins.

    Attributes
    ----------
    kind
        saddle: with one image that climbs; band: with a whole path; dip: not at all, since the path has a minimum on
        its way, which is to be relaxed first.
    images
        Path between the end states of DFT; of a saddle: the two ends and the saddle.
    symmetry
        Operation that turns `images` round.
    record
        The potential's path.
    tangent
        Direction (n, 3) in which the image of a saddle climbs.
    """

    kind: Literal["saddle", "band", "dip"]
    images: list[Structure]
    symmetry: PathSymmetry | None
    record: BandRecord
    tangent: list[list[float]] | None = None


def potential_ends(
    images: list[Structure],
    symmetry: PathSymmetry | None,
    first: CalculationDoc | None,
    last: CalculationDoc | None,
) -> tuple[Structure, Structure] | None:
    """Return the end states of a hop by the potential, in the periodic images of the path.

    Parameters
    ----------
    images
        Path between the end states of DFT.
    symmetry
        Operation that turns it round: then the last end follows from the first.
    first, last
        Their relaxations by the potential; none where one failed, or is not needed.

    Returns
    -------
    tuple or None
        None where the potential failed, or has no such states.
    """
    if first is None or (symmetry is None and last is None):
        return None
    start = unwrapped(images[0], first.structure)
    if symmetry is not None:
        end = turned_round(symmetry, start, images[-1])
    else:
        assert last is not None
        end = unwrapped(images[-1], last.structure)
    moved = max(largest_distance(images[0], start), largest_distance(images[-1], end))
    return (start, end) if moved < OTHER_END else None


def start_of_dft(
    images: list[Structure],
    symmetry: PathSymmetry | None,
    found: NebDoc,
    ends: list[CalculationDoc],
    mode: PathMode,
    whole: bool,
) -> Start:
    """Decide where DFT begins.

    Parameters
    ----------
    images
        First path, between the end states of DFT.
    symmetry
        Operation that turns it round.
    found, ends
        Path by the potential between its own end states, and the relaxations of these.
    mode
        What was asked for.
    whole
        Whether the whole path is wanted whatever the potential found.
    """
    path = transferred_path(found.images, (found.images[0], found.images[-1]), (images[0], images[-1]))
    energies = np.array(found.image_energies)
    dip = deepest_dip(energies, DIP if found.converged else ROUGH_DIP)
    if dip is not None and not whole:
        return Start("dip", path, symmetry, band_record(found, ends, mode))
    highest = found.climbing_image
    climbs = energies[highest] - max(energies[0], energies[-1]) > NO_BARRIER
    if whole or mode == "band" or not climbs:
        return Start("band", path, symmetry, band_record(found, ends, "band"))
    in_the_middle = 2 * highest == len(path) - 1
    saddle = symmetrised(path[highest])
    tangent = symmetrised_direction(saddle, path_direction(path[highest - 1], path[highest + 1]))
    return Start(
        "saddle",
        [path[0], saddle, path[-1]],
        symmetry if in_the_middle else None,
        band_record(found, ends, "saddle"),
        tangent.tolist(),
    )


def band_record(found: NebDoc, ends: list[CalculationDoc], mode: PathMode) -> BandRecord:
    """Return what the document of a path by DFT says of the potential's one that came before."""
    points = profile(found)
    return BandRecord(
        backend=found.backend,
        id=found.id,
        end_ids=[end.id for end in ends],
        energies=[point.energy for point in points],
        distances=[point.distance for point in points],
        slopes=[point.slope for point in points],
        climbing_image=found.climbing_image,
        converged=found.converged,
        force_evaluations=found.force_evaluations + sum(end.force_evaluations for end in ends),
        mode=mode,
    )
