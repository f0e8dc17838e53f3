"""On what a benchmark ran: kept with its numbers."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any


def surroundings(*packages: str) -> dict[str, Any]:
    """Return date (UTC), processor, cores that this process may use, and versions of Python and of `packages`."""
    names = [line.split(":", 1)[1].strip() for line in _processor() if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "versions": {"python": platform.python_version()} | {package: version(package) for package in packages},
    }


def _processor() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return []
