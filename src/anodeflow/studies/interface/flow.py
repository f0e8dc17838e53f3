"""Interface: two relaxed crystals brought together, shifted against each other, relaxed, and parted again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jobflow import Flow, Job, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.core.caveats import Subject
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.core.jobs import job, named
from anodeflow.screening.makers import Prescreen
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.geometry.rattle import rattled
from anodeflow.structures.interface.assembly import InterfaceCell
from anodeflow.structures.interface.candidate import Side
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.interface.interfaces import build_interface
from anodeflow.structures.interface.registry import distinct_shifts, shift_metal
from anodeflow.studies.context import SubjectContext, in_context
from anodeflow.studies.expected import Expected, Told, expects, screened
from anodeflow.studies.interface.analysis import interface_document
from anodeflow.studies.interface.context import InterfaceContext
from anodeflow.studies.interface.document import InterfaceDoc, RegistryPoint
from anodeflow.studies.interface.prescreen import Shift, by_shift, lowest_shift, rank_shifts, with_shifts
from anodeflow.studies.shared.references import crystal_caveats
from anodeflow.studies.shared.steps import replaced


@dataclass
class InterfaceMaker(Maker):
    """Makes the flow of one interface, from which interdiffusion and vacancy studies start.

    Attributes
    ----------
    relax
        Maker that relaxes positions (interface, both sides alone).
    static
        Maker that evaluates a structure (lateral shifts).
    name
        Name of the flow.
    spec
        Which interface; its termination a number.
    alloy, metal
        Names of both crystals, for the document.
    prescreen
        Potential that evaluates all lateral shifts, of which the best are handed on, and relaxes first; none: there is
        none.
    about
        Names that the document and its rows carry, and what a convergence test changed; without a system,
        alloy/metal.
    """

    relax: Maker
    static: Maker
    name: str = "interface"
    spec: InterfaceSpec = field(default_factory=InterfaceSpec)
    alloy: str = ""
    metal: str = ""
    prescreen: Prescreen | None = None
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(
        self,
        alloy_bulk: CalculationDoc | OutputReference,
        metal_bulk: CalculationDoc | OutputReference,
        alloy_host: HostLattice | None = None,
        metal_host: HostLattice | None = None,
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        alloy_bulk, metal_bulk
            Relaxed bulks (positions and cell), calculations or references to them, with the same settings.
        alloy_host, metal_host
            Parent lattices, for the Miller indices.

        Returns
        -------
        Flow
            Output: InterfaceDoc.

        Raises
        ------
        InputError
            If the specification asks for all terminations: each is an interface of its own.
        """
        system = self.about.system or f"{self.alloy}/{self.metal}"
        if self.spec.termination == "all":
            raise InputError(f"{system}: one interface has one termination: give its number instead of all.")
        study = InterfaceContext.told(
            self.about,
            system=system,
            prescreen=None if self.prescreen is None else self.prescreen.settings(),
            alloy=self.alloy,
            metal=self.metal,
            spec=self.spec.model_dump(mode="json"),
        )
        makers: dict[str, Maker] = {"relax": self.relax, "static": self.static}
        if self.prescreen is not None:
            makers = self.prescreen.makers(makers) | {"scan": self.prescreen.static}
        start = named(scan_registry(makers, alloy_bulk, metal_bulk, alloy_host, metal_host, study), f"{system}: match")
        return Flow([start], output=start.output, name=f"{system}: {self.name}")


@job
@in_context
def scan_registry(
    makers: dict[str, Maker],
    alloy_bulk: CalculationDoc,
    metal_bulk: CalculationDoc,
    alloy_host: HostLattice | None,
    metal_host: HostLattice | None,
    study: InterfaceContext,
) -> Response:
    """Bring the two crystals together and evaluate the distinct lateral shifts of the metal, nothing relaxed.

    Raises
    ------
    InputError
        If their lattices do not match within the limits, or there is no such termination.
    """
    system, spec = study.system, study.interface_spec
    try:
        cell = build_interface(alloy_bulk.structure, metal_bulk.structure, spec, alloy_host, metal_host)
    except InputError as error:
        raise InputError(f"{system}: {error}") from None
    crystals = {"alloy": alloy_bulk, "metal": metal_bulk}
    told = [each.under(f"{side} bulk") for side, crystal in crystals.items() for each in crystal_caveats(crystal)]
    cell = cell.model_copy(update={"of_crystals": told})
    shifts = distinct_shifts(cell.structure, cell.side, np.array(cell.shift_cell), spec.registry_grid)
    points = [
        RegistryPoint(
            shift=np.linalg.solve(cell.structure.lattice.matrix[:2, :2].T, shift.displacement).tolist(),
            displacement=shift.displacement.tolist(),
            copies=shift.copies,
            energy=None,
        )
        for shift in shifts
    ]
    bulks = {"alloy bulk": alloy_bulk.id, "metal bulk": metal_bulk.id}
    if study.prescreen is not None:
        by = study.prescreen.backend
        jobs = _evaluate(makers["scan"], cell, points, list(range(len(points))), study, f" [{by}]")
        last = hand_on_shifts(makers, cell, points, [each.output for each in jobs], bulks, study)
        return replaced([*jobs, last], last, f"{system}: registry by {by}")
    jobs = _evaluate(makers["static"], cell, points, list(range(len(points))), study)
    last = relax_interface(makers, cell, points, [each.output for each in jobs], bulks, study)
    return replaced([*jobs, last], last, f"{system}: registry")


def _evaluate(
    static: Maker,
    cell: InterfaceCell,
    points: list[RegistryPoint],
    which: list[int],
    study: InterfaceContext,
    by: str = "",
) -> list[Job]:
    """Return one job a lateral shift, nothing relaxed."""
    jobs = []
    for index in which:
        label = f"{study.system}: {Shift(index).step}{by}"
        shifted = shift_metal(cell.structure, cell.side, np.array(points[index].displacement))
        jobs.append(named(static.make(shifted, label=label), label))
    return jobs


def best_shift(told: Told) -> Iterator[Expected]:
    """Yield the shifts that DFT is going to evaluate, and what it relaxes at the best of them."""
    study: InterfaceContext = told["study"]
    cell: InterfaceCell = told["cell"]
    registry = f"{study.system}: registry"
    yield Expected(registry, "static", len(cell.structure))
    parts = {"interface": len(cell.structure)} | {f"{side} alone": cell.side.count(side) for side in ("alloy", "metal")}
    for part, atoms in parts.items():
        yield from screened(f"{study.system}: {part}", "relax", atoms, study.by_potential, (registry,), number=1)


@job
@in_context
@expects(best_shift)
def hand_on_shifts(
    makers: dict[str, Maker],
    cell: InterfaceCell,
    points: list[RegistryPoint],
    found: list[CalculationDoc | None],
    calculation_ids: dict[str, str],
    study: InterfaceContext,
) -> Response:
    """Evaluate by DFT the shifts that the potential finds lowest, unless it leaves one alone."""
    assert study.prescreen is not None
    audit = rank_shifts(points, found, study.prescreen)
    which = [index for index, each in by_shift(audit.candidates, len(points)).items() if each.handed_on]
    calculation_ids = calculation_ids | {
        str(Subject(Shift(index).step).by(audit.backend)): each.id
        for index, each in enumerate(found)
        if each is not None
    }
    decided = len(which) == 1 and lowest_shift(audit) is not None
    jobs = [] if decided else _evaluate(makers["static"], cell, points, which, study)
    results: list[Any] = [None] * len(points)
    for index, made in zip(which, jobs, strict=False):
        results[index] = made.output
    last = relax_interface(makers, cell, points, results, calculation_ids, study, audit)
    return replaced([*jobs, last], last, f"{study.system}: registry")


@job
@in_context
def relax_interface(
    makers: dict[str, Maker],
    cell: InterfaceCell,
    points: list[RegistryPoint],
    results: list[CalculationDoc | None],
    calculation_ids: dict[str, str],
    study: InterfaceContext,
    audit: PrescreenAudit | None = None,
) -> Response:
    """Relax the interface at the best shift, and each side alone in the same cell.

    With the `audit` of a prescreen there are results only of the shifts that were handed on.

    Raises
    ------
    CalculationError
        If no shift could be evaluated.
    """
    system = study.system
    done = {index: result for index, result in enumerate(results) if result is not None}
    if not done and (audit is None or lowest_shift(audit) is None):
        raise CalculationError(f"{system}: no lateral shift could be evaluated; see the registry steps.")
    if done:
        best = min(done, key=lambda index: done[index].energy)
    else:
        assert audit is not None
        best = lowest_shift(audit) or 0
    if audit is not None:
        audit, points = with_shifts(audit, points, done)
    energies = {index: result.energy - done[best].energy for index, result in done.items()} or {best: 0.0}
    points = [
        point.model_copy(update={"energy": energies[index]}) if index in energies else point
        for index, point in enumerate(points)
    ]
    identifiers = calculation_ids | {Shift(index).step: result.id for index, result in done.items()}
    shifted = shift_metal(cell.structure, cell.side, np.array(points[best].displacement))
    start = rattled(shifted, study.spec["rattle"])
    whole = named(makers["relax"].make(start, label=f"{system}: interface"), f"{system}: interface")
    jobs: list[Flow | Job] = [whole]
    slabs: dict[str, OutputReference] = {}
    sides: tuple[Side, Side] = ("alloy", "metal")
    for side in sides:
        label = f"{system}: {side} alone"
        alone = start.copy()
        alone.remove_sites([index for index, where in enumerate(cell.side) if where != side])
        jobs.append(named(makers["relax"].make(alone, label=label), label))
        slabs[side] = jobs[-1].output
    last = collect_interface(cell, points, best, whole.output, slabs, identifiers, study, audit)
    return replaced([*jobs, last], last, f"{system}: relaxation")


@job(output_schema=InterfaceDoc)
@in_context
def collect_interface(
    cell: InterfaceCell,
    points: list[RegistryPoint],
    best: int,
    relaxed: CalculationDoc | None,
    slabs: dict[Side, CalculationDoc | None],
    calculation_ids: dict[str, str],
    study: InterfaceContext,
    audit: PrescreenAudit | None = None,
) -> InterfaceDoc:
    """Put the document together.

    Raises
    ------
    CalculationError
        If the interface could not be relaxed.
    """
    if relaxed is None:
        raise CalculationError(f"{study.system}: the interface could not be relaxed; see that step.")
    return interface_document(cell, points, best, relaxed, slabs, calculation_ids, study, audit)
