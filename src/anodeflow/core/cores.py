"""How many cores there are to compute on."""

import os


def cores() -> int:
    """Return the number of cores that this process may use; those of the machine where systems do not tell (macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
