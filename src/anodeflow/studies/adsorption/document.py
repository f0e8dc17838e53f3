"""The document of an adsorption study."""

from typing import Literal

from pydantic import Field, computed_field, model_validator
from pymatgen.core import Structure

from anodeflow.core.caveats import Subject
from anodeflow.core.part import Part
from anodeflow.structures.sites.adatom import AdatomState
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow


class AdsorbedSite(Part):
    """One adsorption site before and after its relaxation."""

    site: int = Field(description="Number of the site among those of the slab.")
    label: str = Field(description="Site where the adatom was put: fourfold hollow, fcc hollow ...")
    multiplicity: int = Field(description="Symmetry-equivalent sites in the cell.")
    initial_position: list[float] = Field(description="Where the adatom was put, Cartesian, Å.")
    final_position: list[float] = Field(description="Where it came to rest, Cartesian, Å.")
    final_label: str = Field(description="Site where it came to rest: fourfold hollow, fcc hollow ...")
    coordination: int = Field(description="Neighbours of the adatom at rest.")
    neighbours: dict[str, int] = Field(description="Element -> number of neighbours of the adatom at rest.")
    height: float = Field(description="Height of the adatom over the outermost surface atoms' mean plane, Å.")
    displacement: float = Field(description="Lateral distance between start and rest, minimum image, Å.")
    state: AdatomState = Field(description="stayed, moved, sunk, exchanged or desorbed.")
    converged: bool = Field(description="Whether the relaxation met its force threshold.")
    merged_into: int | None = Field(
        default=None, description="Number of the site whose minimum this one fell into; none: its own minimum."
    )
    binding_energy: float = Field(description="E(slab+A) - E(slab) - E(isolated atom A), eV; negative: bound.")
    binding_energy_bulk: float = Field(
        description="E(slab+A) - E(slab) - E(bulk A) per atom, eV. Its sign does not say whether a layer wets the "
        "surface: a lone adatom lacks neighbours, on its own metal too."
    )
    structure: Structure = Field(description="Slab with the adatom (its last atom) at rest.")
    magnetic_moment: float | None = Field(
        default=None, description="Total moment of slab and adatom, µB; none without spin polarisation."
    )
    entropy_term: float | None = Field(
        default=None,
        description="Entropy of smearing in the binding energy, eV: that of extrapolated energies minus that of free "
        "energies; none in documents made before it was kept.",
    )

    @property
    def step(self) -> str:
        """Name of its calculation."""
        return str(site_step(self.site))


def site_step(number: int) -> Subject:
    """Return the step that relaxes the adatom at a site."""
    return Subject("site", number)


class AdsorptionDoc(StudyDoc):
    """Binding of one adatom to one surface, at all its distinct sites."""

    study: Literal["adsorption"] = "adsorption"
    adsorbate: str = Field(description="Element of the adatom.")
    formula: str = Field(description="Formula of the slab.")
    miller: tuple[int, int, int] = Field(description="Miller indices of the surface.")
    termination: str = Field(default="", description="Which termination of the plane.")
    slab: Structure = Field(description="Relaxed clean slab.")
    crystal_axes: list[list[float]] | None = Field(
        default=None,
        description="Axes of the Miller indices as the crystal stands in the slab, three vectors (3, 3), Å; none in "
        "documents made before they were kept.",
    )
    surface_atoms: int = Field(description="Atoms of the clean slab.")
    layers: int | None = Field(
        default=None, ge=1, description="Atomic layers of the slab; none in documents made before it was kept."
    )
    fixed_layers: int | None = Field(
        default=None, description="Bottom layers held fixed; none in documents made before it was kept."
    )
    sites: list[AdsorbedSite] = Field(description="All sites, in the order of the builder.")
    most_stable: int = Field(description="Index in `sites` of the lowest energy among adsorbed adatoms.")
    slab_energy: float = Field(description="Energy of the relaxed clean slab, eV per cell.")
    atom_energy: float = Field(description="Energy of the isolated, spin-polarised atom, eV.")
    bulk_energy: float = Field(description="Energy of the bulk of the adsorbate's element, eV/atom.")
    atom_reference_reliable: bool = Field(
        description="False where the backend is known to be poor for isolated atoms (MLIPs): then "
        "binding_energy is not to be used."
    )

    @model_validator(mode="after")
    def _has_its_best_site(self) -> "AdsorptionDoc":
        if not 0 <= self.most_stable < len(self.sites):
            raise ValueError(f"most_stable is {self.most_stable}, and there are {len(self.sites)} sites")
        return self

    @computed_field(description="Binding energy of the most stable site against the isolated atom, eV.")  # type: ignore[prop-decorator]
    @property
    def binding_energy(self) -> float:
        """Binding energy of the most stable site, eV; negative: bound."""
        return self.sites[self.most_stable].binding_energy

    @computed_field(description="Binding energy of the most stable site against the bulk, eV.")  # type: ignore[prop-decorator]
    @property
    def binding_energy_bulk(self) -> float:
        """Binding energy of the most stable site against an atom of the bulk, eV."""
        return self.sites[self.most_stable].binding_energy_bulk

    def site_steps(self) -> set[str]:
        """Return the names of the steps that relaxed the adatom at a site, those of a potential among them."""
        steps = {each.step for each in self.sites}
        if self.prescreen is not None:
            steps |= {each.step for each in self.prescreen.candidates}
            steps |= {str(Subject(step).by(self.prescreen.backend)) for step in steps}
        return steps

    def rows(self) -> list[ResultRow]:
        """Return the two binding energies of the most stable site."""
        best = self.sites[self.most_stable]
        step, site = f"site {best.site}", ("site", best.site)
        label, against_bulk = best.final_label, best.binding_energy_bulk
        return [
            self._row("binding_energy", best.binding_energy, "eV", [step, "slab", "atom"], label, part=site),
            self._row("binding_energy_bulk", against_bulk, "eV", [step, "slab", "bulk"], label, part=site),
        ]

    def compared_rows(self) -> list[ResultRow]:
        """Return both energies of every site, labelled by where the adatom was put: backends may prefer other sites."""
        return [
            row.model_copy(
                update={
                    "label": f"site {site.site}, {site.label}",
                    "part_number": site.site,
                    "value": getattr(site, row.property),
                }
            )
            for site in self.sites
            for row in self.rows()
        ]
