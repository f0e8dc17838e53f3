"""From finished calculations to the document of an interface."""

from collections.abc import Mapping, Sequence

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.core.caveats import GO_ALONG, Caveat
from anodeflow.screening.shortlist import potential_ids
from anodeflow.structures.interface.assembly import InterfaceCell
from anodeflow.structures.interface.candidate import Side
from anodeflow.studies.about import study_fields
from anodeflow.studies.interface.context import InterfaceContext
from anodeflow.studies.interface.document import InterfaceDoc, MiddleLayer, RegistryPoint
from anodeflow.studies.interface.prescreen import finished_audit

NEIGHBOURS_WITHIN = 1.25
"""Atoms are neighbours up to this times the crystal's shortest distance: both shells of bcc, the first of others."""
OTHER_CRYSTAL = frozenset({"not-like-bulk", "left-planes", "other-volume"})
"""Codes of interfaces that are no longer those of their two crystals."""
_BULKS = ("alloy bulk", "metal bulk")
_SAME_COORDINATION = 1.0
_SAME_DISTANCE = 0.05


def interface_document(
    cell: InterfaceCell,
    registry: Sequence[RegistryPoint],
    best: int,
    relaxed: CalculationDoc,
    slabs: Mapping[Side, CalculationDoc | None],
    calculation_ids: Mapping[str, str],
    study: InterfaceContext,
    audit: PrescreenAudit | None = None,
) -> InterfaceDoc:
    """Return the document.

    Parameters
    ----------
    cell
        The interface as it was put together.
    registry, best
        Shifts that were tried, and the index of the one that was relaxed.
    relaxed
        Relaxation of the interface.
    slabs
        Relaxations of both sides alone in the same cell; none where one failed.
    calculation_ids
        Step -> id of what came before: `alloy bulk`, `metal bulk`, `registry 0` ...
    study
        What was asked for.
    audit
        What a potential did first, the shifts already in it; the document completes it. None: no prescreen.
    """
    layers = [
        middle_layer(relaxed.structure, cell.layer, "alloy", cell.alloy_crystal),
        middle_layer(relaxed.structure, cell.layer, "metal", cell.metal_crystal),
    ]
    identifiers = dict(calculation_ids) | {"interface": relaxed.id}
    identifiers |= {f"{side} slab": slab.id for side, slab in slabs.items() if slab is not None}
    energies = {side: None if slab is None else slab.energy for side, slab in slabs.items()}
    heights = plane_heights(relaxed.structure, cell.layer)
    warnings = _warnings(cell, registry, relaxed, slabs, layers)
    if audit is not None:
        audit, of_audit = finished_audit(audit, registry, relaxed, slabs, cell.area)
        warnings += of_audit
        screened: dict[str, CalculationDoc | None] = {"interface": relaxed}
        screened |= {f"{side} slab": slab for side, slab in slabs.items()}
        identifiers |= potential_ids(screened)
    return InterfaceDoc(
        **study_fields(
            study,
            relaxed.backend,
            f"{relaxed.code} {relaxed.code_version}",
            {"calculation": relaxed.settings, "interface": study.spec},
            identifiers,
        ),
        warnings=warnings,
        prescreen=audit,
        alloy=study.alloy,
        metal=study.metal,
        number=cell.number,
        termination=cell.termination,
        alloy_termination=cell.alloy_termination,
        metal_termination=cell.metal_termination,
        strained=study.spec["strained"],
        von_mises_strain=cell.von_mises_strain,
        alloy_strain=cell.alloy_strain,
        metal_strain=cell.metal_strain,
        area=cell.area,
        alloy_supercell=cell.alloy_supercell,
        metal_supercell=cell.metal_supercell,
        atoms=len(cell.structure),
        initial_gap=cell.gap,
        gap=heights[1] - heights[-1],
        registry=list(registry),
        best_registry=best,
        structure=relaxed.structure,
        side=cell.side,
        layer=cell.layer,
        energy=relaxed.energy,
        free_energy=relaxed.free_energy,
        alloy_slab_energy=energies["alloy"],
        metal_slab_energy=energies["metal"],
        converged=relaxed.converged,
        candidates=cell.candidates,
        middle_layers=layers,
    )


def middle_layer(structure: Structure, layer: Sequence[int], side: Side, crystal: Structure) -> MiddleLayer:
    """Compare the plane in the middle of one side with the crystal, strained as that side is.

    Parameters
    ----------
    structure, layer
        Relaxed interface, and the plane of each atom (metal 1, 2 ..., alloy -1, -2 ...).
    side
        Which side.
    crystal
        Its strained crystal.
    """
    deepest = max(layer) if side == "metal" else -min(layer)
    middle = (deepest + 1) // 2 * (1 if side == "metal" else -1)
    shortest = crystal.get_neighbor_list(8.0)
    reach = NEIGHBOURS_WITHIN * float(np.mean([shortest[3][shortest[0] == i].min() for i in range(len(crystal))]))
    bulk = _surroundings(crystal, reach, range(len(crystal)))
    plane = _surroundings(structure, reach, [i for i, number in enumerate(layer) if number == middle])
    return MiddleLayer(
        side=side,
        layer=middle,
        coordination=plane[0],
        bulk_coordination=bulk[0],
        neighbour_distance=plane[1],
        bulk_neighbour_distance=bulk[1],
        like_bulk=abs(plane[0] - bulk[0]) <= _SAME_COORDINATION and abs(plane[1] / bulk[1] - 1) <= _SAME_DISTANCE,
    )


def _surroundings(structure: Structure, reach: float, atoms: Sequence[int]) -> tuple[float, float]:
    """Return the number of neighbours and their mean distance, averaged over `atoms`."""
    centres, _, _, apart = structure.get_neighbor_list(reach)
    mine = np.isin(centres, list(atoms))
    return float(mine.sum()) / len(atoms), float(apart[mine].mean()) if mine.any() else 0.0


def plane_heights(structure: Structure, layer: Sequence[int], without: int | None = None) -> dict[int, float]:
    """Return the mean height of each plane, Å, one atom left out on request."""
    heights = structure.cart_coords[:, 2]
    return {
        number: float(np.mean(members))
        for number in sorted(set(layer))
        if (members := [z for i, (z, n) in enumerate(zip(heights, layer, strict=True)) if n == number and i != without])
    }


def nearest_plane(structure: Structure, layer: Sequence[int], atom: int) -> int:
    """Return the plane in whose mean height an atom lies now; itself does not count for that height."""
    heights = plane_heights(structure, layer, without=atom)
    return min(heights, key=lambda number: abs(heights[number] - structure.cart_coords[atom, 2]))


def _warnings(
    cell: InterfaceCell,
    registry: Sequence[RegistryPoint],
    relaxed: CalculationDoc,
    slabs: Mapping[Side, CalculationDoc | None],
    layers: Sequence[MiddleLayer],
) -> list[Caveat]:
    """Return what a reader should know."""
    warnings = [*cell.of_crystals, *(warning.under("interface") for warning in relaxed.warnings)]
    if not relaxed.converged:
        warnings.append(Caveat("not-converged", "the relaxation of the interface did not converge"))
    for index, point in enumerate(registry):
        if point.energy is None and not point.left_out:
            warnings.append(Caveat("registry-missing", f"registry {index} is missing: its calculation failed"))
    for side, slab in slabs.items():
        if slab is None:
            warnings.append(
                Caveat("no-work-of-separation", f"no work of separation: the relaxation of the {side} alone failed")
            )
        elif not slab.converged:
            warnings.append(Caveat("not-converged", f"the relaxation of the {side} alone did not converge"))
    for plane in layers:
        if not plane.like_bulk:
            warnings.append(
                Caveat(
                    "not-like-bulk",
                    f"the middle of the {plane.side} (layer {plane.layer}) is not like its bulk: "
                    f"{plane.coordination:.1f} neighbours at {plane.neighbour_distance:.2f} Å, not "
                    f"{plane.bulk_coordination:.1f} at {plane.bulk_neighbour_distance:.2f} Å; take more layers, or a "
                    "cell with less strain",
                )
            )
    warnings += left_planes(relaxed.structure, cell.layer)
    for side, slab in slabs.items():
        if slab is not None and (why := changed_alone(cell, side, slab.structure)):
            warnings.append(
                Caveat(
                    "side-alone-changed",
                    f"the {side} alone has changed its crystal ({why}), so the work of separation holds what that "
                    "gains: take more layers, a cell with less strain, or hold its free face",
                )
            )
    return warnings


def changed_alone(cell: InterfaceCell, side: Side, structure: Structure) -> str:
    """Return in which way the relaxation of one side alone has made another crystal of it; empty: it has not."""
    layer = [number for number, where in zip(cell.layer, cell.side, strict=True) if where == side]
    if left := _left(structure, layer):
        return f"{left} of {len(layer)} atoms left their planes"
    crystal = cell.alloy_crystal if side == "alloy" else cell.metal_crystal
    # Against the side as cut, not the bulk: with its second face free, a thin one lacks neighbours in its middle, too.
    cut = cell.structure.copy()
    cut.remove_sites([index for index, where in enumerate(cell.side) if where != side])
    before, after = (middle_layer(each, layer, side, crystal) for each in (cut, structure))
    alike = abs(after.coordination - before.coordination) <= _SAME_COORDINATION
    alike &= abs(after.neighbour_distance / before.neighbour_distance - 1) <= _SAME_DISTANCE
    return "" if alike else f"its middle has {after.coordination:.1f} neighbours, not {before.coordination:.1f}"


def _left(structure: Structure, layer: Sequence[int]) -> int:
    return sum(nearest_plane(structure, layer, atom) != number for atom, number in enumerate(layer))


def left_planes(structure: Structure, layer: Sequence[int]) -> list[Caveat]:
    """Return that atoms of a relaxed interface left their planes, if any did."""
    left = _left(structure, layer)
    text = f"{left} of {len(layer)} atoms left their planes in the relaxation"
    return [Caveat("left-planes", text)] if left else []


def of_bulks(interface: InterfaceDoc) -> list[Caveat]:
    """Return the warnings of an interface that are about the relaxations of its two crystals, which set its lattice."""
    return [each for each in interface.warnings if each.about and each.about[0].name in _BULKS]


def inherited(interface: InterfaceDoc) -> list[Caveat]:
    """Return the warnings of an interface that hold for every number that rests on it, too."""
    changed = [
        each.under("interface")
        for each in interface.warnings
        if each.code in OTHER_CRYSTAL or (each.code == "not-converged" and each in of_bulks(interface))
    ]
    return changed + [each for each in interface.warnings if each.code in GO_ALONG]
