"""The database as the pages ask it: by one thread of its own, which keeps it open."""

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo.errors import PyMongoError

from anodeflow.database.read_only import open_to_read
from anodeflow.database.row_table import RowTable

if TYPE_CHECKING:
    from jobflow import JobStore

T = TypeVar("T")
_PATIENCE = 0.1  # s that a page waits for what is new; what comes later is on the next one,
_STALE, _LONGER = 10.0, 2.0  # but for this long where nobody has asked for so long: the next one may never be asked for
_AGE = 2.0  # s for which the rows count as new,
_SHARE = 20  # and at least so many times as long as the last look at them took: looking is no more than a twentieth


class Source:
    """Answers questions to the database, one after another: a connection to SQLite belongs to one thread.

    Attributes
    ----------
    table
        All rows, as new as the last look at them.
    """

    def __init__(self) -> None:
        self.table = RowTable()
        self._executor = ThreadPoolExecutor(1, "database")
        self._opened: tuple[ExitStack, JobStore] | None = None
        self._lock = threading.Lock()
        self._looking: Future[None] | None = None
        self._looked, self._age = 0.0, _AGE

    def ask(self, question: "Callable[[JobStore], T]") -> T:
        """Return the answer to a question.

        Raises
        ------
        DatabaseError
            If the database cannot be opened or read.
        """
        return self._executor.submit(self._answer, question).result()

    def rows(self, wait: bool = True) -> RowTable:
        """Return all rows; those of the last few moments may be missing.

        Parameters
        ----------
        wait
            Whether to wait for the first look at them, however long that takes, and somewhat longer for one after
            nobody has asked for a while.
        """
        with self._lock:
            first = self._looked == 0.0
            if self._looking is None or (self._looking.done() and time.monotonic() - self._looked > self._age):
                self._looking = self._executor.submit(self._answer, self._update)
            looking = self._looking
            stale = time.monotonic() - self._looked > max(_STALE, 2 * self._age)
        patience = _LONGER if stale and wait else _PATIENCE
        with suppress(TimeoutError):
            looking.result(None if first and wait else patience)
        return self.table

    def prepare(self) -> None:
        """Begin to look at the rows, so that the first page finds them."""
        with self._lock:
            self._looking = self._executor.submit(self._answer, self._update)

    def close(self) -> None:
        """Close the database."""
        self._executor.submit(self._close)
        self._executor.shutdown(cancel_futures=False)

    def _update(self, store: "JobStore") -> None:
        began = time.monotonic()
        self.table.update(store)
        self._looked = time.monotonic()
        self._age = max(_AGE, _SHARE * (self._looked - began))

    def _answer(self, question: Any) -> Any:
        if self._opened is None:
            stack = ExitStack()
            self._opened = stack, stack.enter_context(open_to_read())
        stack, store = self._opened
        try:
            return question(store)
        except (PyMongoError, sqlite3.Error):
            self._opened = None
            with stack:  # it says what is wrong in one sentence
                raise

    def _close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None
