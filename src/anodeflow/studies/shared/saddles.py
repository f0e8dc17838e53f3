"""The saddles of hops: their lowest modes, what those say, and what is done where it is none of first order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jobflow import Job, Maker, Response
from pymatgen.core import Structure

from anodeflow.calculations.mode_search import most_forces
from anodeflow.calculations.modes_document import ModesDoc, RestRecord
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.profile import NO_BARRIER
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.core.errors import AnodeflowError
from anodeflow.core.jobs import named
from anodeflow.screening.effort import effort_of_checks
from anodeflow.structures.geometry.positions import largest_distance, unwrapped
from anodeflow.structures.geometry.transfer import path_direction
from anodeflow.studies.expected import Expected
from anodeflow.studies.shared.hop_rounds import HopContext
from anodeflow.studies.shared.hops import MOST_SPLITS
from anodeflow.studies.shared.once_more import MOST_FOLLOWED, downhill_path, second_order, without_saddle
from anodeflow.studies.shared.saddle import STILL
from anodeflow.studies.shared.saddle_search import SaddleSearch
from anodeflow.studies.shared.steps import followed

MINIMUM = 0.02
"""Lowest curvature of the highest image of a path from which on it is looked at as a minimum, eV/Å².

At a flat saddle that is not quite at rest the curvature along the path may come out positive, too.
"""


def note_saddle(search: SaddleSearch, index: int, band: NebDoc) -> list[int]:
    """Have the saddle of a hop looked at, whose path was just taken in.

    Parameters
    ----------
    search
        Its `saddles` and `rests` are added to; what was known of the hop's saddle is forgotten.
    index
        Index of the hop.
    band
        Its path, by the code that is asked for.

    Returns
    -------
    list of int
        Ends to which the path rises all the way: they are no minima, and their hop has no saddle to look at.
    """
    hop = search.hops[index]
    hop.negative_modes, hop.modes_certain, hop.curvatures = None, None, []
    search.calculation_ids.pop(search.modes_step(index), None)
    ends = ((hop.initial, hop.barrier_forward), (hop.final, hop.barrier_reverse))
    rising = [end for end, barrier in ends if barrier is not None and barrier < NO_BARRIER]
    if hop.state == "done" and not rising:
        search.saddles.append(index)
    energies = np.array(band.image_energies)
    if band.climbing_image == int(energies.argmax()):
        # As evaluated: the document of the modes is found again by others, whose climb took nothing off.
        taken = band.remaining_energy or 0.0 if band.evaluated_energy is not None else 0.0
        as_evaluated = {"energy": band.energy + taken, "free_energy": band.free_energy + taken}
        search.rests[str(index)] = RestRecord(**as_evaluated, forces=band.forces)
    return rising


def find_modes(
    maker: Maker,
    search: SaddleSearch,
    study: HopContext,
    failures: Mapping[str, AnodeflowError],
    review: Callable[[dict[str, Any], list[Any]], Job],
) -> Response:
    """Find the lowest modes of the saddles that are new.

    Parameters
    ----------
    maker
        Maker of modes.
    search, study
        The search, and what was asked for.
    failures
        Label of what cannot be computed -> why.
    review
        Makes the job that takes the modes in, of these, by the index of their hop, and of the outputs of jobs that only
        say what could not be done.
    """
    jobs: dict[str, Job] = {}
    for index in search.saddles:
        label = f"{study.label(search.step_of(index))}, modes of its saddle"
        hop = search.hops[index]
        top = hop.saddle_image
        options = {
            "refine": True,
            "rest": search.rests.get(str(index)),
            "along": path_direction(hop.images[top - 1], hop.images[top + 1]).tolist(),
        }
        jobs[str(index)] = named(modes_job(maker, hop.images[top], label, **options), label)
    modes = {key: made.output for key, made in jobs.items()}
    return followed([*jobs.values()], failures, lambda told: review(modes, told), f"{study.of_system}: saddles")


def modes_of_saddles(maker: Maker, label: str, atoms: int, by: str, hops: str) -> Iterator[Expected]:
    """Yield the modes that are going to be asked for once the hops are known, and a potential's before them.

    Parameters
    ----------
    maker
        Maker of modes.
    label
        What they are called.
    atoms
        Atoms of a saddle.
    by
        Name of the potential that goes first; empty: there is none.
    hops
        Label of the hops.
    """
    after = (hops,)
    if by:
        yield Expected(f"{label} [{by}]", "hessian", atoms, after, prescreen=by)
        after = (f"{label} [{by}]",)
    cheap = getattr(maker, "cheap", False)
    yield Expected(label if cheap else f"{label}, at most {most_forces(bool(by))} forces each", "modes", atoms, after)


def modes_job(maker: Any, structure: Structure, label: str, **options: Any) -> Job:
    """Return the job that finds the lowest modes of a structure at rest; `options` as of the backends' `ModesMaker`."""
    return named(maker.make(structure, label=label, **options), label)


def review_modes(
    search: SaddleSearch,
    modes: Mapping[str, ModesDoc | None],
    moved: Callable[[int, int], None] = lambda index, image: None,
) -> None:
    """Take the lowest modes of saddles into account.

    A hop over a saddle of second order waits to be computed again, without symmetry, from a path that is pushed along
    the second negative mode; if that was done twice it ends as `second order`. One whose highest point is curved as a
    minimum is to be split there. Else a hop without a saddle waits to be relaxed to smaller
    forces, once; then it ends as `no saddle`.

    Parameters
    ----------
    search
        Its `saddles` are none afterwards.
    modes
        Index of a hop -> lowest modes of its saddle; none where they could not be computed.
    moved
        Told the indices of a hop and its image where the saddle was walked up to: by symmetry there may be another one.
    """
    if search.audit is not None:
        search.audit.effort += effort_of_checks(modes.values())
    search.saddles = []
    for key, found in modes.items():
        index = int(key)
        hop = search.hops[index]
        if found is None:
            search.warnings.append(
                Caveat("modes-missing", "the lowest modes of its saddle could not be computed").under(hop.subject)
            )
            continue
        search.calculation_ids[search.modes_step(index)] = found.id
        of_modes: Subject = hop.subject.model_copy(update={"detail": f"{hop.subject.detail}, modes of its saddle"})
        search.warnings += [warning.under(of_modes) for warning in found.warnings]
        hop.negative_modes, hop.curvatures, hop.modes_certain = found.negative_modes, found.curvatures, found.certain
        if found.certain is False:
            hop.message = f"whether its saddle has {found.negative_modes} negative modes is not certain"
        if found.negative_modes == 0:
            _without_saddle(search, index, found)
        elif found.negative_modes > 1:
            _follow(search, index, found)
        else:
            search.warnings += [warning.under(of_modes) for warning in _flat(found.curvatures)]
            _take_saddle(search, index, found, moved)


def _flat(curvatures: Sequence[float]) -> list[Caveat]:
    """Return what a reader should know of modes that are negative and do not count, of curvatures that rise (eV/Å²)."""
    flat = [value for value in curvatures[1:] if value < 0]
    if not flat:
        return []
    values = ", ".join(f"{value:.3f}" for value in flat)
    text = f"flat modes that do not count as negative ({values} eV/Å²): a way a few meV lower may lead past the saddle"
    return [Caveat("flat-mode", text)]


def _take_saddle(search: SaddleSearch, index: int, found: ModesDoc, moved: Callable[[int, int], None]) -> None:
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
    moved(index, top)
    hop.energy_over_rest = None
    search.warnings = [
        each for each in search.warnings if not (each.code == "saddle-force-left" and hop.subject in each.about)
    ]


def _without_saddle(search: SaddleSearch, index: int, found: ModesDoc) -> None:
    """Have the highest image of a path looked at as a minimum, if it is so curved, or the path relaxed further."""
    hop = search.hops[index]
    hop.state = "no saddle"
    hop.message = f"the highest point of its path has no negative mode, so it is no saddle; {_left(found.max_force)}"
    curved = bool(found.curvatures) and found.curvatures[0] > MINIMUM and found.certain is not False
    if curved and search.splits[index] < MOST_SPLITS and index not in search.refined:
        hop.message += ", and it could not be relaxed"
        search.tops[str(index)] = hop.saddle_image
    else:
        relax_further(search, index, found.max_force)


def relax_further(search: SaddleSearch, index: int, force: float) -> None:
    """Have a path without a saddle relaxed to smaller forces than `force`, eV/Å, or give up."""
    hop, again = search.hops[index], index in search.refined
    hop.state = "no saddle"
    hop.message = (
        "the highest point of its path has no negative mode, so it is no saddle; "
        f"{_left(force)}{', after the path was relaxed to smaller forces' * again}"
    )
    if again:
        return
    hop.message += ", and the path could not be relaxed to smaller ones"
    search.refined.append(index)
    search.finer[str(index)] = list(hop.images)
    search.waiting.append(index)
    for step in (search.step_of(index), search.modes_step(index)):
        search.calculation_ids[without_saddle(step)] = search.calculation_ids[step]


def _left(force: float) -> str:
    return f"a force of {force:.3f} eV/Å is left there"


def _follow(search: SaddleSearch, index: int, found: ModesDoc) -> None:
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
    for step in (search.step_of(index), search.modes_step(index)):
        # Both names hold until the path pushed off it is there: where that fails, the numbers are these calculations'.
        search.calculation_ids[second_order(step, times + 1)] = search.calculation_ids[step]
