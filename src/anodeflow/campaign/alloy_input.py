"""What a campaign file may say of alloys and their interfaces: systems and studies, each key with its default."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from anodeflow.campaign.systems import (
    LONGEST_NAME,
    NAME_OF_SYSTEM,
    StudyInput,
    known_element,
)
from anodeflow.core.errors import InputError
from anodeflow.structures.interface.interface_spec import InterfaceSpec


class InterfaceSystem(InterfaceSpec):
    """An interface of the campaign: a name, an alloy, the metal that it lies on, and how they are matched."""

    name: str = Field(
        min_length=1, max_length=LONGEST_NAME, pattern=NAME_OF_SYSTEM, description="Name in results: Li3Mg7/Li."
    )
    alloy: str = Field(description="Bulk: a catalogue name or a structure file (relative to the campaign file).")
    metal: str = Field(description="Bulk of the metal, in the same way.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the backend that differ for this interface and its bulks."
    )

    def interface_spec(self) -> InterfaceSpec:
        """Return the interface alone."""
        return InterfaceSpec(**{key: getattr(self, key) for key in InterfaceSpec.model_fields})


class InterfaceStudy(StudyInput):
    """A study on some interfaces."""

    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress"})

    interfaces: list[str] | Literal["all"] = Field(default="all", description="Names of interfaces, or all.")


class InterdiffusionStudy(InterfaceStudy):
    """Energy of the interface with one atom of the alloy exchanged with one of the metal, at rising depth."""

    element: str = Field(default="Mg", description="Element of the alloy whose atom goes into the metal.")
    depth: int = Field(default=5, ge=1, le=100, description="Planes of the metal that it goes into: 1 to depth.")
    samples: int = Field(
        default=3, ge=1, le=100, description="Pairs of atoms that are exchanged at each depth; median and range count."
    )
    dilute_width: float | None = Field(
        default=10.0,
        gt=0,
        le=100,
        description="Least distance, Å, of an atom to its image in the supercells of the dilute limit; none: it is not "
        "computed.",
    )
    there_and_back: bool = Field(
        default=False,
        description="Whether every exchange is undone and relaxed again, which must give the first energy.",
    )

    _element = field_validator("element")(known_element)


class VacancyStudy(InterfaceStudy):
    """A vacancy made in the alloy that moves into the metal, by the metal's atoms alone and with a helper's."""

    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress", "neb"})

    element: str = Field(default="Li", description="Element whose atom is taken out, and whose atoms hop.")
    helper: str = Field(default="Mg", description="Element of the atom that hops first on path II.")
    start: Literal["surface", "interface"] = Field(
        default="surface",
        description="Where the vacancy is made: the alloy's outermost layer with the element, or the one at the metal.",
    )
    steps: int = Field(
        default=4, ge=0, le=50, description="Hops of each path; 0: the vacancy is made, and moves nowhere."
    )
    samples: int = Field(default=2, ge=1, le=100, description="Places that are tried at each step; the lowest counts.")
    images: int = Field(default=5, ge=1, le=100, description="Images of a hop's path between its two ends.")
    paths: list[Literal["I", "II"]] = Field(default=["I", "II"], min_length=1, description="Paths: I, II.")
    barriers: bool = Field(default=True, description="Whether the barriers of the hops are computed.")

    _element = field_validator("element", "helper")(known_element)


class OrderingsStudy(StudyInput):
    """Lowest orderings of an alloy on simple host lattices."""

    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress"})

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

    @field_validator("composition")
    @classmethod
    def _formula(cls, formula: str) -> str:
        from anodeflow.structures.ordering.orderings import whole_formula

        try:
            whole_formula(formula)
        except InputError as error:
            raise ValueError(str(error)) from error
        return formula


class ElectrochemistryStudy(StudyInput):
    """Convex hull, voltages and capacities of a binary alloy, from all orderings studies of the campaign on it."""

    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress"})

    ion: str = Field(default="Li", description="Element that carries the charge.")
    partner: str = Field(default="Mg", description="The other element.")

    _element = field_validator("ion", "partner")(known_element)

    @model_validator(mode="after")
    def _two(self) -> "ElectrochemistryStudy":
        if self.ion == self.partner:
            raise ValueError("ion and partner are two elements")
        return self
