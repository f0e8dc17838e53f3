"""A line on stderr that says how far a long command has come."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Tell(Protocol):
    """Takes what is being done and how many are done."""

    def __call__(self, words: str, done: int) -> None: ...


@contextmanager
def counting(unit: str) -> Iterator[Tell]:
    """Yield a function that shows progress on a terminal and says nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda words, done: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda words, done: status.update(f"{words}: {done} {unit}")


@contextmanager
def at_work(words: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being done, and yield a function that says what comes next; elsewhere say nothing."""
    if not sys.stderr.isatty():
        yield lambda words: None
        return
    from rich.console import Console

    with Console(stderr=True).status(words) as status:
        yield status.update
