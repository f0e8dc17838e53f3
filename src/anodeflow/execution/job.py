"""What a job of the queue runs on its node: ``python -m anodeflow.execution.job FOLDER``.

It does what ``jf execution run`` does, starts faster, leaves a trace of its progress in the folder, which
``anodeflow status`` reads, and ends in order when the queue asks it to.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anodeflow.core.library_warnings import tell_warnings

PROGRESS_FILE = "anodeflow_progress.json"
_EVERY = 1.0  # s between two writes while nothing but a number changes


class ProgressFile:
    """Listener that keeps the last message of the calculation in a file, and prints every change of state.

    Parameters
    ----------
    folder
        Folder of the job.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / PROGRESS_FILE
        self.state, self.written = "", 0.0

    def __call__(self, message: Any) -> None:
        """Take a message of a calculation."""
        changed = message.state != self.state
        if changed:
            print(f"{time.strftime('%F %T')} {message.label}: {message.state} {message.message}".rstrip(), flush=True)
        if changed or time.monotonic() - self.written > _EVERY:
            self.state, self.written = message.state, time.monotonic()
            with suppress(OSError):  # a full disk ends the calculation, with a better message
                draft = self.file.with_suffix(".new")
                draft.write_text(json.dumps(asdict(message)), encoding="utf-8")
                draft.replace(self.file)


def main(folder: Path) -> int:
    """Run the job in `folder`; return 1 if it failed."""
    tell_warnings()
    from jobflow_remote.jobs.data import OUT_FILENAME
    from jobflow_remote.jobs.run import run_remote_job

    from anodeflow import __version__
    from anodeflow.calculations.progress import listen

    # An exception on its way out ends the code that the calculation started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"anodeflow {__version__} on {os.uname().nodename}", flush=True)
    with listen(ProgressFile(folder)):
        run_remote_job(folder)
    error = json.loads((folder / OUT_FILENAME).read_text(encoding="utf-8")).get("error")
    if error:
        print(error, file=sys.stderr, flush=True)
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
