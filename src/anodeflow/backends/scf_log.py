"""The SCF that a code is at, or was at last, as its log tells it."""

import re
from pathlib import Path

from ase.units import Hartree, Rydberg

from anodeflow.backends.external.backend import tail

_TAIL = 60_000  # bytes at the end of a log: hundreds of iterations
_LOGS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    # file, iteration and energy, eV of its unit
    ("gpaw.txt", re.compile(r"^\W*iter: *(\d+)[ |]+\d+:\d+:\d+[ |]+(-?\d+\.\d+)", re.M), 1.0),
    (
        "cp2k.txt",
        re.compile(
            r"^ +(\d+) (?:NoMix|Broy\.|Pulay|Kerker|P_Mix|Multi|DIIS|OT)\S*.* (-?\d+\.\d{6,}) +-?\d\.\d+E", re.M
        ),
        Hartree,
    ),
    (
        "espresso.txt",
        re.compile(r"^ +iteration # *(\d+)(?:(?!iteration #)[\s\S])*?^!? +total energy += +(\S+) Ry", re.M),
        Rydberg,
    ),
    ("**/OSZICAR", re.compile(r"^(?:DAV|RMM|DMP|SDA|CGA|NONE): +(\d+) +(\S+)", re.M), 1.0),
)


def last_scf(folder: Path) -> list[tuple[int, float]]:
    """Return the iterations of the last SCF in a calculation's folder.

    Parameters
    ----------
    folder
        Folder of the calculation, in which its code writes.

    Returns
    -------
    list of (int, float)
        Number of each iteration and total energy after it, eV per cell; empty: there is no such log, or no iteration
        yet.
    """
    for name, iterations, unit in _LOGS:
        logs = sorted(folder.glob(name), key=lambda log: log.stat().st_mtime)
        if not logs:
            continue
        found: list[tuple[int, float]] = []
        for number, energy in iterations.findall("\n".join(tail(logs[-1], _TAIL))):
            if found and int(number) <= found[-1][0]:
                found = []  # the next SCF begins
            found.append((int(number), float(energy) * unit))
        return found
    return []
