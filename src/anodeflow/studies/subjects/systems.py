"""What a campaign file may say of its surfaces and interfaces, each key with its default."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from anodeflow.core.inputs import NAME_OF_ONE_LINE, plain_name
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.slab.spec import SlabSpec

LONGEST_NAME = 100
"""Most characters of a name: files of reports are called after it."""


def system_name(name: str) -> str:
    """Return the name of a system or an interface; a validator of fields.

    Raises
    ------
    ValueError
        If it looks like another one, or means every system.
    """
    if name == "all":
        raise ValueError("all means every system: choose another name")
    return plain_name(name)


class System(SlabSpec):
    """A surface of the campaign: a name, a bulk structure, and the slab that is cut from it."""

    name: str = Field(
        min_length=1, max_length=LONGEST_NAME, pattern=NAME_OF_ONE_LINE, description="Name in results: Li(001)."
    )
    structure: str | list[str] = Field(
        description="Bulk: a catalogue name, a structure file (relative to the campaign file) or a crystal of an "
        "OPTIMADE provider (mp-149, optimade:PROVIDER/ID); or a list of them, each a surface of its own: the lowest "
        "orderings of an alloy."
    )
    spin_polarized: bool = Field(
        default=False, description="Spin-polarise slab and adatom: for a radical on an insulator (Li on LiH)."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the backend that differ for this surface: its bulk, slab and adatoms.",
    )

    _plain = field_validator("name")(system_name)

    @field_validator("structure")
    @classmethod
    def _distinct(cls, structure: str | list[str]) -> str | list[str]:
        if isinstance(structure, list) and (not structure or len(set(structure)) < len(structure)):
            raise ValueError("the list of structures names at least one, and none of them twice")
        stems = [Path(name).stem for name in structure] if isinstance(structure, list) else []
        for place, stem in enumerate(stems):
            if stem in stems[:place]:
                other = structure[stems.index(stem)]
                raise ValueError(
                    f"{other} and {structure[place]} would both be called {stem} in results: rename one of the files"
                )
        return structure

    @property
    def structures(self) -> list[str]:
        """Names of its bulks, one or several."""
        return [self.structure] if isinstance(self.structure, str) else self.structure

    def slab_spec(self) -> SlabSpec:
        """Return the slab alone."""
        return SlabSpec(**{key: getattr(self, key) for key in SlabSpec.model_fields})


class InterfaceSystem(InterfaceSpec):
    """An interface of the campaign: a name, an alloy, the metal that it lies on, and how they are matched."""

    name: str = Field(
        min_length=1, max_length=LONGEST_NAME, pattern=NAME_OF_ONE_LINE, description="Name in results: Li3Mg7/Li."
    )
    alloy: str = Field(
        description="Bulk: a catalogue name, a structure file (relative to the campaign file) or mp-149, "
        "optimade:PROVIDER/ID."
    )
    metal: str = Field(description="Bulk of the metal, in the same way.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the backend that differ for this interface and its bulks."
    )

    _plain = field_validator("name")(system_name)

    def interface_spec(self) -> InterfaceSpec:
        """Return the interface alone."""
        return InterfaceSpec(**{key: getattr(self, key) for key in InterfaceSpec.model_fields})
