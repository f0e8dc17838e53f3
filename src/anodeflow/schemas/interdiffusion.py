"""The document of an interdiffusion study: an atom of the alloy at growing depth in the metal."""

from typing import Literal

from pydantic import BaseModel, Field, computed_field
from pymatgen.core import Structure

from anodeflow.schemas.rows import ResultRow
from anodeflow.schemas.study import StudyDoc


class ExchangePoint(BaseModel):
    """The relaxed interface with one atom of the alloy exchanged with one of the metal."""

    depth: int = Field(description="Plane of the metal that the atom was put into, 1 at the interface.")
    sample: int = Field(description="Which of several places in that plane, from 1.")
    partner: str = Field(description="Element that took its place in the alloy.")
    alloy_atom: int = Field(description="Index of the place that it left.")
    metal_atom: int = Field(description="Index of the place that it went to.")
    lateral: float = Field(description="Distance between both places in the plane, Å.")
    exchange_energy: float = Field(description="E(exchanged) - E(pristine interface), both relaxed, eV.")
    return_energy: float | None = Field(
        default=None,
        description="E(exchanged back and relaxed once more) - E(pristine interface), eV; 0 if the exchange has "
        "changed nothing else; none: not computed.",
    )
    converged: bool = Field(description="Whether the relaxation met its force threshold.")
    final_layer: int = Field(description="Plane in which the atom came to rest: metal 1, 2 ..., alloy -1, -2 ...")
    rearranged: int = Field(
        default=0,
        description="Other atoms that went further than half of a nearest-neighbour distance in the relaxation; more "
        "than 0: the interface itself has changed, and the energy is not that of the exchange alone.",
    )
    lowest: bool = Field(description="Whether it is the lowest of the samples at its depth.")
    structure: Structure = Field(description="Relaxed interface, atoms in the order of the pristine one.")

    @property
    def stayed(self) -> bool:
        """Whether the atom rests in the plane that it was put into."""
        return self.final_layer == self.depth

    @property
    def step(self) -> str:
        """Name of its calculation."""
        return f"depth {self.depth}" + (f", sample {self.sample}" if self.sample > 1 else "")


class InterdiffusionDoc(StudyDoc):
    """Energies of one atom of the alloy in plane after plane of the metal, relative to the pristine interface."""

    study: Literal["interdiffusion"] = "interdiffusion"
    element: str = Field(description="Element that moves.")
    alloy: str = Field(description="Name of the alloy.")
    metal: str = Field(description="Name of the metal.")
    interface_document_id: str = Field(description="Id of the interface's document.")
    termination: str = Field(description="Planes that meet at the interface, alloy/metal.")
    von_mises_strain: float = Field(description="Von Mises strain of the interface (a fraction).")
    metal_layers: int = Field(description="Planes of the metal; the last one is its free surface.")
    near_surface: int = Field(description="Planes at that face, itself included, that make no plateau.")
    initial_layer: int = Field(description="Plane of the alloy that the atom leaves, -1 at the interface.")
    pristine: Structure = Field(description="The relaxed interface: alloy below, metal on top, c along z.")
    layer: list[int] = Field(
        description="Plane of each atom of it: metal 1, 2, 3 ... away from the interface, alloy -1, -2 ..."
    )
    pristine_energy: float = Field(description="Energy of the relaxed interface, eV per cell.")
    points: list[ExchangePoint] = Field(description="All exchanges, from the interface into the metal.")
    plateau: list[int] = Field(
        description="Depths of the deepest plateau: successive ones whose energies agree within `plateau_tolerance`; "
        "empty: there is none."
    )
    plateau_tolerance: float = Field(description="Largest difference of energies on a plateau, eV.")

    @property
    def lowest(self) -> list[ExchangePoint]:
        """The lowest exchange at each depth, from the interface into the metal."""
        return [point for point in self.points if point.lowest]

    @computed_field(description="Mean energy on the plateau, eV; negative: the atom is driven in.")  # type: ignore[prop-decorator]
    @property
    def driving_force(self) -> float | None:
        """Mean exchange energy on the plateau, eV; negative: the atom is driven into the metal; none: no plateau."""
        energies = [point.exchange_energy for point in self.lowest if point.depth in self.plateau]
        return sum(energies) / len(energies) if energies else None

    def rows(self) -> list[ResultRow]:
        """Return one exchange energy a depth and, where there is a plateau, the driving force."""
        rows = [
            self._row("exchange_energy", point.exchange_energy, "eV", [point.step, "interface"], f"depth {point.depth}")
            for point in self.lowest
        ]
        if self.driving_force is not None:
            steps = [point.step for point in self.lowest if point.depth in self.plateau]
            label = f"depths {self.plateau[0]} to {self.plateau[-1]}"
            rows.append(self._row("driving_force", self.driving_force, "eV", [*steps, "interface"], label))
        return rows
