"""A budget of processor hours: what it does not hold is left for the next run."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from anodeflow.backends.base import Backend
from anodeflow.calculations.displaced import whole
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.progress import Progress
from anodeflow.calculations.request import Request
from anodeflow.core.errors import BudgetSpentError, InputError
from anodeflow.execution.cost.estimate import Estimator
from anodeflow.execution.cost.meter import Meter
from anodeflow.execution.cost.model import Asked
from anodeflow.execution.cost.words import hours

_LENGTH = re.compile(r"(\d+(?:\.\d+)?) ?(m|min|h|d)")
_HOURS = {"m": 1 / 60, "min": 1 / 60, "h": 1.0, "d": 24.0}
_LEAST_LEFT = 0.1  # of a calculation's prediction: what is on record may fall short of the end
_BUDGET_ENDS = "the budget is used up"


def budget_hours(text: str) -> float:
    """Return the processor hours of a budget: 90m, 6h, 3d.

    Raises
    ------
    InputError
        If it is written otherwise, or nothing.
    """
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise InputError(f"--budget: write processor time as 90m, 6h or 3d, not {text!r}.")
    hours = float(found[1]) * _HOURS[found[2]]
    if hours <= 0:
        raise InputError(
            "--budget: a budget of nothing lets nothing run: give more, or ask check --cost what there is to do."
        )
    return hours


def left_sentence(campaign: str, left: Mapping[str, float | None], used: float, budget: str) -> str:
    """Return what a budget left of a campaign, and what goes on with it.

    Parameters
    ----------
    campaign
        Its name.
    left
        Label of what was left -> its predicted processor hours.
    used
        Processor hours that were used.
    budget
        The budget as it was written.
    """
    labels = list(left)
    words = "; ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
    predictions = [time for time in left.values() if time is not None]
    if used == 0 and predictions:
        return (
            f"nothing that is left of campaign {campaign} ({words}) fits into a budget of {budget}: the least of it is "
            f"predicted to take {hours(min(predictions))} of processor time, so give more."
        )
    return (
        f"campaign {campaign} is not finished: of the budget of {budget} {hours(used)} are used, and what did not fit "
        f"is left ({words}) with all that comes after it: the same command goes on, with a budget of its own."
    )


@dataclass
class Budget:
    """Lets calculations of the campaign's code pass as long as its prediction fits into what is left.

    A calculation that does not fit is left, and a later one that does is computed. Where nothing is predicted,
    calculations pass until the budget is used up. One that is running then ends with its next recorded step.

    Attributes
    ----------
    hours
        Processor hours that may be used.
    meter
        Counts what is used.
    estimator
        Predicts what a calculation takes.
    left
        Label -> predicted processor hours of what was left (none: nothing is predicted).
    """

    hours: float
    meter: Meter
    estimator: Estimator
    left: dict[str, float | None] = field(default_factory=dict)
    _short: bool = False
    _thread: int = field(default_factory=threading.get_ident)

    def admit(self, backend: Backend, request: Request, label: str, folder: CalculationFolder) -> None:
        """Let a calculation pass, or leave it.

        Raises
        ------
        BudgetSpentError
            If it is left.
        """
        if backend.code != self.meter.code:
            return
        left = self.hours - self.meter.used.processor_hours
        if of := whole():  # the forces of a search for modes are calculations of their own, and have passed with it
            if left <= 0:
                self._leave(of, None, _BUDGET_ENDS)
            return
        predicted = self.predicted(backend, request, folder)
        if left <= 0 or (predicted is not None and predicted > left):
            needs = "" if predicted is None else f", and it is predicted to take {hours(predicted)}"
            self._leave(label, predicted, f"{hours(max(left, 0.0))} of the budget is left{needs}")
        self._short = request.task in ("static", "density")

    def _leave(self, label: str, predicted: float | None, why: str) -> NoReturn:
        self.left[label] = predicted
        raise BudgetSpentError(f"{label}: {why}.")

    def predicted(self, backend: Backend, request: Request, folder: CalculationFolder) -> float | None:
        """Return the processor hours that a calculation has still to take; none: nothing is predicted."""
        model = self.estimator.models.get(backend.code)
        if model is None:
            return None
        guided = bool(request.guide) or len(request.images) == 3
        asked = Asked.of(request.task, guided, backend.work(request.structure), backend)
        time, evaluations = model.median(asked)
        return time * max(_LEAST_LEFT, 1 - len(folder.steps()) / evaluations)

    def __call__(self, message: Progress) -> None:
        """Hear of a calculation; called after the meter.

        Raises
        ------
        BudgetSpentError
            If the budget is used up and the calculation that tells is under way.
        """
        if self._short or threading.get_ident() != self._thread:  # VASP's record is made at its end
            return
        if message.state != "running" or message.calculation_id not in self.meter.counted:
            return
        if message.ionic_step and self.meter.used.processor_hours >= self.hours:
            self._leave(message.label, None, f"{_BUDGET_ENDS} after {message.ionic_step} recorded steps")
