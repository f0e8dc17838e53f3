"""What cost is estimated from: the valence of GPAW's PAW datasets, and what its log says of the machine."""

import gzip
import re
from functools import cache
from pathlib import Path
from typing import Any

from anodeflow.backends.work import LogFacts

_VALENCE = re.compile(rb"<atom [^>]*valence=\"([\d.]+)\"")
_CORES = re.compile(rb"^cores: *(\d+)", re.MULTILINE)
_MEMORY = re.compile(rb"^Max RSS: *([\d.]+)  # MiB", re.MULTILINE)
_HEAD = 20_000  # bytes


@cache
def dataset_valence(file: Path) -> float | None:
    """Return the valence electrons of a PAW dataset; none if it does not say."""
    opened: Any = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rb") as stream:
        found = _VALENCE.search(stream.read(_HEAD))
    return float(found[1]) if found else None


def log_facts(log: Path) -> LogFacts:
    """Return the cores, and the largest memory, of all runs that wrote into a log; nothing without a log."""
    try:
        content = log.read_bytes()
    except FileNotFoundError:
        return LogFacts()
    cores = [int(number) for number in _CORES.findall(content)]
    memory = [float(number) for number in _MEMORY.findall(content)]
    processors = max(cores, default=None)
    return LogFacts(processors, max(memory) * (processors or 1) if memory else None)
