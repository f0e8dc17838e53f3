"""What a campaign file may tell a study of orderings."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from anodeflow.core.errors import InputError
from anodeflow.core.inputs import each_once
from anodeflow.studies.base import StudyInput


class OrderingsInput(StudyInput):
    """Lowest orderings of an alloy on simple host lattices."""

    naming: ClassVar[frozenset[str]] = frozenset({"composition"})

    composition: str = Field(description="Formula: Li3Mg7.")
    hosts: list[Literal["bcc", "fcc", "hcp"]] = Field(
        default=["bcc", "fcc", "hcp"], min_length=1, description="Host lattices."
    )
    max_atoms: int = Field(default=10, ge=1, le=50, description="Most atoms of a cell.")
    rank_with: str = Field(
        default="mlip",
        description="Backend that relaxes all orderings; the campaign's confirms those close to the lowest.",
    )
    window: float = Field(
        default=0.015, ge=0, le=10, description="Orderings within this of the lowest are confirmed, eV/atom."
    )
    keep: int = Field(default=3, ge=1, le=1000, description="How many of the lowest are kept.")
    sqs_atoms: int | None = Field(
        default=None,
        ge=2,
        le=500,
        description="Atoms of a special quasi-random structure on the lowest one's host; none: none.",
    )

    _once = field_validator("hosts")(each_once)

    @field_validator("composition")
    @classmethod
    def _formula(cls, formula: str) -> str:
        from anodeflow.structures.ordering.orderings import whole_formula

        try:
            whole_formula(formula)
        except InputError as error:
            raise ValueError(str(error)) from error
        return formula
