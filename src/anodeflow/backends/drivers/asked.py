"""Asks a process of its own where to go next: the potential that knows need not be loaded where a code computes.

This file imports numpy and the standard library alone: it runs inside a code's own process.
"""

import json
import subprocess
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import numpy as np

BUSY = "busy"
"""Line with which the other process says that it gets on: with a slow potential an answer may take long."""


class Asked:
    """Proposals of another process (:mod:`anodeflow.learning.answers`); none from when it fails.

    Parameters
    ----------
    command
        What starts it. It reads a list of steps, one JSON line a question, and answers with a line of JSON; lines
        `busy` may come before it.
    asks
        Whether this process asks: of the ranks of MPI one does.
    share
        Gives the answer of the one that asks to all others.
    patience
        How long an answer, or a sign that it is on its way, is waited for, s.
    """

    def __init__(
        self,
        command: list[str],
        asks: bool = True,
        share: Callable[[Any], Any] = lambda found: found,
        patience: float = 600.0,
    ) -> None:
        self.command, self.asks, self.share, self.patience = command, asks, share, patience
        self.process: subprocess.Popen[str] | None = None
        self.heard = 0.0
        self.ended = ""
        """Why there are no proposals any more; empty: there are."""

    def __call__(self, steps: list[dict[str, Any]]) -> tuple[list[Any], float | None] | None:
        """Return where to go next (see :data:`anodeflow.backends.drivers.recording.Propose`)."""
        found = self.share(self._answer(steps) if self.asks and not self.ended else None)
        return None if found is None else (found[0], found[1])

    def _answer(self, steps: list[dict[str, Any]]) -> Any:
        try:
            if self.process is None:
                pipe = subprocess.PIPE
                self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8")
            answers: list[str] = []
            # A question longer than a pipe holds waits for its reader, as half an answer does for its end.
            thread = Thread(target=self._exchange, args=(json.dumps(steps), answers), daemon=True)
            self.heard = time.monotonic()
            thread.start()
            while thread.is_alive():
                left = self.heard + self.patience - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no answer within {self.patience:g} s")
                thread.join(left)
            if not answers:
                raise OSError("it ended")
            return _checked(json.loads(answers[0]), steps)
        except Exception as error:  # all ranks wait for an answer: there is one, whatever happened
            self.ended = f"{type(error).__name__}: {error}"
            print(f"proposals end: {self.ended}", flush=True)
            if self.process is not None:
                self.process.kill()
            return None

    def _exchange(self, question: str, answers: list[str]) -> None:
        assert self.process
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
            while (line := self.process.stdout.readline()).strip() == BUSY:
                self.heard = time.monotonic()
            answers.append(line)
        except (OSError, ValueError):
            return


def _checked(found: Any, steps: list[dict[str, Any]]) -> Any:
    """Return an answer that is one: none, or a geometry for each image and what is gained.

    Raises
    ------
    ValueError
        If it is not.
    """
    if found is None:
        return None
    if not isinstance(found, list) or len(found) != 2 or not isinstance(found[0], list):
        raise ValueError(f"no answer: {str(found)[:80]}")
    geometries, gain = np.array(found[0], dtype=float), found[1]
    wanted = (len({step.get("image") for step in steps}), *np.shape(steps[0]["positions"]))
    if geometries.shape != wanted or not np.isfinite(geometries).all():
        raise ValueError(f"{geometries.shape} numbers instead of {wanted}, or such as are none")
    if gain is not None and not (isinstance(gain, float | int) and 0 <= gain < np.inf):
        raise ValueError(f"{gain!r} is no gain")
    return found
