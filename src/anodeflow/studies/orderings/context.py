"""What a study of orderings tells its jobs."""

from dataclasses import dataclass
from typing import ClassVar

from anodeflow.studies.context import StudyContext


@dataclass(frozen=True, kw_only=True)
class OrderingsContext(StudyContext):
    """What is asked of the orderings of one alloy.

    Attributes
    ----------
    formula
        Composition of the alloy.
    hosts, max_atoms
        Host lattices, and most atoms of a cell.
    window
        Orderings within this of the lowest are confirmed, eV/atom.
    keep
        How many of the lowest are kept.
    sqs_atoms
        Atoms of a special quasi-random structure; none: none is made.
    confirm_at_most
        Most orderings that are confirmed; none: all within the window.
    volumes
        Element -> volume of an atom in its bulk, Å³, by the ranking backend; none: not known yet.
    enumerated
        Host lattice -> number of orderings; none: not known yet.
    """

    unsaid: ClassVar[tuple[str, ...]] = ("confirm_at_most", "volumes", "enumerated")

    formula: str
    hosts: list[str]
    max_atoms: int
    window: float
    keep: int
    sqs_atoms: int | None
    confirm_at_most: int | None = None
    volumes: dict[str, float] | None = None
    enumerated: dict[str, int] | None = None
