"""From the paths of a vacancy's hops to the document: barriers, hops that are split or refused, the better path."""

from collections.abc import Sequence

import numpy as np

from anodeflow.calculations.profile import NO_BARRIER
from anodeflow.core.caveats import Caveat
from anodeflow.screening.shortlist import barrier_entries
from anodeflow.structures.geometry.positions import is_free
from anodeflow.structures.slab.lateral import reduce_in_plane
from anodeflow.studies.about import study_fields
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import (
    Extraction,
    PathName,
    VacancyDoc,
    VacancyPath,
    counts,
    stop_step,
)
from anodeflow.studies.vacancy.geometry import narrow_for_hops, nearest_distance
from anodeflow.studies.vacancy.merge import merged_hops
from anodeflow.studies.vacancy.metal_face import CLEAN, EMPTY
from anodeflow.studies.vacancy.prescreen import stop_entries
from anodeflow.studies.vacancy.search import VacancySearch

NARROW = 6.5
"""Distance between a vacancy and its image below which a reader is warned, Å."""
_EQUAL = 0.02
"""Climbs that differ by less are equal, eV: a band that meets its threshold was seen 18 meV above its saddle."""


def vacancy_document(search: VacancySearch, study: VacancyContext) -> VacancyDoc:
    """Return the document of a finished search.

    Parameters
    ----------
    search
        Stops and hops; none waits.
    study
        What was asked for.
    """
    interface = search.interface
    # What of its stops and hops turns out to be no minimum, or one hop, is said in the document alone.
    search = search.model_copy(
        update={
            "stops": [stop.model_copy() for stop in search.stops],
            "hops": [hop.model_copy() for hop in search.hops],
            "splits": [*search.splits],
        }
    )
    audit = search.audit
    if audit is not None:
        entries = stop_entries(search)
        entries += [entry for hop in search.hops for entry in barrier_entries(hop, hop.label)]
        audit = audit.model_copy(update={"entries": entries})
    paths = [_finished_path(search, path) for path in search.paths]
    formation = None
    if search.bulk_energy is not None:
        formation = search.zero + search.bulk_energy - interface.energy
    settings = {
        "calculation": search.settings,
        "interface": interface.settings,
        **study.asked,
    }
    vectors = interface.structure.lattice.matrix[:2, :2]
    width = float(np.linalg.norm(reduce_in_plane(vectors) @ vectors, axis=1).min())
    return VacancyDoc(
        **study_fields(
            study,
            interface.backend,
            interface.code,
            settings,
            search.calculation_ids,
        ),
        warnings=_warnings(search, paths, width, modes=study.modes_maker is not None),
        prescreen=audit,
        element=study.input.element,
        helper=study.input.helper,
        start=study.input.start,
        start_layer=search.start_layer,
        alloy_layers=-min(interface.layer),
        metal_layers=max(interface.layer),
        interface_document_id=interface.document_id,
        interface_energy=interface.energy,
        held_layers=sorted({n for a, n in enumerate(interface.layer) if not is_free(interface.structure, a)}),
        width=width,
        stops=search.stops,
        hops=search.hops,
        paths=paths,
        trials=search.trials,
        formation_energy=formation,
        extractions=extractions(search, study),
        favourable=favourable(paths),
    )


def extractions(search: VacancySearch, study: VacancyContext) -> list[Extraction]:
    """Return what taking an atom out of the alloy's free face and of the metal's own surface costs.

    Parameters
    ----------
    search
        A finished search; without the bulk's energy there is nothing to say.
    study
        `start`: at the interface no atom is taken out of a face.
    """
    interface, found = search.interface, []
    if search.bulk_energy is not None and study.input.start == "surface":
        for trial in search.trials:
            if trial.path is None and trial.state in ("taken", "higher") and trial.energy is not None:
                step = stop_step(search.stops[0]) if trial.state == "taken" else trial.label
                found.append(
                    Extraction(
                        side="alloy",
                        surface=f"{interface.alloy}, layer {trial.layer}",
                        atom=trial.atom,
                        energy=search.zero + trial.energy + search.bulk_energy - interface.energy,
                        steps=[step, "interface", "bulk"],
                    )
                )
    face = search.face
    if face is not None and face.energy is not None:
        steps = [CLEAN, EMPTY, "bulk"]
        found.append(Extraction(side="metal", surface=face.surface, atom=face.atom, energy=face.energy, steps=steps))
    return found


def favourable(paths: Sequence[VacancyPath]) -> PathName | None:
    """Return the path with the smaller climb; none unless two full paths differ by more than 20 meV."""
    if len(paths) != 2 or any(path.end for path in paths):
        return None
    first, second = (path.climb for path in paths)
    if first is None or second is None or abs(first - second) < _EQUAL:
        return None
    return paths[0].name if first < second else paths[1].name


def _finished_path(search: VacancySearch, path: VacancyPath) -> VacancyPath:
    """Return a path with split hops in parts, its highest saddle, and its largest climb."""
    hops: list[int] = []
    left = list(path.hops)
    while left:
        hop = left.pop(0)
        if search.hops[hop].state == "split":
            left = search.hops[hop].split_into + left
        else:
            hops.append(hop)
    hops, shorter = merged_hops(search, hops)
    stops = path.stops[:1] + [search.hops[hop].final for hop in hops]
    saddles: list[float] = []
    climbs: dict[int, float] = {}
    lowest = np.inf
    for hop in hops:
        start, barrier = search.stops[search.hops[hop].initial].energy, search.hops[hop].barrier_forward
        lowest = min(lowest, start)
        if barrier is not None and counts(search.hops[hop]):
            saddles.append(start + barrier)
            climbs[hop] = float(start + barrier - lowest)
    limiting = max(climbs, key=lambda hop: climbs[hop]) if hops and len(climbs) == len(hops) else None
    return path.model_copy(
        update={
            "stops": stops,
            "hops": hops,
            "end": "; ".join(each for each in (path.end, shorter) if each),
            "highest": None if limiting is None else max(saddles),
            "climb": None if limiting is None else climbs[limiting],
            "limiting_hop": limiting,
        }
    )


def _warnings(search: VacancySearch, paths: list[VacancyPath], width: float, modes: bool) -> list[Caveat]:
    """Return what a reader should know, trials and hops without a result included."""
    warnings = list(search.warnings)
    if search.audit is not None:
        warnings += [
            Caveat(
                "no-path-by-potential",
                f"{search.audit.backend} gave no path, so {search.interface.backend} relaxed all of it",
            ).under(hop.subject)
            for hop in search.hops
            if hop.profile and hop.band is None
        ]
    if not search.interface.converged:
        warnings.append(Caveat("not-converged", "the interface that it starts from did not converge"))
    if width < NARROW:
        warnings.append(
            Caveat(
                "images-near",
                f"the vacancy and its images are only {width:.2f} Å apart: a wider interface cell makes them "
                "independent",
            )
        )
    if any(hop.barrier_forward is not None for hop in search.hops) and (text := narrow_for_hops(width)):
        warnings.append(Caveat("little-room", text))
    start = search.stops[0]
    assert start.position is not None
    apart = [site.distance_from_point(start.position) for site in start.structure]
    near = 2 * nearest_distance(start.structure)
    if any(distance < near and not is_free(start.structure, atom) for atom, distance in enumerate(apart)):
        warnings.append(
            Caveat(
                "held-near-vacancy",
                f"atoms near the vacancy's start in layer {start.layer} are held fixed and cannot give way: set the "
                "interface's fixed_layers to 0",
            )
        )
    warnings += [
        Caveat("no-stop", trial.message).under(trial.label)
        for trial in search.trials
        if trial.state not in ("taken", "higher")
    ]
    warnings += [Caveat("path-ends", path.end) for path in paths if path.end]
    if any(hop.state == "done" for hop in search.hops) and not modes:
        text = "the lowest modes of the saddles were not computed: whether they are saddles of first order is not known"
        warnings.append(Caveat("modes-not-computed", text))
    for hop in search.hops:
        if hop.state in ("failed", "refused", "not converged"):
            warnings.append(Caveat("hop-failed", f"{hop.state}: {hop.message}").of(hop.subject))
        elif hop.barrier_forward is not None and not counts(hop):
            warnings.append(Caveat("hop-left-out", f"is left out of the path's climb: {hop.message}").of(hop.subject))
        elif hop.state == "done":
            for end, barrier in ((hop.initial, hop.barrier_forward), (hop.final, hop.barrier_reverse)):
                if barrier is not None and barrier < NO_BARRIER:
                    name = stop_step(search.stops[end])
                    text = f"rises all the way to {name}, which may be no minimum"
                    warnings.append(Caveat("rises-to-end", text).of(hop.subject))
    return warnings
