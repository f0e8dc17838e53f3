"""A rehearsal: the jobs of a flow run, and their calculations are noted instead of made.

What a rehearsed calculation gives is the structure that went in, at an energy of zero: enough for jobs that build the
next structures from it, and nothing for those that decide on energies.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.request import Request
from anodeflow.core.address import content_hash
from anodeflow.core.errors import CalculationError


class NotRehearsedError(CalculationError):
    """What comes after a calculation depends on its energies, which a rehearsal does not have."""


class Named(Protocol):
    """A backend, as far as a rehearsal knows it."""

    @property
    def name(self) -> str: ...
    @property
    def code(self) -> str: ...


@dataclass(frozen=True)
class Rehearsed:
    """A calculation that was asked for.

    Attributes
    ----------
    label
        What it is, for people.
    request
        What is asked of the backend.
    by
        The backend.
    """

    label: str
    request: Request
    by: Named


_NOTES: ContextVar[list[Rehearsed] | None] = ContextVar("rehearsal", default=None)


def rehearsing() -> bool:
    """Return whether calculations are noted instead of made."""
    return _NOTES.get() is not None


@contextmanager
def rehearsal() -> Iterator[list[Rehearsed]]:
    """Note the calculations that are asked for within the context, and make none."""
    notes: list[Rehearsed] = []
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def rehearse(backend: Named, request: Request, label: str) -> CalculationDoc | None:
    """Note a calculation and return a document with its structure as it is; none outside a rehearsal.

    Raises
    ------
    NotRehearsedError
        For a path or its modes: what comes after them depends on energies.
    """
    notes = _NOTES.get()
    if notes is None:
        return None
    structure = request.structure
    notes.append(Rehearsed(label, request, backend))
    if request.task not in ("relax", "relax_cell", "static", "density"):
        raise NotRehearsedError(f"{label}: a rehearsal does not say what comes after it.")
    return CalculationDoc(
        id=content_hash({"rehearsed": label}),
        task=request.task,
        label=label,
        backend=backend.name,
        code=backend.code,
        code_version="",
        settings={},
        settings_hash="",
        formula=structure.composition.formula,
        initial_structure=structure,
        structure=structure,
        energy=0.0,
        free_energy=0.0,
        forces=[[0.0, 0.0, 0.0]] * len(structure),
        max_force=0.0,
        converged=True,
        ionic_steps=0,
        force_evaluations=0,
        wall_time=0.0,
        directory="",
        finished_at="",
    )
