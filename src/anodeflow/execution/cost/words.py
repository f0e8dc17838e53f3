"""Costs in words: with as many digits as they deserve."""

import math
from collections.abc import Callable

from anodeflow.execution.state import Predicted, Range, Used


def number(value: float) -> str:
    """Return a predicted number with two digits that count."""
    if value < 10:
        return f"{value:.0f}" if value == round(value) else f"{value:.2g}"
    return f"{round(value, 1 - math.floor(math.log10(value))):,.0f}"


def hours(value: float) -> str:
    """Return processor hours: 40 s, 12 min, 3.5 h."""
    if value < 0.995 / 60:
        return f"{value * 3600:.0f} s"
    if value < 0.995:
        return f"{value * 60:.0f} min"
    return f"{value:.1f} h" if value < 10 else f"{value:,.0f} h"


def megabytes(value: float) -> str:
    """Return memory: 300 MB, 2.1 GB."""
    return f"{value:.0f} MB" if value < 1000 else f"{value / 1024:.1f} GB"


def spread(found: Range, shown: Callable[[float], str] = number) -> str:
    """Return a prediction with its range: 12 (8 to 20)."""
    if shown(found.low) == shown(found.high):
        return shown(found.value)
    return f"{shown(found.value)} ({shown(found.low)} to {shown(found.high)})"


def predicted_against_used(code: str, predicted: Predicted | None, used: Used, budget: float | None = None) -> str:
    """Return what a run used of processors and SCF cycles beside what was predicted, in one sentence."""
    taken = [f"{hours(used.processor_hours)} of processor time"]
    expected = []
    if predicted is not None and predicted.processor_hours is not None:
        expected.append(f"{spread(predicted.processor_hours, hours)} of processor time")
    if used.scf_cycles:
        taken.append(f"{used.scf_cycles:,} SCF cycles")
    if predicted is not None and predicted.scf_cycles is not None:
        expected.append(f"{spread(predicted.scf_cycles)} SCF cycles")
    said = f"predicted {', '.join(expected)}" if expected else "nothing was predicted, for want of history"
    limit = "" if budget is None else f"; the budget was {hours(budget)}"
    return f"{code} used {', '.join(taken)}; {said}{limit}."
