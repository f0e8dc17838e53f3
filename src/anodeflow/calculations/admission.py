"""Who may say that a calculation is left for later, and hears of every one that begins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anodeflow.backends.base import Backend
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request

Gate = Callable[[Backend, Request, str, CalculationFolder], None]
"""Called with backend, request, label and folder of a calculation that is not finished, before anything of it runs.
It raises :class:`~anodeflow.core.errors.BudgetSpentError` to leave the calculation for later."""
_gates: list[Gate] = []


@contextmanager
def guarded(gate: Gate) -> Iterator[None]:
    """Ask a gate before every calculation of this process while the context lasts."""
    _gates.append(gate)
    try:
        yield
    finally:
        _gates.remove(gate)


def ask(backend: Backend, request: Request, label: str, folder: CalculationFolder) -> None:
    """Ask all gates.

    Raises
    ------
    BudgetSpentError
        If one of them leaves the calculation for later.
    """
    for gate in _gates:
        gate(backend, request, label, folder)
