"""The document of a work function: what it takes to bring an electron from a slab into the vacuum, on either side."""

from typing import Literal

from pydantic import Field

from anodeflow.calculations.document import PlanarPotential
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow


class WorkFunctionDoc(StudyDoc):
    """Potential in the vacuum over each face of a slab less the Fermi level."""

    study: Literal["work_function"] = "work_function"
    formula: str = Field(description="Formula of the slab.")
    miller: tuple[int, int, int] = Field(description="Miller indices as they were asked for.")
    termination: str = Field(description="Composition of the outermost plane on top.")
    layers: int = Field(description="Atomic planes of the slab.")
    fixed_layers: int = Field(description="Planes held at the bottom, as in the bulk; 0: both faces were relaxed.")
    fermi_level: float = Field(description="Fermi level on the scale of the potential, eV.")
    vacuum_level_top: float = Field(description="Potential energy of an electron in the vacuum over the top, eV.")
    vacuum_level_bottom: float = Field(description="The same under the bottom, eV.")
    slope_top: float = Field(description="How the potential still rises there with the height, eV/Å; 0: flat.")
    slope_bottom: float = Field(description="The same under the bottom, eV/Å.")
    potential: PlanarPotential = Field(description="Potential averaged over planes, through the whole cell.")
    planes: list[float] = Field(description="Heights of the atoms, each once, Å.")
    work_function_top: float = Field(description="Work function of the face on top, eV.")
    work_function_bottom: float = Field(description="Work function of the face at the bottom, eV.")

    def rows(self) -> list[ResultRow]:
        """Return the work functions of both faces."""
        steps = ["potential", "slab"]
        return [
            self._row("work_function", self.work_function_top, "eV", steps, "top"),
            self._row("work_function", self.work_function_bottom, "eV", steps, "bottom"),
        ]
