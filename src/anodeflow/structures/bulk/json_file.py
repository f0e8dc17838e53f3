"""Structures as JSON: those of pymatgen, and databases of ASE that hold one row."""

import json
import re
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from pymatgen.core import Lattice, Structure

from anodeflow.structures.bulk.other_formats import refuse_open_cells
from anodeflow.structures.bulk.symbols import ELEMENTS, element, element_of_label, taken_for

_OFF = 1e-2  # Å, degrees: by which two ways to say the same may differ
_PERIODIC = (True, True, True)


def read_json(text: str) -> tuple[Structure, list[str]]:
    """Read what pymatgen writes as JSON, or ASE of one structure; names of other classes in it are not looked up.

    Raises
    ------
    ValueError
        If it is neither.
    """
    content = json.loads(text, object_pairs_hook=_each_key_once)
    if isinstance(content, dict) and {"ids", "nextid"} <= set(content):
        return _of_ase(content), []
    if not isinstance(content, dict) or "lattice" not in content or "sites" not in content:
        raise ValueError("it is no structure of pymatgen")
    if str(content.get("@class", "Structure")) not in ("Structure", "IStructure"):
        raise ValueError(f"it holds a {str(content['@class'])[:60]}, no Structure")
    given = content["lattice"]
    lattice = np.array([_numbers(row, "a lattice vector") for row in given["matrix"]])
    refuse_open_cells(given.get("pbc", _PERIODIC))
    lengths = Lattice(lattice).parameters
    for key, length in zip(("a", "b", "c", "alpha", "beta", "gamma"), lengths, strict=True):
        if abs(float(given.get(key, length)) - length) > _OFF:
            raise ValueError(f"its lattice is two: {key} is {given[key]}, and {length:.6g} by its vectors")
    species, coordinates, written = [], [], []
    notes = set()
    for number, site in enumerate(content["sites"], 1):
        species.append(_element(site, number))
        written.append(str(_kinds(site)[0]["element"]))
        coordinates.append(_numbers(site["abc"], f"abc of atom {number}"))
        if "xyz" in site:
            place = np.array(coordinates[-1]) @ lattice
            if np.abs(place - _numbers(site["xyz"], f"xyz of atom {number}")).max() > _OFF:
                raise ValueError(f"atom {number} has two places: abc and xyz differ")
        if any((site.get("properties") or {}).get(key) for key in ("magmom", "final_magmom")):
            notes.add("its magnetic moments are left out: surfaces get moments of their own")
    if content.get("charge"):
        notes.add(f"its charge ({content['charge']}) is left out: cells are neutral")
    told = [*sorted(notes), *taken_for(written), *_labels(content["sites"], species)]
    return Structure(lattice, species, np.array(coordinates)), told


def _numbers(given: Any, what: str) -> list[float]:
    """Return three numbers as they stand there: no text, no nested lists."""
    plain = isinstance(given, list) and all(type(each) in (int, float) for each in given)
    if not plain or len(given) != len(_PERIODIC):
        raise ValueError(f"{what} is {json.dumps(given)[:60]}, where three numbers belong")
    return [float(each) for each in given]


def _kinds(site: dict[str, Any]) -> list[dict[str, Any]]:
    return [kind for kind in site["species"] if kind.get("occu", 1) != 0]


def _element(site: dict[str, Any], number: int) -> str:
    """Return the element of a site, that one atom occupies."""
    for kind in site["species"]:
        if type(kind.get("occu", 1)) not in (int, float):
            raise ValueError(f"occu of atom {number} is {json.dumps(kind['occu'])[:60]}, where a number belongs")
    kinds = _kinds(site)
    if not kinds:
        raise ValueError(f"it has an empty site (atom {number}): leave it out")
    if len(kinds) != 1 or kinds[0].get("occu", 1) != 1:
        raise ValueError(f"it has partly occupied sites (atom {number})")
    return element(str(kinds[0]["element"]))


def _labels(sites: list[dict[str, Any]], species: list[str]) -> list[str]:
    """Return a note on atoms whose label is that of another element."""
    others = []
    for site, kind in zip(sites, species, strict=True):
        plain = re.fullmatch(r"([A-Z][a-z]?)\d*", str(site.get("label") or ""))
        if plain and plain[1] in ELEMENTS and element_of_label(plain[0], {kind}) != kind:
            others.append(f"{plain[0]} is {kind}")
    return [f"labels and elements of atoms differ, elements count: {', '.join(others[:5])}"] if others else []


def _of_ase(content: dict[str, Any]) -> Structure:
    """Read the only row of a database that ASE wrote as JSON: numbers, positions (Å), cell (Å) and pbc of it."""
    rows = content["ids"]
    if len(rows) != 1:
        raise ValueError(
            f"it is a database of ASE with {len(rows)} structures: write the one that is meant as a file of its own"
        )
    row = content[str(rows[0])]
    numbers, positions, cell = (_array(row.get(key), key) for key in ("numbers", "positions", "cell"))
    refuse_open_cells([bool(flag) for flag in _array(row.get("pbc"), "pbc")])
    if not ((numbers > 0) & (numbers <= len(ELEMENTS))).all():
        raise ValueError("it holds atoms of no element (X)")
    if cell.shape != (3, 3) or positions.shape != (len(numbers), 3):
        raise ValueError("its cell and positions are no three vectors, and no three coordinates of each atom")
    species = [chemical_symbols[int(number)] for number in numbers]
    return Structure(Lattice(cell), species, positions, coords_are_cartesian=True)


def _array(given: Any, what: str) -> np.ndarray:
    """Return an array as databases of ASE hold it: as lists, or with its shape and type."""
    if isinstance(given, dict) and given.get("__ase_objtype__") == "cell":
        given = given.get("array")
    if isinstance(given, dict) and "__ndarray__" in given:
        shape, _, flat = given["__ndarray__"]
        return np.array(flat, dtype=float).reshape(shape)
    try:
        return np.array(given, dtype=float)
    except (ValueError, TypeError):
        raise ValueError(f"{what} of it are no numbers") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of JSON's keys and values; a key that stands there twice would lose the first one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in names if names.count(key) > 1)!r} stands there twice")
    return found
