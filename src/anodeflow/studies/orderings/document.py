"""The document of a search for the lowest orderings of an alloy."""

from typing import ClassVar, Literal

from pydantic import Field
from pymatgen.core import Structure

from anodeflow.core.part import Part
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.potentials import EnergiesOf
from anodeflow.studies.rows import ResultRow

OrderingState = Literal["kept", "not kept", "host lost", "duplicate", "failed"]
"""What became of an ordering.

kept: among the lowest, which the study answers with; not kept: higher, or outside of the window; host lost: the
relaxation took it off its parent lattice; duplicate: it relaxed into another one; failed: a relaxation failed.
"""

Axes = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


class RankedOrdering(Part):
    """One ordering after its relaxations."""

    index: int = Field(description="Number among those enumerated.")
    name: str = Field(description="Host, space group and size: hcp Amm2 10 atoms; with a number if there are several.")
    host: str = Field(description="Parent lattice: bcc, fcc or hcp.")
    host_axes: Axes = Field(
        description="Lattice vectors of the cell in units of the host's conventional ones, one a row."
    )
    space_group: str = Field(description="Hermann-Mauguin symbol after the relaxation.")
    atoms: int = Field(description="Atoms of the cell.")
    state: OrderingState = Field(description="kept, not kept, host lost, duplicate or failed.")
    same_as: int | None = Field(default=None, description="Index of the ordering of which it is a duplicate.")
    message: str = Field(default="", description="What a reader should know of it.")
    rank_formation_energy: float | None = Field(
        default=None, description="Formation energy by the ranking backend, eV/atom; none: its relaxation failed."
    )
    formation_energy: float | None = Field(
        default=None,
        description="Formation energy from the elements' bulks by the deciding backend, eV/atom; negative: the alloy "
        "is stable against the elements; none: not confirmed.",
    )
    displacement: float | None = Field(
        default=None, description="Largest distance of an atom from its site of the strained host, Å."
    )
    host_edges: tuple[float, float, float] | None = Field(
        default=None, description="Edges of the strained host's conventional cell, Å; none: no cell of the host."
    )
    correlation_error: float | None = Field(
        default=None,
        description="Special quasi-random structures: mean magnitude of the difference of pair and triplet "
        "correlations from the random alloy's.",
    )
    structure: Structure | None = Field(
        default=None, description="Relaxed crystal; held for orderings that are kept, or lost their host below those."
    )


class DiffractionPeak(Part):
    """One line of a powder pattern."""

    two_theta: float = Field(description="Scattering angle 2θ, degrees.")
    intensity: float = Field(description="Intensity; the strongest line has 100.")
    spacing: float = Field(description="Distance of the lattice planes, Å.")
    indices: list[tuple[float, float, float]] = Field(
        description="Miller indices (h, k, l) in the host's conventional cell, one a family of planes; fractions "
        "belong to lines that the ordering brings."
    )
    fundamental: bool = Field(description="Whether it is a line of the host itself, which a solid solution has too.")


class DiffractionPattern(Part):
    """Powder diffraction pattern of a perfect crystal at rest."""

    of: str = Field(description="Name of the ordering.")
    radiation: str = Field(description="X-rays: CuKa.")
    wavelength: float = Field(description="Their wavelength, Å.")
    peaks: list[DiffractionPeak] = Field(description="Lines of at least 0.1 % of the strongest, by angle.")


class OrderingsDoc(StudyDoc):
    """The lowest orderings of one composition: enumerated on parent lattices, ranked, and confirmed."""

    energies_of: ClassVar[EnergiesOf] = "crystal"
    study: Literal["orderings"] = "orderings"
    formula: str = Field(description="Formula of the alloy.")
    hosts: list[str] = Field(description="Parent lattices that were searched.")
    max_atoms: int = Field(description="Most atoms of a cell.")
    window: float = Field(description="Orderings within this of the lowest were confirmed, eV/atom.")
    keep: int = Field(description="How many were to be kept.")
    enumerated: dict[str, int] = Field(description="Host -> number of orderings that were enumerated.")
    rank_backend: str = Field(description="Name of the backend that ranked all of them.")
    confirmed: bool = Field(description="Whether another backend decided; else the ranking is the answer.")
    orderings: list[RankedOrdering] = Field(
        description="All orderings: those kept, the others by rank, lost ones last."
    )
    sqs: RankedOrdering | None = Field(default=None, description="Special quasi-random structure, if asked for.")
    references: dict[str, float] = Field(description="Element -> energy of its bulk by the deciding backend, eV/atom.")
    pattern: DiffractionPattern | None = Field(default=None, description="Powder pattern of the lowest ordering.")

    @property
    def kept(self) -> list[RankedOrdering]:
        """The orderings that the study answers with, the lowest first."""
        return [ordering for ordering in self.orderings if ordering.state == "kept"]

    def step(self, ordering: RankedOrdering) -> str:
        """Return the step of `calculation_ids` that decided on an ordering."""
        what = "sqs" if ordering.correlation_error is not None else f"ordering {ordering.index}"
        return f"{what} confirmed" if self.confirmed else what

    def rows(self) -> list[ResultRow]:
        """Return the formation energies of the orderings that were kept, and of the quasi-random structure."""
        bulks = [f"bulk {element}" for element in self.references]
        found = [*self.kept, *([self.sqs] if self.sqs is not None else [])]
        return [
            self._row("formation_energy", entry.formation_energy, "eV/atom", [self.step(entry), *bulks], entry.name)
            for entry in found
            if entry.formation_energy is not None
        ]
