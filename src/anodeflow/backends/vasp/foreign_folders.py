"""Which folders hold finished runs of VASP."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from anodeflow.backends.foreign import FoundRun, refused
from anodeflow.backends.vasp.foreign import read_vasp_folder

_RUN = re.compile(r"vasprun\.xml(?P<suffix>\.(?:relax|static)\d*)?(?:\.gz)?")
"""Names of what VASP wrote; custodian renames that of all runs in one folder: vasprun.xml.relax1.gz."""
_OUTCARS = ("OUTCAR", "OUTCAR.gz")
_OF_IMAGE = ("OUTCAR", "OUTCAR.gz", "CONTCAR", "CONTCAR.gz")


def runs_in(folder: Path) -> Iterator[FoundRun]:
    """Yield the runs of VASP in a folder: one, or those that custodian ran there one after the other."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    suffixes = sorted({found["suffix"] or "" for name in names if (found := _RUN.fullmatch(name))})
    if _has_images(folder) and (suffixes or any(name in _OUTCARS for name in names)):
        # vasprun.xml is that of one image, and does not say so.
        yield folder, refused(f"{folder} belongs to a band (it has folders of images), and paths are not adopted.")
        return
    for suffix in suffixes:
        source = folder / f"vasprun.xml{suffix}" if suffix else folder
        yield source, partial(read_vasp_folder, folder, suffix)
    if not suffixes and any(name in _OUTCARS for name in names) and not folder.name.isdigit():
        yield folder, partial(read_vasp_folder, folder)


def _has_images(folder: Path) -> bool:
    """Whether a folder without an INCAR, which would say IMAGES, is that of a band: its images have the OUTCARs."""
    if any((folder / name).is_file() for name in ("INCAR", "INCAR.gz", *_OUTCARS)):
        return False
    return any((folder / "01" / name).is_file() for name in _OF_IMAGE)
