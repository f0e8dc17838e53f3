"""What a potential found before DFT computed, and how the two compare."""

from typing import Literal

from pydantic import BaseModel, Field, computed_field
from pymatgen.core import Structure

PathMode = Literal["saddle", "band"]
"""saddle: DFT climbs from the potential's saddle with one image; band: DFT relaxes the potential's whole path."""


class PrescreenRecord(BaseModel):
    """A relaxation by a potential from whose result a relaxation by DFT started."""

    backend: str = Field(description="Name of the potential's backend file.")
    id: str = Field(description="Id of the potential's calculation.")
    energy: float = Field(description="Energy of the potential at its own minimum, eV per cell.")
    structure: Structure = Field(description="The potential's own minimum.")
    converged: bool = Field(description="Whether the potential's relaxation met its force threshold.")
    force_evaluations: int = Field(description="Force evaluations of the potential.")
    displacement: float | None = Field(
        default=None, description="Largest distance of an atom between both minima, Å; none: not computed yet."
    )


class BandRecord(BaseModel):
    """A path relaxed by a potential, between its own end states, from which DFT started."""

    backend: str = Field(description="Name of the potential's backend file.")
    id: str = Field(description="Id of the potential's path.")
    end_ids: list[str] = Field(description="Ids of the potential's relaxations of the end states.")
    energies: list[float] = Field(description="Energies of the images over the first one, by the potential, eV.")
    distances: list[float] = Field(description="Length of the path up to each image, Å (all atoms, mass not weighted).")
    slopes: list[float] = Field(description="Slope along the path at each image, eV/Å.")
    climbing_image: int = Field(description="Index of its highest image between the ends.")
    converged: bool = Field(description="Whether the potential's path met its force threshold.")
    force_evaluations: int = Field(description="Force evaluations of the potential, those of the ends included.")
    mode: PathMode = Field(description="saddle: DFT computed the saddle alone; band: the whole path.")

    @property
    def barrier_forward(self) -> float:
        """Saddle minus first end by the potential, eV."""
        return max(self.energies) - self.energies[0]

    @property
    def barrier_reverse(self) -> float:
        """Saddle minus last end by the potential, eV."""
        return max(self.energies) - self.energies[-1]


class AuditEntry(BaseModel):
    """One quantity by both."""

    quantity: str = Field(description="Property or energy difference: barrier_forward, energy over site 2 ...")
    step: str = Field(description="Step of the study that it belongs to: site 2, hop 0, depth 3 ...")
    unit: str = Field(default="eV", description="Unit of both values.")
    potential: float = Field(description="Value by the potential, at its own minima and saddles.")
    dft: float = Field(description="Value by the campaign's backend.")

    @computed_field(description="Value of the potential minus that of the backend.")  # type: ignore[prop-decorator]
    @property
    def difference(self) -> float:
        """Error of the potential."""
        return self.potential - self.dft


class Candidate(BaseModel):
    """One of several that the potential ranked: an adsorption site, a lateral shift."""

    step: str = Field(description="Step of the study: site 2, registry 4 ...")
    label: str = Field(description="What it is, for people.")
    energy: float | None = Field(description="Energy over the lowest candidate by the potential, eV; none: it failed.")
    corrected: float | None = Field(
        default=None,
        description="Energy over the lowest candidate by the potential with what it had learned, eV; none: it had "
        "learned nothing, or it failed.",
    )
    uncertainty: float | None = Field(default=None, description="Standard deviation of `corrected`, eV.")
    model: str = Field(default="", description="Content address of the correction behind `corrected`; empty: none.")
    handed_on: bool = Field(description="Whether the backend computed it.")
    reason: str = Field(default="", description="Why it was left out.")


class Effort(BaseModel):
    """What the calculations of one study took, whenever they were done."""

    force_evaluations: int = Field(default=0, description="Force evaluations of the backend.")
    scf_cycles: int | None = Field(default=None, description="SCF cycles of the backend; none: no SCF.")
    potential_force_evaluations: int = Field(default=0, description="Force evaluations of the potential.")
    check_force_evaluations: int = Field(
        default=0,
        description="Force evaluations of the backend for the lowest modes of saddles and for minima that were pushed, "
        "not counted in `force_evaluations`.",
    )

    def __add__(self, other: "Effort") -> "Effort":
        """Return what both took together."""
        cycles = [each.scf_cycles for each in (self, other) if each.scf_cycles is not None]
        return Effort(
            force_evaluations=self.force_evaluations + other.force_evaluations,
            scf_cycles=sum(cycles) if cycles else None,
            potential_force_evaluations=self.potential_force_evaluations + other.potential_force_evaluations,
            check_force_evaluations=self.check_force_evaluations + other.check_force_evaluations,
        )


class PrescreenAudit(BaseModel):
    """What a study owes to a potential: what it left out, and how far the potential is from DFT."""

    backend: str = Field(description="Name of the potential's backend file.")
    keep: int = Field(description="Most candidates that were handed on.")
    window: float = Field(description="Energy above the lowest up to which candidates were handed on, eV.")
    paths: PathMode = Field(description="saddle or band.")
    entries: list[AuditEntry] = Field(default_factory=list, description="Every quantity by both.")
    candidates: list[Candidate] = Field(default_factory=list, description="What the potential ranked, lowest first.")
    rank_correlation: float | None = Field(
        default=None, description="Spearman's, of candidates that both computed; none: fewer than three."
    )
    ranking_error: float | None = Field(
        default=None,
        description="Largest error of the potential for the energy difference of two candidates, eV; none: fewer than "
        "two were computed by both.",
    )
    start: PrescreenRecord | None = Field(
        default=None, description="The potential's relaxation of what the study is about: clean slab, interface."
    )
    effort: Effort = Field(default_factory=Effort, description="What the calculations of the study took.")

    @property
    def ranked_by(self) -> str:
        """Content address of the correction that ranked the candidates; empty: the potential as it is did."""
        return next((each.model for each in self.candidates if each.model), "")

    @computed_field(description="Largest error of the potential in any quantity, eV; none: there is none.")  # type: ignore[prop-decorator]
    @property
    def largest_error(self) -> float | None:
        """Largest magnitude of a difference among the entries in eV."""
        return max((abs(entry.difference) for entry in self.entries if entry.unit == "eV"), default=None)
