"""From relaxed exchanges to the document of an interdiffusion study."""

from collections.abc import Mapping, Sequence
from math import inf
from statistics import median

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import AuditEntry, PrescreenAudit
from anodeflow.core.caveats import Caveat
from anodeflow.screening.effort import effort_of
from anodeflow.screening.shortlist import (
    OTHER_MINIMUM,
    is_same,
    not_screened,
    potential_ids,
    start_audit,
    start_record,
)
from anodeflow.structures.geometry.positions import steps_between
from anodeflow.studies.about import study_fields
from anodeflow.studies.interdiffusion.context import InterdiffusionContext
from anodeflow.studies.interdiffusion.dilute_limit import DiluteLimit
from anodeflow.studies.interdiffusion.document import ExchangePoint, InterdiffusionDoc
from anodeflow.studies.interdiffusion.exchange import Exchange
from anodeflow.studies.interdiffusion.verdicts import NEAR_SURFACE, plateau_warnings, point_warnings, verdict_warnings
from anodeflow.studies.interface.analysis import inherited, nearest_plane
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.vacancy.geometry import nearest_distance

PLATEAU_TOLERANCE = 0.01
"""How far the median at either end of a plateau may lie outside of the energies of its other pairs, eV."""
_SHORTEST_PLATEAU = 2
_ROUNDING = 1e-9  # eV


def interdiffusion_document(
    interface: InterfaceDoc,
    exchanges: Sequence[Exchange],
    results: Sequence[CalculationDoc | None],
    missing: Sequence[str],
    study: InterdiffusionContext,
    returned: Mapping[str, CalculationDoc | None] | None = None,
    dilute: DiluteLimit | None = None,
) -> InterdiffusionDoc:
    """Return the document.

    Parameters
    ----------
    interface
        The pristine interface.
    exchanges, results
        Exchanges and their relaxations, in the same order; none where one failed.
    missing
        What could not be done, a sentence each.
    study
        What was asked for.
    returned
        Step -> relaxation of the interface with its exchange undone, where that was asked for.
    dilute
        The same exchange far from any interface; none: it was not computed.
    """
    returned = returned or {}
    done = [(exchange, found) for exchange, found in zip(exchanges, results, strict=True) if found is not None]
    points = with_lowest([_point(interface, each, found, returned.get(each.step)) for each, found in done])
    inside = _inside(points, interface.metal_depth)
    plateau = whole_plateau(inside, study.input.plateau_tolerance)
    identifiers = {"interface": interface.calculation_ids["interface"]}
    for exchange, found in done:
        identifiers[exchange.step] = found.id
        back = returned.get(exchange.step)
        identifiers |= {} if back is None else {exchange.step_back: back.id}
    warnings = inherited(interface)
    warnings += [Caveat("depth-missing", each) for each in missing]
    by_step = {point.step: point for point in points}
    for exchange, result in zip(exchanges, results, strict=True):
        if result is None:
            warnings.append(Caveat("exchange-missing", "is missing: its relaxation failed").of(exchange.step))
        else:
            warnings += point_warnings(by_step[exchange.step], result, study.input.element)
    audit = None
    if study.prescreen is not None:
        calculations = dict(zip((exchange.step for exchange in exchanges), results, strict=True))
        undone = {exchange.step_back: returned[exchange.step] for exchange in exchanges if exchange.step in returned}
        audit, of_audit = _audit(start_audit(study.prescreen), interface, calculations, undone)
        calculations |= undone
        warnings += of_audit
        identifiers |= potential_ids(calculations)
    warnings += plateau_warnings(inside, plateau, study.input.plateau_tolerance)
    if dilute is not None:
        identifiers |= dilute.calculation_ids
        warnings += dilute.warnings
    if not interface.converged:
        warnings.append(Caveat("not-converged", "the relaxation of the pristine interface did not converge"))
    settings = {
        "calculation": interface.settings.get("calculation"),
        "interface": interface.settings.get("interface"),
        **study.asked,
    }
    document = InterdiffusionDoc(
        **study_fields(study, interface.backend, interface.code, settings, identifiers),
        warnings=warnings,
        prescreen=audit,
        element=study.input.element,
        alloy=interface.alloy,
        metal=interface.metal,
        interface_document_id=interface.document_id,
        termination=interface.termination,
        von_mises_strain=interface.von_mises_strain,
        metal_layers=interface.metal_depth,
        near_surface=NEAR_SURFACE,
        initial_layer=interface.layer[exchanges[0].alloy_atom],
        pristine=interface.structure,
        layer=interface.layer,
        pristine_energy=interface.energy,
        points=points,
        plateau=plateau,
        plateau_tolerance=study.input.plateau_tolerance,
        dilute=[] if dilute is None else dilute.exchanges,
        dilute_atoms=None if dilute is None else dilute.atoms,
    )
    document.warnings += verdict_warnings(document)
    return document


def _point(
    interface: InterfaceDoc, exchange: Exchange, found: CalculationDoc, back: CalculationDoc | None
) -> ExchangePoint:
    """Describe one relaxed exchange; `back`: the relaxation of it undone, where that was asked for."""
    return ExchangePoint(
        depth=exchange.depth,
        sample=exchange.sample,
        partner=interface.structure[exchange.metal_atom].specie.symbol,
        alloy_atom=exchange.alloy_atom,
        metal_atom=exchange.metal_atom,
        lateral=exchange.lateral,
        exchange_energy=found.energy - interface.energy,
        return_energy=None if back is None else back.energy - interface.energy,
        converged=found.converged,
        final_layer=nearest_plane(found.structure, interface.layer, exchange.metal_atom),
        rearranged=_rearranged(interface.structure, found.structure, exchange),
        lowest=False,
        structure=found.structure,
    )


def with_lowest(points: Sequence[ExchangePoint]) -> list[ExchangePoint]:
    """Return exchanges, the lowest of each depth marked; of those alone that left the interface as it was, if any."""
    lowest = {
        depth: min(
            (point for point in points if point.depth == depth),
            key=lambda point: (point.rearranged > 0, point.exchange_energy),
        )
        for depth in {point.depth for point in points}
    }
    return [point.model_copy(update={"lowest": lowest[point.depth] is point}) for point in points]


def _inside(points: Sequence[ExchangePoint], metal_depth: int) -> dict[int, list[float]]:
    """Return depth -> energies of the exchanges that tell of the inside of the metal, eV.

    Near the free face the atom feels the vacuum; one that left its plane is at another depth; and an interface that
    has changed is another one.
    """
    inside: dict[int, list[float]] = {}
    for point in points:
        if point.stayed and not point.rearranged and point.depth <= metal_depth - NEAR_SURFACE:
            inside.setdefault(point.depth, []).append(point.exchange_energy)
    return inside


def _audit(
    audit: PrescreenAudit,
    interface: InterfaceDoc,
    exchanged: Mapping[str, CalculationDoc | None],
    undone: Mapping[str, CalculationDoc | None],
) -> tuple[PrescreenAudit, list[Caveat]]:
    """Return the audit with the exchange energies by both, and warnings on relaxations without the potential."""
    pristine = start_record(interface.prescreen)
    comparable = pristine is not None and interface.converged and (pristine.displacement or 0.0) < OTHER_MINIMUM
    entries = list(audit.entries)
    warnings: list[Caveat] = []
    for step, each in {**exchanged, **undone}.items():
        if each is None:
            continue
        warnings += not_screened(step, each, audit)
        if pristine is None or not comparable or step in undone:
            continue
        if each.prescreen is not None and is_same(each):
            potential, dft = each.prescreen.energy - pristine.energy, each.energy - interface.energy
            entries.append(AuditEntry(quantity="exchange_energy", step=step, potential=potential, dft=dft))
    effort = audit.effort + effort_of([*exchanged.values(), *undone.values()])
    return audit.model_copy(update={"start": pristine, "entries": entries, "effort": effort}), warnings


def _rearranged(pristine: Structure, relaxed: Structure, exchange: Exchange) -> int:
    """Return how many atoms but the two exchanged ones went further than half of a nearest-neighbour distance."""
    moved = np.linalg.norm(steps_between(pristine, relaxed), axis=1)
    moved[[exchange.alloy_atom, exchange.metal_atom]] = 0
    return int((moved > nearest_distance(pristine) / 2).sum())


def whole_plateau(energies: Mapping[int, Sequence[float]], tolerance: float) -> list[int]:
    """Return the depths of the whole plateau.

    From successive depths those at either end are left out, the one farther off first, as long as their median lies
    outside of the energies of all other pairs: the first planes, where the atom still feels the alloy, and the last,
    where it feels the free face. Several planes at an end may stand out together (up to half of all), where each alone
    has the others beside it. What is left goes neither up nor down; that depths in between differ is part of
    the range of its pairs, as what pairs at one depth differ by is.

    Parameters
    ----------
    energies
        Depth -> energies of its pairs, eV.
    tolerance
        How far outside a median may lie, eV.

    Returns
    -------
    list of int
        Successive depths, two at least; empty if there is no plateau. Of several the deepest.
    """
    block: list[int] = []
    for depth in sorted(energies, reverse=True):
        if block and depth != block[0] - 1:
            if found := _flat_run(energies, block, tolerance):
                return found
            block = []
        block.insert(0, depth)
    return _flat_run(energies, block, tolerance)


def _flat_run(energies: Mapping[int, Sequence[float]], depths: Sequence[int], tolerance: float) -> list[int]:
    """Return what is left of successive depths without those at either end that are no plateau."""
    run = list(depths)
    while len(run) >= _SHORTEST_PLATEAU:
        half = len(run) // 2
        outside = {
            run[0]: max(_outside(energies, run[:planes], run[planes:]) for planes in range(1, half + 1)),
            # Of two halves that differ the deeper one may be a plateau.
            run[-1]: max(
                (_outside(energies, run[-planes:], run[:-planes]) for planes in range(1, len(run) - half)),
                default=-inf,
            ),
        }
        worst = max(outside, key=lambda end: outside[end])
        if outside[worst] <= tolerance + _ROUNDING:
            return run
        run.remove(worst)
    return []


def _outside(energies: Mapping[int, Sequence[float]], some: Sequence[int], others: Sequence[int]) -> float:
    """Return how far the median of some depths lies outside of the energies of others, eV; negative: inside."""
    middle = median(energy for depth in some for energy in energies[depth])
    around = [energy for depth in others for energy in energies[depth]]
    return max(min(around) - middle, middle - max(around))
