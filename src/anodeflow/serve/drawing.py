"""Draws documents and writes reports on request, in a process of its own: the pages answer meanwhile."""

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from anodeflow.serve.leftover import own_folder

if TYPE_CHECKING:
    from anodeflow.calculations.document import CalculationDoc
    from anodeflow.report.page import Section
    from anodeflow.studies.document import StudyDoc

PART = "part.html"
_KEPT = 40
"""Drawings and reports whose files are kept."""


class Drawings:
    """Files that are made once, when they are first asked for; all of them are gone when the server ends."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._held: int | None = None  # the lock of the folder
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._made: dict[str, Future[None]] = {}

    @property
    def folder(self) -> Path:
        """Where the files lie; this user alone can read them."""
        if self._folder is None:
            self._folder, self._held = own_folder()
        return self._folder

    def document(self, key: str, document: "StudyDoc", beside: "Sequence[StudyDoc]" = ()) -> "Future[None]":
        """Draw one study into the folder of a key: its figures, its scenes and a piece of HTML around them.

        `beside` are studies of its kind that are drawn at the same scale.
        """
        return self._make(key, draw_document, document, list(beside))

    def report(
        self, key: str, campaign: str, documents: "Sequence[StudyDoc]", calculations: "Mapping[str, CalculationDoc]"
    ) -> "Future[None]":
        """Write the report of a campaign, or of a part of it, into the folder of a key."""
        return self._make(key, make_report, campaign, list(documents), dict(calculations))

    def known(self, key: str) -> "Future[None] | None":
        """Return what is being made, or was made, under a key; none: nothing was asked for."""
        return self._made.get(key)

    def file(self, key: str, path: str) -> Path | None:
        """Return a file that was made under a key; none: there is none of that name inside its folder."""
        if key not in self._made:
            return None
        home = (self.folder / key).resolve()
        file = (home / path).resolve()
        return file if file.is_relative_to(home) and file.is_file() else None

    def close(self) -> None:
        """End the process and delete the files."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in list(getattr(self._pool, "_processes", None) or {}):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _make(self, key: str, action: Callable[..., None], *arguments: object) -> "Future[None]":
        with self._lock:
            known = self._made.get(key)
            if known is not None and not (known.done() and known.exception()):
                return known
            if self._pool is None or getattr(self._pool, "_broken", False):
                self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
            self._forget()
            self._made[key] = self._pool.submit(action, self.folder / key, *arguments)
            return self._made[key]

    def _forget(self) -> None:
        finished = [key for key, future in self._made.items() if future.done()]
        for key in finished[: max(0, len(self._made) - _KEPT)]:
            del self._made[key]
            shutil.rmtree(self.folder / key, ignore_errors=True)


def draw_document(folder: Path, document: "StudyDoc", beside: "Sequence[StudyDoc]" = ()) -> None:
    """Draw a study as its section of a report has it (called in the other process)."""
    from anodeflow.report.build import sections
    from anodeflow.report.context import Context
    from anodeflow.report.drawing import drawn
    from anodeflow.report.reference import shipped_references
    from anodeflow.serve.rendering import environment

    folder.mkdir(parents=True)
    references = [each for each in shipped_references() if each.doi == document.reference]
    plain = document.model_copy(update={"variant": {}})  # a variant of a convergence test is drawn like any other
    context = Context.of([plain, *beside], references, lambda words: None)
    anchor = f"study-{plain.document_id}"  # the others are not drawn: pictures are drawn last of all
    own = [_part_alone(section, anchor) if beside else section for section in sections([plain, *beside], context)]
    found = drawn(own, folder, lambda words: None)
    text = environment().get_template("part.html.j2").render(sections=found)
    (folder / PART).write_text(text, encoding="utf-8")


def _part_alone(section: "Section", anchor: str) -> "Section":
    """Return a section with one of its studies, without what is of all of them."""
    parts = [part for part in section.parts if part.anchor == anchor]
    return replace(section, parts=parts, answer=[], pictures=[], tables=[], verdicts=[])


def make_report(
    folder: Path, campaign: str, documents: "list[StudyDoc]", calculations: "dict[str, CalculationDoc]"
) -> None:
    """Write a report (called in the other process)."""
    from anodeflow.report.build import write_report

    write_report(campaign, documents, calculations, folder)
