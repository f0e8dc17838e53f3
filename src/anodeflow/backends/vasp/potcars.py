"""POTCARs: reads them, and says which of them may be damaged.

A POTCAR with a changed number computes without a complaint. Those of the sets 54 and later hold their own checksum
(SHA256); pymatgen knows the older ones by statistics of their numbers, but its list lags behind VASP's releases. So a
POTCAR is vouched for by either; one whose checksum is wrong is refused, and of one that nothing vouches for it is said.
"""

import warnings
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pymatgen.core import Structure

from anodeflow.backends.vasp.inputs import potcar_symbols
from anodeflow.backends.vasp.settings import VaspSettings
from anodeflow.core.caveats import Caveat

if TYPE_CHECKING:
    from pymatgen.io.vasp import PotcarSingle


class DamagedPotcarError(ValueError):
    """A POTCAR is not what its own checksum says."""


def usual_potcar(symbol: str, functional: str) -> "PotcarSingle":
    """Return a POTCAR of the user's own sets.

    Parameters
    ----------
    symbol
        Its name: Li_sv.
    functional
        pymatgen's name of the set: PBE_64.
    """
    from pymatgen.io.vasp import PotcarSingle
    from pymatgen.io.vasp.inputs import UnknownPotcarWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownPotcarWarning)  # :func:`unvouched` asks the same, and tells
        return PotcarSingle.from_symbol_and_functional(symbol, functional)


def potcars_of(file: Path) -> "list[PotcarSingle]":
    """Return the POTCARs in the file of a run, in its order."""
    from pymatgen.io.vasp import Potcar
    from pymatgen.io.vasp.inputs import UnknownPotcarWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownPotcarWarning)  # :func:`unvouched` asks the same, and tells
        return list(Potcar.from_file(str(file)))


def unvouched(potcar: "PotcarSingle") -> str:
    """Return why nothing vouches for a POTCAR of :func:`usual_potcar`, in a sentence; empty: it is whole.

    Raises
    ------
    DamagedPotcarError
        If its numbers are not those of its checksum.
    """
    if potcar.is_valid:
        return ""
    said = str(potcar.keywords.get("SHA256", "")).split()
    if not said:
        return f"POTCAR {potcar.TITEL} is none that pymatgen knows and has no checksum: it may be damaged"
    # As VASP's makers compute it: of all lines but those of the checksum and of the copyright.
    lines = [line for line in potcar.data.split("\n") if not line.strip().startswith(("SHA256", "COPYR"))]
    if sha256("\n".join(lines).encode()).hexdigest() != said[0].lower():
        raise DamagedPotcarError(f"POTCAR {potcar.TITEL} is not what its own checksum (SHA256) says")
    return ""


def potcar_warnings(structure: Structure, settings: VaspSettings) -> list[Caveat]:
    """Return a warning for each POTCAR of a structure that nothing vouches for."""
    told = []
    elements = sorted({site.specie.symbol for site in structure})
    for symbol in potcar_symbols(elements, settings.potcars).values():
        try:
            words = unvouched(usual_potcar(symbol, settings.potcar_functional))
        except (OSError, ValueError) as error:  # it was whole before the run
            words = f"POTCAR {symbol} was changed while VASP ran: {error}"
        if words:
            told.append(Caveat("potcar-unknown", words))
    return told
