"""Small tables in HTML: what a notebook shows of documents, campaigns and results."""

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = "border-collapse:collapse;font-size:90%"
_CELL = "padding:2px 10px 2px 0;text-align:left;vertical-align:top"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], notes: Iterable[str] = ()) -> str:
    """Return a titled table, with notes below it; every text is escaped.

    Parameters
    ----------
    title
        Stands above the table.
    head
        Names of the columns.
    rows
        Cells; numbers are printed with up to 5 significant digits.
    notes
        Sentences, one paragraph each.
    """
    heads = "".join(f'<th style="{_CELL}">{escape(text)}</th>' for text in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{_text(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    below = "".join(f'<p style="margin:2px 0;font-size:85%">{escape(note)}</p>' for note in notes)
    return (
        f'<div><strong>{escape(title)}</strong><table style="{_STYLE}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>{below}</div>"
    )


def _text(cell: object) -> str:
    return escape(f"{cell:.5g}" if isinstance(cell, float) else "" if cell is None else str(cell))
