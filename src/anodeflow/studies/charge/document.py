"""The document of a charge-transfer study."""

from statistics import median
from typing import ClassVar, Literal

from pydantic import Field
from pymatgen.core import Structure

from anodeflow.core.grid import CompactGrid
from anodeflow.core.part import Part
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow

_ONE_PLANE = 0.5  # Å
_TOUCHES = 1.2  # times the distance of the nearest surface atom to the adatom


class NonNuclearBasin(Part):
    """A Bader basin whose density maximum is no nucleus; found between the atoms of Li metal."""

    position: list[float] = Field(description="Position of the maximum, Cartesian, Å.")
    electrons: float = Field(description="Electrons in the basin.")
    nearest_atom: int = Field(description="Index of the atom that is nearest to the maximum.")
    distance: float = Field(description="Distance to it, Å.")


class ChargeDifference(Part):
    """rho(slab + A) - rho(slab at the same positions) - rho(A at the same position), on one grid."""

    integral: float = Field(description="Integral over the cell, e; 0 but for numerical noise.")
    accumulated: float = Field(description="Integral of its positive part: electrons that changed place.")
    z: list[float] = Field(description="Heights of the grid planes, Å.")
    planar_average: list[float] = Field(description="Integral over each plane, e/Å; positive: accumulation.")
    isovalue: float = Field(
        description="Value of the isosurfaces drawn, e/Å³: half of all changes take place where the absolute "
        "difference is larger."
    )
    grid: CompactGrid = Field(
        description="The difference near the surface, e/Å³; positive: accumulation. In the plane it holds the whole "
        "cell once, without the points at which it begins again."
    )
    cube_file: str = Field(
        description="Gaussian cube file with the whole grid (e/bohr³, bohr), on the machine of the run."
    )


def ordinary_atoms(structure: Structure, donated: list[float]) -> dict[str, float]:
    """Return what an ordinary surface atom of each element gives away.

    Parameters
    ----------
    structure
        Slab with the adatom, its last atom.
    donated
        Electrons that each atom gives away, e.

    Returns
    -------
    dict
        Element -> median over its highest atoms (within 0.5 Å of the topmost) that do not touch the adatom, or over all
        of them if all do, e.
    """
    adatom, found = structure[-1], {}
    for element in sorted({site.specie.symbol for site in structure[:-1]}):
        members = [i for i, site in enumerate(structure[:-1]) if site.specie.symbol == element]
        top = max(structure[i].z for i in members)
        highest = [i for i in members if structure[i].z > top - _ONE_PLANE]
        apart = {i: structure[i].distance(adatom) for i in highest}
        others = [i for i in highest if apart[i] > _TOUCHES * min(apart.values())] or highest
        found[element] = float(median(donated[i] for i in others))
    return found


class ChargeDoc(StudyDoc):
    """Bader partition and charge-density difference of the most stable adatom on one surface."""

    former = ("ChargeTransferDoc",)

    study: Literal["charge"] = "charge"
    large: ClassVar[tuple[str, ...]] = ("difference.grid",)

    adsorbate: str = Field(description="Element of the adatom.")
    site: int = Field(description="Number of the adsorption site, that of the adsorption study.")
    site_label: str = Field(description="Site where the adatom rests: fourfold hollow, fcc hollow ...")
    structure: Structure = Field(description="Relaxed slab with the adatom (its last atom).")
    charge_donated: float = Field(
        description="Electrons that the adatom gives away, e: electrons of the free atom minus those in the adatom's "
        "basin; negative: it accepts."
    )
    charge_donated_coarse: float | None = Field(
        default=None, description="The same on a grid half as fine, e: the grid's error shows in the difference."
    )
    shoulder_electrons: float = Field(
        default=0.0,
        description="Electrons of the adatom's basin around a maximum beside it that is hardly one (the dip is "
        "below 0.3 %): a partition of the last digit would call them non-nuclear.",
    )
    atom_electrons: list[float] = Field(description="Electrons in the basin of each atom, core electrons included.")
    atom_donated: list[float] = Field(description="Electrons that each atom gives away, e; negative: it accepts.")
    surface_donated: dict[str, float] = Field(
        default_factory=dict,
        description="Element -> electrons that an ordinary surface atom of it gives away, e: what the adatom compares "
        "with; empty only in documents made before it was kept.",
    )
    non_nuclear_basins: list[NonNuclearBasin] = Field(
        description="Basins that belong to no atom, never spread over atoms."
    )
    vacuum_electrons: float = Field(
        default=0.0, description="Electrons in no basin: in the tail of the density that fades into the vacuum."
    )
    total_electrons: float = Field(description="Electrons of the cell: the sum of all atomic numbers.")
    partition_error: float = Field(description="Sum of all basins minus `total_electrons`, e.")
    equivalent_spread: float = Field(description="Largest difference between atoms that symmetry makes equal, e.")
    program: str = Field(description="Program of the partition, with its version.")
    method: str = Field(description="Its algorithm.")
    grid_shape: tuple[int, int, int] = Field(description="Points of the density grid.")
    grid_spacing: float = Field(description="Largest distance between neighbouring grid points, Å.")
    difference: ChargeDifference = Field(description="Charge-density difference.")

    @property
    def non_nuclear_electrons(self) -> float:
        """Electrons in all non-nuclear basins."""
        return float(sum(basin.electrons for basin in self.non_nuclear_basins))

    @property
    def charge_donated_shoulder_apart(self) -> float | None:
        """The adatom's charge with its shoulder counted as a basin of its own, e; none where it has no shoulder."""
        return self.charge_donated + self.shoulder_electrons if self.shoulder_electrons else None

    @property
    def shoulder_decides(self) -> bool:
        """Whether the adatom gives or accepts according to whose its shoulder is."""
        apart = self.charge_donated_shoulder_apart
        return apart is not None and apart * self.charge_donated < 0

    def rows(self) -> list[ResultRow]:
        """Return the adatom's charge, that of ordinary surface atoms, and what the non-nuclear basins hold."""
        step = ["density"]
        rows = [self._row("charge_donated", self.charge_donated, "e", step, self.site_label)]
        apart = self.charge_donated_shoulder_apart
        if self.shoulder_decides and apart is not None:
            rows.append(self._row("charge_donated_shoulder_apart", apart, "e", step, self.site_label))
        rows += [
            self._row("surface_charge_donated", donated, "e", step, f"{element} of the surface")
            for element, donated in (self.surface_donated or ordinary_atoms(self.structure, self.atom_donated)).items()
        ]
        basins = "1 basin" if len(self.non_nuclear_basins) == 1 else f"{len(self.non_nuclear_basins)} basins"
        return [*rows, self._row("non_nuclear_electrons", self.non_nuclear_electrons, "e", step, basins)]


ChargeTransferDoc = ChargeDoc
"""By this name documents of before say what they are."""
