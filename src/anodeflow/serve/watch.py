"""What the record of a calculation has come to, as curves: each line of it is read once."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from anodeflow.calculations.steps import largest_force, read_from

_KEPT = 64
"""Calculations whose curves are kept."""


@dataclass
class Curves:
    """Curves of one calculation.

    Attributes
    ----------
    energies
        Energy after each step on record, eV per cell; of a band: of its highest image, less its lowest.
    forces
        Largest force on a free atom after each step, eV/Å.
    scf_cycles
        SCF cycles of each step; empty: the code does not tell.
    images
        Of a band: number of each image -> its energy when it was computed last, eV.
    """

    energies: list[float] = field(default_factory=list)
    forces: list[float] = field(default_factory=list)
    scf_cycles: list[int] = field(default_factory=list)
    images: dict[int, float] = field(default_factory=dict)
    read: int = 0
    """Bytes of the record that were read."""


class Records:
    """Follows records; it may be asked from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Path, Curves] = OrderedDict()

    def curves(self, record: Path) -> Curves:
        """Return the curves of a record; empty ones where there is none yet."""
        with self._lock:
            curves = self._known.setdefault(record, Curves())
            try:
                if record.stat().st_size < curves.read:  # it is another one
                    curves = self._known[record] = Curves()
                steps, size = read_from(record, curves.read)
            except FileNotFoundError:
                self._known.pop(record)
                return Curves()
            curves.read += size
            for step in steps:
                if "image" in step:
                    curves.images[step["image"]] = step["energy"]
                    continue
                curves.energies.append(step["energy"])
                curves.forces.append(largest_force(step.get("free_forces") or step["forces"]))
                if step.get("scf_cycles") is not None:
                    curves.scf_cycles.append(step["scf_cycles"])
            self._known.move_to_end(record)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return curves
