"""The document of an interface: how the two crystals were matched, its relaxed structure, how strongly they hold."""

from typing import ClassVar, Literal

from pydantic import Field, computed_field
from pymatgen.core import Structure

from anodeflow.core.part import Part
from anodeflow.core.units import JOULE_PER_SQUARE_METRE
from anodeflow.structures.interface.candidate import InterfaceCandidate, Side
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.potentials import EnergiesOf
from anodeflow.studies.rows import ResultRow


class RegistryPoint(Part):
    """One lateral shift of the metal against the alloy, nothing relaxed."""

    shift: list[float] = Field(description="Shift in units of the two in-plane vectors of the cell (2,).")
    displacement: list[float] = Field(description="The same, Cartesian x and y (2,), Å.")
    copies: int = Field(default=1, description="Shifts of the grid that are equivalent to this one, itself included.")
    energy: float | None = Field(
        description="Energy relative to the lowest shift, eV per cell; none: the calculation failed, or was left out."
    )
    left_out: bool = Field(default=False, description="Whether a prescreen left it out.")


class MiddleLayer(Part):
    """The plane in the middle of one side, against the bulk strained as that side is."""

    side: Side = Field(description="alloy or metal.")
    layer: int = Field(description="Number of the plane, as in `layer` of the document.")
    coordination: float = Field(
        description="Neighbours of an atom, mean over the plane: atoms within 1.25 times the bulk's shortest distance."
    )
    bulk_coordination: float = Field(description="The same in the strained bulk.")
    neighbour_distance: float = Field(description="Mean distance to these neighbours, Å.")
    bulk_neighbour_distance: float = Field(description="The same in the strained bulk, Å.")
    like_bulk: bool = Field(description="Whether coordination (to 1) and distance (to 5 %) agree.")


class InterfaceDoc(StudyDoc):
    """One relaxed interface: alloy below, metal on top, vacuum above."""

    energies_of: ClassVar[EnergiesOf] = "interface"

    study: Literal["interface"] = "interface"
    alloy: str = Field(description="Name of the alloy.")
    metal: str = Field(description="Name of the metal.")
    number: int = Field(description="Number of the termination.")
    termination: str = Field(description="Planes that meet, alloy/metal: Li2Mg3/Li.")
    alloy_termination: str = Field(description="Composition of the alloy's plane at the interface.")
    metal_termination: str = Field(description="Composition of the metal's plane at the interface.")
    strained: Literal["metal", "alloy", "shared"] = Field(description="Which side takes the strain.")
    von_mises_strain: float = Field(description="Von Mises strain (a fraction) of the side that has more of it.")
    alloy_strain: list[float] = Field(description="Green-Lagrange strain xx, yy, xy of the alloy, in the plane.")
    metal_strain: list[float] = Field(description="Green-Lagrange strain xx, yy, xy of the metal, in the plane.")
    area: float = Field(description="Area of the cell, Å².")
    alloy_supercell: list[list[int]] = Field(description="Cell in units of the alloy's primitive surface cell (2, 2).")
    metal_supercell: list[list[int]] = Field(description="Cell in units of the metal's primitive surface cell (2, 2).")
    atoms: int = Field(description="Atoms of the cell.")
    initial_gap: float = Field(description="Distance of the two planes at the interface before the relaxation, Å.")
    gap: float = Field(description="The same after it, between the planes' mean heights, Å.")
    registry: list[RegistryPoint] = Field(description="Distinct lateral shifts that were tried.")
    best_registry: int = Field(description="Index in `registry` of the shift that was relaxed.")
    structure: Structure = Field(
        description="Relaxed interface: alloy below, metal on top, c along z, pbc in the plane only."
    )
    side: list[Side] = Field(description="Side of each atom of `structure`.")
    layer: list[int] = Field(
        description="Plane of each atom of `structure`, counted away from the interface before the relaxation: metal "
        "1, 2, 3 ..., alloy -1, -2, -3 ..."
    )
    energy: float = Field(description="Total energy of the relaxed interface, eV per cell.")
    free_energy: float = Field(description="Free energy of it, consistent with the forces, eV per cell.")
    alloy_slab_energy: float | None = Field(
        description="Energy of the alloy's side alone, relaxed in the same cell, eV; none: it failed."
    )
    metal_slab_energy: float | None = Field(
        description="Energy of the metal's side alone, relaxed in the same cell, eV; none: it failed."
    )
    converged: bool = Field(description="Whether the relaxation of the interface met its force threshold.")
    candidates: list[InterfaceCandidate] = Field(description="All ways that were considered, smallest strain first.")
    middle_layers: list[MiddleLayer] = Field(description="Middle planes of both sides against their bulks.")

    @computed_field(description="Energy to part both sides into relaxed slabs, J/m²; positive: they hold.")  # type: ignore[prop-decorator]
    @property
    def work_of_separation(self) -> float | None:
        """(E(alloy slab) + E(metal slab) - E(interface)) / area, J/m²; none where a slab is missing.

        M. W. Finnis, J. Phys.: Condens. Matter 8, 5811 (1996). All three have the same strain and the same cell.
        """
        if self.alloy_slab_energy is None or self.metal_slab_energy is None:
            return None
        parted = self.alloy_slab_energy + self.metal_slab_energy - self.energy
        return parted / self.area / JOULE_PER_SQUARE_METRE

    @property
    def metal_depth(self) -> int:
        """Number of the metal's planes."""
        return max(self.layer)

    def atoms_of(self, layer: int) -> list[int]:
        """Return the indices of the atoms of one plane."""
        return [index for index, number in enumerate(self.layer) if number == layer]

    def rows(self) -> list[ResultRow]:
        """Return the strain and, where both slabs were computed, the work of separation."""
        rows = [self._row("interface_strain", self.von_mises_strain, "", ["interface"], self.termination)]
        if self.work_of_separation is not None:
            steps = ["interface", "alloy slab", "metal slab"]
            rows.append(self._row("work_of_separation", self.work_of_separation, "J/m²", steps, self.termination))
        return rows
