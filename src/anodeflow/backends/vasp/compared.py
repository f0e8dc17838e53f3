"""Whether a run of VASP was computed as a backend would have: tag by tag, its k-points and its potentials."""

from typing import Any

import numpy as np
from pymatgen.core import Structure

from anodeflow.backends.drivers.kpoints import kpoint_grid
from anodeflow.backends.vasp.backend import VaspBackend
from anodeflow.backends.vasp.inputs import electronic_tags, in_vasp_order, potcar_symbols, task_tags
from anodeflow.backends.vasp.potcars import usual_potcar
from anodeflow.backends.vasp.runs import HARMLESS
from anodeflow.backends.vasp.settings import GGA_TAGS, PERFORMANCE_TAGS, VaspParallel
from anodeflow.calculations.request import Request
from anodeflow.core.errors import InputError

WAY_TAGS = HARMLESS | PERFORMANCE_TAGS | {"EDIFFG", "IOPT", "IWAVPR", "LMIXTAU", "MAXMOVE", "NSW"}
"""How VASP got to the end, or when it was to end: the end itself is looked at."""
# fmt: off
SILENT_TAGS = frozenset({
    "EMAX", "EMIN", "ISIF", "KGAMMA", "KPOINT_BSE", "KSPACING", "LAECHG", "LCHARG", "LELF", "LORBIT", "LPETIM",
    "LVHAR", "LVTOT", "LWAVE", "MAGMOM", "NEDOS", "NWRITE", "SYSTEM",
})
# fmt: on
"""Output alone, or seen elsewhere: in the k-points, the moments and the task."""
_DEFAULTS: dict[str, Any] = {
    "ADDGRID": False, "EFIELD": 0.0, "GGA": "--", "IDIPOL": 0, "ISPIN": 1, "IVDW": 0, "LASPH": False, "LCORR": True,
    "LDAU": False, "LDIPOL": False, "LHFCALC": False, "LMAXMIX": 2, "LMONO": False, "LNONCOLLINEAR": False,
    "LREAL": False, "LSOL": False, "LSORBIT": False, "LUSE_VDW": False, "METAGGA": "--", "NUPDOWN": -1.0,
    "PSTRESS": 0.0, "SYMPREC": 1e-5, "VOSKOWN": 0,
}  # fmt: skip
"""What VASP takes where no tag is given, and its output may not tell."""
_NAMES = {"ENCUT": "ENMAX"}  # in the output


def differing_tags(
    request: Request, backend: VaspBackend, tags: dict[str, Any], defaults: dict[str, Any], titles: tuple[str, ...]
) -> list[str]:
    """Return the tags that decide numbers and are not those that the backend would have written, a phrase each.

    Parameters
    ----------
    request
        What the run did.
    backend
        The backend.
    tags, defaults
        INCAR of the run, and what VASP says it took for all tags.
    titles
        Titles of its POTCARs, which say the functional where no tag does.
    """
    from atomate2 import SETTINGS

    try:
        asked = electronic_tags(in_vasp_order(request.structure), backend.settings, VaspParallel())
    except InputError as error:
        return [str(error).rstrip(".")]
    asked |= task_tags(request, backend.settings, backend.relaxation, 0) | dict(SETTINGS.VASP_INCAR_UPDATES)
    found = []
    for tag, wanted in asked.items():
        if (tag in WAY_TAGS and tag != "ISYM") or tag in SILENT_TAGS:  # a free atom must be no rounder than it is
            continue
        given = tags.get(tag, defaults.get(_NAMES.get(tag, tag), _DEFAULTS.get(tag)))
        if tag == "GGA" and _is_default(given) and titles and all(title.startswith("PAW_PBE ") for title in titles):
            given = GGA_TAGS["PBE"]
        if tag == "EDIFF" and given is not None and float(given) <= float(wanted) * (1 + 1e-6):
            continue  # converged further
        if given is None:
            found.append(f"{tag} is not told ({backend.name}: {_shown(wanted)})")
        elif not _equal(tag, given, wanted):
            found.append(f"{tag} = {_shown(given)} ({backend.name}: {_shown(wanted)})")
    for tag, given in tags.items():
        if tag not in asked and tag not in WAY_TAGS and tag not in SILENT_TAGS and not _is_usual(tag, given):
            found.append(f"{tag} = {_shown(given)} ({backend.name}: not given)")
    for tag in sorted(_DEFAULTS.keys() - asked.keys() - tags.keys()):
        if tag in defaults and not _is_usual(tag, defaults[tag]):
            found.append(f"{tag} = {_shown(defaults[tag])} ({backend.name}: not given)")
    return found


def differing_kpoints(structure: Structure, backend: VaspBackend, kpoints: Any) -> list[str]:
    """Return in which way the k-points are not those of the backend; empty: they are."""
    from pymatgen.io.vasp import Kpoints

    wanted = kpoint_grid(structure, backend.settings.kpoint_spacing)
    words = f"({backend.name}: Gamma {' '.join(map(str, wanted))})"
    if kpoints is None:
        return [f"its k-points are not told {words}"]
    style, given = kpoints.style, list(kpoints.kpts[0]) if kpoints.kpts else []
    shift = [abs(float(s)) > 1e-6 for s in kpoints.kpts_shift or (0, 0, 0)]
    centred = style == Kpoints.supported_modes.Gamma or (
        style == Kpoints.supported_modes.Monkhorst and all(int(n) % 2 for n in given)
    )
    if not centred or any(shift) or [int(n) for n in given] != wanted:
        moved = " shifted" if any(shift) else ""
        return [f"k-points {style.name} {' '.join(map(str, given))}{moved} {words}"]
    return []


def differing_potentials(structure: Structure, backend: VaspBackend, titles: tuple[str, ...]) -> list[str]:
    """Return which potentials are not those of the backend, or cannot be proved to be, a phrase each."""
    elements = list(dict.fromkeys(site.specie.symbol for site in structure))
    functional = backend.settings.potcar_functional
    by_element: dict[str, set[str]] = {}
    for title in titles:
        words = title.split()
        if len(words) > 1:
            by_element.setdefault(words[1].split("_")[0].split(".")[0], set()).add(title)
    found = []
    for element, symbol in potcar_symbols(elements, backend.settings.potcars).items():
        given = by_element.get(element, set())
        wanted = f"({backend.name}: {functional} {symbol})"
        if not given:
            found.append(f"the POTCAR of {element} is not told {wanted}")
        elif any(title.split()[1] != symbol for title in given):
            found.append(f"POTCAR {', '.join(sorted(given))} {wanted}")
        elif not all(_is_of(title, symbol, functional) for title in given):
            found.append(f"POTCAR {', '.join(sorted(given))} is not known to be of this set {wanted}")
    return found


def _is_of(title: str, symbol: str, functional: str) -> bool:
    """Whether a set of POTCARs has one of this title: the user's own, or as pymatgen lists it."""
    from pymatgen.io.vasp import inputs

    listed: Any = getattr(inputs, "_load_potcar_summary_stats", dict)()
    if title.replace(" ", "") in listed.get(functional, {}):
        return True
    try:
        return bool(usual_potcar(symbol, functional).TITEL.split() == title.split())
    except (OSError, ValueError, KeyError):  # they are not here
        return False


def _equal(tag: str, given: Any, wanted: Any) -> bool:
    if tag == "PREC" and len(str(given).strip()) == 1:  # VASP reads one letter
        return str(given).strip().upper() == str(wanted).strip().upper()[:1]
    if tag in ("PREC", "GGA"):
        return str(given).strip().upper()[:2] == str(wanted).strip().upper()[:2]
    if isinstance(wanted, bool) or isinstance(given, bool):
        return (
            bool(given) == bool(wanted) if not isinstance(given, str) else given.strip(".").upper()[:1] == "FT"[wanted]
        )
    if isinstance(wanted, str):
        return str(given).strip().upper() == wanted.strip().upper()
    try:
        numbers = np.asarray(given, dtype=float), np.asarray(wanted, dtype=float)
    except (ValueError, TypeError):
        return bool(given == wanted)
    tolerance = 1e-4 if tag == "DIPOL" else 1e-8
    return numbers[0].shape == numbers[1].shape and bool(np.allclose(*numbers, rtol=1e-6, atol=tolerance))


def _is_default(given: Any) -> bool:
    return given is None or str(given).strip().lower() in ("", "--", "none")


def _is_usual(tag: str, given: Any) -> bool:
    usual = _DEFAULTS.get(tag)
    if usual == "--":
        return _is_default(given)
    return usual is not None and _equal(tag, given, usual)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
