"""The saddles of hops: their lowest modes, what those say, and the way down from a saddle of second order."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from jobflow import Job, Maker
from pydantic import Field
from pymatgen.core import Structure

from anodeflow.calculations.mode_search import most_forces
from anodeflow.calculations.modes_document import ModesDoc, RestRecord
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.profile import NO_BARRIER
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.core.jobs import named
from anodeflow.screening.makers import PrescreenedNebMaker, guided, to_the_end
from anodeflow.structures.geometry.positions import largest_distance, placed, unwrapped
from anodeflow.structures.geometry.transfer import path_direction
from anodeflow.studies.expected import Expected
from anodeflow.studies.shared.hop_rounds import HopContext, Route
from anodeflow.studies.shared.hops import WaitingHops
from anodeflow.studies.shared.saddle import STILL

MOST_FOLLOWED = 2
"""How often the path of a hop is pushed off a saddle of second order."""
DOWN = 0.25
"""How far the atom that moves most is pushed there, Å."""


class SaddleSearch(WaitingHops):
    """A search for hops that looks at the lowest modes of their saddles."""

    saddles: list[int] = Field(
        default_factory=list, description="Indices of the hops of whose saddle the lowest modes are to be computed."
    )
    rests: dict[str, RestRecord] = Field(
        default_factory=dict, description="Index of a hop -> energies and forces of its highest image."
    )
    downhill: dict[str, list[Structure]] = Field(
        default_factory=dict, description="Index of a hop -> its path, pushed off a saddle of second order."
    )
    followed: dict[str, int] = Field(
        default_factory=dict, description="Index of a hop -> how often it was followed down from such a saddle."
    )

    @abstractmethod
    def total_energy(self, end: int) -> float:
        """Return the total energy of an end of hops, eV."""

    def modes_step(self, index: int) -> str:
        """Return the name of the step that finds the lowest modes of a hop's saddle."""
        return f"modes of {self.step_of(index)}"

    def new_saddles(self) -> list[int]:
        """Return the indices of the hops of whose saddle the lowest modes are to be computed, and forget the others."""
        self.saddles = [index for index in dict.fromkeys(self.saddles) if self.hops[index].state == "done"]
        return self.saddles


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


def saddle_modes(maker: Maker, search: SaddleSearch, study: HopContext) -> dict[str, Job]:
    """Return the jobs that find the lowest modes of the saddles that are new (index of a hop -> job)."""
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
    return jobs


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


def downhill(maker: Any, search: SaddleSearch, index: int) -> Route:
    """Return the path of a hop that is computed again, without symmetry, pushed off a saddle of second order.

    `maker`: that of all paths.
    """
    hop, path = search.hops[index], search.downhill.pop(str(index))
    first = search.total_energy(hop.initial)
    options: dict[str, Any] = {}
    if isinstance(maker, PrescreenedNebMaker):  # the potential has had its say
        maker = guided(to_the_end(maker.then), maker.prescreen)
        if hop.band is not None:
            options["band"] = hop.band
        if len(path) == 3:
            options["tangent"] = path_direction(hop.images[0], hop.images[-1]).tolist()
    energies = (first, first + hop.profile[-1].energy)
    return Route(path, energies, options, maker, ", off its saddle of second order")


def second_order(step: str, times: int) -> str:
    """Return what a step of a hop is called once the hop is followed down from a saddle of second order."""
    return f"{step}, second order {times}"


def review_modes(
    search: SaddleSearch,
    modes: Mapping[str, ModesDoc | None],
    moved: Callable[[int, int], None] = lambda index, image: None,
) -> None:
    """Take the lowest modes of saddles into account.

    A hop over a saddle of second order waits to be computed again, without symmetry, from a path that is pushed along
    the second negative mode; if that was done twice it ends as `second order`.

    Parameters
    ----------
    search
        Its `saddles` are none afterwards.
    modes
        Index of a hop -> lowest modes of its saddle; none where they could not be computed.
    moved
        Told the indices of a hop and its image where the saddle was walked up to: by symmetry there may be another one.
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
        search.calculation_ids[search.modes_step(index)] = found.id
        of_modes: Subject = hop.subject.model_copy(update={"detail": f"{hop.subject.detail}, modes of its saddle"})
        search.warnings += [warning.under(of_modes) for warning in found.warnings]
        hop.negative_modes, hop.curvatures, hop.modes_certain = found.negative_modes, found.curvatures, found.certain
        if found.certain is False:
            hop.message = f"whether its saddle has {found.negative_modes} negative modes is not certain"
        if found.negative_modes == 0:
            hop.state = "no saddle"
            hop.message = (
                "the highest point of its path has no negative mode, so it is no saddle; a force of "
                f"{found.max_force:.3f} eV/Å is left there, and a smaller `force_threshold` of paths may find one near"
            )
        elif found.negative_modes > 1:
            _follow(search, index, found)
        else:
            _take_saddle(search, index, found, moved)


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
