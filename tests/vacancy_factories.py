"""Interfaces made by hand, which EMT can treat, for tests of the vacancy study: Cu3Au(001) below, Cu(001) on top."""

from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.caveats import Caveat
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.vacancy.document import VacancyDoc, VacancyHop, VacancyPath

PLANES = {"CuAu": ("Cu", "Au", "Au", "Cu"), "Cu": ("Cu",) * 4, "Au": ("Au",) * 4}
"""Atoms of a p(2x2) cell of the (001) plane; rows of one element in CuAu stand across the diagonal."""


def layered(alloy: list[str], metal: list[str], a: float = 3.68, spacing: float = 1.84, fixed: int = 0) -> Structure:
    """A stack of p(2x2) fcc(001) planes, the outermost of the alloy first, in vacuum; the lowest `fixed` held."""
    side = np.sqrt(2) * a
    species, positions, free = [], [], []
    for number, plane in enumerate([*alloy, *metal]):
        for atom, element in enumerate(PLANES[plane]):
            x, y = atom % 2 + number % 2 / 2, atom // 2 + number % 2 / 2
            species.append(element)
            positions.append([x * side / 2, y * side / 2, 5.0 + number * spacing])
            free.append([number >= fixed] * 3)
    height = (len(alloy) + len(metal) - 1) * spacing + 15.0
    return Structure(
        Lattice(np.diag([side, side, height]), pbc=(True, True, False)),
        species,
        positions,
        coords_are_cartesian=True,
        site_properties={"selective_dynamics": free},
    )


def interface_document(structure: Structure, alloy_layers: int, **changes: Any) -> InterfaceDoc:
    """Document of a stack of planes of four atoms, as it stands or `relax`ed by EMT."""
    relax = changes.pop("relax", False)
    energy, identity, settings = 0.0, "calc-interface", {}
    if relax:
        relaxed = Makers(load_backend("emt")).relax().calculate(structure)
        assert relaxed.converged
        structure, energy, identity, settings = relaxed.structure, relaxed.energy, relaxed.id, relaxed.settings
    planes = [atom // 4 for atom in range(len(structure))]
    layer = [plane - alloy_layers + (plane >= alloy_layers) for plane in planes]
    values = {
        "document_id": "interface-1", "campaign": "test", "system": "Cu3Au/Cu", "backend": "emt", "code": "emt 3.29.0",
        "settings": settings, "settings_hash": "settings-1", "calculation_ids": {"interface": identity},
        "alloy": "Cu3Au", "metal": "Cu", "number": 0, "termination": "CuAu/Cu", "alloy_termination": "CuAu",
        "metal_termination": "Cu", "strained": "shared", "von_mises_strain": 0.02, "alloy_strain": [0.0] * 3,
        "metal_strain": [0.0] * 3, "area": 27.0, "alloy_supercell": [[1, 0], [0, 1]],
        "metal_supercell": [[1, 0], [0, 1]], "atoms": len(structure), "initial_gap": 1.84, "gap": 1.84,
        "registry": [{"shift": [0.0, 0.0], "displacement": [0.0, 0.0], "energy": 0.0}], "best_registry": 0,
        "structure": structure, "side": ["alloy" if number < 0 else "metal" for number in layer], "layer": layer,
        "energy": energy, "free_energy": energy, "alloy_slab_energy": None, "metal_slab_energy": None,
        "converged": True, "candidates": [], "middle_layers": [],
    }  # fmt: skip
    return InterfaceDoc(**(values | changes))


def stop(structure: Structure, layers: list[int], index: int, path: str | None, name: str, **fields: Any) -> dict:
    """A stop of the synthetic study below."""
    return {"index": index, "path": path, "name": name, "structure": structure, "layers": layers} | fields


def hop(index: int, ends: tuple[dict, dict], barrier: float, path: str, name: str, **changes: Any) -> VacancyHop:
    """A hop between two stops over a smooth saddle `barrier` eV above its start, in seven images."""
    low, high = ends
    rise = high["energy"] - low["energy"]
    fractions = np.linspace(0, 1, 7)
    energies = (barrier - rise / 2) * np.sin(np.pi * fractions) ** 2 + rise * fractions
    slopes = ((barrier - rise / 2) * np.pi * np.sin(2 * np.pi * fractions) + rise) / 3.0
    slopes[[0, -1]] = 0.0
    start = low["structure"]
    values = {
        "index": index, "path": path, "name": name, "initial": low["index"], "final": high["index"], "atom": 3,
        "element": high["element"], "state": "done", "barrier_forward": barrier, "barrier_reverse": barrier - rise,
        "path_length": 3.0, "max_force": 0.03, "images": [start] * 7,
        "profile": [
            {"distance": 3.0 * f, "energy": e, "slope": s}
            for f, e, s in zip(fractions, energies.tolist(), slopes.tolist(), strict=True)
        ],
    }  # fmt: skip
    return VacancyHop(**(values | changes))


def vacancy_document(system: str = "Li3Mg/Li", **changes: Any) -> VacancyDoc:
    """A study of three hops a path; hop 2 of path I was split, hop 3 of path II was refused."""
    whole = layered(["CuAu", "Cu", "CuAu"], ["Cu", "Cu", "Cu"])
    whole.replace_species({"Cu": "Li", "Au": "Mg"})
    layers = [(-3, -2, -1, 1, 2, 3)[atom // 4] for atom in range(24)]
    cells = []
    # Where the vacancy is: atom of the whole interface whose place is empty.
    for empty in (0, 4, 8, 12, 1, 5, 9):
        moved = whole.copy()
        if empty:
            moved.translate_sites([empty], whole[0].coords - whole[empty].coords, frac_coords=False)
        moved.remove_sites([0])
        cells.append((moved, layers[1:], whole[empty].coords.tolist(), layers[empty]))
    names = [(None, "0"), ("I", "1"), ("I", "2"), ("I", "3"), ("II", "1"), ("II", "2"), ("II", "3")]
    energies = [0.0, 0.115, 0.072, 0.021, -0.034, -0.012, -0.041]
    stops = [
        stop(cell, numbers, index, *name, energy=energy, position=place, layer=layer, element="Li")
        for index, ((cell, numbers, place, layer), name, energy) in enumerate(zip(cells, names, energies, strict=True))
    ]
    stops[4]["element"] = "Mg"
    between = stop(cells[1][0], layers[1:], 7, "I", "on hop 2", energy=0.06, position=None, layer=None, element="Li")
    stops.append(between)
    lost = {"barrier_forward": None, "barrier_reverse": None, "profile": [], "images": [], "path_length": None}
    hops = [
        hop(0, (stops[0], stops[1]), 0.31, "I", "1"),
        hop(1, (stops[1], stops[2]), 0.1, "I", "2", state="split", split_into=[6, 7],
            message="image 3 lies in a dip: path I stop on hop 2 takes its place between two hops", **lost),
        hop(2, (stops[2], stops[3]), 0.09, "I", "3"),
        hop(3, (stops[0], stops[4]), 0.21, "II", "1"),
        hop(4, (stops[4], stops[5]), 0.11, "II", "2"),
        hop(5, (stops[5], stops[6]), 0.1, "II", "3", state="refused",
            message="image 2 lies 0.050 eV below both ends, and the hop was split 2 times already", **lost),
        hop(6, (stops[1], between), 0.05, "I", "2a"),
        hop(7, (between, stops[2]), 0.06, "I", "2b"),
    ]  # fmt: skip
    paths = [
        VacancyPath(name="I", stops=[0, 1, 7, 2, 3], hops=[0, 6, 7, 2], highest=0.31, climb=0.31, limiting_hop=0),
        VacancyPath(name="II", stops=[0, 4, 5, 6], hops=[3, 4, 5]),
    ]
    steps = ["interface", "bulk", *(hop.label for hop in hops)]
    steps += ["stop 0" if s["path"] is None else f"path {s['path']} stop {s['name']}" for s in stops]
    values = {
        "document_id": f"vacancy-{system}", "campaign": "test", "system": system, "backend": "gpaw-standard",
        "code": "gpaw 26.7.0", "settings": {"cutoff": 350.0}, "settings_hash": "a1b2c3d4e5f60718",
        "calculation_ids": {step: f"calc {step}".replace(" ", "-") for step in steps},
        "element": "Li", "helper": "Mg", "start": "surface", "start_layer": -3, "alloy_layers": 3, "metal_layers": 3,
        "interface_document_id": "interface-1", "interface_energy": -40.0, "held_layers": [3], "width": 6.88,
        "stops": stops, "hops": hops, "paths": paths, "formation_energy": 0.47,
        "extractions": [
            {"side": "alloy", "surface": "Li3Mg, layer -3", "atom": 0, "energy": 0.47, "steps": ["stop 0"]},
            {"side": "metal", "surface": "Li(0 0 1)", "atom": 20, "energy": 0.19, "steps": ["bulk"]},
        ],
        "trials": [
            {"path": None, "step": 0, "atom": 0, "element": "Li", "layer": -3, "distance": None, "energy": 0.0,
             "state": "taken"},
            {"path": "I", "step": 1, "atom": 3, "element": "Li", "layer": -2, "distance": 2.97, "energy": 0.115,
             "state": "taken"},
            {"path": "I", "step": 1, "atom": 5, "element": "Li", "layer": -2, "distance": 3.02, "energy": None,
             "state": "returned", "message": "the atom went back to 0.10 Å from where it came from"},
        ],
        "warnings": [Caveat("no-stop", "path I step 1, Li 5 from layer -2: it went back to 0.10 Å from where it was")],
    }  # fmt: skip
    return VacancyDoc(**(values | changes))
