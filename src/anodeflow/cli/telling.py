"""Says on a terminal what is being tried at the moment, in one line that vanishes."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status


class Telling:
    """The line, on stderr; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._lock = threading.Lock()
        self._line: Status | None = None

    def __enter__(self) -> "Telling":
        if sys.stderr.isatty():
            from rich.console import Console

            self._line = Console(stderr=True).status("trying all parts")
            self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.stop()
            self._line = None

    @contextmanager
    def trying(self, part: str) -> Iterator[None]:
        """Name a part in the line for as long as the context lasts; threads may do so at once."""
        self._change(self._parts.append, part)
        try:
            yield
        finally:
            self._change(self._parts.remove, part)

    def _change(self, how, part: str) -> None:
        with self._lock:
            how(part)
            if self._line is not None:
                self._line.update(f"trying {', '.join(self._parts)}" if self._parts else "done")
