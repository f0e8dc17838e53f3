"""What a job that decides on energies declares: the calculations that it is going to ask for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from anodeflow.calculations.document import Task

_DECLARED = "anodeflow_expects"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Expected:
    """Calculations that a job is going to ask for.

    Attributes
    ----------
    label
        What they are, after the name of the system and a colon.
    task
        What is to be done.
    atoms
        Number of atoms.
    after
        Labels of the calculations that they wait for; none: for all that the job waits for.
    number
        How many there are; none: as many as the run finds.
    prescreen
        Name of the potential that does it before DFT; empty: the backend does it.
    """

    label: str
    task: Task
    atoms: int
    after: tuple[str, ...] | None = None
    number: int | None = None
    prescreen: str = ""


class Told(Protocol):
    """The arguments of a job in a rehearsal, by name; none where one is not known before the run."""

    def __getitem__(self, name: str, /) -> Any: ...

    def atoms(self, name: str = "") -> int:
        """Return the number of atoms of the largest calculation that an argument waits for; without a name: any."""


Declaration = Callable[[Told], Iterable[Expected]]
"""From the arguments of a job to what it is going to ask for."""


def expects(what: str | Declaration, task: Task = "relax") -> Callable[[F], F]:
    """Declare, below ``@job``, that a function decides on energies, and what calculations it is going to ask for.

    Parameters
    ----------
    what
        Their label in a plan, after the name of the system: `hops between its minima`; or a function that tells from
        the arguments of the job what there will be.
    task
        Their task, where `what` is a label.
    """

    def declare(function: F) -> F:
        setattr(function, _DECLARED, (what, task))
        return function

    return declare


def declared(function: Any) -> tuple[str | Declaration, Task] | None:
    """Return what a function declared; none: it does not decide on energies."""
    found: tuple[str | Declaration, Task] | None = getattr(function, _DECLARED, None)
    return found


def screened(
    label: str, task: Task, atoms: int, by: str, after: tuple[str, ...] | None = None, number: int | None = None
) -> list[Expected]:
    """Return a calculation of DFT, after that of the potential called `by`, if one goes before."""
    if not by:
        return [Expected(label, task, atoms, after, number)]
    first = Expected(f"{label} [{by}]", task, atoms, after, number, prescreen=by)
    return [first, Expected(label, task, atoms, (first.label,), number)]
