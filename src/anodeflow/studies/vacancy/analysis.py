"""From the paths of a vacancy's hops to the document: barriers, hops that are split or refused, the better path."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.profile import DIP, NO_BARRIER, ROUGH_DIP, deepest_dip, profile
from anodeflow.core.errors import CalculationError
from anodeflow.screening.shortlist import add_band_effort, barrier_entries
from anodeflow.structures.geometry.positions import is_free, largest_distance, unwrapped
from anodeflow.structures.slab.lateral import reduce_in_plane
from anodeflow.studies.about import study_fields
from anodeflow.studies.vacancy.document import (
    Extraction,
    PathName,
    VacancyDoc,
    VacancyPath,
    VacancyStop,
    stop_step,
)
from anodeflow.studies.vacancy.geometry import nearest_distance
from anodeflow.studies.vacancy.merge import merged_hops
from anodeflow.studies.vacancy.metal_face import CLEAN, EMPTY
from anodeflow.studies.vacancy.prescreen import note_relaxation, rename_step, stop_entries
from anodeflow.studies.vacancy.search import NOT_COMPUTED, VacancySearch

MOST_SPLITS = 2
"""How often a hop, and then its parts, may be split."""
SAME_STOP = 0.3
"""Two structures whose atoms differ by less than this are one minimum, Å."""
SAME_ENERGY = 0.02
"""And their energies by less than this, eV."""
NARROW = 6.5
"""Distance between a vacancy and its image below which a reader is warned, Å."""
_EQUAL = 0.001  # eV: climbs that differ by less are equal


def record_band(search: VacancySearch, index: int, band: NebDoc) -> int | None:
    """Put a relaxed path into its hop.

    Parameters
    ----------
    search
        Its hop `index` is changed; it waits no more.
    index
        Index of the hop.
    band
        The path.

    Returns
    -------
    int or None
        Index of the image that may be a minimum on the way and is to be relaxed: the lowest one if it lies below both
        ends, else the one in the deepest dip; none if no dip is deeper than 10 meV (50 meV where the path did not
        converge), or if the hop, which was split as often as allowed, is refused for it.
    """
    hop, energies = search.hops[index], np.array(band.image_energies)
    if index in search.waiting:
        search.waiting.remove(index)
    if search.audit is not None:
        add_band_effort(search.audit.effort, band, hop.band)
    hop.images, hop.band = band.images, band.band
    lowest, least = int(np.argmin(energies)), DIP if band.converged else ROUGH_DIP
    below = float(min(energies[0], energies[-1]) - energies[lowest])
    image = lowest if below > least else deepest_dip(energies, least)
    if band.by_potential:  # no energy of DFT yet: the minimum on the way comes first
        search.calculation_ids[f"{hop.label} [{band.backend}]"] = band.id
        return image
    hop.state = "done" if band.converged else "not converged"
    hop.message = "" if band.converged else f"its largest force is still {band.max_force:.3f} eV/Å"
    hop.barrier_forward = float(energies.max() - energies[0])
    hop.barrier_reverse = float(energies.max() - energies[-1])
    hop.profile = profile(band)
    hop.path_length = hop.profile[-1].distance
    hop.max_force = band.max_force
    search.warnings += [f"{hop.label}: {warning}" for warning in band.warnings]
    search.calculation_ids[hop.label] = band.id
    if band.band is not None:
        search.calculation_ids[f"{hop.label} [{band.band.backend}]"] = band.band.id
    search.settings = band.settings
    if image is None or search.splits[index] < MOST_SPLITS:
        return image
    if below > least:
        refuse(
            search,
            index,
            f"image {image} lies {below:.3f} eV below both ends, and the hop was split {MOST_SPLITS} times already",
        )
    else:
        hop.message = f"image {image} lies in a dip, but the hop was split {MOST_SPLITS} times already"
    return None


def refuse(search: VacancySearch, index: int, why: str, state: Literal["refused", "failed"] = "refused") -> None:
    """Take the barrier of a hop back: its ends are no two neighbouring minima, or that could not be found out."""
    hop = search.hops[index]
    hop.state, hop.message = state, why
    hop.barrier_forward = hop.barrier_reverse = None


def split_hop(search: VacancySearch, index: int, image: int, relaxed: CalculationDoc | None) -> None:
    """Draw the conclusion from an image of a hop that was relaxed because it may be a minimum on the way.

    Where it came to rest in a minimum of its own, that is a stop, and the two parts of the hop wait to be computed;
    where it rolled to one of the ends, the hop stands as it is, unless the image lay below both ends: then they are
    no minima of this path, and the hop is refused.

    Raises
    ------
    CalculationError
        If the relaxation did not converge; the hop has failed then.
    """
    hop = search.hops[index]
    known = bool(hop.profile)  # else only the potential's path is
    energies = [point.energy for point in hop.profile] if known or hop.band is None else hop.band.energies
    below = min(energies[0], energies[-1]) - energies[image]
    where = f"image {image} lies {below:.3f} eV below both ends" if below > 0 else f"image {image} lies in a dip"
    if relaxed is None and not known and hop.band is not None:
        _leave_to_dft(search, index)
        return
    if relaxed is None:
        refuse(search, index, f"{where} and could not be relaxed: `anodeflow status` says why", "failed")
        return
    step = f"minimum on {hop.label}"
    search.calculation_ids[step] = relaxed.id
    note_relaxation(search, step, relaxed, by_potential=not known)
    if not relaxed.converged and not known:
        _leave_to_dft(search, index)
        return
    if not relaxed.converged:
        refuse(search, index, f"{where}; its relaxation did not converge", "failed")
        raise CalculationError(f"{where}; its relaxation did not converge; run it again to go on.")
    structure, energy = unwrapped(hop.images[image], relaxed.structure), relaxed.energy - search.zero
    for end in (search.stops[hop.initial], search.stops[hop.final]):
        if largest_distance(end.structure, structure) > SAME_STOP:
            continue
        words = stop_step(end)
        if not known and end.energy - energy <= SAME_ENERGY:
            _leave_to_dft(search, index)
            return
        if end.energy - energy > SAME_ENERGY:
            refuse(
                search, index, f"{where} and relaxes to {end.energy - energy:.3f} eV below {words}, which is no minimum"
            )
        elif below > 0:
            refuse(search, index, f"{where}, but rolls to {words}: the ends are not relaxed well enough for this path")
        else:
            hop.message = f"{where}, but rolls to {words}: no minimum lies on the way"
        return
    start = search.stops[hop.initial]
    stop = VacancyStop(
        index=len(search.stops),
        path=hop.path,
        name=f"on hop {hop.name}",
        element=hop.element,
        layer=None,
        position=None,
        energy=energy,
        structure=structure,
        layers=start.layers,
    )
    search.stops.append(stop)
    rename_step(search, step, stop_step(stop))
    splits = search.splits[index] + 1
    ends = ((hop.initial, stop.index), (stop.index, hop.final))
    hop.split_into = [
        search.add_hop(hop.path, f"{hop.name}{letter}", pair, hop.atom, splits)
        for letter, pair in zip("ab", ends, strict=True)
    ]
    refuse(search, index, f"{where}: {stop_step(stop)}, at {energy:.3f} eV, takes its place between two hops")
    hop.state = "split"


def _leave_to_dft(search: VacancySearch, index: int) -> None:
    """Let DFT relax the whole path of a hop: what the potential found on it is of no use."""
    search.hops[index].message = NOT_COMPUTED
    search.waiting.append(index)
    search.whole.append(index)


def vacancy_document(search: VacancySearch, study: dict[str, Any]) -> VacancyDoc:
    """Return the document of a finished search.

    Parameters
    ----------
    search
        Stops and hops; none waits.
    study
        `campaign`, `system`, `reference`, `variant`, `element`, `helper`, `start`, `steps`, `samples`, `images`,
        `paths`, `barriers`.
    """
    interface = search.interface
    audit = search.audit
    if audit is not None:
        audit.entries = stop_entries(search)
        audit.entries += [entry for hop in search.hops for entry in barrier_entries(hop, hop.label)]
    paths = [_finished_path(search, path) for path in search.paths]
    formation = None
    if search.bulk_energy is not None:
        formation = search.zero + search.bulk_energy - interface.energy
    keys = ("element", "helper", "start", "steps", "samples", "images", "paths", "barriers")
    settings = {
        "calculation": search.settings,
        "interface": interface.settings,
        **{key: study[key] for key in keys},
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
        warnings=_warnings(search, paths, width),
        prescreen=audit,
        element=study["element"],
        helper=study["helper"],
        start=study["start"],
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


def extractions(search: VacancySearch, study: dict[str, Any]) -> list[Extraction]:
    """Return what taking an atom out of the alloy's free face and of the metal's own surface costs.

    Parameters
    ----------
    search
        A finished search; without the bulk's energy there is nothing to say.
    study
        `start`: at the interface no atom is taken out of a face.
    """
    interface, found = search.interface, []
    if search.bulk_energy is not None and study["start"] == "surface":
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
    """Return the path with the smaller climb; none unless two full paths differ by more than 1 meV."""
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
        if barrier is not None:
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


def _warnings(search: VacancySearch, paths: list[VacancyPath], width: float) -> list[str]:
    """Return what a reader should know, trials and hops without a result included."""
    warnings = list(search.warnings)
    if search.audit is not None:
        warnings += [
            f"{hop.label}: {search.audit.backend} gave no path, so {search.interface.backend} relaxed all of it"
            for hop in search.hops
            if hop.profile and hop.band is None
        ]
    if not search.interface.converged:
        warnings.append("the interface that it starts from did not converge")
    if width < NARROW:
        warnings.append(
            f"the vacancy and its images are only {width:.2f} Å apart: a wider interface cell makes them independent"
        )
    start = search.stops[0]
    assert start.position is not None
    apart = [site.distance_from_point(start.position) for site in start.structure]
    near = 2 * nearest_distance(start.structure)
    if any(distance < near and not is_free(start.structure, atom) for atom, distance in enumerate(apart)):
        warnings.append(
            f"atoms near the vacancy's start in layer {start.layer} are held fixed and cannot give way: set the "
            "interface's fixed_layers to 0"
        )
    warnings += [f"{trial.label}: {trial.message}" for trial in search.trials if trial.state not in ("taken", "higher")]
    warnings += [path.end for path in paths if path.end]
    for hop in search.hops:
        if hop.state in ("failed", "refused", "not converged"):
            warnings.append(f"{hop.label} {hop.state}: {hop.message}")
        elif hop.state == "done":
            for end, barrier in ((hop.initial, hop.barrier_forward), (hop.final, hop.barrier_reverse)):
                if barrier is not None and barrier < NO_BARRIER:
                    name = stop_step(search.stops[end])
                    warnings.append(f"{hop.label} rises all the way to {name}, which may be no minimum")
    return warnings
