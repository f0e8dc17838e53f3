"""What a report page is made of: tables, pictures and the sections that hold them."""

import csv
import json
import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Link:
    """A value that leads elsewhere on the page."""

    value: Any
    anchor: str


@dataclass(frozen=True)
class Warned:
    """What a reader must be warned of, said once, and all places on the page that it is about."""

    text: str
    places: list[Link]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    key
        Key of the column in every row, and its name in the CSV file.
    title
        Heading on the page.
    unit
        Unit of its numbers; empty where they have none or the row says it.
    decimals
        Digits after the decimal point on the page (the CSV file keeps all); None for words.
    signed
        Whether a positive number gets its sign, as differences should.
    below
        Whether the page shows it in a line of its own under the row, where there is something to show.
    file_only
        Whether it stands in the CSV file only.
    if_known
        Whether the page leaves it out where no row has a value; the CSV file has it always.
    """

    key: str
    title: str
    unit: str = ""
    decimals: int | None = None
    signed: bool = False
    below: bool = False
    file_only: bool = False
    if_known: bool = False

    def text(self, value: Any, decimals: int | None = None) -> str:
        """Return `value` as the page shows it; `decimals` overrides the column's own."""
        if isinstance(value, Link):
            value = value.value
        digits = self.decimals if decimals is None else decimals
        if isinstance(value, float) and digits is not None:
            return number(value, digits, self.signed)
        return plain(value)


@dataclass(frozen=True)
class Table:
    """A table: shown on the page, and written as a CSV file called `name`.

    A row may bring ``_anchor`` (name of the place that links lead to), ``_decimals`` (column key -> digits, where a
    row is printed with other precision than its column), ``_text`` (column key -> what the page shows instead of the
    value) and ``_marked`` (True: the row to look at first).
    """

    name: str
    columns: list[Column]
    rows: list[dict[str, Any]]
    caption: str = ""
    folded: bool = False
    """Whether the page shows it only on request, under its caption."""

    @property
    def shown(self) -> list[Column]:
        """The columns that the page shows beside one another."""
        return [c for c in self.columns if not (c.below or c.file_only or (c.if_known and self._empty(c)))]

    def _empty(self, column: Column) -> bool:
        return all(row.get(column.key) is None for row in self.rows)

    def csv(self) -> str:
        """Return the table as CSV: all digits, units in the header, several values in a cell separated by blanks."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([f"{c.key} ({c.unit})" if c.unit else c.key for c in self.columns])
        for row in self.rows:
            writer.writerow([_raw(row.get(c.key)) for c in self.columns])
        return text.getvalue()

    @property
    def uri(self) -> str:
        """The CSV file as a data URI: the link to it works where the page was sent alone."""
        return csv_uri(self.csv())


def csv_uri(text: str) -> str:
    """Return a CSV file as a data URI."""
    return "data:text/csv;charset=utf-8;base64," + b64encode(text.encode("utf-8")).decode("ascii")


@dataclass(frozen=True)
class Picture:
    """A figure, drawn once, as PNG and as SVG.

    `source` is the picture on the page; it is made by :meth:`written`. Without it the page holds `svg`.
    """

    name: str
    caption: str
    png: bytes
    svg: bytes
    width: int
    """Pixels of the page, 96 an inch; so is `height`."""
    height: int = 0
    source: str = ""
    title: str = ""
    """A few words for the menu of a viewer; empty: the caption's first sentence."""

    pdfs: dict[int, bytes] = field(default_factory=dict)
    """Columns of a journal -> the figure as a PDF of their width."""

    @property
    def short(self) -> str:
        """What a menu calls it."""
        return self.title or self.caption.partition(". ")[0]

    def drawn(self) -> "Picture":
        """Return the picture itself; those that are drawn later (anodeflow.report.later) are drawn by it."""
        return self

    def written(self, folder: Path, packed: bool = False) -> "Picture":
        """Write ``NAME.png`` and ``NAME.svg``; return the picture as the page holds it, once.

        Parameters
        ----------
        folder
            Of the files.
        packed
            Whether the page may hold it as a drawing, compressed together with all others: a tenth of the size, but
            nothing is seen without the page's script. Pictures that hold painted atoms are kept as images all the same.
        """
        (folder / f"{self.name}.png").write_bytes(self.png)
        (folder / f"{self.name}.svg").write_bytes(self.svg)
        for columns, pdf in self.pdfs.items():
            (folder / f"{self.name}-{columns}column.pdf").write_bytes(pdf)
        painted = sum(map(len, re.findall(rb';base64,[^"]*', self.svg)))
        if packed and painted < _PAINTED:
            return replace(self, png=b"", pdfs={})
        return replace(self, png=b"", svg=b"", pdfs={}, source=_data_uri(self.png))


_PAINTED = 20_000
"""Bytes of images in a drawing from which on it is larger than an image of the whole; the bar of a scale is less."""
_SHARPNESS = 1.3
"""Pixels of an image on the page for each of the screen's 96 an inch: sharp on a dense screen, and not large."""


def _data_uri(png: bytes) -> str:
    """Return a PNG as a data URI, so that the page needs no other file; as WebP, a quarter of the size."""
    from PIL import Image

    small = BytesIO()
    with Image.open(BytesIO(png)) as image:
        shrink = _SHARPNESS * 96 / image.info.get("dpi", (200, 200))[0]
        size = (round(image.width * shrink), round(image.height * shrink))
        less = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        less.save(small, format="webp", quality=68, method=4)
    return "data:image/webp;base64," + b64encode(small.getvalue()).decode("ascii")


@dataclass(frozen=True)
class Scene:
    """Atoms and surfaces in three dimensions, which the reader turns with the mouse.

    `data` is what ``templates/scenes.js`` draws from (see anodeflow.report.scenes).
    """

    name: str
    title: str
    caption: str
    data: dict[str, Any]

    def drawn(self) -> "Scene":
        """Return the scene itself; those that are drawn later (anodeflow.report.later) are drawn by it."""
        return self

    @property
    def json(self) -> str:
        """The data as JSON that may stand inside a script element."""
        return json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")


@dataclass(frozen=True)
class Part:
    """One system in a section: its facts, tables, pictures, and what turns with the mouse."""

    anchor: str
    title: str
    facts: str
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    gallery: list[Picture] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """All that a report says of one kind of study.

    `answer` holds the sentences that open the section; `explanation` says how to read the numbers; `verdicts`, a line
    or two, stand in the summary of the page.
    """

    title: str
    answer: list[str]
    explanation: str
    parts: list[Part]
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    @property
    def gist(self) -> list[str]:
        """What the summary says of the section: its verdicts, or else its first sentences."""
        return self.verdicts or self.answer[:2]


def measured(value: float, decimals: int, error: float | None, signed: bool = False) -> str:
    """Return `value` with its remaining error of convergence, where that is known: -1.234 ± 0.020."""
    text = number(value, decimals, signed)
    return text if error is None else f"{text} ± {number(abs(error), decimals)}"


def scientific(value: float, digits: int = 1) -> str:
    """Return `value` as a product with a power of ten: 2.7·10⁻⁵."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{power}".replace("-", "−")


def number(value: float, decimals: int, signed: bool = False) -> str:
    """Return `value` with a typographic minus sign; zero never has a sign."""
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def plain(value: Any) -> str:
    """Return any value in words: yes and no, a dash for nothing, lists with commas."""
    if isinstance(value, Link):
        value = value.value
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _raw(value: Any) -> Any:
    if isinstance(value, Link):
        return _raw(value.value)
    if isinstance(value, list | tuple):
        return " ".join(str(_raw(item)) for item in value)
    return "" if value is None else value
