"""The document of a surface energy: what one termination costs per area."""

from typing import ClassVar, Literal

from pydantic import Field

from anodeflow.core.units import JOULE_PER_SQUARE_METRE
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.potentials import EnergiesOf
from anodeflow.studies.rows import ResultRow

OTHER = "other element"
"""Step of the bulk of the element whose chemical potential is what is left of the compound's energy."""


class SurfaceEnergyDoc(StudyDoc):
    """Energy of one termination per area, in equilibrium with the bulk and, for a compound, with a bulk metal."""

    energies_of: ClassVar[EnergiesOf] = "face"
    study: Literal["surface_energy"] = "surface_energy"
    formula: str = Field(description="Formula of the slab.")
    crystal: str = Field(
        default="", description="Reduced formula of the crystal; empty in documents made before it was kept."
    )
    miller: tuple[int, int, int] = Field(description="Miller indices as they were asked for.")
    termination: str = Field(description="Composition of the outermost plane.")
    layers: int = Field(description="Atomic planes of the slab; both faces are alike.")
    fixed_layers: int = Field(description="Planes held at the bottom; 0: both faces were relaxed.")
    area: float = Field(description="Area of one face of the cell, Å².")
    metal: str | None = Field(description="Element whose bulk sets its chemical potential; none: a pure metal.")
    chemical_potentials: dict[str, float] = Field(description="Element -> chemical potential, eV/atom.")
    formation_energy: float | None = Field(
        default=None,
        description="Formation energy of the compound from the bulks of its elements, eV/atom; none: a pure metal, or "
        "the campaign has no bulk of the other element.",
    )
    excess: float = Field(
        description="Atoms of `metal` per area of one face beyond the composition of the bulk, Å⁻²: the surface energy "
        "falls by so much per eV by which its chemical potential rises. 0 for a pure metal."
    )
    slab_energy: float = Field(description="Energy of the relaxed slab, eV.")
    ideal_energy: float | None = Field(
        description="Energy of the slab as cut from the bulk, eV; none: nothing was held, so it is not needed."
    )
    surface_energy: float = Field(description="Energy of the relaxed face per area, eV/Å².")
    unrelaxed: float | None = Field(description="Energy of the face as cut from the bulk, eV/Å²; none: not computed.")
    converged: bool = Field(description="Whether the relaxation of the slab met its force threshold.")

    def rows(self) -> list[ResultRow]:
        """Return the surface energy in both units, and that of the face as cut."""
        steps = [step for step in self.calculation_ids if step != OTHER]  # of which the caveats alone are
        joule = self.surface_energy / JOULE_PER_SQUARE_METRE
        rows = [
            self._row("surface_energy", joule, "J/m²", steps, self.termination),
            self._row("surface_energy_ev", self.surface_energy, "eV/Å²", steps, self.termination),
        ]
        if self.unrelaxed is not None:
            ideal = [step for step in steps if step != "slab"]
            value = self.unrelaxed / JOULE_PER_SQUARE_METRE
            rows.append(self._row("surface_energy_unrelaxed", value, "J/m²", ideal, self.termination))
        return rows
