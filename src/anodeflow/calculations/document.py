"""The document of one calculation: one structure, one task, one code."""

from typing import Any

from pydantic import BaseModel, Field, FiniteFloat
from pymatgen.core import Structure

from anodeflow.calculations.screening_document import PrescreenRecord
from anodeflow.core.caveats import Caveats
from anodeflow.core.decoded import DecodedModel
from anodeflow.core.html import table
from anodeflow.core.version import Versioned

Task = str
"""What is done to the structure; a study of another package may ask for a task of its own of a backend that has it.

relax: positions relaxed; relax_cell: positions and cell; static: nothing moved; density: static, and the all-electron
density written to a file; neb: a path between two minima relaxed; modes: the lowest modes at rest; hessian: all modes.
"""
TASKS: frozenset[Task] = frozenset({"relax", "relax_cell", "static", "density", "neb"})
"""Those of the above that a code does by itself."""


class GainAudit(BaseModel):
    """What a relaxation was expected to gain from one of its geometries on, and what it gained."""

    step: int = Field(ge=1, description="Number of the geometry, the first being 1.")
    expected: FiniteFloat = Field(description="Free energy still to be gained there by the Hessian, eV per cell.")
    gained: FiniteFloat = Field(
        description="Free energy there minus that at the end, what was left there included, eV."
    )


class LearnedStart(BaseModel):
    """Where a calculation began: at the minimum or saddle of a potential that had learned from DFT."""

    model: str = Field(description="Content address of the correction: what it learned from, and how.")
    potential: str = Field(description="Name of the potential's backend file.")
    calculations: int = Field(ge=1, description="Number of calculations that it learned from.")
    force_error_before: FiniteFloat = Field(
        description="What the potential's forces on free atoms lack in these calculations, root mean square, eV/Å."
    )
    force_error_after: FiniteFloat = Field(
        description="The same of corrections that had not seen the calculation in question, eV/Å."
    )
    energy_error: FiniteFloat | None = Field(
        default=None, description="Root mean square error of such corrections in the gain of a relaxation, eV."
    )
    displacement: FiniteFloat = Field(
        description="Largest distance of an atom between this start and the one that was handed in, Å."
    )


class PlanarPotential(BaseModel):
    """Electrostatic potential energy of an electron in a slab, averaged over planes parallel to its faces."""

    values: list[FiniteFloat] = Field(
        min_length=2, description="At equal distances along c from the bottom of the cell, its top left out, eV."
    )
    height: float = Field(gt=0, description="Height of the cell, Å.")
    fermi_level: FiniteFloat = Field(description="Fermi level on the same scale, eV.")
    edge: float = Field(
        ge=0, description="Distance from either end of the cell within which a dipole layer bends the potential, Å."
    )

    @property
    def heights(self) -> list[float]:
        """Heights of `values` over the bottom of the cell, Å."""
        return [self.height * index / len(self.values) for index in range(len(self.values))]


class Adoption(BaseModel):
    """Where a calculation comes from that others made (``anodeflow adopt``)."""

    folder: str = Field(description="Folder in which it was found.")
    program: str = Field(description="Program that made it, with the version that its own output tells.")
    files: dict[str, str] = Field(description="Name of each file that was read -> its SHA-256.")
    settings: dict[str, Any] = Field(description="What these files say of how it was computed.")
    adopted_at: str = Field(description="When it was taken over, UTC, ISO 8601.")
    equal_to: str = Field(default="", description="Backend whose calculation it was proved to be; empty: none.")
    differs: list[str] = Field(
        default_factory=list, description="What keeps it from being the calculation of the backend that comes closest."
    )


class CalculationDoc(Versioned, DecodedModel):
    """Result of one relaxation or static calculation by one code, with all that it takes to repeat it.

    Energies are totals of the cell. `energy` is extrapolated to zero smearing and is the one that every
    study uses; `free_energy` is the one consistent with the forces.
    """

    id: str = Field(description="Content address: hash of structure, task, settings and code.")
    task: Task = Field(
        pattern=r"^[a-z][a-z0-9_]{0,49}$",
        description="relax, relax_cell, static, density, neb, modes or hessian, or a task of another package.",
    )
    label: str = Field(default="", description="What the calculation is in its campaign, for people.")
    backend: str = Field(description="Name of the backend file.")
    code: str = Field(description="Name of the code: gpaw, sevennet, emt ...")
    code_version: str = Field(description="Version of the code.")
    settings: dict[str, Any] = Field(description="All settings that decide the numbers.")
    settings_hash: str = Field(description="Hash of code, its version and `settings`.")
    formula: str = Field(description="Chemical formula of the cell.")
    initial_structure: Structure = Field(description="Structure as it was handed in.")
    structure: Structure = Field(description="Structure at the end (equal to the initial one for static).")
    energy: FiniteFloat = Field(description="Total energy extrapolated to zero smearing, eV per cell.")
    free_energy: FiniteFloat = Field(
        description="Free energy, consistent with the forces, eV per cell; less `remaining_energy` where `energy` is."
    )
    evaluated_energy: FiniteFloat | None = Field(
        default=None,
        description="`energy` as evaluated at `structure`, before `remaining_energy` was taken off, eV per cell; none: "
        "`energy` is as evaluated.",
    )
    remaining_energy: FiniteFloat | None = Field(
        default=None,
        description="Energy that the relaxation would still have gained at its end, by the Hessian of a potential "
        "and what the steps taught it, eV per cell. Taken off `energy` if `evaluated_energy` is given; none: no "
        "Hessian, or a geometry of which it says nothing.",
    )
    gain_audit: list[GainAudit] = Field(
        default_factory=list,
        description="How well that is known: at the first geometry that promised less than 10 meV, if it was not the "
        "last.",
    )
    forces: list[list[FiniteFloat]] = Field(description="Forces on the atoms, eV/Å, fixed atoms included.")
    stress: list[FiniteFloat] | None = Field(
        default=None,
        description="Stress in Voigt order (xx yy zz yz xz xy), eV/Å³, positive under tension (ASE's sign).",
    )
    density_file: str | None = Field(
        default=None, description="All-electron density (anodeflow.core.density), in `directory`; task density only."
    )
    coarse_density_file: str | None = Field(
        default=None, description="The same on a grid half as fine, to judge the grid's error; task density only."
    )
    magnetic_moment: float | None = Field(
        default=None, description="Total magnetic moment, µB; none without spin polarisation."
    )
    potential: PlanarPotential | None = Field(
        default=None, description="Electrostatic potential of a slab and its Fermi level; none: not asked for."
    )
    max_force: FiniteFloat = Field(description="Largest force on a free atom at the end, eV/Å.")
    converged: bool = Field(description="Whether the forces (and stress) met the threshold.")
    ionic_steps: int = Field(description="Number of ionic steps, those before an interruption included.")
    force_evaluations: int = Field(description="Number of force evaluations, all attempts together.")
    scf_cycles: int | None = Field(default=None, description="Number of SCF iterations; none if no SCF.")
    wall_time: float = Field(description="Wall time of all attempts together, s.")
    processors: int | None = Field(default=None, description="Processors that it ran on; none: not recorded.")
    processor_time: float | None = Field(
        default=None,
        description="Time of all processors together, s, or wall time times processors; none: not recorded.",
    )
    proposal_seconds: float | None = Field(
        default=None,
        description="Time in which a potential that learns said where to go next, s, beside `wall_time`; none: nobody "
        "was asked, or not recorded.",
    )
    peak_memory: float | None = Field(
        default=None, description="Largest memory of all processes together, MiB; none: the code does not tell."
    )
    restarts: int = Field(default=0, description="How often it went on after an interruption.")
    remedies: list[str] = Field(default_factory=list, description="Recovery steps of the SCF that were tried.")
    warnings: Caveats = Field(default_factory=list, description="What a reader should know.")
    learned: LearnedStart | None = Field(
        default=None, description="Where it began, if a potential that learns said so; none: at `initial_structure`."
    )
    prescreen: PrescreenRecord | None = Field(
        default=None, description="Relaxation by a potential from whose result it started; none: there was none."
    )
    adopted: Adoption | None = Field(
        default=None, description="Where it comes from, if others made it; none: anodeflow computed it."
    )
    directory: str = Field(description="Folder with input, log and steps of the calculation.")
    finished_at: str = Field(description="Time of the end, UTC, ISO 8601.")

    def __repr__(self) -> str:
        energy = f"{self.energy:.4f} eV" + ("" if self.converged else ", not converged")
        return f"<CalculationDoc {self.label or self.task} ({self.formula}), {self.backend}: {energy}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = [
            ("task", self.task, ""),
            ("formula", self.formula, ""),
            ("energy", self.energy, "eV"),
            ("largest force", self.max_force, "eV/Å"),
            ("converged", "yes" if self.converged else "no", ""),
            ("ionic steps", self.ionic_steps, ""),
            ("wall time", self.wall_time, "s"),
        ]
        title = f"{self.label or self.task} ({self.backend}, {self.code} {self.code_version})"
        return table(title, ("", "", "unit"), rows, [each.text for each in self.warnings])

    @property
    def energy_per_atom(self) -> float:
        """Energy extrapolated to zero smearing, eV/atom."""
        return self.energy / len(self.structure)
