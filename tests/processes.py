"""Which processes there are, without the programs ps and pgrep, which a small machine lacks; and waiting for them."""

import time
from collections.abc import Callable

import psutil


def processes_naming(text: object) -> list[psutil.Process]:
    """Processes whose command line holds `text`."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and str(text) in " ".join(words):
            found.append(process)
    return found


def parent_of(pid: int) -> int:
    """Process id of the parent."""
    return psutil.Process(pid).ppid()


def wait_until(condition: Callable[[], object], seconds: float = 60.0, every: float = 0.05) -> bool:
    """Wait until the condition holds; return whether it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every)
    return bool(condition())
