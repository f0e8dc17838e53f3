"""What becomes of a suspect minimum that was pushed along its softest mode and relaxed with all atoms free."""

from collections.abc import Mapping, Sequence

import numpy as np

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.core.caveats import ENDED_EARLY, Caveat, Subject
from anodeflow.core.errors import CalculationError
from anodeflow.structures.geometry.positions import largest_distance
from anodeflow.structures.sites.adatom import AdatomDescription, describe_adatom
from anodeflow.structures.sites.hops import SAME_PLACE, SurfaceNet
from anodeflow.structures.sites.minima import BASIN, SAME_ENERGY, SOFT_PUSH
from anodeflow.studies.diffusion.hop_document import RejectedSite, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import OF_HOPS, HopSearch

LOWER = 0.001
"""By how much a push must lower the energy to prove that a minimum is none, eV."""


def settle_suspects(
    search: HopSearch, relaxed: Mapping[str, CalculationDoc | None], modes: Mapping[str, ModesDoc | None]
) -> None:
    """Keep the suspects that are minima, and take out the others: the adatom rolled from them into another minimum.

    Parameters
    ----------
    search
        Its `suspects` are none afterwards. Minima and hops are numbered anew where a minimum is taken out, and the
        hops that then are missing between neighbours are added.
    relaxed
        Index of a minimum -> its relaxation after the push; none where it failed.
    modes
        Index of a minimum -> its softest mode, where that was computed.

    Raises
    ------
    CalculationError
        If no minimum is left.
    """
    fallen: dict[int, int | None] = {}
    for key in sorted(relaxed, key=int):
        index, found, softest = int(key), relaxed[key], modes.get(key)
        name = _name(search.minima[index])
        if softest is not None:
            search.calculation_ids[f"softest mode of {name}"] = softest.id
        if found is None or not found.converged:
            why = "could not be relaxed" if found is None else "did not converge"
            search.warnings.append(
                Caveat("minimum-not-tested", f"may be a saddle: pushed off it, the adatom {why}").of(name)
            )
            continue
        search.calculation_ids[f"{name} pushed and relaxed"] = found.id
        search.minima[index].pushed = True
        _judge(search, index, found, softest, fallen)
    search.suspects = []
    if len(fallen) == len(search.minima):
        raise CalculationError(
            f"{search.adsorption.system}: the {search.adsorption.adsorbate} adatom has no minimum on this surface: "
            "pushed off every place where it was at rest, it left the surface's sites; relax more sites."
        )
    if fallen:
        _take_out(search, fallen)
        search.find_hops()


def _judge(
    search: HopSearch, index: int, found: CalculationDoc, softest: ModesDoc | None, fallen: dict[int, int | None]
) -> None:
    """Compare a suspect with its relaxation after the push; note it among the fallen (-> where to) if it is none."""
    minimum = search.minima[index]
    rest = describe_adatom(search.adsorption.slab, found.structure, minimum.position)
    lowered = search.total_energy(index) - found.energy
    came_back = largest_distance(minimum.structure, found.structure) < SOFT_PUSH / 2
    end, away = rest.final_position, float(np.linalg.norm(np.subtract(rest.final_position, minimum.position)[:2]))
    into = _minimum_at(search, index, end, found.energy)
    same_place = into is None and away < SAME_PLACE and rest.state in ("stayed", "moved")
    if same_place and abs(lowered) >= LOWER and _is_estimate(search, minimum):
        fallen[index] = _new_minimum(search, found, rest, minimum.site)
        return
    if lowered < LOWER or (came_back and lowered < SAME_ENERGY / 4):
        return  # it came back, or stands on a flat where nothing pulls it away
    if rest.state not in ("stayed", "moved"):
        fallen[index] = None
        message = f"pushed, the adatom has {rest.state}, {lowered:.3f} eV lower"
        _reject(search, minimum, softest, message)
        return
    if same_place:
        # The same place, where symmetry kept the atoms around from giving way.
        search.warnings.append(
            Caveat(
                "lower-without-symmetry",
                f"is {lowered:.3f} eV lower without the symmetry in which it was relaxed: the lower one counts",
            ).of(_name(minimum))
        )
        fallen[index] = _new_minimum(search, found, rest, minimum.site)
        return
    if into is None:
        into = _new_minimum(search, found, rest)
    fallen[index] = into
    target = search.minima[into]
    message = f"pushed, the adatom rolls into {_name(target)} ({target.label}), {lowered:.3f} eV lower"
    _reject(search, minimum, softest, message)


def _is_estimate(search: HopSearch, minimum: SurfaceMinimum) -> bool:
    """Return whether the energy of a minimum is that of a relaxation that ended after a few evaluations.

    The one from the push went on to the end, and came to the same place: it is what the other one estimates.
    """
    told = [each for each in search.adsorption.warnings if each.code == "few-evaluations" and each.about]
    return any(each.about[0].name == "site" and each.about[0].number == minimum.site for each in told)


def _minimum_at(search: HopSearch, but: int, place: Sequence[float], energy: float) -> int | None:
    """Return the index of the other minimum whose copy is at a place, or near it with its energy; none if none is."""
    net = search.net()
    near = net.node_at(place)
    if near is not None and net.minimum[near[0]] != but:
        return net.minimum[near[0]]
    near = net.node_at(place, within=BASIN)
    if near is None or net.minimum[near[0]] == but:
        return None
    index = net.minimum[near[0]]
    return index if abs(energy - search.total_energy(index)) < SAME_ENERGY else None


def _reject(search: HopSearch, minimum: SurfaceMinimum, softest: ModesDoc | None, message: str) -> None:
    """Tell that a minimum is none."""
    if minimum.site is None:
        search.warnings.append(Caveat("no-minimum", f"is no minimum: {message}").of(_name(minimum)))
        return
    search.rejected.append(
        RejectedSite(
            site=minimum.site,
            label=minimum.label,
            energy=minimum.energy,
            reason="saddle",
            curvature=None if softest is None else softest.curvatures[0],
            message=message,
        )
    )


def _take_out(search: HopSearch, fallen: Mapping[int, int | None]) -> None:
    """Take minima out, with the hops from or to them, and hops that were split there; number what is left anew."""
    net = SurfaceNet(search.adsorption.slab, [m.position for m in search.minima if m.index not in fallen])
    search.no_minima += [
        minimum.position
        for minimum in search.minima
        if minimum.index in fallen and net.node_at(minimum.position) is None
    ]
    kept = [minimum for minimum in search.minima if minimum.index not in fallen]
    minima = {minimum.index: place for place, minimum in enumerate(kept)}
    search.minima = [minimum.model_copy(update={"index": place}) for place, minimum in enumerate(kept)]
    there = {None, *minima}  # an exchange that leads through a minimum has no parts of its own
    left = [h for h in search.hops if h.initial in minima and h.final in minima and h.split_at in there]
    while True:  # a hop without its parts is looked for again
        numbers = {hop.index for hop in left}
        whole = [hop for hop in left if numbers.issuperset(hop.split_into)]
        if len(whole) == len(left):
            break
        left = whole
    hops = {hop.index: place for place, hop in enumerate(left)}
    _renumber_steps(search, hops)
    search.splits = [search.splits[hop.index] for hop in left]
    for name in ("waiting", "whole", "saddles", "refined", "looked"):
        setattr(search, name, [hops[index] for index in getattr(search, name) if index in hops])
    for name in ("rests", "downhill", "followed", "finer", "tops", "screened"):
        old = getattr(search, name)
        setattr(search, name, {str(hops[int(key)]): value for key, value in old.items() if int(key) in hops})
    search.hops = [
        hop.model_copy(
            update={
                "index": hops[hop.index],
                "initial": minima[hop.initial],
                "final": minima[hop.final],
                "split_into": [hops[part] for part in hop.split_into],
                "split_at": None if hop.split_at is None else minima[hop.split_at],
            }
        )
        for hop in left
    ]


def _renumber_steps(search: HopSearch, hops: Mapping[int, int]) -> None:
    """Let steps and warnings bear the new numbers of hops (old -> new); those of hops left out go with them."""
    named: dict[str, str | None] = {}
    for hop in search.hops:
        steps, new = search.steps_of(hop.index), hops.get(hop.index)
        named |= zip(steps, [None] * len(steps) if new is None else search.steps_of(new), strict=True)
    found = {named.get(step, step): identifier for step, identifier in search.calculation_ids.items()}
    search.calculation_ids = {step: identifier for step, identifier in found.items() if step is not None}
    warnings = []
    for warning in search.warnings:
        of_hops = [subject.number for subject in warning.about if subject.name in OF_HOPS]
        if all(number in hops for number in of_hops):
            warnings.append(warning.about_instead([_renumbered(subject, hops) for subject in warning.about]))
    search.warnings = warnings


def _renumbered(subject: Subject, hops: Mapping[int, int]) -> Subject:
    """Return what a warning is about with the new number of a hop."""
    if subject.name not in OF_HOPS or subject.number is None:
        return subject
    return subject.model_copy(update={"number": hops[subject.number]})


def _new_minimum(search: HopSearch, found: CalculationDoc, rest: AdatomDescription, site: int | None = None) -> int:
    """Add the minimum into which an adatom rolled, in the image where it came to rest; return its index."""
    structure = found.structure.copy()
    shift = np.asarray(rest.final_position) - structure[-1].coords
    structure.translate_sites([len(structure) - 1], shift, frac_coords=False, to_unit_cell=False)
    minimum = SurfaceMinimum(
        index=len(search.minima),
        site=site,
        label=rest.final_label,
        position=list(rest.final_position),
        energy=found.energy - search.zero,
        multiplicity=1,
        structure=structure,
        pushed=True,
    )
    search.minima.append(minimum)
    search.warnings += [each.under(_name(minimum)) for each in found.warnings if each.code in ENDED_EARLY]
    return minimum.index


def _name(minimum: SurfaceMinimum) -> Subject:
    """Return a minimum as what warnings are about, in words that hold whatever its number becomes."""
    if minimum.site is not None:
        return Subject("site", minimum.site)
    x, y, _ = minimum.position
    return Subject(f"the {minimum.label} at ({x:.2f}, {y:.2f})")
