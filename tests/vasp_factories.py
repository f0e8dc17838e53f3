"""A VASP for tests: a stand-in executable, and POTCARs that hold what pymatgen reads of one and no potential."""

import os
import sys
from hashlib import sha256
from pathlib import Path

import pytest

STAND_IN = Path(__file__).parent / "data" / "vasp" / "stand_in.py"
VALENCE = {"Al": ("Al", 3, 240), "Li": ("Li_sv", 3, 499), "Mg": ("Mg", 2, 200), "H": ("H", 1, 250)}

_POTCAR = """  PAW_PBE {symbol} stand-in
   {valence:.16f}
 parameters from PSCTR are:
   VRHFIN ={element}: stand-in
   LEXCH  = PE
   EATOM  =    53.7936 eV,    3.9538 Ry
   TITEL  = PAW_PBE {symbol} stand-in
   SHA256 = {checksum} {symbol}/POTCAR
   LULTRA =        F    use ultrasoft PP ?
   POMASS =   26.982; ZVAL   =   {valence:.3f}    mass and valenz
   ENMAX  =  {cutoff:.3f}; ENMIN  =  {cutoff:.3f} eV
 END of PSCTR-controll parameters
 local part
   1.0 0.5 0.25
 End of Dataset
"""


def potcar(element: str, symbol: str, valence: int, cutoff: int) -> str:
    """A POTCAR with the checksum of its other lines, as those of VASP's makers have it."""
    blank = _POTCAR.format(element=element, symbol=symbol, valence=valence, cutoff=cutoff, checksum="")
    rest = "\n".join(line for line in blank.split("\n") if not line.strip().startswith("SHA256"))
    checksum = sha256(rest.encode()).hexdigest()
    return _POTCAR.format(element=element, symbol=symbol, valence=valence, cutoff=cutoff, checksum=checksum)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make atomate2 and pymatgen find the stand-in and its POTCARs in `folder`."""
    from atomate2 import SETTINGS
    from pymatgen.core import SETTINGS as PYMATGEN

    programs, potcars = folder / "bin", folder / "potcars" / "POT_PAW_PBE_64"
    programs.mkdir(parents=True)
    potcars.mkdir(parents=True)
    for element, (symbol, valence, cutoff) in VALENCE.items():
        (potcars / f"POTCAR.{symbol}").write_text(potcar(element, symbol, valence, cutoff))
    for name in ("vasp_std", "vasp_gam"):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("FAKE_VASP", raising=False)
    monkeypatch.setattr(SETTINGS, "VASP_CMD", "vasp_std")
    monkeypatch.setattr(SETTINGS, "VASP_GAMMA_CMD", "vasp_gam")
    monkeypatch.setitem(PYMATGEN, "PMG_VASP_PSP_DIR", str(folder / "potcars"))
