"""Which processes there are, without the programs ps and pgrep, which a small machine lacks."""

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
