"""Whether a run of GPAW was computed as a backend would have: parameters, k-points, PAW datasets."""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from anodeflow.backends.drivers.kpoints import has_spin, kpoint_grid
from anodeflow.backends.gpaw.backend import GpawBackend
from anodeflow.core.errors import InputError

_WAY = frozenset(
    {"basis", "eigensolver", "maxiter", "mixer", "nbands", "parallel", "random", "symmetry", "txt", "verbose"}
)
"""How GPAW got to the ground state, not to which."""
_SEEN = frozenset({"convergence", "kpts", "magmoms", "mode", "occupations", "poissonsolver", "setups", "spinpol", "xc"})
_CRITERIA = {"energy": 5e-4, "density": 1e-4, "eigenstates": 4e-8}
"""GPAW's criteria of convergence, each with what GPAW takes where none is given."""
_SIZE = re.compile(r"^ *Monkhorst-Pack size: \[(\d+), (\d+), (\d+)\]", re.MULTILINE)
_SHIFT = re.compile(r"^ *Monkhorst-Pack shift: \[([^\]]*)\]", re.MULTILINE)


def differing_parameters(
    structure: Structure, backend: GpawBackend, given: dict[str, Any] | None, text: str
) -> list[str]:
    """Return the parameters that decide numbers and are not those of the backend, a phrase each.

    Parameters
    ----------
    structure
        Structure of the run.
    backend
        The backend.
    given
        What was given to the calculator; none: it cannot be read.
    text
        Output of the run.
    """
    if given is None:
        return ["the parameters in its text cannot be read"]
    try:
        asked = backend.parameters(structure)
    except InputError as error:
        return [str(error).rstrip(".")]
    name, found = backend.name, []

    def compare(what: str, theirs: Any, ours: Any) -> None:
        if theirs != ours:
            found.append(f"{what} {_shown(theirs)} ({name}: {_shown(ours)})")

    mode = _named(given.get("mode"))
    compare("mode", mode.pop("name", "fd"), "pw")
    compare("cutoff", _number(mode.pop("ecut", 340)), _number(asked["mode"]["ecut"]))
    mode.pop("force_complex_dtype", None)
    compare("mode with", mode, {})
    compare("functional", _named(given.get("xc", "LDA")).get("name"), asked["xc"])
    periodic = any(structure.lattice.pbc)
    smearing = {"name": "fermi-dirac", "width": 0.1 if periodic else 0.0}
    occupations = smearing | _named(given.get("occupations"))
    if occupations.get("fixmagmom") is False:  # which FermiDirac(0.1) of a script writes out, and is GPAW's own
        del occupations["fixmagmom"]
    compare("occupations", occupations, asked["occupations"])
    compare("Poisson solver", _named(given.get("poissonsolver")), asked.get("poissonsolver", {}))
    compare("polarised by spin", "Spin-components: 2" in text, has_spin(structure))
    charge = re.search(r"^ *Charge: +(\S+)", text, re.MULTILINE)
    compare("charge", charge and float(charge[1]), 0.0)
    found += _looser(given.get("convergence") or {}, asked["convergence"], backend)
    for key in sorted((given.keys() | asked.keys()) - _WAY - _SEEN):
        compare(key, given.get(key), asked.get(key))
    return found


def _looser(given: dict[str, Any], asked: dict[str, Any], backend: GpawBackend) -> list[str]:
    """Return the criteria of convergence that are looser than those of the backend."""
    found = []
    for key, usual in _CRITERIA.items():
        theirs, ours = _number(given.get(key, usual)), float(asked[key])
        if theirs is None or theirs > ours * (1 + 1e-9):
            found.append(f"{key} converged to {_shown(given.get(key, usual))} ({backend.name}: {ours:g})")
    # At its default the criterion is in no address: energies agree without it (GpawBackend.all_settings).
    own = given.get("custom") or []
    ours = backend.settings.total_energy_tolerance
    told = [each["arguments"][0] for each in own if each.get("name") == "totalenergy" and each.get("arguments")]
    if "total_energy_tolerance" in backend.all_settings() and not (told and told[0] <= ours * (1 + 1e-9)):
        found.append(f"total_energy is no criterion of its convergence ({backend.name}: {ours:g})")
    for key in sorted(asked.keys() - _CRITERIA.keys() - {"total_energy"}):
        if given.get(key) != asked[key]:
            found.append(f"convergence of {key} {_shown(given.get(key))} ({backend.name}: {_shown(asked[key])})")
    return found


def differing_kpoints(structure: Structure, backend: GpawBackend, text: str) -> list[str]:
    """Return in which way the k-points are not those of the backend; empty: they are."""
    wanted = kpoint_grid(structure, backend.settings.kpoint_spacing)
    words = f"({backend.name}: {' x '.join(map(str, wanted))} about Γ)"
    size, shift = _SIZE.search(text), _SHIFT.search(text)
    if size is None:
        single = re.search(r"Number of BZ points: 1$", text, re.MULTILINE)
        return [] if single and wanted == [1, 1, 1] else [f"its grid of k-points is not told {words}"]
    given = [int(number) for number in size.groups()]
    moved = [float(number) for number in shift[1].split(",")] if shift else [0.0] * 3
    # About Γ: a grid of an even number of points is shifted by half a step from Monkhorst's and Pack's.
    centred = all(abs(s - (0.5 / n if n % 2 == 0 else 0.0)) < 1e-6 for s, n in zip(moved, given, strict=True))
    if given != wanted or not centred:
        about = "about Γ" if centred else "not about Γ"
        return [f"k-points {' x '.join(map(str, given))} {about} {words}"]
    return []


def differing_datasets(structure: Structure, backend: GpawBackend, given: dict[str, str]) -> list[str]:
    """Return the PAW datasets that are not those of the backend, a phrase each.

    Parameters
    ----------
    structure
        Structure of the run.
    backend
        The backend.
    given
        Element -> MD5 of its dataset, as GPAW tells it.
    """
    found = []
    for element in sorted({site.specie.symbol for site in structure}):
        dataset, ours = backend.dataset_name(element), backend.dataset(element)
        if ours is None or given.get(element) != _fingerprint(ours):
            found.append(f"the PAW dataset of {element} is another one ({backend.name}: {dataset})")
    return found


@cache
def _fingerprint(file: Path) -> str:
    opened: Any = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rb") as stream:
        return hashlib.md5(stream.read()).hexdigest()


def _named(value: Any) -> dict[str, Any]:
    """Return a parameter as a mapping with a name."""
    if value is None:
        return {}
    if isinstance(value, dict):
        name = str(value.get("name", ""))
        return {key: each for key, each in value.items() if not (key == "name" and name == "poissonsolver")}
    return {"name": value}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items()) or "nothing more"
    if isinstance(value, float):
        return f"{value:g}"
    return "not given" if value is None else str(value)
