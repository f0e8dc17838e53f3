"""Interfaces made by hand, which EMT can treat, for tests of the vacancy study: Cu3Au(001) below, Cu(001) on top."""

from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

from anodeflow.backends import load_backend
from anodeflow.schemas.interface import InterfaceDoc

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
        relaxed = load_backend("emt").relax().calculate(structure)
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
