"""The document of what follows from formation energies by arithmetic: hull, voltages, capacities."""

from typing import ClassVar, Literal

from pydantic import Field

from anodeflow.core.part import Part
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.potentials import EnergiesOf
from anodeflow.studies.rows import ResultRow

ON_HULL = 1e-6
"""Crystals nearer to the hull than this are on it, eV/atom."""


class HullPoint(Part):
    """One crystal of the binary system."""

    formula: str = Field(description="Reduced formula.")
    name: str = Field(description="Which crystal: hcp Amm2 10 atoms; the element's bulk: bulk.")
    step: str = Field(description="Its step in `calculation_ids`.")
    fraction: float = Field(description="Atomic fraction of the ion's element.")
    formation_energy: float = Field(description="From the elements' bulks, eV/atom.")
    energy_above_hull: float = Field(description="Above the convex hull at its composition, eV/atom; 0: on it.")
    decomposition: dict[str, float] = Field(
        description="What it decomposes into: reduced formula -> fraction of the atoms; itself if it is on the hull."
    )
    lowest: bool = Field(description="Whether it is the lowest of its composition.")


class VoltageStep(Part):
    """One two-phase plateau of the voltage profile."""

    initial: str = Field(description="Reduced formula of the phase poorer in the ion.")
    final: str = Field(description="Reduced formula of the phase richer in the ion.")
    ions: tuple[float, float] = Field(description="Ions per atom of the partner in both phases.")
    voltage: float = Field(description="Voltage against the ion's metal, V.")
    capacity: tuple[float, float] = Field(description="Charge stored where it begins and ends, mAh/g of the partner.")


class PhaseCapacity(Part):
    """Charge that a phase holds when all of its ions take part."""

    formula: str = Field(description="Reduced formula.")
    step: str = Field(description="A step in `calculation_ids` that stands for it.")
    per_total_mass: float = Field(description="mAh per gram of the phase, ions included.")
    per_host_mass: float | None = Field(description="mAh per gram of the partner; none: it holds no partner.")


class SearchedComposition(Part):
    """A composition whose crystals were searched for the hull."""

    formula: str = Field(description="Reduced formula.")
    fraction: float = Field(description="Atomic fraction of the ion's element.")
    hosts: list[str] = Field(description="Parent lattices whose orderings were enumerated.")
    max_atoms: int = Field(description="Most atoms of a cell.")
    orderings: int = Field(description="Orderings that were relaxed.")


class ElectrochemistryDoc(StudyDoc):
    """Convex hull of a binary alloy, the voltage profile of its formation, and theoretical capacities."""

    energies_of: ClassVar[EnergiesOf] = "crystal"
    study: Literal["electrochemistry"] = "electrochemistry"
    ion: str = Field(description="Element that carries the charge.")
    partner: str = Field(description="The other element.")
    charge: int = Field(description="Charge of the ion, |e|.")
    points: list[HullPoint] = Field(description="All crystals, by the fraction of the ion, then by energy.")
    steps: list[VoltageStep] = Field(description="Plateaus from the partner to the ion's metal; empty: no compound.")
    capacities: list[PhaseCapacity] = Field(description="One for each phase that holds ions.")
    searched: list[SearchedComposition] = Field(
        default_factory=list,
        description="Compositions between the elements over which the hull was searched, by the fraction of the ion; "
        "there may be lower phases at others. Empty: a document that does not say it.",
    )
    point_origins: dict[str, str] = Field(
        default_factory=dict, description="Step of `calculation_ids` -> id of the orderings document it comes from."
    )

    @property
    def unstable(self) -> list[HullPoint]:
        """The lowest crystal of each composition that lies above the hull."""
        return [point for point in self.points if point.lowest and point.energy_above_hull >= ON_HULL]

    def _elements(self) -> list[str]:
        return [self.ion, self.partner]

    def rows(self) -> list[ResultRow]:
        """Return the energy above the hull of each phase, the voltage of each step, the capacity of each phase."""
        bulks = [f"bulk {self.ion}", f"bulk {self.partner}"]
        phases = [point for point in self.points if point.lowest]
        step = {point.formula: point.step for point in phases}
        rows = []
        for point in phases:
            if point.step not in bulks:
                parts = [step[formula] for formula in point.decomposition]
                used = list(dict.fromkeys([point.step, *parts, *bulks]))
                rows.append(self._row("energy_above_hull", point.energy_above_hull, "eV/atom", used, point.formula))
        for plateau in self.steps:
            used = list(dict.fromkeys([step[plateau.initial], step[plateau.final], bulks[0]]))
            label = f"{plateau.initial} -> {plateau.final}"
            rows.append(self._row("voltage", plateau.voltage, "V", used, label))
        rows += [
            self._row("theoretical_capacity", phase.per_total_mass, "mAh/g", [phase.step], phase.formula)
            for phase in self.capacities
        ]
        return rows
