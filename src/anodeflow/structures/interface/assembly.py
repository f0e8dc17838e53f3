"""One interface, put together of two blocks in their common cell: its atoms, layers and strains."""

import numpy as np
from pydantic import BaseModel, Field
from pymatgen.core import Lattice, Structure

from anodeflow.core.caveats import Caveats
from anodeflow.structures.interface.blocks import Block
from anodeflow.structures.interface.candidate import InterfaceCandidate, Side
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.interface.matching import LatticeMatch, green_lagrange
from anodeflow.structures.interface.registry import best_packed, shift_cell, shift_metal


class InterfaceCell(BaseModel):
    """An interface as it is put together, and what was measured on it."""

    structure: Structure = Field(description="Alloy below, metal on top, c along z, pbc in the plane only.")
    side: list[Side] = Field(description="Side of each atom.")
    layer: list[int] = Field(description="Plane of each atom, counted from the interface: metal 1, 2 ..., alloy -1 ...")
    number: int = Field(description="Number of the termination, from 0.")
    termination: str = Field(description="Planes that meet, alloy/metal: Li2Mg3/Li.")
    alloy_termination: str = Field(description="Composition of the alloy's plane at the interface.")
    metal_termination: str = Field(description="Composition of the metal's plane at the interface.")
    von_mises_strain: float = Field(description="Von Mises strain (a fraction) of the side that has more of it.")
    alloy_strain: list[float] = Field(description="Green-Lagrange strain xx, yy, xy of the alloy, in the plane.")
    metal_strain: list[float] = Field(description="Green-Lagrange strain xx, yy, xy of the metal, in the plane.")
    area: float = Field(description="Area of the cell, Å².")
    width: float = Field(description="Least distance between an atom and its image in the plane, Å.")
    alloy_supercell: list[list[int]] = Field(description="Cell in units of the alloy's primitive surface cell (2, 2).")
    metal_supercell: list[list[int]] = Field(description="Cell in units of the metal's primitive surface cell (2, 2).")
    shift_cell: list[list[float]] = Field(description="Cell of the lateral shifts that differ, Cartesian (2, 2), Å.")
    gap: float = Field(description="Distance of the two planes at the interface, Å.")
    alloy_crystal: Structure = Field(description="Crystal of the alloy, strained as its side is, its volume kept.")
    metal_crystal: Structure = Field(description="Crystal of the metal, strained as its side is, its volume kept.")
    candidates: list[InterfaceCandidate] = Field(description="All ways that were considered, smallest strain first.")
    of_crystals: Caveats = Field(default_factory=list, description="What a reader should know of its two crystals.")


def assembled(
    number: int,
    alloy: Block,
    metal: Block,
    match: LatticeMatch,
    spec: InterfaceSpec,
    candidates: list[InterfaceCandidate],
) -> InterfaceCell:
    """Fill the common cell with both sides and sort the atoms from the bottom up."""
    gap = spec.gap or (alloy.face.plane.gap + metal.face.plane.gap) / 2
    below, above = (
        alloy.filled(match.alloy, match.alloy_deformation),
        metal.filled(match.metal, match.metal_deformation),
    )
    elements = below[0] + above[0]
    positions = np.concatenate([below[1], above[1] + [0, 0, gap]])
    layer = np.concatenate([-below[2], above[2]])
    positions[:, 2] += spec.vacuum / 2 - positions[:, 2].min()
    height = positions[:, 2].max() + spec.vacuum / 2
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = match.cell, height
    fractional = positions @ np.linalg.inv(vectors)
    fractional[:, :2] = (fractional[:, :2] + 1e-6) % 1 - 1e-6
    order = np.lexsort((*fractional[:, :2].round(3).T, layer))
    strains = [green_lagrange(f) for f in (match.alloy_deformation, match.metal_deformation)]
    side: list[Side] = ["alloy" if n < 0 else "metal" for n in layer[order]]
    structure = Structure(
        Lattice(vectors, pbc=(True, True, False)),
        [elements[i] for i in order],
        fractional[order],
        site_properties={"selective_dynamics": [[_is_free(n, spec)] * 3 for n in layer[order]]},
    )
    shifts = shift_cell(match.alloy, match.metal, match.cell)
    shifted = shift_metal(structure, side, best_packed(structure, side, shifts))
    return InterfaceCell(
        structure=shifted,
        side=side,
        layer=layer[order].tolist(),
        number=number,
        termination=f"{alloy.label}/{metal.label}",
        alloy_termination=alloy.label,
        metal_termination=metal.label,
        von_mises_strain=round(match.strain, 9),  # equal lattices: 0, not 1e-14
        alloy_strain=[float(strains[0][i, j]) for i, j in ((0, 0), (1, 1), (0, 1))],
        metal_strain=[float(strains[1][i, j]) for i, j in ((0, 0), (1, 1), (0, 1))],
        area=match.area,
        width=match.width,
        alloy_supercell=match.alloy.tolist(),
        metal_supercell=match.metal.tolist(),
        shift_cell=shifts.tolist(),
        gap=gap + float(shifted.lattice.c - structure.lattice.c),
        alloy_crystal=alloy.strained_crystal(match.alloy_deformation),
        metal_crystal=metal.strained_crystal(match.metal_deformation),
        candidates=[
            other.model_copy(
                update={
                    "chosen": other.chosen and other.number == number,
                    "reason": "" if other.chosen and other.number == number else other.reason,
                }
            )
            for other in candidates
        ],
    )


def _is_free(layer: int, spec: InterfaceSpec) -> bool:
    """Whether the atoms of a layer (metal 1, 2 ..., alloy -1, -2 ...) may move."""
    if spec.fixed_side == "metal":
        return bool(layer <= spec.metal_layers - spec.fixed_layers)
    return bool(layer >= spec.fixed_layers - spec.alloy_layers)
