"""Crystals of OPTIMADE providers by their id: fetched once, kept with their hash, and read from there ever after.

`mp-149` and `optimade:mp/mp-149` are the same crystal of the Materials Project. What is kept is a file of pymatgen's
JSON with a `provenance`: where it was fetched, when, and the hashes of the answer and of the crystal.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from anodeflow.core.address import content_hash, structure_content
from anodeflow.core.errors import InputError
from anodeflow.core.fetching import fetch
from anodeflow.core.settings import get_settings
from anodeflow.core.textfile import finite, read_text
from anodeflow.core.whole import whole
from anodeflow.structures.bulk.limits import check_cell, check_count
from anodeflow.structures.bulk.symbols import element

FOLDER = "crystals"
"""Folder beside a campaign file, and in the home folder, in which fetched crystals are kept."""
_MATERIALS_PROJECT = re.compile(r"mp-\d+")
_NAME = re.compile(r"optimade:([A-Za-z0-9][\w.-]*)/(.+)")
_ID = re.compile(r"[\w.:+-]+(?:/[\w.:+-]+)*")
_LONGEST = 200
_LARGEST = 5_000_000  # bytes of an answer: 2000 atoms need a tenth of it
_FIELDS = (
    *("lattice_vectors", "cartesian_site_positions", "species", "species_at_sites", "nsites", "dimension_types"),
    *("chemical_formula_reduced", "last_modified"),
)
_SAME = 1e-3  # of amounts in a formula


@dataclass(frozen=True)
class Online:
    """A crystal of a provider.

    Attributes
    ----------
    provider
        Name of the provider.
    identity
        Its id there.
    """

    provider: str
    identity: str

    @property
    def file(self) -> str:
        """Name of the file in which it is kept."""
        plain = re.sub(r"[^\w.+-]", "_", self.identity)
        if _MATERIALS_PROJECT.fullmatch(self.identity) and self.provider == "mp":
            return f"{plain}.json"
        return f"{self.provider}-{plain}.json"


def online(name: str) -> Online | None:
    """Return the crystal of a provider that a name means; none: it means a file or one of the catalogue.

    Raises
    ------
    InputError
        If it begins like one and is none.
    """
    if _MATERIALS_PROJECT.fullmatch(name):
        return Online("mp", name)
    if not name.startswith("optimade:"):
        return None
    found = _NAME.fullmatch(name)
    if not found or len(name) > _LONGEST or not _ID.fullmatch(found[2]) or ".." in found[2].split("/"):
        raise InputError(f"{name[:_LONGEST]!r} names no crystal of a provider: write optimade:PROVIDER/ID.")
    return Online(found[1], found[2])


def kept_crystal(crystal: Online, folder: Path | None = None) -> Path:
    """Return the file in which a crystal is kept; it is fetched if there is none yet.

    Parameters
    ----------
    crystal
        The crystal.
    folder
        Folder of a campaign file: it is kept in `crystals` there. None: in the home folder.

    Raises
    ------
    InputError
        If it cannot be fetched, is no crystal of whole atoms, or the file was changed since.
    """
    home = get_settings().home / FOLDER / crystal.file
    file = home if folder is None else folder / FOLDER / crystal.file
    if not file.is_file():
        content = read_text(home) if home.is_file() else json.dumps(fetched(crystal), indent=1)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with whole(file) as draft:
                draft.write_text(content, encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"cannot keep {crystal.identity} in {file} ({error.strerror}): make room for it."
            ) from error
    _check_kept(file, crystal)
    return file


def _check_kept(file: Path, crystal: Online) -> None:
    """Raise InputError unless a file is the crystal that was fetched."""
    try:
        content = json.loads(read_text(file), parse_constant=finite, parse_float=finite)
        told = content["provenance"]
        whose = (told["provider"], told["id"]) == (crystal.provider, crystal.identity)
        same = whose and told["hash"] == _hash(_from_plain(content))
    except (ValueError, KeyError, TypeError, RecursionError):
        same = False
    if not same:
        raise InputError(
            f"{file} is not what was fetched of {crystal.identity}: delete it, and it is fetched anew; for a crystal "
            "of your own give a file another name."
        )


def _from_plain(content: Mapping[str, Any]) -> Structure:
    sites = content["sites"]
    return Structure(
        Lattice(content["lattice"]["matrix"]),
        [site["species"][0]["element"] for site in sites],
        [site["abc"] for site in sites],
    )


def _hash(structure: Structure) -> str:
    return content_hash(structure_content(structure))


def fetched(crystal: Online) -> dict[str, Any]:
    """Fetch a crystal; return it as pymatgen's JSON with its provenance.

    Raises
    ------
    InputError
        If the provider is not known or does not answer, or what it answers is no crystal of whole atoms.
    """
    base = _base_url(crystal.provider)
    path = f"/v1/structures/{quote(crystal.identity, safe='/:+')}?response_fields={','.join(_FIELDS)}"
    url = base.rstrip("/") + path
    answer = fetch(url, _LARGEST, f"{crystal.identity} of {crystal.provider}")
    try:
        data = json.loads(answer, parse_constant=finite, parse_float=finite)["data"]
        if data is None:
            raise InputError(f"{crystal.provider} has no structure {crystal.identity!r} ({base}): correct the id.")
        if data["id"] != crystal.identity:
            raise ValueError(f"it is the entry {str(data['id'])[:60]!r}")
        attributes = data["attributes"]
        structure = _structure(attributes)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{crystal.identity} of {crystal.provider} cannot be taken ({reason[:200].rstrip('.')}): give a file "
            "instead."
        ) from error
    told = {
        "provider": crystal.provider,
        "id": crystal.identity,
        "url": url,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "last_modified": str(attributes.get("last_modified") or ""),
        "formula": structure.composition.reduced_formula,
        "answer_sha256": sha256(answer).hexdigest(),
        "hash": _hash(structure),
    }
    return {**structure.as_dict(verbosity=0), "provenance": told}


def _base_url(provider: str) -> str:
    """Return the address of a provider: the user's own, or one of those that pymatgen knows.

    Raises
    ------
    InputError
        If neither has it, or it is no address that is fetched from.
    """
    from pymatgen.ext.optimade import OptimadeRester

    known = dict(OptimadeRester.aliases) | get_settings().optimade
    if provider not in known:
        raise InputError(
            f"there is no OPTIMADE provider {provider!r}: take one of {', '.join(sorted(known))}, or add its name and "
            "address to the settings (optimade)."
        )
    base = known[provider].rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError(f"{base!r}, the address of the provider {provider}, is none: write https://HOST/PATH.")
    return base.removesuffix("/v1")


def _structure(attributes: Mapping[str, Any]) -> Structure:
    """Return the crystal of an entry.

    Raises
    ------
    ValueError
        If it is no three-dimensional crystal of whole atoms, or contradicts itself.
    """
    check_count(int(attributes["nsites"]))
    if list(attributes["dimension_types"]) != [1, 1, 1]:
        raise ValueError("it is not periodic in three dimensions")
    kinds = {}
    for kind in attributes["species"]:
        symbols, amounts = kind["chemical_symbols"], kind["concentration"]
        if len(symbols) != 1 or len(amounts) != 1 or abs(float(amounts[0]) - 1) > _SAME or kind.get("attached"):
            raise ValueError("it has partly occupied sites")
        kinds[kind["name"]] = element(str(symbols[0]))
    names = [kinds[name] for name in attributes["species_at_sites"]]
    matrix = np.array(attributes["lattice_vectors"], dtype=float)
    places = np.array(attributes["cartesian_site_positions"], dtype=float)
    if matrix.shape != (3, 3) or places.shape != (len(names), 3) or len(names) != int(attributes["nsites"]):
        raise ValueError("its numbers of sites, positions and vectors do not fit each other")
    if not (np.isfinite(matrix).all() and np.isfinite(places).all()):
        raise ValueError("its coordinates are not finite")
    if not np.linalg.det(matrix):
        raise ValueError("its cell has no volume")
    lattice = Lattice(matrix)
    check_cell(lattice.abc, lattice.angles)
    structure = Structure(lattice, names, places, coords_are_cartesian=True)
    told = str(attributes["chemical_formula_reduced"])
    if not structure.composition.reduced_composition.almost_equals(Composition(told).reduced_composition, atol=_SAME):
        raise ValueError(f"its sites are {structure.composition.reduced_formula}, and its formula is {told[:60]}")
    return structure
