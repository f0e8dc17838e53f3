"""A search for hops that looks at the lowest modes of their saddles."""

from abc import abstractmethod
from typing import Any

from pydantic import Field
from pymatgen.core import Structure

from anodeflow.calculations.modes_document import RestRecord
from anodeflow.studies.shared.hops import Dip, WaitingHops


class SaddleSearch(WaitingHops):
    """A search for hops that looks at the lowest modes of their saddles."""

    saddles: list[int] = Field(
        default_factory=list, description="Indices of the hops of whose saddle the lowest modes are to be computed."
    )
    rests: dict[str, RestRecord] = Field(
        default_factory=dict, description="Index of a hop -> energies and forces of its highest image."
    )
    downhill: dict[str, list[Structure]] = Field(
        default_factory=dict, description="Index of a hop -> its path, pushed off a saddle of second order."
    )
    followed: dict[str, int] = Field(
        default_factory=dict, description="Index of a hop -> how often it was followed down from such a saddle."
    )
    finer: dict[str, list[Structure]] = Field(
        default_factory=dict,
        description="Index of a hop -> its path, which has no saddle, to be relaxed further.",
    )
    tops: dict[str, int] = Field(
        default_factory=dict,
        description="Index of a hop -> its highest image, which has no negative mode and may be a minimum.",
    )
    refined: list[int] = Field(default_factory=list, description="Indices of the hops that were relaxed further so.")

    @abstractmethod
    def total_energy(self, end: int) -> float:
        """Return the total energy of an end of hops, eV."""

    def modes_step(self, index: int) -> str:
        """Return the name of the step that finds the lowest modes of a hop's saddle."""
        return f"modes of {self.step_of(index)}"

    def goes_on(self, index: int) -> bool:
        """Return whether a hop that waits goes on from the path that it has (:func:`once_more`)."""
        return str(index) in self.downhill or str(index) in self.finer

    def dip(self, index: int, image: int) -> Dip:
        """Return where an image of the path that a hop has lies (:meth:`WaitingHops.dip`)."""
        return Dip(image, at_top=True) if self.tops.get(str(index)) == image else super().dip(index, image)

    def _forget(self, hop: Any) -> None:
        super()._forget(hop)
        self.calculation_ids.pop(self.modes_step(hop.index), None)  # they are those of its saddle of second order
        self.rests.pop(str(hop.index), None)

    def new_saddles(self) -> list[int]:
        """Return the indices of the hops of whose saddle the lowest modes are to be computed, and forget the others."""
        self.saddles = [index for index in dict.fromkeys(self.saddles) if self.hops[index].state == "done"]
        return self.saddles
