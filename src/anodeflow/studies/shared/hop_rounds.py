"""The rounds that every search for hops goes through: paths, images that may be intermediate minima, hops split there.

A study says from where to where a hop leads (`route`), takes its relaxed path in (`record`), and says where an image of
it came to rest (`landed`). Its jobs, which jobflow calls by their names, are its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from jobflow import Flow, Job, Maker, Response
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import AnodeflowError, CalculationError
from anodeflow.core.jobs import named
from anodeflow.studies.shared.hops import WaitingHops, add_message, close, end_verdict
from anodeflow.studies.shared.steps import followed, replaced

Search = TypeVar("Search", bound=WaitingHops)


class HopContext(Protocol):
    """What is asked of the study, by which its steps are called."""

    @property
    def of_system(self) -> str:
        """The system and what moves, with which labels begin."""

    def label(self, step: str) -> str:
        """Return what a step is called in the list of jobs."""


@dataclass(frozen=True)
class Route:
    """How the path of a hop is to be relaxed.

    Attributes
    ----------
    images
        The path to start from, both ends among it.
    energies
        Total energies of both ends, eV.
    options
        Further options for the Maker.
    maker
        The Maker; none: that of all paths.
    remark
        What its label says besides.
    """

    images: list[Structure]
    energies: tuple[float, float]
    options: Mapping[str, Any] = field(default_factory=dict)
    maker: Maker | None = None
    remark: str = ""


def run_paths(
    maker: Maker,
    search: WaitingHops,
    study: HopContext,
    route: Callable[[int], Route | None],
    failures: Mapping[str, AnodeflowError],
    review: Callable[[dict[str, Any], list[Any]], Job],
) -> Response:
    """Relax the paths of the hops that wait.

    Parameters
    ----------
    maker
        Maker of paths.
    search
        Hops that cannot be computed say why, and wait no more.
    study
        What was asked for.
    route
        Index of a hop -> how its path is to be relaxed; none: not at all, as the hop says already.
    failures
        Label of what cannot be computed -> why.
    review
        Makes the job that takes the paths in, of these, by the index of their hop, and of the outputs of jobs that only
        say what could not be done.
    """
    jobs: dict[str, Job] = {}
    failed = dict(failures)
    for index in list(search.waiting):
        label = study.label(search.step_of(index))
        try:
            found = route(index)
        except AnodeflowError as error:
            search.give_up(index, error)
            failed[label] = error
            continue
        if found is not None:
            label += found.remark
            made: Any = found.maker or maker
            jobs[str(index)] = named(made.make(found.images, found.energies, label=label, **found.options), label)
    bands = {key: band.output for key, band in jobs.items()}
    return followed([*jobs.values()], failed, lambda told: review(bands, told), f"{study.of_system}: paths of hops")


def review_paths(
    maker: Maker,
    search: Search,
    bands: Mapping[str, NebDoc | None],
    study: HopContext,
    record: Callable[[Search, int, NebDoc], int | None],
    split: Callable[[dict[str, int], dict[str, Any]], Job],
) -> Response | None:
    """Take relaxed paths in, and relax the images that may be intermediate minima.

    Parameters
    ----------
    maker
        Maker that relaxes positions. What DFT found, it relaxes; what the potential found, that does first.
    search
        No hop of it waits afterwards.
    bands
        Index of each hop -> its path; none where it failed.
    study
        What was asked for.
    record
        Takes a path in and returns the index of the image to relax.
    split
        Makes the job that goes on with them, of the indices of the images and of their relaxations, by that of the hop.

    Returns
    -------
    Response or None
        None where there is no such image.
    """
    jobs: dict[str, Flow | Job] = {}
    images: dict[str, int] = {}
    for key, band in bands.items():
        image = None if band is None else record(search, int(key), band)
        if band is not None and image is not None:
            label = study.label(str(search.image_step(int(key))))
            jobs[key] = search.relaxation(maker, band.images[image], label, band.by_potential, nearby=True)
            images[key] = image
    search.waiting = []
    if not jobs:
        return None
    last = split(images, {key: relaxed.output for key, relaxed in jobs.items()})
    return replaced([*jobs.values(), last], last, f"{study.of_system}: minima on hops")


@dataclass(frozen=True)
class Landing:
    """Where an image of a path came to rest: in a minimum of its own, at an end of the hop, or where it tells nothing.

    Attributes
    ----------
    trouble
        Why it tells nothing of its hop.
    end, lower
        The end that it rolled to, in words, and how far below that it came to rest, eV.
    between
        What is done with the hop where it is a minimum of its own.
    """

    trouble: str = ""
    end: str = ""
    lower: float = 0.0
    between: Callable[[], None] | None = None


Landed = Callable[[Search, int, int, CalculationDoc], Landing]
"""Says where an image came to rest: takes the search, the indices of hop and image, and the relaxation."""


def split_at_minima(
    search: Search,
    images: Mapping[str, int],
    relaxed: Mapping[str, CalculationDoc | None],
    study: HopContext,
    landed: Landed[Search],
) -> dict[str, AnodeflowError]:
    """Draw the conclusion from all images that were relaxed; return label -> error of those that tell nothing."""
    failures: dict[str, AnodeflowError] = {}
    for key, image in images.items():
        try:
            split_hop(search, int(key), image, relaxed[key], landed)
        except CalculationError as error:
            failures[study.label(str(search.image_step(int(key))))] = error
    return failures


def split_hop(search: Search, index: int, image: int, relaxed: CalculationDoc | None, landed: Landed[Search]) -> None:
    """Draw the conclusion from an image of a hop that was relaxed because it may be an intermediate minimum.

    Where it came to rest in a minimum of its own, the hop is split there. Where it rolled to one of the ends, the hop
    stands as it is, unless the image lay below both ends or came to rest below that one
    (:func:`anodeflow.studies.shared.hops.end_verdict`). Where that, or no minimum at all, came of a dip that the
    potential alone has seen, DFT is to relax the whole path.

    Raises
    ------
    CalculationError
        If the relaxation did not converge, or ended where it tells nothing; the hop has failed then.
    """
    hop, dip = search.hops[index], search.dip(index, image)
    if relaxed is None:
        if not search.leave_to_dft(index):
            close(hop, "failed", f"{dip.words} and could not be relaxed: `anodeflow status` says why")
        return
    search.note(search.image_step(index), relaxed, by_potential=not hop.profile)
    place = Landing(trouble="its relaxation did not converge; run it again to go on")
    if relaxed.converged:
        place = landed(search, index, image, relaxed)
    if place.between is not None:
        place.between()
    elif search.leave_to_dft(index):
        return
    elif place.trouble:
        close(hop, "failed", f"{dip.words}: {place.trouble}")
        raise CalculationError(f"{search.system}: {search.image_step(index)}: {place.trouble}.")
    else:
        stands, words = end_verdict(dip, place.lower, place.end)
        if stands:
            add_message(hop, words)
        else:
            close(hop, search.refused, words)
