"""Results in one file: study documents and their calculations, small enough to be kept beside the code.

The file is gzipped JSON with a format version. It leaves out what no report shows and what says where it was computed:
forces, the images that bands began with, folders, paths of cube files.
"""

import gzip
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monty.json import jsanitize
from pydantic import BaseModel, ValidationError
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.decoding import dictionaries, refuse_foreign
from anodeflow.core.errors import InputError
from anodeflow.core.grid import CompactGrid
from anodeflow.core.strict import strictly, unknown_entries
from anodeflow.core.textfile import finite, read_bytes
from anodeflow.core.version import check_version
from anodeflow.core.whole import whole
from anodeflow.database.consistent import check_agreement
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import CALCULATIONS, document_classes

FORMAT = "anodeflow results"
VERSION = 1
LARGEST_RESULTS = 400_000_000
"""Most bytes of a results file, unpacked: about a thousand surfaces with their charge densities."""
_DIGITS = 6
"""Digits after the decimal point of coordinates: 1e-6 of a cell vector is far below what a relaxation settles."""
_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/]+/)+")
"""Absolute folders in a text; addresses with a scheme are none."""
_LEAST_VOLUME = 1.0  # Å³ of a cell
_TOLD = 5
"""Entries that nobody reads, of which the places are told."""
_LEFT_OUT = {"forces", "initial_images", "image_forces"}


def write_results(studies: Iterable[StudyDoc], calculations: Mapping[str, CalculationDoc], file: Path) -> Path:
    """Write documents to a results file; the same documents give the same bytes.

    Parameters
    ----------
    studies
        Study documents, variants of convergence tests included.
    calculations
        Id -> calculation, for the calculations that the studies rest on.
    file
        File to write, ``*.json.gz``.

    Returns
    -------
    pathlib.Path
        `file`.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    folders = {str(Path(found.directory).parent) for found in calculations.values()}
    content = {
        "format": FORMAT,
        "version": VERSION,
        "studies": [_packed(study, folders) for study in studies],
        "calculations": [_packed(calculation, folders) for calculation in calculations.values()],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as draft:
            draft.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    except OSError as error:
        raise InputError(
            f"cannot write the results to {file} ({error.strerror}): give another file with -o."
        ) from error
    return file


def read_results(file: Path) -> tuple[list[StudyDoc], dict[str, CalculationDoc]]:
    """Read a file that :func:`write_results` wrote.

    Returns
    -------
    list of StudyDoc, dict of CalculationDoc
        Study documents, and id -> calculation.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or is of another format or a newer version; if it has a document twice
        with other content, lacks a calculation that a study rests on, or contradicts itself
        (:func:`anodeflow.database.consistent.check_agreement`).
    """
    content = plain_results(file)
    try:
        studies = [_unpacked(entry, StudyDoc) for entry in content["studies"]]
        calculations = [_unpacked(entry, CalculationDoc) for entry in content["calculations"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:  # pydantic's is a ValueError
        raise InputError(f"{file} holds a document that cannot be read ({_reason(error)}): write it anew.") from error
    _check_once(file, [(f"calculation {each.id}", each) for each in calculations])
    _check_once(
        file, [(f"{each.study} of {each.system} in {each.campaign}, {each.document_id}", each) for each in studies]
    )
    found = {calculation.id: calculation for calculation in calculations}
    for study in studies:
        for step, identifier in study.calculation_ids.items():
            if identifier not in found:
                raise InputError(
                    f"{file} lacks the calculation {identifier} ({step}), on which its {study.study} of {study.system} "
                    "rests: write it anew with anodeflow export."
                )
    check_agreement(file, studies, found)
    _tell_unknown(file, content, studies, calculations)
    return studies, found


def _tell_unknown(
    file: Path, content: dict[str, Any], studies: list[StudyDoc], calculations: list[CalculationDoc]
) -> None:
    """Warn of entries that nobody reads: a number under a wrong name would be missing without a word."""
    named = {id(each): f"{each.study} of {each.system} in {each.campaign}" for each in studies}
    named |= {id(each): f"the calculation {each.id}" for each in calculations}
    places = [key for key in content if key not in ("format", "version", "studies", "calculations")]
    for entries, documents in ((content["studies"], studies), (content["calculations"], calculations)):
        for entry, document in zip(entries, documents, strict=True):
            places += [f"{place} of {named[id(document)]}" for place in unknown_entries(entry, document)]
    if places:
        more = f" and {len(places) - _TOLD} more" if len(places) > _TOLD else ""
        warnings.warn(
            f"{file} has entries that this anodeflow does not read, and leaves out: {'; '.join(places[:_TOLD])}{more}. "
            "A newer one wrote them, or they were added or misspelt by hand.",
            stacklevel=3,
        )


def _reason(error: Exception) -> str:
    """Say in a few words what is wrong with a document, and where in it."""
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][:6])
    words = (first["msg"].removeprefix("Value error, ").splitlines() or [""])[0]
    return f"{error.title}{': ' if place else ''}{place}: {words}"[:300]


def plain_results(file: Path) -> dict[str, Any]:
    """Read a results file as plain data: documents as mappings, which name nothing but what results are made of.

    Raises
    ------
    InputError
        As :func:`read_results`, but for the content of single documents.
    """
    if not file.exists():
        raise InputError(f"there is no results file {file}: write one with anodeflow export.")
    try:
        content = json.loads(read_bytes(file, LARGEST_RESULTS, gzip.open), parse_constant=finite, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is no results file, or is cut short ({error}): write it anew.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{file} holds something else than results of anodeflow: write one with anodeflow export.")
    check_version(content.get("version"), VERSION, f"{file} is a results file", "write it anew with anodeflow export")
    refuse_foreign(content, file)
    if any(_is_flat(entry) for entry in dictionaries(content)):
        raise InputError(f"{file} holds a structure whose cell has no volume: write it anew.")
    return content


def _check_once(file: Path, documents: list[tuple[str, BaseModel]]) -> None:
    """Raise InputError if two documents have one name and other content: nobody knows which is the right one."""
    first: dict[str, BaseModel] = {}
    for name, document in documents:
        if first.setdefault(name, document) != document:
            raise InputError(f"{file} has {name} twice, with other content: write it anew with anodeflow export.")


def _is_flat(entry: dict[str, Any]) -> bool:
    """Whether it is a lattice without three directions, which geometry would divide by."""
    matrix = entry.get("matrix")
    if "pbc" not in entry or not isinstance(matrix, list):
        return False
    try:
        return abs(float(np.linalg.det(np.asarray(matrix, dtype=float)))) < _LEAST_VOLUME
    except (ValueError, TypeError, np.linalg.LinAlgError):
        return True


def _packed(document: BaseModel, folders: set[str]) -> dict[str, Any]:
    """A document as JSON can hold it, with its class, without what is left out."""
    fields = {name: getattr(document, name) for name in type(document).model_fields}
    fields = {name: [] if name in _LEFT_OUT else value for name, value in fields.items()}
    if isinstance(document, CalculationDoc):
        fields["directory"] = document.id
    return {"@class": type(document).__name__} | {name: _plain(value, folders) for name, value in fields.items()}


def _plain(value: Any, folders: set[str]) -> Any:
    if isinstance(value, Structure):
        return _structure(value)
    if isinstance(value, CompactGrid):
        return value.model_dump(mode="json")  # its base64 has slashes that part no folders
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name), folders) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _plain(item, folders) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, folders) for item in value]
    if isinstance(value, str):
        return without_folders(value, folders)
    return jsanitize(value, strict=True)


def without_folders(text: str, folders: Iterable[str] = ()) -> str:
    """Return a text in which calculations are named by their ids, and files of other folders by their names alone."""
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(f"{folder}/", "")
    return _FOLDERS.sub("", text)


def _structure(structure: Structure) -> dict[str, Any]:
    """A structure without what follows from the rest: Cartesian coordinates, lengths and angles."""
    entry = jsanitize(structure.as_dict(verbosity=0), strict=True)
    entry["lattice"]["matrix"] = [[round(x, _DIGITS) for x in row] for row in entry["lattice"]["matrix"]]
    for site in entry["sites"]:
        site["abc"] = [round(x, _DIGITS) for x in site["abc"]]
        site.pop("xyz", None)
        site.pop("label", None)
    return entry


def _unpacked(entry: dict[str, Any], base: type) -> Any:
    kind = ({**document_classes(), **CALCULATIONS}).get(entry["@class"])
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise TypeError(f"no document of the kind {entry['@class']}")
    return strictly(kind, {name: value for name, value in entry.items() if not name.startswith("@")})
