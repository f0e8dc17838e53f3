"""Realistic synthetic documents of surface studies, for tests of the report: p(2x2) Li(001) and one Li adatom."""

import base64
import zlib
from typing import Any

import numpy as np
from ase import Atom
from ase.build import bcc100
from factories import adsorbed_site
from pymatgen.core import Lattice, Structure

from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.charge.document import (
    ChargeDifference,
    ChargeDoc,
    CompactGrid,
    NonNuclearBasin,
)
from anodeflow.studies.convergence.document import ConvergenceDoc
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.hop_document import Hop


def surface_slab(adatom: tuple[float, float, float] | None = None, surface: str = "Li") -> Structure:
    """p(2x2) Li(001) slab of four layers, the lower two fixed; `adatom`: x and y in Å, height over the top layer.

    With `surface` Mg every second atom of a layer is Mg.
    """
    atoms = bcc100("Li", (2, 2, 4), a=3.44, vacuum=7.5)
    atoms.symbols[::2] = surface
    free = [bool(z > atoms.positions[:, 2].mean()) for z in atoms.positions[:, 2]]
    if adatom is not None:
        atoms.append(Atom("Li", (*adatom[:2], atoms.positions[:, 2].max() + adatom[2])))
        free.append(True)
    return Structure(
        Lattice(np.array(atoms.cell), pbc=(True, True, False)),
        atoms.get_chemical_symbols(),
        atoms.positions,
        coords_are_cartesian=True,
        site_properties={"selective_dynamics": [[flag] * 3 for flag in free]},
    )


def compact_grid(values: np.ndarray, origin: np.ndarray, steps: np.ndarray) -> CompactGrid:
    """A grid as documents hold it."""
    data = base64.b64encode(zlib.compress(values.astype("<f4").tobytes())).decode("ascii")
    return CompactGrid(shape=values.shape, origin=origin.tolist(), steps=steps.tolist(), data=data)


def charge_difference(structure: Structure, points: tuple[int, int, int] = (32, 32, 96)) -> ChargeDifference:
    """A difference made of Gaussians: electrons leave the adatom's top and gather between it and the surface."""
    cell = structure.lattice.matrix
    steps = cell / np.array(points)[:, None]
    fractions = np.stack(np.meshgrid(*(np.arange(n) / n for n in points), indexing="ij"), axis=-1)
    adatom = structure.cart_coords[-1]
    values = np.zeros(points)
    clouds = [((0, 0, -0.9), 0.55, 0.9), ((0, 0, 0.5), -0.75, 1.0)]
    clouds += [((1.72 * x, 1.72 * y, -1.1), 0.20, 0.8) for x in (-1, 1) for y in (-1, 1)]
    clouds += [((1.72 * x, 1.72 * y, -2.2), -0.15, 0.9) for x in (-1, 1) for y in (-1, 1)]
    for shift, electrons, width in clouds:
        away = fractions - structure.lattice.get_fractional_coords(adatom + shift)
        away[..., :2] -= np.round(away[..., :2])
        values += np.exp(-np.sum((away @ cell) ** 2, axis=-1) / (2 * width**2)) * electrons / (width**3 * 15.75)
    values -= values.mean()
    element = structure.volume / values.size
    heights = np.arange(points[2]) * steps[2, 2]
    near = (heights > adatom[2] - 6) & (heights < adatom[2] + 4)
    return ChargeDifference(
        integral=float(values.sum() * element),
        accumulated=float(values[values > 0].sum() * element),
        z=heights.tolist(),
        planar_average=(values.sum(axis=(0, 1)) * element / steps[2, 2]).tolist(),
        isovalue=0.012,
        grid=compact_grid(values[:, :, near], near.argmax() * steps[2], steps),
        cube_file="calc-density/difference.cube",
    )


def _study(study: str, system: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "document_id": f"{study}-{system}",
        "campaign": "surfaces",
        "system": system,
        "backend": "gpaw-standard",
        "code": "gpaw 26.7.0",
        "settings": {"functional": "PBE", "cutoff": 350.0, "relaxation": {"force_threshold": 0.03}},
        "settings_hash": "a1b2c3d4e5f60718",
        "adsorbate": "Li",
    } | changes


def surface_adsorption(
    system: str = "Li(001)", binding: float = -1.5234, surface: str = "Li", **changes: Any
) -> AdsorptionDoc:
    """Adsorption on three sites of p(2x2) Li(001), of which the second fell into the third."""
    places = [("onefold", 0.0, 0.0, 2.75), ("bridge", 1.72, 1.72, 1.66), ("fourfold hollow", 1.72, 1.72, 1.66)]
    sites = []
    for index, (label, x, y, height) in enumerate(places):
        structure = surface_slab((x, y, height), surface)
        energy = binding + (0.32 if index == 0 else 0.0003 * (2 - index))
        position = structure.cart_coords[-1]
        start = position - [0, 1.72, 0] if label == "bridge" else position
        final = "fourfold hollow" if index else label
        sites.append(
            adsorbed_site(
                index, label=label, final_label=final, initial_position=start.tolist(),
                final_position=position.tolist(), state="moved" if index == 1 else "stayed", height=height,
                displacement=1.72 if index == 1 else 0.0, merged_into=2 if index == 1 else None,
                binding_energy=energy, binding_energy_bulk=energy + 1.6172, structure=structure,
            )
        )  # fmt: skip
    values = {
        "calculation_ids": {
            step: f"{step.replace(' ', '')}-{system}" for step in ("bulk", "atom", "slab", "site 0", "site 1", "site 2")
        },
        "formula": "Li16",
        "miller": (0, 0, 1),
        "slab": surface_slab(surface=surface),
        "surface_atoms": 16,
        "sites": sites,
        "most_stable": 2,
        "slab_energy": -28.5127,
        "atom_energy": -0.2871,
        "bulk_energy": -1.9043,
        "atom_reference_reliable": True,
    }
    return AdsorptionDoc(**_study("adsorption", system, values | changes))


def charge_document(
    system: str = "Li(001)", donated: float = -1.64, surface: str = "Li", basins: int = 8, **changes: Any
) -> ChargeDoc:
    """Charge transfer of a Li adatom in the hollow."""
    structure = surface_slab((1.72, 1.72, 1.66), surface)
    electrons = [2.24 if site.specie.symbol == "Li" else 10.9 for site in structure[:-1]]
    electrons.append(3.0 - donated)
    total = float(sum(site.specie.Z for site in structure))
    held = max(total - sum(electrons), 0.0)
    positions = structure.cart_coords[-basins - 1 : -1] - [0, 0, 1.72] if basins else []
    values = {
        "calculation_ids": {
            step: f"{step.replace(' ', '-')}-{system}" for step in ("density", "density slab", "density atom")
        },
        "site": 2,
        "site_label": "fourfold hollow",
        "structure": structure,
        "charge_donated": donated,
        "charge_donated_coarse": donated + 0.012,
        "atom_electrons": electrons,
        "atom_donated": [site.specie.Z - held for site, held in zip(structure, electrons, strict=True)],
        "non_nuclear_basins": [
            NonNuclearBasin(position=list(p), electrons=held / basins, nearest_atom=12, distance=1.72)
            for p in positions
        ],
        "total_electrons": total,
        "partition_error": 0.0021,
        "equivalent_spread": 0.013,
        "program": "baderkit 0.10.2",
        "method": "weight",
        "grid_shape": (90, 90, 252),
        "grid_spacing": 0.079,
        "difference": charge_difference(structure),
    }
    return ChargeDoc(**_study("charge", system, values | changes))


def hop(index: int, start: np.ndarray, move: np.ndarray, barrier: float, rise: float = 0.0, **changes: Any) -> Hop:
    """A hop over a smooth barrier in seven images; its end lies `rise` eV over its start."""
    fractions = np.linspace(0, 1, 7)
    length = 1.1 * float(np.linalg.norm(move))
    energies = (barrier - rise / 2) * np.sin(np.pi * fractions) ** 2 + rise * fractions
    slopes = ((barrier - rise / 2) * np.pi * np.sin(2 * np.pi * fractions) + rise) / length
    slopes[[0, -1]] = 0.0
    images = [surface_slab((*(start + f * move), 1.66 + 0.5 * np.sin(np.pi * f))) for f in fractions]
    values = {
        "initial": 0,
        "final": 0,
        "displacement": move.tolist(),
        "multiplicity": 4,
        "state": "done",
        "symmetric": rise == 0,
        "barrier_forward": float(energies.max()),
        "barrier_reverse": float(energies.max() - rise),
        "path_length": length,
        "profile": [
            {"distance": f * length, "energy": e, "slope": s}
            for f, e, s in zip(fractions, energies.tolist(), slopes.tolist(), strict=True)
        ],
        "images": images,
        "max_force": 0.041,
    }
    return Hop(index=index, **(values | changes))


def diffusion_document(system: str = "Li(001)", barrier: float = 0.131, **changes: Any) -> DiffusionDoc:
    """Hops from hollow to hollow: over the bridge, and across an atom."""
    start = np.array([1.72, 1.72])
    straight, diagonal = np.array([3.44, 0.0]), np.array([3.44, 3.44])
    structure = surface_slab((*start, 1.66))
    steps = [{"hop": 0, "reverse": False, "displacement": straight.tolist()}]
    path = {"start": 0, "steps": steps, "displacement": straight.tolist(), "barrier": barrier, "limiting_hop": 0}
    rates = {t: 1e13 * float(np.exp(-barrier / (8.617333e-5 * t))) for t in (250, 300, 350, 400)}
    values = {
        "calculation_ids": {step: f"{step.replace(' ', '')}-{system}" for step in ("minimum 0", "hop 0", "hop 1")},
        "slab": surface_slab(),
        "surface_cell": [[3.44, 0.0], [0.0, 3.44]],
        "minima": [
            {
                "index": 0, "site": 2, "label": "fourfold hollow", "position": structure.cart_coords[-1].tolist(),
                "energy": 0.0, "multiplicity": 1, "structure": structure,
            }
        ],
        "rejected": [{"site": 0, "label": "onefold", "energy": 0.322, "reason": "saddle", "curvature": -0.4}],
        "hops": [hop(0, start, straight, barrier), hop(1, start, diagonal, 0.33)],
        "path": path,
        "path_across": None,
        "prefactor": 1e13,
        "diffusivities": [
            {
                "temperature": t, "hop_rates": [rate, 0.0], "diffusivity": rate * 3.44e-8**2,
                "tensor": [[rate * 3.44e-8**2, 0.0], [0.0, rate * 3.44e-8**2]],
            }
            for t, rate in rates.items()
        ],
    }  # fmt: skip
    return DiffusionDoc(**_study("diffusion", system, values | changes))


def alloy_diffusion(system: str = "Li3Mg7(001):0", **changes: Any) -> DiffusionDoc:
    """A path through two minima: up to the bridge, on to the next hollow; a third hop failed."""
    first, second = np.array([1.72, 1.72]), np.array([3.60, 2.40])
    back = first + np.array([3.44, 0.0]) - second
    low, high = surface_slab((*first, 1.66), "Mg"), surface_slab((*second, 2.0), "Mg")
    minima = [
        {
            "index": index, "site": 2 - index, "label": label, "position": structure.cart_coords[-1].tolist(),
            "energy": 0.08 * index, "multiplicity": 1, "structure": structure,
        }
        for index, (label, structure) in enumerate([("fourfold hollow", low), ("bridge", high)])
    ]  # fmt: skip
    failed = {"state": "failed", "message": "its SCF did not converge", "barrier_forward": None, "profile": []}
    hops = [
        hop(0, first, second - first, 0.21, 0.08, final=1),
        hop(1, first, -back, 0.27, 0.08, final=1),
        hop(2, second, np.array([0.0, 3.44]), 0.4, initial=1, final=1, images=[], barrier_reverse=None, **failed),
    ]
    steps = [
        {"hop": 0, "reverse": False, "displacement": (second - first).tolist()},
        {"hop": 1, "reverse": True, "displacement": back.tolist()},
    ]
    barrier = hops[1].barrier_forward
    path = {"start": 0, "steps": steps, "displacement": [3.44, 0.0], "barrier": barrier, "limiting_hop": 1}
    ids = {step: f"{step.replace(' ', '')}-{system}" for step in ("minimum 0", "minimum 1", "hop 0", "hop 1")}
    values = {"minima": minima, "hops": hops, "path": path, "calculation_ids": ids, "diffusivities": []}
    return diffusion_document(system, **(values | {"slab": surface_slab(surface="Mg")} | changes))


def convergence_document(base: Any, name: str, value: float, unit: str = "eV", **changes: Any) -> ConvergenceDoc:
    """Convergence of one property over layers and k-points, as chosen 0.03 off the thickest slab; one point failed."""

    def points(values: list[float], offsets: list[float | None], chosen: float) -> list[dict[str, Any]]:
        return [
            {
                "value": v, "chosen": v == chosen, "properties": {} if o is None else {name: value + o},
                "document_id": base.document_id if v == chosen else f"{base.document_id} {v:g}",
            }
            for v, o in zip(values, offsets, strict=True)
        ]  # fmt: skip

    values = {
        "calculation_ids": base.calculation_ids,
        "of": base.study,
        "base_document_id": base.document_id,
        "units": {name: unit},
        "series": [
            {
                "parameter": "layers", "unit": "", "finest": 8, "errors": {name: 0.03},
                "points": points([4, 5, 6, 8], [0.02, 0.0, -0.02, -0.03], 5),
            },
            {
                "parameter": "kpoint_spacing", "unit": "Å⁻¹", "finest": 0.15, "errors": {name: -0.006},
                "points": points([0.4, 0.3, 0.2, 0.15], [-0.05, 0.0, None, 0.006], 0.3),
            },
        ],
        "remaining_errors": {name: 0.036},
    }  # fmt: skip
    fields = _study("convergence", base.system, values | changes)
    fields.pop("adsorbate")
    return ConvergenceDoc(**(fields | {"document_id": f"convergence-{base.document_id}"}))
