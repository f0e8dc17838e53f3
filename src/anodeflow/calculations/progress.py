"""Tells whoever listens what a running calculation is doing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["started", "resumed", "waiting", "running", "finished", "reused", "failed"]


@dataclass(frozen=True)
class Progress:
    """One message of a calculation.

    Attributes
    ----------
    label, calculation_id
        What the calculation is, for people and for programs.
    state
        started, resumed (goes on after an interruption), waiting (another process computes it), running,
        finished, reused (found finished), failed.
    ionic_step, energy, max_force, scf_cycles
        The last ionic step that is done: its number, energy (eV), largest force on a free atom (eV/Å) and, where the
        code tells, SCF cycles.
    scf_iteration
        Number of the SCF iteration of the step, or image, after that, which is being computed.
    elapsed
        Seconds since this attempt began.
    message
        Anything else worth a line: a recovery step, an error.
    """

    label: str
    calculation_id: str
    state: State
    ionic_step: int = 0
    scf_iteration: int | None = None
    energy: float | None = None
    max_force: float | None = None
    scf_cycles: int | None = None
    elapsed: float = 0.0
    message: str = ""


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Send every message of this process to `listener` while the context lasts."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def report(message: Progress) -> None:
    """Hand `message` to every listener."""
    for listener in _listeners:
        listener(message)


def now_and_then(tell: Any, words: str, every: float = 10.0) -> Callable[[int, int], None]:
    """Return a function that says how much of something is done, at most every so many seconds.

    Parameters
    ----------
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    words
        What is being done.
    every
        Seconds.
    """
    last = time.monotonic()

    def told(done: int, whole: int) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            tell("running", message=f"{words}: {done} of {whole}")

    return told
