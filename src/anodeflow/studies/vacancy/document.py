"""The document of a vacancy study: where the vacancy stops on its two paths, and the hops between the stops."""

from typing import ClassVar, Literal

from pydantic import Field
from pymatgen.core import Structure

from anodeflow.calculations.screening_document import BandRecord
from anodeflow.core.caveats import Subject
from anodeflow.core.part import Part
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.potentials import EnergiesOf
from anodeflow.studies.rows import ResultRow
from anodeflow.studies.shared.saddle import HopSaddle

PathName = Literal["I", "II"]
"""I: atoms of the metal's element alone hop into the vacancy; II: an atom of the helper hops first."""

TrialState = Literal["waiting", "taken", "higher", "lower", "returned", "rearranged", "not converged", "failed"]
"""What became of a vacancy that was tried.

taken: it is a stop; higher: another one has less energy; lower: it fell to below the stop where it began, but not down
its path; returned: the atom went back, so that it is the stop before; rearranged: other atoms changed their places; not
converged, failed: its relaxation did not end.
"""


class VacancyTrial(Part):
    """One place of the vacancy that was relaxed: the start, or the end of one hop."""

    path: PathName | None = Field(description="Path that it would go on; none: the start, which both share.")
    step: int = Field(description="Number of the hop that leads there; 0: the start.")
    atom: int = Field(description="Index of the atom that is taken out (start, in the interface) or hops (else).")
    element: str = Field(description="Element of that atom.")
    layer: int = Field(description="Layer where the vacancy is then: the atom's layer before.")
    distance: float | None = Field(description="From the atom to the vacancy that it hops into, Å; none: the start.")
    energy: float | None = Field(
        default=None, description="Energy over the lowest start, eV; none: it was not computed."
    )
    state: TrialState = Field(default="waiting", description="What became of it.")
    message: str = Field(default="", description="What happened, where it is no stop.")
    moves: list[tuple[int, int]] = Field(
        default_factory=list,
        description="Atoms that changed their places and where they are now, as the index of the atom that stood there "
        "in the interface, where it was more than the hop that was tried.",
    )
    structure: Structure | None = Field(default=None, description="What it relaxed to, where that is lower.")

    @property
    def label(self) -> str:
        """The trial in words: path I step 2, Li 34 from layer -1."""
        if self.path is None:
            return f"start, {self.element} {self.atom} of layer {self.layer}"
        return f"path {self.path} step {self.step}, {self.element} {self.atom} from layer {self.layer}"


class VacancyStop(Part):
    """A relaxed place of the vacancy."""

    index: int = Field(description="Number of the stop in this document; 0: the start.")
    path: PathName | None = Field(description="Path that it belongs to; none: the start, which both share.")
    name: str = Field(description="Number of the stop on its path; `on hop 2`: found on the way of that hop.")
    element: str = Field(description="Element of the atom that hopped last (of the one taken out, at the start).")
    layer: int | None = Field(
        description="Layer of the vacancy: metal 1, 2 ..., alloy -1, -2 ..., counted away from the interface; none: "
        "between two layers, found on the way of a hop."
    )
    position: list[float] | None = Field(description="Position of the vacancy, Cartesian, Å; none: between layers.")
    energy: float = Field(description="Energy over stop 0, the vacancy at the start, eV.")
    structure: Structure = Field(
        description="Relaxed interface with the vacancy; the same order of atoms in all stops."
    )
    layers: list[int] = Field(description="Layer of each atom of `structure`: one that hops takes the vacancy's.")
    minimum: bool = Field(
        default=True, description="Whether it is one; not: a hop rises all the way to it, so two hops were made one."
    )


class VacancyHop(HopSaddle):
    """One atom that hops into the vacancy."""

    index: int = Field(description="Number of the hop in this document.")
    path: PathName = Field(description="Path that it belongs to.")
    name: str = Field(description="Number of the hop on its path; 2a, 2b: parts of hop 2.")
    initial: int = Field(description="Index of the stop where it starts.")
    final: int = Field(description="Index of the stop where it ends.")
    atom: int = Field(description="Index of the atom that hops.")
    element: str = Field(description="Its element.")
    state: Literal[
        "done", "split", "merged", "refused", "failed", "not converged", "second order", "no saddle", "left out"
    ] = Field(
        description="split: the hops of `split_into` take its place; merged: it is part of a longer hop, since one of "
        "its ends is no minimum; refused: its ends are no two neighbouring minima; second order: the highest point of "
        "its path has two or more negative modes; no saddle: it has none (neither counts in the climb of a path); left "
        "out: barriers were not asked for."
    )
    message: str = Field(default="", description="Why it failed, was split or refused.")
    split_into: list[int] = Field(default_factory=list, description="Indices of the hops that it was split into.")
    merged_from: list[int] = Field(default_factory=list, description="Indices of the hops that it was made of.")
    others: list[int] = Field(default_factory=list, description="Indices of other atoms that change places in it.")
    band: BandRecord | None = Field(
        default=None,
        description="Path of a potential that it started from; where DFT computed the saddle alone, `profile` and "
        "`images` are the stops and the saddle.",
    )
    images: list[Structure] = Field(default_factory=list, description="Images, the two stops first and last.")

    @property
    def label(self) -> str:
        """The hop in words: path I hop 2."""
        return f"path {self.path} hop {self.name}"

    @property
    def subject(self) -> Subject:
        """The hop as what warnings are about."""
        return Subject(self.label)


class VacancyPath(Part):
    """The way of the vacancy down from its start."""

    name: PathName = Field(description="I or II.")
    stops: list[int] = Field(description="Indices of its stops, in order, those found on the way of hops included.")
    hops: list[int] = Field(description="Indices of its hops, in order: the parts of those that were split.")
    end: str = Field(default="", description="Why it is shorter than asked for.")
    highest: float | None = Field(
        default=None, description="Highest saddle over the start, eV; none: a hop has no barrier."
    )
    climb: float | None = Field(
        default=None,
        description="Largest climb on the way: a saddle over the lowest stop before it, eV; none: a hop has no "
        "barrier.",
    )
    limiting_hop: int | None = Field(default=None, description="Index of the hop over whose saddle that climb leads.")


class Extraction(Part):
    """What it costs to take an atom out of a surface."""

    side: Literal["alloy", "metal"] = Field(
        description="alloy: the free face of the interface's alloy; metal: the metal's own surface, a slab of its own."
    )
    surface: str = Field(description="Which surface: Li3Mg, layer -4; Li(0 0 1).")
    atom: int = Field(description="Index of the atom in the interface or the slab.")
    energy: float = Field(
        description="E(surface without the atom) + E(bulk of the element) per atom - E(surface), all relaxed, eV; "
        "positive: it costs energy."
    )
    steps: list[str] = Field(description="Names of its calculations.")


class VacancyDoc(StudyDoc):
    """A vacancy that moves from the alloy's surface through an interface, by two paths."""

    energies_of: ClassVar[EnergiesOf] = "interface"

    study: Literal["vacancy"] = "vacancy"
    element: str = Field(description="Element whose atom is missing.")
    helper: str = Field(description="Element of the atom that hops first on path II.")
    start: Literal["surface", "interface"] = Field(description="Where the vacancy was made: see `start_layer`.")
    start_layer: int = Field(description="Layer where it was made; alloy -1, -2 ..., counted from the interface.")
    alloy_layers: int = Field(description="Layers of the alloy.")
    metal_layers: int = Field(description="Layers of the metal.")
    interface_document_id: str = Field(description="Id of the interface's document.")
    interface_energy: float = Field(
        description="Energy of the relaxed interface without the vacancy, with the same layers held, eV per cell."
    )
    held_layers: list[int] = Field(description="Layers whose atoms are held fixed in all stops.")
    width: float = Field(description="Least distance between the vacancy and its image in the plane, Å.")
    stops: list[VacancyStop] = Field(description="All stops; the first is the start.")
    hops: list[VacancyHop] = Field(description="All hops.")
    paths: list[VacancyPath] = Field(description="The paths that were asked for.")
    trials: list[VacancyTrial] = Field(description="All places of the vacancy that were relaxed.")
    formation_energy: float | None = Field(
        default=None,
        description="E(interface with the vacancy at its start) + E(bulk metal) per atom - E(interface), eV; none: no "
        "bulk was given.",
    )
    extractions: list[Extraction] = Field(
        default_factory=list,
        description="What it costs to take one atom of the element out of the alloy's free face, for each place that "
        "was tried, and out of the metal's own surface; empty: a document that does not say it.",
    )
    favourable: PathName | None = Field(
        default=None, description="Path with the smaller climb; none: not both are known, or they are equal (20 meV)."
    )

    def stop_label(self, stop: VacancyStop) -> str:
        """Return a stop in words: path I stop 2 (Li, layer -1)."""
        if stop.path is None:
            return f"stop 0 ({stop.element} taken out, layer {stop.layer})"
        place = "between layers" if stop.layer is None else f"layer {stop.layer}"
        return f"path {stop.path} stop {stop.name} ({stop.element}, {place})"

    def hop_steps(self, hop: VacancyHop) -> list[str]:
        """Return the steps of the study whose calculations give a hop: those of its parts, where it was made of two."""
        if not hop.merged_from:
            return [hop.label]
        return [step for index in hop.merged_from for step in self.hop_steps(self.hops[index])]

    def extraction(self, side: Literal["alloy", "metal"]) -> Extraction | None:
        """Return the cheapest atom to take out of a side; none: it was not computed."""
        return min((each for each in self.extractions if each.side == side), key=lambda each: each.energy, default=None)

    def rows(self) -> list[ResultRow]:
        """Return the energy of every stop, both barriers of every hop, formation and extraction energies."""
        rows = []
        for stop in self.stops:
            if not stop.minimum:
                continue
            steps = list(dict.fromkeys([stop_step(self.stops[0]), stop_step(stop)]))
            rows.append(self._row("vacancy_energy", stop.energy, "eV", steps, self.stop_label(stop)))
        for trial in self.trials:
            if trial.state == "lower" and trial.energy is not None:
                steps = [stop_step(self.stops[0]), trial.label]
                rows.append(self._row("vacancy_energy", trial.energy, "eV", steps, f"{trial.label}, fell to lower"))
        for hop in self.hops:
            if hop.barrier_forward is None or hop.barrier_reverse is None or hop.state == "merged":
                continue
            label, part = hop.label + ("" if hop.state == "done" else f", {hop.state}"), ("hop", hop.index)
            modes = [each for each in map(modes_step, self.hop_steps(hop)) if each in self.calculation_ids]
            for name, barrier in (("barrier_forward", hop.barrier_forward), ("barrier_reverse", hop.barrier_reverse)):
                rows.append(self._row(name, barrier, "eV", self.hop_steps(hop) + modes, label, part=part))
            if hop.negative_modes is not None:
                rows.append(self._row("negative_modes", hop.negative_modes, "", modes, label, part=part))
        if self.formation_energy is not None:
            steps = ["stop 0", "interface", "bulk"]
            label = self.stop_label(self.stops[0])
            rows.append(self._row("vacancy_formation_energy", self.formation_energy, "eV", steps, label))
        for each in self.extractions:
            label = f"{each.surface}, {self.element} {each.atom}" if each.side == "alloy" else each.surface
            rows.append(self._row("extraction_energy", each.energy, "eV", each.steps, label))
        return rows


def counts(hop: VacancyHop) -> bool:
    """Whether the barrier of a hop counts in the climb of a path: not that of one whose highest point is no saddle."""
    return hop.barrier_forward is not None and hop.state not in ("second order", "no saddle")


def modes_step(step: str) -> str:
    """Return the step of the study that finds the lowest modes of a hop's saddle; `step`: that of its path."""
    return f"modes of {step}"


def stop_step(stop: VacancyStop) -> str:
    """Return the step of the study whose calculation relaxed a stop."""
    return "stop 0" if stop.path is None else f"path {stop.path} stop {stop.name}"
