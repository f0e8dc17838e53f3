"""Counts the iterations of a band: those that the record answers are those of earlier attempts, and cost nothing.

This file imports the standard library alone: it runs inside a code's own process.
"""

from collections.abc import Iterator
from typing import Any

_ENDLESS = 10**9


class Iterations:
    """Iterations that one attempt may make. It begins anew at the start of the path, and its replay is not counted.

    Parameters
    ----------
    most
        How many it may make, from the first on that evaluates an image.
    attempts
        Attempts on record. None of them made more, so a replay that goes on for longer goes in a circle.
    """

    def __init__(self, most: int, attempts: int) -> None:
        self.left, self.replayed = most, attempts * (most + 2)
        self.evaluates = False
        """Whether the attempt has evaluated an image."""

    def count(self) -> None:
        """Count an iteration that was made."""
        if self.evaluates:
            self.left -= 1
        elif self.replayed:
            self.replayed -= 1
        else:
            self.left = 0

    def of(self, optimizer: Any) -> Iterator[None]:
        """Yield at the start of an optimiser of ASE and after each of its steps, as long as there are some left."""
        for number, _ in enumerate(optimizer.irun(fmax=0.0, steps=_ENDLESS)):
            if number:
                self.count()
            yield
            if self.left <= 0:
                return
