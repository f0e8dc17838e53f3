"""The document of a comparison: the binding of an adatom on one surface less that on its own metal."""

from typing import Literal

from pydantic import Field

from anodeflow.core.part import Part
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow


class ComparedSurface(Part):
    """One of the two surfaces."""

    system: str = Field(description="Name of the system in the campaign.")
    document_id: str = Field(description="Id of its adsorption study.")
    site: int = Field(description="Number of its most stable site.")
    label: str = Field(description="Where the adatom came to rest there.")
    adsorption_energy: float = Field(description="E(slab+A) - E(slab), eV: the binding without its reference.")
    layers: int | None = Field(description="Atomic layers of the slab; none where the study does not say it.")
    width: float = Field(description="Distance between the adatom and its nearest image in the plane, Å.")


class MetalReferenceDoc(StudyDoc):
    """Binding energy of an adatom on a surface less that on its own metal: no isolated atom enters it."""

    study: Literal["metal_reference"] = "metal_reference"
    adsorbate: str = Field(description="Element of the adatom.")
    surface: ComparedSurface = Field(description="The surface.")
    metal: ComparedSurface = Field(description="The surface of the adatom's own metal.")
    binding_energy_vs_metal: float = Field(
        description="E_b(surface) - E_b(own metal), most stable sites, eV; negative: bound more strongly than on the "
        "metal itself. Neither sign says whether a layer wets the surface."
    )

    def rows(self) -> list[ResultRow]:
        """Return the difference."""
        label = f"{self.surface.label}; {self.metal.system}: {self.metal.label}"
        steps = ["adatom", "slab", "metal: adatom", "metal: slab"]
        return [self._row("binding_energy_vs_metal", self.binding_energy_vs_metal, "eV", steps, label)]
