"""Which hops DFT computes where a potential learns: those that a way across the surface may need.

The potential relaxes the paths of all of them first, and what it learned says how high their saddles lie, and how well
it knows that. DFT computes the hops of the cheapest ways across first. Then it computes those whose saddles may lie
below the highest one of these ways, or so little above it that they matter in D(T), by two standard deviations. What
DFT has found counts as it is, and each time that it has found more the others are asked about again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ase.units import kB
from jobflow import Flow, Job, Maker, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.guide_ranks import learned_rises
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.profile import DIP
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import AnodeflowError
from anodeflow.screening.makers import PrescreenedNebMaker, guided, path_jobs
from anodeflow.screening.path import start_of_dft
from anodeflow.structures.sites.path import first_path
from anodeflow.structures.sites.path_symmetry import PathSymmetry
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.exchanges import take_ends
from anodeflow.studies.diffusion.hop_document import Hop, LearnedSaddle, ScreenedSaddle
from anodeflow.studies.diffusion.hop_ends import HopEnds
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.network import build_network
from anodeflow.studies.diffusion.percolation import cheapest_path
from anodeflow.studies.shared.hops import close
from anodeflow.studies.shared.steps import followed

_DEVIATIONS = 2.0
_MATTERS = 3.0
"""Times kT above the highest saddle of the ways across: a hop over a higher one adds less than 5 % of its flux."""
_SLACK = DIP
"""How far the saddle of the corrected potential may lie below its energy at the bare one's, eV; added to the doubt."""


def to_screen(maker: Maker, search: HopSearch, study: DiffusionContext) -> list[int]:
    """Return the indices of the hops that wait and of which it was not yet asked whether a way across needs them."""
    if not isinstance(maker, PrescreenedNebMaker) or study.input.hops == "all" or study.input.exchange:
        return []
    screen = maker.prescreen
    if not (screen.learn and screen.by_uncertainty) or len(search.hops) < 2:
        return []
    asked = {*search.looked, *search.whole}
    return [index for index in search.waiting if index not in asked and not search.goes_on(index)]


def path_of(images: int, ends: HopEnds) -> list[Any]:
    """Return the first path of a hop by so many images, one more where symmetry turns it round and they are even."""
    symmetry = ends.symmetry
    return first_path(ends.initial, ends.final, images + (symmetry is not None and images % 2 == 0), symmetry)


def screen_hops(
    maker: Maker,
    search: HopSearch,
    fresh: Sequence[int],
    study: DiffusionContext,
    failures: Mapping[str, AnodeflowError],
    review: Callable[[dict[str, dict[str, Any]], list[Any]], Job],
) -> Response:
    """Have a potential that learns relax the paths of hops, so that it can be asked which of them are needed.

    Parameters
    ----------
    maker
        Maker of paths.
    search
        The hops are looked at from now on.
    fresh
        Their indices (:func:`to_screen`).
    study
        What was asked for.
    failures
        Label of what cannot be computed -> why.
    review
        Makes the job that takes the paths in (:func:`take_screened`), of these by the index of their hop, and of the
        outputs of jobs that only say what could not be done.
    """
    assert isinstance(maker, PrescreenedNebMaker)
    jobs: list[Flow | Job] = []
    paths: dict[str, dict[str, Any]] = {}
    for index in fresh:
        search.looked.append(index)
        try:
            ends = take_ends(search, index)
            if ends.guessed:  # what of its path is strain is known once DFT has relaxed that end
                continue
            images = path_of(study.input.images, ends)
        except AnodeflowError:  # told where its path is to be computed
            continue
        label = study.label(search.step_of(index))
        makers = (maker.prescreen.relax, maker.prescreen.neb, maker.prescreen.backend)
        before, band = path_jobs(makers, images, label, ends.symmetry)
        jobs.append(Flow([*before, band], output=band.output, name=str(maker.prescreen.label(label))))
        paths[str(index)] = {
            "images": images,
            "symmetry": ends.symmetry,
            "ends": [each.output for each in before],
            "band": band.output,
        }
    name = f"{study.of_system}: hops that a way across may need"
    return followed(jobs, failures, lambda failed: review(paths, failed), name)


def take_screened(search: HopSearch, paths: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the saddles that the potential found; those hops wait no more. DFT goes on with the others in any case."""
    for key, path in paths.items():
        found: NebDoc | None = path["band"]
        ends: list[CalculationDoc] = [end for end in path["ends"] if end is not None]
        symmetry: PathSymmetry | None = path["symmetry"]
        if found is None or not found.converged or len(ends) < len(path["ends"]) or int(key) not in search.waiting:
            continue
        start = start_of_dft(path["images"], symmetry, found, ends, "saddle", whole=False)
        if start.kind != "saddle":
            continue
        search.waiting.remove(int(key))
        search.screened[key] = ScreenedSaddle(band=start.record, saddle=start.images[1])


def decide(maker: Maker, search: HopSearch, temperature: float) -> None:
    """Let DFT compute those of the screened hops that a way across or D may need, or leave all of them out.

    Parameters
    ----------
    maker
        Maker of paths.
    search
        No hop of it waits; those that are needed do afterwards.
    temperature
        The highest at which D is asked for, K.
    """
    assert isinstance(maker, PrescreenedNebMaker)
    indices = [int(key) for key in search.screened]
    pairs = {
        str(index): (search.minima[search.hops[index].initial].structure, search.screened[str(index)].saddle)
        for index in indices
    }
    steps = [search.step_of(hop.index) for hop in search.hops]
    by_dft = [search.calculation_ids[step] for step in steps if step in search.calculation_ids]
    about = f"{search.system}: hops that a way across may need", search.screened[str(indices[0])].band.id
    rises = learned_rises(guided(maker.then, maker.prescreen), pairs, by_dft, about)
    if rises is None:
        _hand_on(search, indices)
        return
    for index in indices:
        search.hops[index].learned = LearnedSaddle(
            energy=rises.energies[str(index)],
            uncertainty=rises.uncertainties[str(index)],
            model=rises.model,
            calculations=rises.calculations,
        )
    ways = _ways_across(search, indices)
    if ways is None:
        _hand_on(search, indices)
        return
    hops, highest = ways
    needed = [index for index in indices if index in hops]
    if not needed:  # DFT has computed those ways by now
        above = highest + _MATTERS * kB * temperature
        needed = [index for index in indices if _least(search, index) <= above]
    if needed:
        _hand_on(search, needed)
    else:
        _leave_out(search, indices, highest)


def _hand_on(search: HopSearch, indices: Sequence[int]) -> None:
    for index in indices:
        del search.screened[str(index)]
    search.waiting += indices


def _least(search: HopSearch, index: int) -> float:
    """Return the energy, eV, on the scale of the minima, above which a saddle certainly lies.

    What was learned may be too sure of itself: it is taken to err by as much as it did on hops that DFT has computed.
    """
    hop = search.hops[index]
    assert hop.learned is not None
    seen = [
        abs(found - search.minima[each.initial].energy - each.learned.energy)
        for each in search.hops
        if each.learned is not None and (found := _saddle(search, each)) is not None
    ]
    doubt = max(_DEVIATIONS * hop.learned.uncertainty, *seen, 0.0) + _SLACK
    return search.minima[hop.initial].energy + hop.learned.energy - doubt


def _saddle(search: HopSearch, hop: Hop) -> float | None:
    """Return the highest saddle of a hop by DFT, that of its parts where it was split, eV on the minima's scale."""
    if hop.state == "split":
        parts = [_saddle(search, search.hops[part]) for part in hop.split_into]
        known = [part for part in parts if part is not None]
        return max(known) if known and len(known) == len(parts) else None
    return None if hop.barrier_forward is None else search.minima[hop.initial].energy + hop.barrier_forward


def _ways_across(search: HopSearch, indices: Sequence[int]) -> tuple[set[int], float] | None:
    """Return the hops of the cheapest ways across in both directions, and their highest saddle on the minima's scale.

    Hops that DFT has computed count as it found them, the others as what was learned says. None: no way leads on.
    """
    hops = []
    for hop in search.hops:
        if hop.index in indices and hop.learned is not None:
            hop = hop.model_copy(update={"state": "done", "barrier_forward": hop.learned.energy})
        hops.append(hop)
    network = build_network(search.adsorption.slab, search.minima, hops)
    path = cheapest_path(network)
    if path is None:
        return None
    across = cheapest_path(network, across=path)
    ways = [path] if across is None else [path, across]
    used = {step.hop for way in ways for step in way.steps}
    return used, max(way.barrier for way in ways) + float(network.energies.min())


def _leave_out(search: HopSearch, indices: Sequence[int], highest: float) -> None:
    """Close hops that no way across needs; `highest`: the highest saddle of those ways."""
    lowest = min(minimum.energy for minimum in search.minima)
    told = []
    for index in indices:
        hop, record = search.hops[index], search.screened.pop(str(index)).band
        assert hop.learned is not None
        above = search.minima[hop.initial].energy + hop.learned.energy - lowest
        level = f"{above:.3f} ± {hop.learned.uncertainty:.3f} eV"
        words = f"its saddle lies {level} over the lowest minimum by {record.backend} with what it learned"
        close(hop, "left out", f"no way across needs it: {words}")
        hop.band = record
        step = str(hop.subject.by(record.backend))
        search.calculation_ids[step] = record.id
        told.append(f"{hop.subject} ({level})")
        if search.audit is not None:
            search.audit.effort.potential_force_evaluations += record.force_evaluations
    search.warnings.append(
        Caveat(
            "hops-left-to-potential",
            f"left to the potential as no way across needs them: {', '.join(told)}. These are saddles over the lowest "
            f"minimum, by what it learned, and a standard deviation; ways across lead over {highest - lowest:.3f} eV "
            "at most. Rates and D(T) do without these hops, and nothing of their ends was tested on them; `hops: all` "
            "computes them",
        )
    )
