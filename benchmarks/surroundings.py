"""On what a benchmark ran and how long: kept with its numbers."""

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from anodeflow.core.errors import AnodeflowError
from anodeflow.core.masking import masked


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


@contextmanager
def in_sentences() -> Iterator[None]:
    """End the script with a sentence, as the commands do, where it was asked for what is not there or not possible."""
    name = Path(sys.argv[0]).name
    try:
        yield
    except AnodeflowError as error:
        print(f"{name}: {masked(str(error))}", file=sys.stderr)
        sys.exit(error.exit_status)
    except ValidationError as error:
        first = error.errors()[0]
        print(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}.", file=sys.stderr)
        sys.exit(2)


@contextmanager
def stopwatch(file: Path) -> Iterator[None]:
    """Add `wall_time` and `processor_time` (s, that of finished child processes included) to what a JSON file has."""
    times = json.loads(file.read_text()) if file.exists() else {"wall_time": 0.0, "processor_time": 0.0}
    began, used = time.monotonic(), _processor_time()
    try:
        yield
    finally:
        times["wall_time"] += time.monotonic() - began
        times["processor_time"] += _processor_time() - used
        file.write_text(json.dumps(times))


def _processor_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
