"""What the entries of a plan are going to become, and sums over that: how many there may be times what each costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anodeflow.backends.base import Backend
from anodeflow.execution.cost.model import Asked, CostModel, Draws
from anodeflow.execution.state import Range

if TYPE_CHECKING:
    from anodeflow.studies.plan import PlannedCalculation


_MOST_DRAWS, _FEWEST_DRAWS, _NUMBERS = 2000, 200, 4_000_000
_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Expectation:
    """Calculations of one task that an entry of a plan is going to become.

    Attributes
    ----------
    entry
        The entry.
    backend
        Who computes.
    asked
        One of them.
    number
        How many are to come; a mean where only the run finds it.
    finished
        How many are finished.
    counted
        How many like them the number is the mean of; none: it is certain.
    """

    entry: "PlannedCalculation"
    backend: Backend
    asked: Asked
    number: float
    finished: int
    counted: float | None = None


def draws_of(model: CostModel, asked: Sequence[Asked]) -> Draws:
    number = max(_FEWEST_DRAWS, min(_MOST_DRAWS, _NUMBERS // max(1, len(asked))))
    return model.draw(asked, number, np.random.default_rng(0))


def possible_numbers(expected: Sequence[Expectation], draws: int) -> np.ndarray:
    """Return (draws, n) possible numbers of calculations, uncertain where only the run finds them.

    Half the relative error that counting would have: numbers of sites and hops scatter less than those of rare events.
    """
    random = np.random.default_rng(1)
    columns = []
    for each in expected:
        column = np.full(draws, each.number)
        if each.counted is not None and each.number > 0:
            width = 0.5 * np.sqrt(1 / each.counted + 1 / each.number)
            column = column * np.exp(width * random.standard_normal(draws))
        columns.append(column)
    return np.column_stack(columns) if columns else np.zeros((draws, 0))


def ranges(draws: Draws | None, numbers: np.ndarray, places: Sequence[int]) -> dict[str, Range | None]:
    """Return the predicted sums over some calculations, and their largest memory."""
    if draws is None:
        return {}

    def total(values: np.ndarray | None, unit: float = 1.0) -> Range | None:
        return None if values is None else _range((values[:, places] * numbers[:, places]).sum(axis=1) / unit)

    peak = None
    to_come = [index for index in places if numbers[:, index].any()]
    if draws.peak_memory is not None and to_come:
        peak = _range(draws.peak_memory[:, to_come].max(axis=1))
    return {
        "force_evaluations": total(draws.force_evaluations),
        "scf_cycles": total(draws.scf_cycles),
        "processor_hours": total(draws.processor_seconds, 3600.0),
        "peak_memory": peak,
    }


def _range(values: np.ndarray) -> Range:
    low, value, high = (float(each) for each in np.quantile(values, _QUANTILES))
    return Range(value=value, low=low, high=high)
