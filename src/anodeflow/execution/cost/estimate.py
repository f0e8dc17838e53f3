"""What the calculations of a plan are going to take, by kind and in sum, with an error."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field

from anodeflow.backends.base import Backend
from anodeflow.backends.work import Work
from anodeflow.core.errors import InputError
from anodeflow.core.settings import Settings
from anodeflow.execution.cost.expected import Expectation, draws_of, possible_numbers, ranges
from anodeflow.execution.cost.history import Past, read_history
from anodeflow.execution.cost.model import FEWEST, Asked, CostModel
from anodeflow.execution.cost.yields import Yield, belongs, kind_of, yields
from anodeflow.execution.state import OpenEntry, Predicted, campaign_names, earlier_editions, read_status

if TYPE_CHECKING:
    from anodeflow.studies.plan import PlannedCalculation

_SAME_CELL = 0.1  # share by which the volume of a relaxed cell may differ from that of the ideal one


class KindCost(Predicted):
    """Calculations of one kind by one code."""

    code: str = Field(description="Name of the code.")
    task: str = Field(description="relax, relax_cell, static, density, neb, modes or hessian; all: the sum.")
    calculations: float = Field(description="How many are expected, those found finished included.")
    finished: int = Field(description="How many of them are finished already, and cost nothing.")
    atoms: tuple[int, int] = Field(description="Least and most atoms of what is to come.")
    kpoints: tuple[int, int] = Field(description="Least and most k-points of what is to come.")


class CampaignCost(BaseModel):
    """What a campaign is going to take."""

    kinds: list[KindCost] = Field(description="By code and kind, the campaign's own code first.")
    total: KindCost = Field(description="The campaign's own code, all kinds together.")
    notes: list[str] = Field(description="What it rests on and what it leaves out, one sentence each.")


@dataclass
class Estimator:
    """Predicts from the history of an ANODEFLOW_HOME.

    Attributes
    ----------
    backend
        Backend of the campaign.
    history
        Code -> its finished calculations.
    learnt
        Kind of entries whose number the run finds -> what they became.
    """

    backend: Backend
    history: Mapping[str, Sequence[Past]]
    learnt: Mapping[tuple[str, bool], Yield] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.models = {code: CostModel(pasts) for code, pasts in self.history.items() if len(pasts) >= FEWEST}
        self.guesses: set[str] = set()
        self._hashes: dict[int, str] = {}

    @classmethod
    def of(cls, settings: Settings, backend: Backend, prescreen: Backend | None = None) -> "Estimator":
        """Return the estimator of what has been computed under an ANODEFLOW_HOME."""
        history = read_history(settings.calculations, [backend] if prescreen is None else [prescreen, backend])
        known = {past.id: past for pasts in history.values() for past in pasts}
        statuses = []
        for name in campaign_names(settings):
            try:
                statuses += [read_status(settings, name), *earlier_editions(settings, name)]
            except InputError:
                continue  # damaged; `anodeflow status` says so
        return cls(backend, history, yields(statuses, known))

    def expectations(self, planned: Iterable["PlannedCalculation"]) -> list[Expectation]:
        """Return what the entries of a plan are going to become, those found finished apart."""
        entries = list(planned)
        labels = {entry.label: entry for entry in entries}
        found: list[Expectation] = []
        done = self._done(entries, labels)
        for entry in entries:
            backend = entry.by or self.backend
            work, guided = self._work(entry, labels), not entry.prescreen and _is_guided(entry, labels)
            for task, number in self._becomes(entry).items():
                place = (entry.group, entry.prescreen, task)
                if entry.number is not None:
                    finished = int(self._is_done(entry, backend))
                else:
                    finished = min(done[place], round(number))
                    done[place] -= finished
                left = max(0.0, number - finished)
                counted = None if entry.number is not None else self._counted(entry, task)
                found.append(
                    Expectation(entry, backend, Asked.of(task, guided, work, backend), left, finished, counted)
                )
        return found

    def cost(self, planned: Iterable["PlannedCalculation"]) -> CampaignCost:
        """Return what the calculations of a plan are going to take."""
        self.guesses.clear()
        expected = self.expectations(planned)
        codes = sorted({each.backend.code for each in expected} | {self.backend.code}, key=self._own_first)
        kinds: list[KindCost] = []
        total: KindCost | None = None
        for code in codes:
            mine = [each for each in expected if each.backend.code == code]
            costs = self._kinds(code, mine)
            kinds += [cost for cost in costs if cost.task != "all"]
            if code == self.backend.code:
                total = costs[-1]
        assert total is not None
        return CampaignCost(kinds=kinds, total=total, notes=self._notes(codes, expected))

    def hours(self, expected: Sequence[Expectation]) -> list[float | None]:
        """Return the processor hours of each expectation, median; none without history."""
        found: list[float | None] = [None] * len(expected)
        for code, model in self.models.items():
            places = [index for index, each in enumerate(expected) if each.backend.code == code]
            if places:
                draws = draws_of(model, [expected[index].asked for index in places])
                medians = np.median(draws.processor_seconds, axis=0) / 3600
                for index, median in zip(places, medians, strict=True):
                    found[index] = float(median) * expected[index].number
        return found

    def _own_first(self, code: str) -> tuple[bool, str]:
        return code != self.backend.code, code

    def _kinds(self, code: str, mine: Sequence[Expectation]) -> list[KindCost]:
        """Return the cost by kinds of the calculations of one code, the sum last."""
        model = self.models.get(code)
        draws = None if model is None or not mine else draws_of(model, [each.asked for each in mine])
        numbers = possible_numbers(mine, 0 if draws is None else len(draws.force_evaluations))
        costs = []
        tasks = list(dict.fromkeys(each.asked.task for each in mine))
        for task in [*tasks, "all"]:
            places = [index for index, each in enumerate(mine) if task in (each.asked.task, "all")]
            left = [mine[index] for index in places if mine[index].number > 0] or [mine[index] for index in places]
            atoms = [each.asked.work.atoms for each in left] or [0]
            kpoints = [each.asked.work.kpoints for each in left] or [0]
            costs.append(
                KindCost(
                    code=code,
                    task=task,
                    calculations=sum(mine[index].number + mine[index].finished for index in places),
                    finished=sum(mine[index].finished for index in places),
                    atoms=(min(atoms), max(atoms)),
                    kpoints=(min(kpoints), max(kpoints)),
                    **ranges(draws, numbers, places),
                )
            )
        return costs

    def _becomes(self, entry: "PlannedCalculation") -> dict[str, float]:
        """Return task -> how many calculations an entry is going to be."""
        if entry.number is not None:
            return {entry.task: entry.number}
        learnt = self.learnt.get(kind_of(open_entry(entry)))
        if learnt is not None:
            return learnt.tasks or {entry.task: 0.0}
        self.guesses.add(entry.label)
        return {entry.task: 1.0}

    def _counted(self, entry: "PlannedCalculation", task: str) -> float:
        """Return how many calculations the expected number of an entry rests on; one where nothing is known."""
        learnt = self.learnt.get(kind_of(open_entry(entry)))
        return 1.0 if learnt is None else max(1.0, learnt.campaigns * learnt.tasks.get(task, 0.0))

    def _work(self, entry: "PlannedCalculation", labels: Mapping[str, "PlannedCalculation"]) -> Work:
        """Return the work of an entry, from its cell, or else from that of what comes before it."""
        nearest, seen = entry, set()
        while nearest.structure is None:
            seen.add(nearest.label)
            before = [labels[label] for label in nearest.after if label in labels and label not in seen]
            if not before:
                return Work(entry.atoms, float(entry.atoms), 1, 1e3 * entry.atoms)
            nearest = before[0]
        assert nearest.structure is not None
        work = (entry.by or self.backend).work(nearest.structure)
        share = entry.atoms / max(work.atoms, 1)
        if 0.8 < share < 1.25:  # its own cell, but for an atom or two
            return Work(entry.atoms, work.electrons * share, work.kpoints, work.plane_waves)
        kpoints = 1 if work.kpoints == 1 else max(1, round(work.kpoints / share))
        return Work(entry.atoms, work.electrons * share, kpoints, work.plane_waves * share)

    def _hash(self, backend: Backend) -> str:
        return self._hashes.setdefault(id(backend), backend.settings_hash())

    def _is_done(self, entry: "PlannedCalculation", backend: Backend) -> bool:
        """Return whether a calculation of this name, cell and settings is finished."""
        return any(past.label == entry.label and self._alike(past, entry, backend) for past in self._of(backend))

    def _of(self, backend: Backend) -> Sequence[Past]:
        return self.history.get(backend.code, ())

    def _alike(self, past: Past, entry: "PlannedCalculation", backend: Backend) -> bool:
        volume = None if entry.structure is None else entry.structure.lattice.volume
        return (
            past.settings_hash == self._hash(backend)
            and past.work.atoms == entry.atoms
            and (volume is None or abs(past.volume / volume - 1) < _SAME_CELL)
        )

    def _done(
        self, entries: Sequence["PlannedCalculation"], labels: Mapping[str, "PlannedCalculation"]
    ) -> Counter[tuple[str, str, str]]:
        """Return group, potential and task -> finished calculations that only a run finds."""
        done: Counter[tuple[str, str, str]] = Counter()
        places = {(entry.group, entry.prescreen): entry for entry in entries if entry.number is None}
        for (group, prescreen), entry in places.items():
            backend = entry.by or self.backend
            for past in self._of(backend):
                if past.label not in labels and belongs(past.label, group, prescreen):
                    done[group, prescreen, past.task] += self._alike(past, entry, backend)
        return done

    def _notes(self, codes: Sequence[str], expected: Sequence[Expectation]) -> list[str]:
        notes = []
        for code in codes:
            model, count = self.models.get(code), len(self.history.get(code, ()))
            if model is None:
                some = f"only {count} finished calculation{'s' * (count != 1)}" if count else "no finished calculation"
                notes.append(
                    f"Nothing is predicted of {code}: there is {some} of it here, and {FEWEST} are needed, so run "
                    "something small with it first."
                )
            else:
                notes.append(
                    f"{code}: from {model.count} finished calculations; the time of one, predicted from the others, is "
                    f"off by a factor of {model.error:.1f}. Ranges hold nine times in ten."
                )
        if self.guesses:
            notes.append(
                f"Only the run finds how many there are of {len(self.guesses)} kinds of calculations, and no finished "
                f"campaign had them: one each is counted ({_some(sorted(self.guesses))})."
            )
        return notes


def open_entry(entry: "PlannedCalculation") -> OpenEntry:
    """Return what a campaign's state keeps of an entry whose number the run finds."""
    return OpenEntry(label=entry.label, task=entry.task, group=entry.group, prescreen=entry.prescreen)


def _is_guided(entry: "PlannedCalculation", labels: Mapping[str, "PlannedCalculation"]) -> bool:
    return any(labels[label].prescreen for label in entry.after if label in labels)


def _some(labels: Sequence[str]) -> str:
    return "; ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
