"""How many calculations an entry of a plan became whose number only the run finds, in campaigns that have finished."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ase.data import atomic_numbers

from anodeflow.core.labels import Label
from anodeflow.execution.cost.history import Past
from anodeflow.execution.state import CampaignStatus, OpenEntry

_SYMBOL = re.compile(r"\b[A-Z][a-z]?\b")


@dataclass
class Yield:
    """What entries of one kind became.

    Attributes
    ----------
    campaigns
        Number of entries that were counted.
    tasks
        Task -> how many calculations of it an entry became, on average.
    """

    campaigns: int = 0
    tasks: dict[str, float] = field(default_factory=dict)


def kind_of(entry: OpenEntry) -> tuple[str, bool]:
    """Return what entries of different systems have in common: the label without system, elements and numbers."""
    what = Label.read(entry.label).what
    text = _SYMBOL.sub(lambda found: "X" if found[0] in atomic_numbers else found[0], what)
    return re.sub(r"\d+", "#", text), bool(entry.prescreen)


def yields(statuses: Iterable[CampaignStatus], known: Mapping[str, Past]) -> dict[tuple[str, bool], Yield]:
    """Return what the kinds of entries became.

    Parameters
    ----------
    statuses
        States of campaigns; those that did not finish, or ran with a budget that did not last, do not count.
    known
        Id -> finished calculation.
    """
    totals: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    entries: Counter[tuple[str, bool]] = Counter()
    for status in statuses:
        if status.state != "finished":
            continue
        found = [known[step.calculation_id] for step in status.steps[status.planned :] if step.calculation_id in known]
        for place in dict.fromkeys((entry.group, entry.prescreen) for entry in status.open):
            opens = [entry for entry in status.open if (entry.group, entry.prescreen) == place]
            mine = Counter(past.task for past in found if belongs(past.label, *place))
            for entry in opens:
                entries[kind_of(entry)] += 1
            for task, number in mine.items():
                takers = [entry for entry in opens if entry.task == task]
                takers = takers or [entry for entry in opens if entry.task not in mine]
                for entry in takers:
                    totals[kind_of(entry)][task] += number / len(takers)  # type: ignore[assignment]  # shares
    return {
        kind: Yield(number, {task: total / number for task, total in totals[kind].items()})
        for kind, number in entries.items()
    }


def belongs(label: str, group: str, prescreen: str) -> bool:
    """Return whether a calculation is one of a group's, done by the potential called so, or by the code if by none."""
    read = Label.read(label)
    return (read.system, read.by) == (group, prescreen)
