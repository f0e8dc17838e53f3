"""From relaxed paths to the document of a diffusion study."""

from collections.abc import Mapping, Sequence

from anodeflow.calculations.profile import NO_BARRIER
from anodeflow.core.caveats import GO_ALONG, Caveat, Subject
from anodeflow.screening.shortlist import barrier_entries, left_out
from anodeflow.structures.slab.room import room_warning
from anodeflow.structures.slab.slabs import DEFAULT_LAYERS
from anodeflow.studies.about import study_fields
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.exchange_network import same_saddles, with_exchange_minima
from anodeflow.studies.diffusion.exchanges import exchange_net
from anodeflow.studies.diffusion.hop_document import Hop, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.kinetics import diffusivity
from anodeflow.studies.diffusion.network import build_network, has_barrier
from anodeflow.studies.diffusion.percolation import cheapest_path
from anodeflow.studies.diffusion.prefactors import vibrations_of, with_prefactors
from anodeflow.studies.potentials import OF_POTENTIALS
from anodeflow.studies.shared.references import of_lattice


def diffusion_document(search: HopSearch, study: DiffusionContext) -> DiffusionDoc:
    """Return the document of a finished search.

    Parameters
    ----------
    search
        Minima and hops; none waits.
    study
        What was asked for.
    """
    order = sorted(search.minima, key=lambda minimum: minimum.energy)
    place = {minimum.index: index for index, minimum in enumerate(order)}
    lowest = order[0].energy
    net = search.net()
    minima = [
        minimum.model_copy(
            update={
                "index": index,
                "energy": minimum.energy - lowest,
                "multiplicity": net.multiplicity(minimum.index),
            }
        )
        for index, minimum in enumerate(order)
    ]
    hops = [_numbered(hop, place, minima) for hop in search.hops]
    hops, prefactor, remarks = with_prefactors(minima, hops, study.input.prefactor)
    rejected = [site.model_copy(update={"energy": site.energy - lowest}) for site in search.rejected]
    adsorption = search.adsorption
    network = build_network(adsorption.slab, minima, hops)
    walked = with_exchange_minima(network, adsorption.slab, minima, hops)
    bottom = float(walked.energies.min())
    path = cheapest_path(network, lowest=bottom)
    settings = {
        "calculation": search.settings,
        "slab": adsorption.settings.get("slab"),
        "sites": adsorption.settings.get("sites", "all"),
        **study.asked,
    }
    if study.input.modes:
        del settings["modes"]  # documents made before there was a choice say nothing of it
    else:
        remarks.append(
            Caveat(
                "modes-not-computed",
                "the lowest modes of the saddles were not computed: whether they are saddles of first order is not "
                "known",
            )
        )
    final = {vibrations_of(old.name): vibrations_of(minima[place[old.index]].name) for old in search.minima}
    identifiers = {final.get(step, step): identifier for step, identifier in search.calculation_ids.items()}
    audit = search.audit
    if audit is not None:
        entries = [entry for hop in hops for entry in barrier_entries(hop, hop.name)]
        audit = audit.model_copy(update={"entries": entries})
    return DiffusionDoc(
        **study_fields(study, adsorption.backend, adsorption.code, settings, identifiers),
        warnings=_warnings(search, minima, hops, found_path=path is not None, exchange=study.input.exchange)
        + remarks
        + of_lattice(adsorption)
        + [warning for warning in adsorption.warnings if warning.code in OF_POTENTIALS | GO_ALONG],
        prescreen=audit,
        slab=adsorption.slab,
        crystal_axes=adsorption.crystal_axes,
        surface_cell=net.vectors.tolist(),
        minima=minima,
        rejected=rejected,
        hops=hops,
        path=path,
        path_across=None if path is None else cheapest_path(network, across=path, lowest=bottom),
        prefactor=prefactor,
        diffusivities=[]
        if path is None
        else [diffusivity(walked, hops, temperature, prefactor) for temperature in study.input.temperatures],
    )


def _numbered(hop: Hop, place: Mapping[int, int], minima: Sequence[SurfaceMinimum]) -> Hop:
    """Return a hop between the minima of the document; `place`: index in the search -> index there."""
    numbers = {"initial": place[hop.initial], "final": place[hop.final]}
    if hop.split_at is None:
        return hop.model_copy(update=numbers)
    via = minima[place[hop.split_at]]
    words = f"{via.name} ({via.label}) lies on the way"
    return hop.model_copy(update=numbers | {"split_at": via.index, "message": words})


def _warnings(
    search: HopSearch, minima: list[SurfaceMinimum], hops: list[Hop], found_path: bool, exchange: bool
) -> list[Caveat]:
    """Return what a reader should know, hops that failed included."""
    warnings = list(search.warnings)
    for hop in hops:
        ends = ((hop.initial, hop.barrier_forward), (hop.final, hop.barrier_reverse))
        warnings += [
            Caveat(
                "rises-to-end",
                f"rises all the way to one end ({minima[end].label}, {minima[end].energy:.3f} eV), "
                + ("which is a minimum, but a flat one" if minima[end].pushed else "which may be no minimum"),
            ).of(hop.subject)
            for end, barrier in ends
            if barrier is not None and barrier < NO_BARRIER
        ]
    if search.audit is not None:
        warnings += [
            Caveat(
                "no-path-by-potential",
                f"{search.audit.backend} gave no path, so {search.adsorption.backend} relaxed all of it",
            ).under(hop.subject)
            for hop in hops
            if hop.profile and hop.band is None
        ]
    left = [] if search.adsorption.prescreen is None else left_out(search.adsorption.prescreen)
    if left:
        words = ", ".join(f"{each.step} ({each.label})" for each in left)
        warnings.append(
            Caveat(
                "left-out-by-prescreen",
                f"left out by the prescreen: {words}; a minimum there is known only if it lies on a path",
            )
        )
    layers, fixed = _layers(search.adsorption)
    if narrow := room_warning(search.adsorption.slab, layers, fixed):
        warnings.append(narrow)
    chosen = search.adsorption.settings.get("sites")
    if chosen is not None:
        warnings.append(
            Caveat(
                "sites-left-out",
                f"only sites {', '.join(map(str, chosen))} were relaxed: minima at other sites are not known",
            )
        )
    warnings += [
        Caveat("no-minimum", f"is no minimum: {site.reason}").of(Subject("site", site.site, f" ({site.label})"))
        for site in search.rejected
        if site.reason not in ("saddle", "merged")
    ]
    failed = [hop for hop in hops if hop.state == "failed"]
    warnings += [Caveat("hop-failed", f"failed: {hop.message}").of(hop.subject) for hop in failed]
    rough = [hop for hop in hops if hop.state == "not converged" and not has_barrier(hop)]
    wrong = [hop for hop in hops if hop.state in ("second order", "no saddle")]
    warnings += [
        Caveat("hop-left-out", f"is left out of path and D(T): {hop.message}").of(hop.subject) for hop in rough + wrong
    ]
    failed += rough + wrong
    warnings += [
        Caveat(
            "minimum-on-exchange",
            "leads through an intermediate minimum: its barrier is that of the highest image; on the other side of "
            "that minimum none climbed",
        ).under(hop.subject)
        for hop in hops
        if hop.via is not None and has_barrier(hop) and not hop.symmetric
    ]
    if any(has_barrier(hop) for hop in hops):
        warnings += _not_searched(search, hops, exchange)
        warnings += same_saddles(search.adsorption.slab, minima, hops)
    if failed and found_path:
        warnings.append(
            Caveat("lower-bound", "the path is the cheapest of the hops that were computed, and D(T) a lower bound")
        )
    if not found_path:
        warnings.append(
            Caveat("no-path", "the hops that were computed lead to no other cell: there is no path and no D(T)")
        )
    return warnings


def _not_searched(search: HopSearch, hops: list[Hop], exchange: bool) -> list[Caveat]:
    """Return what was not searched of hops on which the adatom changes places with an atom of the surface."""
    if not exchange:
        return [
            Caveat(
                "exchange-not-searched",
                "hops of the adatom alone were searched: where it would rather push an atom of the surface out of its "
                "place and take that, as across the rows of fcc (110), barriers are too high and D(T) is a lower bound "
                "(`exchange: true` searches such hops, too)",
            )
        ]
    others = exchange_net(search.adsorption.slab, search.minima).others
    if others:
        names = " and ".join(sorted(others))
        text = f"exchanges with atoms of another element ({names}), which change the surface, were not searched"
        return [Caveat("exchange-not-searched", text)]
    if not any(hop.is_exchange for hop in hops):
        text = f"there are no exchanges: in its minima the adatom touches no free {search.adsorption.adsorbate}"
        return [Caveat("exchange-not-searched", f"{text} beside it that leads to another minimum")]
    return []


def _layers(adsorption: AdsorptionDoc) -> tuple[int | None, int | None]:
    """Return how many layers a slab has and how many are fixed; documents made before that was kept tell less."""
    if adsorption.layers is not None:
        return adsorption.layers, adsorption.fixed_layers
    spec = adsorption.settings.get("slab") or {}
    return None if spec.get("thickness") else spec.get("layers") or DEFAULT_LAYERS, spec.get("fixed_layers")
