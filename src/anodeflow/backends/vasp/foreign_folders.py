"""Which folders hold finished runs of VASP."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from anodeflow.backends.foreign import FoundRun, refused
from anodeflow.backends.vasp.foreign import read_vasp_folder

_RUNS = ("vasprun.xml", "vasprun.xml.gz")
_OUTCARS = ("OUTCAR", "OUTCAR.gz")
_SEVERAL = "vasprun.xml.relax1*"  # as custodian's double relaxations leave it


def runs_in(folder: Path) -> Iterator[FoundRun]:
    """Yield the run of VASP in a folder."""
    if any((folder / name).is_file() for name in _RUNS):
        yield folder, partial(read_vasp_folder, folder)
    elif any(folder.glob(_SEVERAL)):
        yield folder, refused(f"{folder} holds several runs of VASP: give each a folder of its own.")
    elif any((folder / name).is_file() for name in _OUTCARS) and not folder.name.isdigit():  # 00, 01: images of a band
        yield folder, partial(read_vasp_folder, folder)
