"""The relaxation of a variant of a minimum that is known, by a Maker with or without a prescreen."""

from jobflow import Flow, Job, Maker
from pymatgen.core import Structure

from anodeflow.calculations.screening_document import PrescreenRecord
from anodeflow.core.jobs import named
from anodeflow.screening.makers import PrescreenedRelaxMaker


def relaxation(
    maker: Maker, structure: Structure, label: str, near: Structure, record: PrescreenRecord | None, **asked: bool
) -> Flow | Job:
    """Return the relaxation of a variant of `near`, by a Maker with or without a prescreen, under its label."""
    if isinstance(maker, PrescreenedRelaxMaker):
        return maker.make(structure, label, near, record, **asked)
    return named(maker.make(structure, label=label), label)
