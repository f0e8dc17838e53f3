"""Draws the pictures of a report, writes each at once, and keeps what the page shows of it."""

from collections.abc import Callable
from dataclasses import replace
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
    """Return the sections with their pictures drawn, and written into a folder one after the other.

    Parameters
    ----------
    sections
        What :func:`limited` left.
    folder
        Of the files, NAME.png and NAME.svg.
    tell
        Called with a few words before each study is drawn.
    """

    def put(pictures: list[Picture], packed: bool = True) -> list[Picture]:
        return [picture.drawn().written(folder, packed) for picture in pictures]

    number = sum(bool(part.pictures or part.gallery or part.scenes) for section in sections for part in section.parts)
    done = 0
    finished = []
    for section in sections:
        parts: list[Part] = []
        for part in section.parts:
            if part.pictures or part.gallery or part.scenes:
                done += 1
                tell(f"{section.title}: {part.title} ({done} of {number})")
                scenes = [scene.drawn() for scene in part.scenes]
                part = replace(part, pictures=put(part.pictures), gallery=put(part.gallery), scenes=scenes)
            parts.append(part)
        finished.append(replace(section, parts=parts, pictures=put(section.pictures, packed=False)))
    return finished


def first_figure(sections: list[Section], folder: Path) -> Picture | None:
    """Return the first figure of the sections, written into a folder; None: there is none."""
    whole = [picture for section in sections for picture in section.pictures]
    single = [picture for section in sections for part in section.parts for picture in part.pictures]
    return next((picture.drawn().written(folder) for picture in [*whole, *single]), None)
