"""Answers another process where a calculation goes next: ``python -m anodeflow.learning.answers FOLDER``.

Reads surrogate.json there, then a list of steps, one JSON line a question, until its input ends (see
:class:`anodeflow.backends.drivers.asked.Asked`). While the potential computes it says so every now and then.
"""

import json
import os
import sys
import time
from pathlib import Path

from anodeflow.backends.drivers.asked import BUSY
from anodeflow.learning.surrogate import SURROGATE, Surrogate

_OFTEN = 1.0  # s


def main(folder: Path) -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a potential prints is no answer

    def write(line: str) -> None:
        answers.write(line + "\n")
        answers.flush()

    told = time.monotonic()

    def busy() -> None:
        nonlocal told
        if time.monotonic() - told > _OFTEN:
            told = time.monotonic()
            write(BUSY)

    surrogate = Surrogate.from_plain(json.loads((folder / SURROGATE).read_text(encoding="utf-8")), folder)
    surrogate.busy = busy
    for line in sys.stdin:
        write(json.dumps(surrogate(json.loads(line))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
