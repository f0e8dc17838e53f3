"""The document of an interdiffusion study: an atom of the alloy at growing depth in the metal."""

from math import exp, log, sqrt
from statistics import median
from typing import ClassVar, Literal

from pydantic import Field, computed_field
from pymatgen.core import Structure

from anodeflow.core.part import Part
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.potentials import EnergiesOf
from anodeflow.studies.rows import ResultRow

BOLTZMANN = 8.617333e-5
"""Boltzmann's constant, eV/K (CODATA 2018)."""

Verdict = Literal["driven in", "held back", "undecided"]
"""What the pairs on the plateau say; undecided: their median is smaller than their spread."""


class ExchangePoint(Part):
    """The relaxed interface with one atom of the alloy exchanged with one of the metal."""

    depth: int = Field(description="Plane of the metal that the atom was put into, 1 at the interface.")
    sample: int = Field(description="Which of several pairs of atoms at that depth, from 1.")
    partner: str = Field(description="Element that took its place in the alloy.")
    alloy_atom: int = Field(description="Index of the place that it left.")
    metal_atom: int = Field(description="Index of the place that it went to.")
    lateral: float = Field(description="Distance between both places in the plane, Å.")
    exchange_energy: float = Field(description="E(exchanged) - E(pristine interface), both relaxed, eV.")
    return_energy: float | None = Field(
        default=None,
        description="E(exchanged back and relaxed once more) - E(pristine interface), eV; 0 if the exchange has "
        "changed nothing else; none: not computed.",
    )
    converged: bool = Field(description="Whether the relaxation met its force threshold.")
    final_layer: int = Field(description="Plane in which the atom came to rest: metal 1, 2 ..., alloy -1, -2 ...")
    rearranged: int = Field(
        default=0,
        description="Other atoms that went further than half of a nearest-neighbour distance in the relaxation; more "
        "than 0: the interface itself has changed, and the energy is not that of the exchange alone.",
    )
    lowest: bool = Field(description="Whether it is the lowest of the samples at its depth.")
    structure: Structure = Field(description="Relaxed interface, atoms in the order of the pristine one.")

    @property
    def stayed(self) -> bool:
        """Whether the atom rests in the plane that it was put into."""
        return self.final_layer == self.depth

    @property
    def step(self) -> str:
        """Name of its calculation."""
        return f"depth {self.depth}" + (f", sample {self.sample}" if self.sample > 1 else "")


class ExchangeLevel(Part):
    """The exchange energies of all pairs at one depth."""

    depth: int = Field(description="Plane of the metal, 1 at the interface.")
    pairs: int = Field(description="Pairs of atoms that the energies are of.")
    lowest: float = Field(description="Lowest exchange energy of them, eV.")
    median: float = Field(description="Their median, eV.")
    highest: float = Field(description="Highest of them, eV.")
    sound: bool = Field(
        description="Whether the atoms rest where they were put and no others left their places; else no pair did so."
    )
    steps: list[str] = Field(description="Names of their calculations.")


class DiluteExchange(Part):
    """The exchange far from any interface: an atom of the alloy inside of the metal, one of the metal in its place."""

    sites: list[int] = Field(description="Equivalent sites of the alloy's cell that it may leave.")
    solution_energy: float = Field(
        description="E(metal with one atom of the element) - E(metal), the same cell, eV; holds energies of free atoms."
    )
    antisite_energy: float = Field(
        description="E(alloy with one atom of the metal on the site) - E(alloy), the same cell, eV; likewise."
    )
    converged: bool = Field(description="Whether both relaxations met their force threshold.")
    steps: list[str] = Field(description="Names of its calculations.")

    @computed_field(description="Sum of both, eV; negative: the exchange is downhill.")  # type: ignore[prop-decorator]
    @property
    def exchange_energy(self) -> float:
        """Exchange energy in the dilute limit, eV; negative: downhill."""
        return self.solution_energy + self.antisite_energy


class InterdiffusionDoc(StudyDoc):
    """Energies of one atom of the alloy in plane after plane of the metal, relative to the pristine interface."""

    energies_of: ClassVar[EnergiesOf] = "interface"

    study: Literal["interdiffusion"] = "interdiffusion"
    element: str = Field(description="Element that moves.")
    alloy: str = Field(description="Name of the alloy.")
    metal: str = Field(description="Name of the metal.")
    interface_document_id: str = Field(description="Id of the interface's document.")
    termination: str = Field(description="Planes that meet at the interface, alloy/metal.")
    von_mises_strain: float = Field(description="Von Mises strain of the interface (a fraction).")
    metal_layers: int = Field(description="Planes of the metal; the last one is its free surface.")
    near_surface: int = Field(description="Planes at that face, itself included, that make no plateau.")
    initial_layer: int = Field(description="Plane of the alloy that the atom leaves, -1 at the interface.")
    pristine: Structure = Field(description="The relaxed interface: alloy below, metal on top, c along z.")
    layer: list[int] = Field(
        description="Plane of each atom of it: metal 1, 2, 3 ... away from the interface, alloy -1, -2 ..."
    )
    pristine_energy: float = Field(description="Energy of the relaxed interface, eV per cell.")
    points: list[ExchangePoint] = Field(description="All exchanges, from the interface into the metal.")
    plateau: list[int] = Field(
        description="Depths of the plateau: successive ones, as many as there are, of which the median at neither end, "
        "of one plane or several, lies outside of the energies of the other pairs by more than `plateau_tolerance`; "
        "empty: there is none."
    )
    plateau_tolerance: float = Field(
        description="How far it may lie outside, eV; in older documents the largest difference on a plateau."
    )
    dilute: list[DiluteExchange] = Field(
        default_factory=list,
        description="The exchange in the dilute limit, for every inequivalent site that the atom may leave; empty: it "
        "was not computed.",
    )
    dilute_atoms: tuple[int, int] | None = Field(
        default=None, description="Atoms of the supercells of alloy and metal for it."
    )
    mixing_fraction: float = Field(default=0.01, description="Atomic fraction x of the element in the metal.")
    mixing_temperature: float = Field(default=300.0, description="Temperature T, K.")

    @property
    def typical(self) -> list[ExchangePoint]:
        """One exchange a depth: the first sample there is, that of the same atom of the alloy."""
        return [min((p for p in self.points if p.depth == d), key=lambda p: p.sample) for d in self._depths()]

    @property
    def levels(self) -> list[ExchangeLevel]:
        """Median and range of the exchange energies at each depth; pairs that did not stay count where none did."""
        found = []
        for depth in self._depths():
            here = [point for point in self.points if point.depth == depth]
            good = [point for point in here if point.stayed and not point.rearranged]
            energies = [point.exchange_energy for point in good or here]
            found.append(
                ExchangeLevel(
                    depth=depth,
                    pairs=len(energies),
                    lowest=min(energies),
                    median=median(energies),
                    highest=max(energies),
                    sound=bool(good),
                    steps=[point.step for point in good or here],
                )
            )
        return found

    def _depths(self) -> list[int]:
        return sorted({point.depth for point in self.points})

    @property
    def plateau_energies(self) -> list[float]:
        """Exchange energies of all pairs on the plateau that stayed where they were put, eV."""
        steps = {step for level in self.levels if level.depth in self.plateau for step in level.steps}
        return [point.exchange_energy for point in self.points if point.step in steps]

    @computed_field(description="Median of all pairs on the plateau, eV; negative: the atom is driven in.")  # type: ignore[prop-decorator]
    @property
    def driving_force(self) -> float | None:
        """Median of all pairs on the plateau, eV; negative: the atom is driven into the metal; none: no plateau."""
        return median(self.plateau_energies) if self.plateau_energies else None

    @property
    def spread(self) -> float | None:
        """Highest less lowest of the pairs on the plateau, eV; none: no plateau, or one pair a depth."""
        if not any(level.pairs > 1 for level in self.levels if level.depth in self.plateau):
            return None
        return max(self.plateau_energies) - min(self.plateau_energies)

    @property
    def verdict(self) -> Verdict | None:
        """Whether the atom is driven into the metal; none: no plateau, or one pair a depth, whose spread is unknown."""
        if self.driving_force is None or self.spread is None:
            return None
        if abs(self.driving_force) <= self.spread:
            return "undecided"
        return "driven in" if self.driving_force < 0 else "held back"

    @property
    def mixing_energy(self) -> float:
        """kT ln x, what the entropy of mixing adds to the free energy of one atom in the metal at the fraction x, eV.

        Of an ideal solution; negative: it takes the atom in.
        """
        return BOLTZMANN * self.mixing_temperature * log(self.mixing_fraction)

    @property
    def soluble_fractions(self) -> tuple[float, float] | None:
        """Atomic fractions that mixing takes in against a positive driving force; none: it is not positive.

        The fraction x of the element in the metal times that of the metal's atoms on its sites in the alloy, y, is
        exp(-E/kT). With y = 1, where mixing gains nothing in the alloy, x is that: the least that it can be. With y =
        x, both as dilute, it is the square root.
        """
        if self.driving_force is None or self.driving_force <= 0:
            return None
        product = exp(-self.driving_force / (BOLTZMANN * self.mixing_temperature))
        return product, sqrt(product)

    def rows(self) -> list[ResultRow]:
        """Return exchange energies at each depth, the driving force where there is a plateau, and the dilute limit.

        Exchange energies and the driving force are medians; where there are several pairs, their range has rows too.
        """
        rows = []
        for level in self.levels:
            label, steps = f"depth {level.depth}", [*level.steps, "interface"]
            energies = (level.lowest, level.median, level.highest)
            rows += self._range("exchange_energy", energies, steps, label, level.pairs)
        if self.driving_force is not None:
            on = [level for level in self.levels if level.depth in self.plateau]
            steps = [*(step for level in on for step in level.steps), "interface"]
            energies = (min(self.plateau_energies), self.driving_force, max(self.plateau_energies))
            label = f"depths {self.plateau[0]} to {self.plateau[-1]}"
            rows += self._range("driving_force", energies, steps, label, max(level.pairs for level in on))
        for entry in self.dilute:
            sites = ", ".join(map(str, entry.sites))
            label = f"{self.element} site{'s' if len(entry.sites) > 1 else ''} {sites} of {self.alloy}"
            rows.append(self._row("dilute_limit", entry.exchange_energy, "eV", entry.steps, label))
        return rows

    def _range(
        self, name: str, energies: tuple[float, float, float], steps: list[str], label: str, pairs: int
    ) -> list[ResultRow]:
        """Return the row of a median; of several pairs also those of the lowest and the highest."""
        named = zip((f"{name}_min", name, f"{name}_max"), energies, strict=True)
        return [self._row(each, value, "eV", steps, label) for each, value in named if pairs > 1 or each == name]
