"""Follows the record of a running calculation: each line is read once, however often one looks."""

from pathlib import Path
from typing import Any

from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import read_from


class RecordFollower:
    """What the record of a calculation has come to.

    Parameters
    ----------
    file
        The record (:mod:`anodeflow.calculations.steps`); it need not exist yet.

    Attributes
    ----------
    count
        Number of geometries.
    last
        The last one; none before the first.
    energies
        Of a band: image -> energy when it was computed last, eV.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._begin()
        self.look()

    def _begin(self) -> None:
        self.count, self.offset = 0, 0
        self.last: dict[str, Any] | None = None
        self.energies: dict[int, float] = {}

    def look(self) -> None:
        """Read what was added. A record that got shorter is another one, and is read anew."""
        try:
            if self.file.stat().st_size < self.offset:
                self._begin()
            steps, size = read_from(self.file, self.offset)
        except FileNotFoundError:
            self._begin()
            return
        self.offset += size
        self.count += len(steps)
        for step in steps:
            self.last = step
            if "image" in step:
                self.energies[step["image"]] = step["energy"]


def band_progress(record: RecordFollower, request: Request) -> dict[str, Any]:
    """Return the fields of a progress message: iteration, image, and the highest energy over the first end so far.

    Parameters
    ----------
    record
        That of a band, with one image or more.
    request
        The band.
    """
    assert record.last is not None
    highest = max(record.energies.values()) - request.options["energies"][0]
    return {
        "ionic_step": record.last["iteration"] + 1,
        "message": f"image {record.last['image']} of {len(request.images) - 2}, highest so far {highest:+.3f} eV",
    }
