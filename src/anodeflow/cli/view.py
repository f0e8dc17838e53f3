"""The picture of ``anodeflow build slab --view``: the face from above, its sites with their numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command

if TYPE_CHECKING:
    from pymatgen.core import Structure

SUFFIXES = (".png", ".svg")


def check_view(file: Path, force: bool) -> None:
    """Raise InputError unless a picture can be written to a file, before anything is built."""
    if file.suffix.lower() not in SUFFIXES:
        raise InputError(f"--view writes {' or '.join(SUFFIXES)}, not {file}: choose such a name.")
    if file.exists() and not force:
        raise InputError(f"{file} exists already: choose another name, or replace it with --force.")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError(f"pictures need {error.name}: {install_command('report')}.") from error


def write_view(slab: "Structure", sites: list[Any], file: Path) -> None:
    """Draw a slab with its sites and write the picture, as its suffix says.

    Parameters
    ----------
    slab
        Clean slab.
    sites
        Its distinct sites, as :func:`anodeflow.structures.sites.sites.find_sites` finds them.
    file
        PNG or SVG.
    """
    import numpy as np

    from anodeflow.report.view3d.atoms import site_map

    places = np.array([site.position for site in sites])
    picture = site_map(slab, places, places, [site.index for site in sites], file.stem).drawn()
    try:
        file.write_bytes(picture.png if file.suffix.lower() == ".png" else picture.svg)
    except OSError as error:
        raise InputError(f"cannot write {file} ({error.strerror}): choose another place for --view.") from error
