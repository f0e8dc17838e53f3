"""Draws the pictures of a report on all processors, writes each at once, and keeps what the page shows of it."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path

from anodeflow.report.page import Part, Picture, Section

ALL_PICTURED = 40
"""Studies up to which a report shows the pictures of all."""
PICTURED = 10
"""Studies a section whose pictures a larger report shows, unless more are asked for."""


def limited(sections: list[Section], pictures: int | None) -> list[Section]:
    """Return sections without the pictures of the studies that are too many; each says so.

    Parameters
    ----------
    sections
        All of a report.
    pictures
        Studies a section that keep theirs; None: all of a report of at most :data:`ALL_PICTURED` studies, of a larger
        one :data:`PICTURED`.
    """
    if pictures is None:
        pictures = ALL_PICTURED if sum(len(section.parts) for section in sections) <= ALL_PICTURED else PICTURED
    return [_limited(section, pictures) for section in sections]


def _limited(section: Section, pictures: int) -> Section:
    drawn = [part for part in section.parts if part.pictures or part.gallery or part.scenes]
    if len(drawn) <= pictures:
        return section
    kept = {part.anchor for part in drawn[:pictures]}
    parts = [
        part if part.anchor in kept else replace(part, pictures=[], gallery=[], scenes=[]) for part in section.parts
    ]
    note = (
        f" Pictures are shown of the first {pictures} of {len(drawn)} studies here: anodeflow report --pictures "
        f"{len(drawn)} draws all."
    )
    return replace(section, parts=parts, explanation=section.explanation + note)


def drawn(sections: list[Section], folder: Path, tell: Callable[[str], None]) -> list[Section]:
    """Return the sections with their pictures drawn and written into a folder, and their scenes.

    Parameters
    ----------
    sections
        What :func:`limited` left.
    folder
        Of the files, NAME.png and NAME.svg.
    tell
        Called with a few words before each study is drawn.
    """
    # Those of a whole section stand on the page as images: one of them is seen even without its script.
    tasks = [
        *((picture, packed) for section in sections for part in section.parts
          for pictures, packed in ((part.pictures, True), (part.gallery, True)) for picture in pictures),
        *((picture, False) for section in sections for picture in section.pictures),
    ]  # fmt: skip
    number = sum(bool(part.pictures or part.gallery or part.scenes) for section in sections for part in section.parts)
    done = 0
    finished = []
    with _drawings(tasks, folder) as found:
        for section in sections:
            parts: list[Part] = []
            for part in section.parts:
                if part.pictures or part.gallery or part.scenes:
                    done += 1
                    tell(f"{section.title}: {part.title} ({done} of {number})")
                    part = replace(
                        part,
                        pictures=list(islice(found, len(part.pictures))),
                        gallery=list(islice(found, len(part.gallery))),
                        scenes=[scene.drawn() for scene in part.scenes],
                    )
                parts.append(part)
            finished.append(replace(section, parts=parts))
        return [replace(section, pictures=list(islice(found, len(section.pictures)))) for section in finished]


_FEW = 8
"""Pictures for which no further processes are started."""
_tasks: list[tuple[Picture, bool]] = []
"""What the processes of a pool draw: they inherit it, since functions that draw later cannot be sent."""


@contextmanager
def _drawings(tasks: list[tuple[Picture, bool]], folder: Path) -> Iterator[Iterator[Picture]]:
    """Yield the pictures of tasks (picture, whether it may be packed), drawn and written, in their order.

    They are drawn on all processors of this process where processes can be forked safely (Linux).
    """
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if len(tasks) <= _FEW or processors == 1:
        yield (picture.drawn().written(folder, packed) for picture, packed in tasks)
        return
    _tasks[:] = tasks
    pool = ProcessPoolExecutor(processors, mp_context=multiprocessing.get_context("fork"))
    try:
        yield pool.map(_draw, range(len(tasks)), repeat(folder))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _tasks.clear()


def _draw(index: int, folder: Path) -> Picture:
    picture, packed = _tasks[index]
    return picture.drawn().written(folder, packed)


def first_figure(sections: list[Section], folder: Path) -> Picture | None:
    """Return the first figure of the sections, written into a folder; None: there is none."""
    whole = [picture for section in sections for picture in section.pictures]
    single = [picture for section in sections for part in section.parts for picture in part.pictures]
    return next((picture.drawn().written(folder) for picture in [*whole, *single]), None)
