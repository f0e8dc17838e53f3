"""Asks a process of its own where to go next: the potential that knows need not be loaded where a code computes.

This file imports numpy and the standard library alone: it runs inside a code's own process.
"""

import json
import select
import subprocess
from collections.abc import Callable
from typing import Any


class Asked:
    """Proposals of another process (:mod:`anodeflow.learning.answers`); none from when it fails.

    Parameters
    ----------
    command
        What starts it. It reads a list of steps, one JSON line a question, and answers with a line of JSON.
    asks
        Whether this process asks: of the ranks of MPI one does.
    share
        Gives the answer of the one that asks to all others.
    patience
        How long an answer is waited for, s.
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
        self.silent = False

    def __call__(self, steps: list[dict[str, Any]]) -> tuple[list[Any], float | None] | None:
        """Return where to go next (see :data:`anodeflow.backends.drivers.driver.Propose`)."""
        found = self.share(self._answer(steps) if self.asks and not self.silent else None)
        return None if found is None else (found[0], found[1])

    def _answer(self, steps: list[dict[str, Any]]) -> Any:
        try:
            if self.process is None:
                pipe = subprocess.PIPE
                self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8")
            assert self.process.stdin
            assert self.process.stdout
            self.process.stdin.write(json.dumps(steps) + "\n")
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], self.patience)[0]:
                raise TimeoutError(f"no answer within {self.patience:g} s")
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError) as error:
            print(f"proposals end: {type(error).__name__}: {error}", flush=True)
            self.silent = True
            if self.process is not None:
                self.process.kill()
            return None
