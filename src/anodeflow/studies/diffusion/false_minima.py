"""What becomes of a suspect minimum that was pushed along its softest mode and relaxed with all atoms free."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.structures.geometry.positions import largest_distance
from anodeflow.structures.sites.adatom import AdatomDescription, describe_adatom
from anodeflow.structures.sites.hops import SAME_PLACE, SurfaceNet
from anodeflow.structures.sites.minima import BASIN, SAME_ENERGY, SOFT_PUSH
from anodeflow.studies.diffusion.document import RejectedSite, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch

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
        name = _name(search, search.minima[index])
        if softest is not None:
            search.calculation_ids[f"softest mode of {name}"] = softest.id
        if found is None or not found.converged:
            why = "could not be relaxed" if found is None else "did not converge"
            search.warnings.append(
                Caveat("minimum-not-tested", f"{name} may be a saddle: pushed off it, the adatom {why}")
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
    if lowered < LOWER or (came_back and lowered < SAME_ENERGY / 4):
        return  # it came back, or stands on a flat where nothing pulls it away
    end, away = rest.final_position, float(np.linalg.norm(np.subtract(rest.final_position, minimum.position)[:2]))
    if rest.state not in ("stayed", "moved"):
        fallen[index] = None
        message = f"pushed, the adatom has {rest.state}, {lowered:.3f} eV lower"
        _reject(search, minimum, softest, message)
        return
    into = _minimum_at(search, index, end, found.energy)
    if into is None and away < SAME_PLACE:
        # The same place, where symmetry kept the atoms around from giving way.
        search.warnings.append(
            Caveat(
                "lower-without-symmetry",
                f"{_name(search, minimum)} is {lowered:.3f} eV lower without the symmetry in which it was relaxed: the "
                "lower one counts",
            )
        )
        fallen[index] = _new_minimum(search, found, rest, minimum.site)
        return
    if into is None:
        into = _new_minimum(search, found, rest)
    fallen[index] = into
    target = search.minima[into]
    message = f"pushed, the adatom rolls into {_name(search, target)} ({target.label}), {lowered:.3f} eV lower"
    _reject(search, minimum, softest, message)


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
        search.warnings.append(Caveat("no-minimum", f"{_name(search, minimum)} is no minimum: {message}"))
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
    left = [hop for hop in search.hops if hop.initial in minima and hop.final in minima]
    while True:  # a hop without its parts is looked for again
        numbers = {hop.index for hop in left}
        whole = [hop for hop in left if numbers.issuperset(hop.split_into)]
        if len(whole) == len(left):
            break
        left = whole
    hops = {hop.index: place for place, hop in enumerate(left)}
    search.splits = [search.splits[hop.index] for hop in left]
    for name in ("waiting", "whole", "saddles"):
        setattr(search, name, [hops[index] for index in getattr(search, name) if index in hops])
    for name in ("rests", "downhill", "followed"):
        old = getattr(search, name)
        setattr(search, name, {str(hops[int(key)]): value for key, value in old.items() if int(key) in hops})
    search.hops = [
        hop.model_copy(
            update={
                "index": hops[hop.index],
                "initial": minima[hop.initial],
                "final": minima[hop.final],
                "split_into": [hops[part] for part in hop.split_into],
            }
        )
        for hop in left
    ]
    steps = {_renumbered(step, hops): identifier for step, identifier in search.calculation_ids.items()}
    search.calculation_ids = {step: identifier for step, identifier in steps.items() if step is not None}
    warnings = [(warning.code, _renumbered(warning.text, hops)) for warning in search.warnings]
    search.warnings = [Caveat(code, text) for code, text in warnings if text is not None]


_OF_HOP = re.compile(r"\b(hop|end) (\d+)\b")


def _renumbered(text: str, hops: Mapping[int, int]) -> str | None:
    """Return a step or a warning with the new numbers of hops; none if it is of a hop that is left out."""
    if any(int(number) not in hops for _, number in _OF_HOP.findall(text)):
        return None
    return _OF_HOP.sub(lambda match: f"{match[1]} {hops[int(match[2])]}", text)


def _new_minimum(search: HopSearch, found: CalculationDoc, rest: AdatomDescription, site: int | None = None) -> int:
    """Add the minimum into which an adatom rolled, in the image where it came to rest; return its index."""
    structure = found.structure.copy()
    shift = np.asarray(rest.final_position) - structure[-1].coords
    structure.translate_sites([len(structure) - 1], shift, frac_coords=False, to_unit_cell=False)
    search.minima.append(
        SurfaceMinimum(
            index=len(search.minima),
            site=site,
            label=rest.final_label,
            position=list(rest.final_position),
            energy=found.energy - search.zero,
            multiplicity=1,
            structure=structure,
            pushed=True,
        )
    )
    return len(search.minima) - 1


def _name(search: HopSearch, minimum: SurfaceMinimum) -> str:
    """Return a minimum in words that hold whatever its number becomes."""
    if minimum.site is not None:
        return f"site {minimum.site}"
    x, y, _ = minimum.position
    return f"the {minimum.label} at ({x:.2f}, {y:.2f})"
