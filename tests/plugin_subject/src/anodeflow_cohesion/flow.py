"""Cohesive energy: the relaxed crystal and the isolated atom, which campaigns make for any study."""

from dataclasses import dataclass

from jobflow import job

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.about import study_fields
from anodeflow.studies.context import SubjectContext
from anodeflow_cohesion.document import CohesiveEnergyDoc
from anodeflow_cohesion.input import CohesiveEnergyInput


@dataclass(frozen=True, kw_only=True)
class CohesiveEnergyContext(SubjectContext):
    """What the study tells its job."""

    input: CohesiveEnergyInput


@job(output_schema=CohesiveEnergyDoc)
def collect_cohesive_energy(
    bulk: CalculationDoc, atom: CalculationDoc, study: CohesiveEnergyContext
) -> CohesiveEnergyDoc:
    """Put the document together."""
    per_atom = bulk.energy / len(bulk.structure)
    settings = {"calculation": bulk.settings} | study.asked
    return CohesiveEnergyDoc(
        **study_fields(study, bulk.backend, bulk.code, settings, {"bulk": bulk.id, "atom": atom.id}),
        warnings=[each.under(step) for step, found in (("bulk", bulk), ("atom", atom)) for each in found.warnings],
        formula=bulk.structure.composition.formula,
        bulk_energy=per_atom,
        atom_energy=atom.energy,
        cohesive_energy=atom.energy - per_atom,
    )
