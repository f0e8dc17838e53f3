"""Answers another process where a calculation goes next: ``python -m anodeflow.learning.answers FOLDER``.

Reads surrogate.json there, then a list of steps, one JSON line a question, until its input ends (see
:class:`anodeflow.backends.drivers.asked.Asked`).
"""

import json
import os
import sys
from pathlib import Path

from anodeflow.learning.surrogate import SURROGATE, Surrogate


def main(folder: Path) -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a potential prints is no answer
    surrogate = Surrogate.from_plain(json.loads((folder / SURROGATE).read_text(encoding="utf-8")), folder)
    for line in sys.stdin:
        answers.write(json.dumps(surrogate(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
