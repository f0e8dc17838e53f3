"""From relaxed paths to the document of a diffusion study."""

from typing import Any

import numpy as np
from ase.utils.forcecurve import fit_raw

from anodeflow.calculations.modes_document import RestRecord
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.screening.shortlist import add_band_effort, barrier_entries, left_out
from anodeflow.structures.slab.room import room_warning
from anodeflow.structures.slab.slabs import DEFAULT_LAYERS
from anodeflow.studies.about import study_fields
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.diffusion.document import (
    Hop,
    MigrationDoc,
    ProfilePoint,
    SurfaceMinimum,
)
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.kinetics import diffusivity
from anodeflow.studies.diffusion.network import build_network, has_barrier
from anodeflow.studies.diffusion.percolation import cheapest_path
from anodeflow.studies.diffusion.prefactors import set_prefactors

DIP = 0.01
"""How far an image must lie below the path on either side of it to be taken for a minimum, eV."""
NO_BARRIER = 0.001
"""Barrier below which the end of a hop may be no minimum, eV."""
ROUGH_DIP = 0.05
"""The same for a path that did not converge, eV: it may have run into minima that lie on its way."""


def record_band(search: HopSearch, index: int, band: NebDoc) -> int | None:
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
        Index of the image in the deepest dip of the path, which may be a minimum on the way; none if there is no dip
        deeper than 10 meV (50 meV where the path did not converge).
    """
    hop = search.hops[index]
    energies = np.array(band.image_energies)
    if search.audit is not None:
        add_band_effort(search.audit.effort, band, hop.band)
    hop.band = band.band
    if band.by_potential:  # no energy of DFT yet: the minimum on the way comes first
        hop.images = band.images
        search.calculation_ids[f"hop {index} [{band.backend}]"] = band.id
        return deepest_dip(energies, DIP if band.converged else ROUGH_DIP)
    saddle = float(energies.max())
    hop.state = "done" if band.converged else "not converged"
    hop.message = "" if band.converged else f"its largest force is still {band.max_force:.3f} eV/Å"
    hop.symmetric = band.symmetry is not None
    hop.barrier_forward = saddle - float(energies[0])
    hop.barrier_reverse = saddle - float(energies[-1])
    hop.profile = profile(band)
    hop.path_length = hop.profile[-1].distance
    hop.images = band.images
    hop.max_force = band.max_force
    hop.negative_modes, hop.curvatures = None, []
    rises = False
    for end, barrier in ((hop.initial, hop.barrier_forward), (hop.final, hop.barrier_reverse)):
        if barrier < NO_BARRIER:
            rises = True
            search.suspect(end)
    if hop.state == "done" and not rises:
        search.saddles.append(index)
    if band.climbing_image == int(energies.argmax()):
        search.rests[str(index)] = RestRecord(energy=band.energy, free_energy=band.free_energy, forces=band.forces)
    search.warnings += [f"hop {index}: {warning}" for warning in band.warnings]
    search.calculation_ids[f"hop {index}"] = band.id
    if band.band is not None:
        search.calculation_ids[f"hop {index} [{band.band.backend}]"] = band.band.id
    search.settings = band.settings
    return deepest_dip(energies, DIP if band.converged else ROUGH_DIP)


def deepest_dip(energies: np.ndarray, least: float) -> int | None:
    """Return the index of the interior image that lies deepest in a dip of a path; none if no dip is `least` deep, eV.

    A dip is as deep as the lower of the highest images on its two sides is above it.
    """
    depths = [
        min(energies[:i].max(), energies[i + 1 :].max()) - energies[i] if 0 < i < len(energies) - 1 else 0.0
        for i in range(len(energies))
    ]
    deepest = int(np.argmax(depths))
    return deepest if depths[deepest] > least else None


def profile(band: NebDoc) -> list[ProfilePoint]:
    """Return length, energy and slope along a path, one point an image.

    Where DFT computed the saddle alone, the length is that of the potential's path. The slope is minus the force along
    the path (G. Henkelman and H. Jónsson, J. Chem. Phys. 113, 9978 (2000)), as ASE
    computes it; at the two ends it is 0.
    """
    lattice = band.images[0].lattice
    positions = [band.images[0].cart_coords]
    for image in band.images[1:]:
        step = lattice.get_fractional_coords(image.cart_coords - positions[-1])
        step[:, :2] -= np.rint(step[:, :2])
        positions.append(positions[-1] + lattice.get_cartesian_coords(step))
    if band.band is not None and band.band.mode == "saddle" and not band.by_potential:
        along = band.band.distances
        lengths = along[0], along[band.band.climbing_image], along[-1]
        return [
            ProfilePoint(distance=distance, energy=energy - band.image_energies[0], slope=0.0)
            for distance, energy in zip(lengths, band.image_energies, strict=True)
        ]
    fit = fit_raw(band.image_energies, np.array(band.image_forces), np.array(positions))
    slopes = [(y[-1] - y[0]) / (x[-1] - x[0]) for x, y in fit.lines]
    return [
        ProfilePoint(distance=float(distance), energy=float(energy), slope=float(slope))
        for distance, energy, slope in zip(fit.path, fit.energies, slopes, strict=True)
    ]


def migration_document(search: HopSearch, study: dict[str, Any]) -> MigrationDoc:
    """Return the document of a finished search.

    Parameters
    ----------
    search
        Minima and hops; none waits.
    study
        `campaign`, `system`, `reference`, `variant`, `adsorbate`, `images`, `prefactor` (1/s, or
        "vineyard"), `temperatures` (K), `modes` (whether those of saddles were computed).
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
    hops = [hop.model_copy(update={"initial": place[hop.initial], "final": place[hop.final]}) for hop in search.hops]
    prefactor, remarks = set_prefactors(minima, hops, study["prefactor"])
    rejected = [site.model_copy(update={"energy": site.energy - lowest}) for site in search.rejected]
    adsorption = search.adsorption
    network = build_network(adsorption.slab, minima, hops)
    path = cheapest_path(network)
    settings = {
        "calculation": search.settings,
        "slab": adsorption.settings.get("slab"),
        "sites": adsorption.settings.get("sites", "all"),
        **{key: study[key] for key in ("adsorbate", "images", "prefactor", "temperatures")},
    }
    if not study["modes"]:
        settings["modes"] = False
        remarks.append(
            "the lowest modes of the saddles were not computed: whether they are saddles of first order is not known"
        )
    identifiers = {_with_final_number(step, place): identifier for step, identifier in search.calculation_ids.items()}
    audit = search.audit
    if audit is not None:
        audit.entries = [entry for hop in hops for entry in barrier_entries(hop, f"hop {hop.index}")]
    return MigrationDoc(
        **study_fields(study, adsorption.backend, adsorption.code, settings, identifiers),
        warnings=_warnings(search, minima, hops, found_path=path is not None)
        + remarks
        + [warning for warning in adsorption.warnings if warning.startswith("energies by ")],
        prescreen=audit,
        slab=adsorption.slab,
        surface_cell=net.vectors.tolist(),
        minima=minima,
        rejected=rejected,
        hops=hops,
        path=path,
        path_across=None if path is None else cheapest_path(network, across=path),
        prefactor=prefactor,
        diffusivities=[]
        if path is None
        else [diffusivity(network, hops, temperature, prefactor) for temperature in study["temperatures"]],
    )


def _with_final_number(step: str, place: dict[int, int]) -> str:
    """Return the name of a step with the number that a minimum has in the document."""
    kind, _, number = step.rpartition(" ")
    return f"{kind} {place[int(number)]}" if kind == "vibrations of minimum" else step


def _warnings(search: HopSearch, minima: list[SurfaceMinimum], hops: list[Hop], found_path: bool) -> list[str]:
    """Return what a reader should know, hops that failed included."""
    warnings = list(search.warnings)
    for hop in hops:
        ends = ((hop.initial, hop.barrier_forward), (hop.final, hop.barrier_reverse))
        warnings += [
            f"hop {hop.index} rises all the way to one end ({minima[end].label}, {minima[end].energy:.3f} eV), "
            + ("which is a minimum, but a flat one" if minima[end].pushed else "which may be no minimum")
            for end, barrier in ends
            if barrier is not None and barrier < NO_BARRIER
        ]
    if search.audit is not None:
        warnings += [
            f"hop {hop.index}: {search.audit.backend} gave no path, so {search.adsorption.backend} relaxed all of it"
            for hop in hops
            if hop.profile and hop.band is None
        ]
    left = [] if search.adsorption.prescreen is None else left_out(search.adsorption.prescreen)
    if left:
        words = ", ".join(f"{each.step} ({each.label})" for each in left)
        warnings.append(f"left out by the prescreen: {words}; a minimum there is known only if it lies on a path")
    layers, fixed = _layers(search.adsorption)
    if narrow := room_warning(search.adsorption.slab, layers, fixed):
        warnings.append(narrow)
    chosen = search.adsorption.settings.get("sites")
    if chosen is not None:
        warnings.append(f"only sites {', '.join(map(str, chosen))} were relaxed: minima at other sites are not known")
    warnings += [
        f"site {site.site} ({site.label}) is no minimum: {site.reason}"
        for site in search.rejected
        if site.reason not in ("saddle", "merged")
    ]
    failed = [hop for hop in hops if hop.state == "failed"]
    warnings += [f"hop {hop.index} failed: {hop.message}" for hop in failed]
    rough = [hop for hop in hops if hop.state == "not converged" and not has_barrier(hop)]
    warnings += [f"hop {hop.index} is left out of path and D(T): {hop.message}" for hop in rough]
    wrong = [hop for hop in hops if hop.state in ("second order", "no saddle")]
    warnings += [f"hop {hop.index} is left out of path and D(T): {hop.message}" for hop in wrong]
    failed += rough + wrong
    if failed and found_path:
        warnings.append("the path is the cheapest of the hops that were computed, and D(T) a lower bound")
    if not found_path:
        warnings.append("the hops that were computed lead to no other cell: there is no path and no D(T)")
    return warnings


def _layers(adsorption: AdsorptionDoc) -> tuple[int | None, int | None]:
    """Return how many layers a slab has and how many are fixed; documents made before that was kept tell less."""
    if adsorption.layers is not None:
        return adsorption.layers, adsorption.fixed_layers
    spec = adsorption.settings.get("slab") or {}
    return None if spec.get("thickness") else spec.get("layers") or DEFAULT_LAYERS, spec.get("fixed_layers")
