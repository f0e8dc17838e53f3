"""What a campaign file may tell a study of orderings."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from anodeflow.core.errors import InputError
from anodeflow.core.inputs import InputModel, each_once
from anodeflow.studies.inputs import StudyInput


class OrderingsShortlist(InputModel):
    """`prescreen: mlip`, or `prescreen: {backend: mlip, keep: 20, window: 0.015}`."""

    backend: str = Field(default="mlip", description="Backend that relaxes all orderings: a file's name or path.")
    keep: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Most orderings that are handed on to the campaign's backend; none: all.",
    )
    window: float = Field(
        default=0.015,
        ge=0,
        le=10,
        description="Energy above the lowest up to which they are, eV/atom.",
        json_schema_extra={"unit": "eV/atom"},
    )


class OrderingsInput(StudyInput):
    """Lowest orderings of an alloy on simple parent lattices."""

    naming: ClassVar[frozenset[str]] = frozenset({"composition"})

    composition: str = Field(description="Formula: Li3Mg7.")
    hosts: list[Literal["bcc", "fcc", "hcp"]] = Field(
        default=["bcc", "fcc", "hcp"], min_length=1, description="Parent lattices."
    )
    max_atoms: int = Field(
        default=10, ge=1, le=50, description="Most atoms of a cell.", json_schema_extra={"unit": "atoms"}
    )
    prescreen: OrderingsShortlist | None = Field(
        default=None,
        description="Backend that relaxes all orderings, and which of them the campaign's confirms; none: as rank_with "
        "and window say.",
    )
    rank_with: str = Field(default="mlip", description="`backend` of `prescreen`, as files called it at first.")
    window: float = Field(
        default=0.015,
        ge=0,
        le=10,
        description="`window` of `prescreen`, eV/atom, as files called it at first.",
        json_schema_extra={"unit": "eV/atom"},
    )
    keep: int = Field(default=3, ge=1, le=1000, description="How many of the lowest are kept.")
    sqs_atoms: int | None = Field(
        default=None,
        ge=2,
        le=500,
        description="Atoms of a special quasi-random structure on the lowest one's host; none: none.",
        json_schema_extra={"unit": "atoms"},
    )

    _once = field_validator("hosts")(each_once)

    @field_validator("prescreen", mode="before")
    @classmethod
    def _by_name(cls, prescreen: Any) -> Any:
        return {"backend": prescreen} if isinstance(prescreen, str) else prescreen

    @model_validator(mode="after")
    def _told_once(self) -> "OrderingsInput":
        first = {name: getattr(self, name) for name in ("rank_with", "window")}
        twice = [name for name, value in first.items() if value != type(self).model_fields[name].default]
        if self.prescreen is not None and twice:
            raise ValueError(f"prescreen says what {' and '.join(twice)} would: leave {' and '.join(twice)} out")
        return self

    @property
    def shortlist(self) -> OrderingsShortlist:
        """Backend that ranks, and how much of what it finds is handed on."""
        return self.prescreen or OrderingsShortlist(backend=self.rank_with, window=self.window)

    @field_validator("composition")
    @classmethod
    def _formula(cls, formula: str) -> str:
        from anodeflow.structures.ordering.orderings import whole_formula

        try:
            whole_formula(formula)
        except InputError as error:
            raise ValueError(str(error)) from error
        return formula
