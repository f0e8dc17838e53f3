"""Keywords of CP2K's input that a backend file may give (`extra`), by section."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from anodeflow.backends.extra import check_line

if TYPE_CHECKING:
    from ase.calculators.cp2k import InputSection

_SPIN = "the moments of the structure (spin_polarized of a system)"
_TASK = "anodeflow, which starts CP2K for one geometry at a time"
_ATOMS = "the structure"
TAKEN: dict[str, str] = {
    "GLOBAL": _TASK,
    "EXT_RESTART": _TASK,
    "MOTION": _TASK,
    "VIBRATIONAL_ANALYSIS": _TASK,
    "MULTIPLE_FORCE_EVALS": _TASK,
    "FORCE_EVAL/METHOD": _TASK,
    "FORCE_EVAL/STRESS_TENSOR": _TASK,
    "FORCE_EVAL/PRINT": _TASK,
    "FORCE_EVAL/SUBSYS": _ATOMS,
    "FORCE_EVAL/DFT/BASIS_SET_FILE_NAME": "the setting basis_file",
    "FORCE_EVAL/DFT/POTENTIAL_FILE_NAME": "the setting potential_file",
    "FORCE_EVAL/DFT/UKS": _SPIN,
    "FORCE_EVAL/DFT/LSD": _SPIN,
    "FORCE_EVAL/DFT/SPIN_POLARIZED": _SPIN,
    "FORCE_EVAL/DFT/ROKS": _SPIN,
    "FORCE_EVAL/DFT/MULTIPLICITY": _SPIN,
    "FORCE_EVAL/DFT/RELAX_MULTIPLICITY": _SPIN,
    "FORCE_EVAL/DFT/CHARGE": "the studies, whose cells are neutral",
    "FORCE_EVAL/DFT/SURFACE_DIPOLE_CORRECTION": "the setting dipole_correction",
    "FORCE_EVAL/DFT/SURF_DIP_DIR": "the setting dipole_correction",
    "FORCE_EVAL/DFT/SURF_DIP_POS": "the setting dipole_correction",
    "FORCE_EVAL/DFT/WFN_RESTART_FILE_NAME": _TASK,
    "FORCE_EVAL/DFT/KPOINTS": "the setting kpoint_spacing",
    "FORCE_EVAL/DFT/POISSON": "the structure, which says what is periodic",
    "FORCE_EVAL/DFT/QS/EPS_DEFAULT": "the setting integral_tolerance",
    "FORCE_EVAL/DFT/QS/METHOD": "the studies, which want density-functional theory",
    "FORCE_EVAL/DFT/MGRID/CUTOFF": "the setting cutoff",
    "FORCE_EVAL/DFT/MGRID/REL_CUTOFF": "the setting relative_cutoff",
    "FORCE_EVAL/DFT/XC/XC_FUNCTIONAL": "the setting functional",
    "FORCE_EVAL/DFT/XC/HF": "the setting functional",
    "FORCE_EVAL/DFT/SCF/SMEAR": "the setting smearing_width",
    "FORCE_EVAL/DFT/SCF/EPS_SCF": "the setting scf_tolerance",
    "FORCE_EVAL/DFT/SCF/MAX_SCF": "the setting max_scf_cycles",
    "FORCE_EVAL/DFT/SCF/SCF_GUESS": _TASK,
    "FORCE_EVAL/DFT/SCF/ADDED_MOS": "the setting extra_bands",
    "FORCE_EVAL/DFT/SCF/OT": "the smearing, which needs a diagonalisation",
    "FORCE_EVAL/DFT/SCF/PRINT": _TASK,
}
"""Section or keyword -> what decides it."""
MIXING = "FORCE_EVAL/DFT/SCF/MIXING"
_NAME = re.compile(r"[A-Z0-9_+-]+")
_MEANS_ELSE = '&@$!#\\"'


def checked(extra: dict[str, Any]) -> dict[str, Any]:
    """Return CP2K's own sections and keywords, in upper case.

    Raises
    ------
    ValueError
        For one that another setting or the task decides, or that is no section of CP2K's input.
    """
    found = _upper(extra)
    for path, value in keywords(found):
        parts = path.split("/")
        for part in parts:
            if not _NAME.fullmatch(part):
                raise ValueError(f"{part!r} is no name of a section or keyword of CP2K")
        if parts[0] != "FORCE_EVAL" and parts[0] not in TAKEN:
            raise ValueError(f"{parts[0]} is no section that can be set here: begin with FORCE_EVAL")
        for length in range(1, len(parts) + 1):
            if reason := TAKEN.get("/".join(parts[:length])):
                raise ValueError(f"{'/'.join(parts[:length])} of CP2K cannot be set here: it is decided by {reason}")
        for each in value if isinstance(value, list) else [value]:
            if each != {}:
                check_line(path, each, _MEANS_ELSE)
    return found


def keywords(sections: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of every keyword in nested sections; an empty section yields itself."""
    for key, value in sections.items():
        here = f"{path}/{key}" if path else key
        if isinstance(value, dict) and value:
            yield from keywords(value, here)
        else:
            yield here, value


def add_to(root: "InputSection", extra: dict[str, Any]) -> None:
    """Put the user's keywords into an input, those of the same name replaced; not the mixing (recovery steps)."""
    for path, value in keywords(extra):
        section, _, keyword = path.rpartition("/")
        if section == MIXING:
            continue
        if isinstance(value, dict):
            root.get_subsection(path)
            continue
        target = root.get_subsection(section)
        if keyword == "_SECTION_PARAMETERS_":
            target.params = text_of(value)
            continue
        target.keywords = [line for line in target.keywords if line.split()[0].upper() != keyword]
        target.keywords += [f"{keyword} {text_of(each)}" for each in (value if isinstance(value, list) else [value])]


def mixing(extra: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of the mixing."""
    found = {}
    for path, value in keywords(extra):
        section, _, keyword = path.rpartition("/")
        if section == MIXING and keyword != "_SECTION_PARAMETERS_":
            found[keyword] = text_of(value)
    return found


def text_of(value: Any) -> str:
    """Return a value as CP2K reads it."""
    return ("T" if value else "F") if isinstance(value, bool) else str(value)


def _upper(sections: dict[str, Any]) -> dict[str, Any]:
    return {str(key).upper(): _upper(value) if isinstance(value, dict) else value for key, value in sections.items()}
