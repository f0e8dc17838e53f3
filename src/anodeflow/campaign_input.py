"""What a campaign file may say: surfaces and studies, each key with its default."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from anodeflow.structures.atom import BOX
from anodeflow.structures.spec import SlabSpec


class System(SlabSpec):
    """A surface of the campaign: a name, a bulk structure, and the slab that is cut from it."""

    name: str = Field(min_length=1, description="Name in results: Li(001).")
    structure: str = Field(description="Bulk: a catalogue name or a structure file (relative to the campaign file).")
    spin_polarized: bool = Field(
        default=False, description="Spin-polarise slab and adatom: for a radical on an insulator (Li on LiH)."
    )

    def slab_spec(self) -> SlabSpec:
        """Return the slab alone."""
        return SlabSpec(**{key: getattr(self, key) for key in SlabSpec.model_fields})


class AdsorptionStudy(BaseModel):
    """Binding of one adatom on all distinct sites of some surfaces."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress"})

    adsorbate: str = Field(default="Li", description="Element of the adatom.")
    systems: list[str] | Literal["all"] = Field(default="all", description="Names of systems, or all.")
    atom_box: tuple[float, float, float] = Field(default=BOX, description="Box of the isolated atom, Å.")

    @field_validator("adsorbate")
    @classmethod
    def _element(cls, symbol: str) -> str:
        from ase.data import atomic_numbers

        if symbol not in atomic_numbers or symbol == "X":
            raise ValueError(f"{symbol!r} is no chemical element")
        return symbol


class Study(BaseModel):
    """One entry of `studies`: the name of the study, and what it wants to know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adsorption: AdsorptionStudy | None = Field(default=None, description="Binding of an adatom.")

    @model_validator(mode="after")
    def _one(self) -> "Study":
        if len(self.model_fields_set) != 1 or self.adsorption is None:
            raise ValueError(
                f"each entry names one study with its settings; there is {', '.join(type(self).model_fields)}"
            )
        return self
