"""Warnings of the libraries below: the few that are known are left out, each by its words; the others are told.

Deprecations and hints for developers are left out as Python itself leaves them out.
"""

import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOR_DEVELOPERS: tuple[type[Warning], ...] = (
    DeprecationWarning,
    PendingDeprecationWarning,
    ImportWarning,
    ResourceWarning,
)
KNOWN: dict[str, tuple[str, type[Warning], str]] = {
    r"cd is deprecated, and will be removed": (
        "jobflow",
        FutureWarning,
        "jobflow's own use of monty, which the release of jobflow that goes with it will change",
    ),
    r"No tensor product accelerator is enabled for SevenNet": (
        "sevenn",
        UserWarning,
        "it is about speed on a GPU; the numbers are the same",
    ),
}
"""How a warning begins (a regular expression) -> package that gives it, its category, why nobody need be told."""


def tell_warnings() -> None:
    """Print the warnings of this process as one line each on stderr, every one once, without those that are known.

    What the user has asked of Python (``-W``, PYTHONWARNINGS) stays.
    """
    if sys.warnoptions:
        return
    warnings.simplefilter("default")
    for category in FOR_DEVELOPERS:
        warnings.simplefilter("ignore", category)
    for message, (_, category, _) in KNOWN.items():
        warnings.filterwarnings("ignore", message, category)
    told: set[str] = set()

    def tell(message: Warning | str, category: type[Warning], filename: str, *_: Any, **__: Any) -> None:
        line = sentence(str(message), category, filename)
        if line not in told:
            told.add(line)
            print(line, file=sys.stderr)

    warnings.showwarning = tell


@contextmanager
def known_left_out() -> Iterator[None]:
    """Leave out the known warnings within somebody else's process, a notebook's say; all others are told as there."""
    with warnings.catch_warnings():
        for message, (_, category, _) in KNOWN.items():
            warnings.filterwarnings("ignore", message, category)
        yield


def sentence(message: str, category: type[Warning], filename: str) -> str:
    """Return the line of a warning: which package says what."""
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", message).split())
    words = words if len(words) <= 300 else f"{words[:297]}..."
    return f"anodeflow: {_package(filename)} warns: {words or category.__name__}"


def said_of(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    """Return what recorded warnings say, on a line each and in their order, without what is for developers alone."""
    theirs = (*FOR_DEVELOPERS, FutureWarning)
    told = (" ".join(str(each.message).split()) for each in caught if not issubclass(each.category, theirs))
    return list(dict.fromkeys(told))


def _package(filename: str) -> str:
    parts = Path(filename).parts
    for folder in ("site-packages", "dist-packages", "src"):
        if folder in parts[:-1]:
            return Path(parts[len(parts) - parts[::-1].index(folder)]).stem
    return Path(filename).stem
