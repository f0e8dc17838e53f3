"""Published results into the database: of files that ``anodeflow export`` wrote."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from anodeflow.database.exchange import to_lines
from anodeflow.database.results_file import FORMAT, plain_results, read_results

_HEAD = 200  # bytes in which the format stands


def is_results_file(file: Path) -> bool:
    """Return whether a file begins as those of ``anodeflow export`` do."""
    try:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
            return f'"{FORMAT}"'.encode() in stream.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        return False  # whoever reads it on says what is wrong


def results_lines(file: Path) -> Iterator[str]:
    """Yield the documents of a results file as the lines that :func:`anodeflow.database.exchange.import_lines` takes.

    They say no time when they were made: what the database has of the same calculation, with its forces, stays.

    Raises
    ------
    InputError
        As :func:`anodeflow.database.results_file.read_results`.
    """
    read_results(file)  # all of it is looked at before any of it is written
    content = plain_results(file)
    yield from to_lines(
        {
            "@class": entry["@class"],
            "completed_at": None,
            "document": {name: value for name, value in entry.items() if not name.startswith("@")},
        }
        for entry in (*content["calculations"], *content["studies"])
    )
