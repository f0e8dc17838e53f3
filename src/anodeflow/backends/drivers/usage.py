"""What a code that runs in processes of its own takes of the machine: processors' time, memory.

This file imports the standard library alone: it runs inside a code's own process.
"""

import resource
import sys
import time
from typing import Any

_counted = 0.0  # s of this process that are on record; its start counts with the first geometry
_UNIT = 1024**2 if sys.platform == "darwin" else 1024  # of ru_maxrss in a MiB: bytes or KiB


class Usage:
    """Measures this process; the others of an MPI run are taken to be like it.

    Parameters
    ----------
    processes
        Number of processes of the run.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes

    def take(self) -> dict[str, Any]:
        """Return what was used since the last call, for the record of a step: s, MiB."""
        global _counted
        now = time.process_time()
        spent, _counted = now - _counted, now
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNIT
        return {
            "processors": self.processes,
            "processor_seconds": round(spent * self.processes, 3),
            "peak_memory": round(memory * self.processes, 1),
        }
