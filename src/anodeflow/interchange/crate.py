"""A campaign as an RO-Crate: results, documents, inputs and how they came about, as archives and NOMAD take them.

It follows RO-Crate 1.1 and Process Run Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5). Nothing is made up: there is
no licence, no author and no input that nobody named.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anodeflow import __version__
from anodeflow.backends.registry import backend_class, codes
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.core.home import homepage
from anodeflow.core.install import install_command
from anodeflow.core.whole import whole_place
from anodeflow.database.results_file import write_results
from anodeflow.interchange.files import DOCUMENTS, METADATA, write_documents, write_rows
from anodeflow.interchange.inputs import Inputs
from anodeflow.studies.document import StudyDoc

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
RESULTS = "results.json.gz"
TABLE = "results.csv"
_OTHER_ARCHIVES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".json", ".csv")
_FORMATS = {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".cif": "chemical/x-cif",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")


@dataclass(frozen=True)
class Author:
    """A person; `orcid` is the address of an ORCID, empty where none was given."""

    name: str
    orcid: str = ""


def author(text: str) -> Author:
    """Return an author from `Name` or `Name, ORCID`.

    Raises
    ------
    InputError
        If there is no name, or what stands behind it is no ORCID.
    """
    name, comma, rest = (part.strip() for part in text.partition(","))
    found = _ORCID.fullmatch(rest)
    if not name or (comma and not (found and _checked(found[1]))):
        raise InputError(
            f"{text!r} is no author: write --author 'Name', or --author 'Name, 0000-0002-1825-0097' with the ORCID."
        )
    return Author(name, f"https://orcid.org/{found[1]}" if found else "")


def _checked(orcid: str) -> bool:
    """Whether the last digit of an ORCID is right (ISO 7064, MOD 11-2)."""
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    last = (12 - total % 11) % 11
    return orcid[-1] == ("X" if last == 10 else str(last))


def licence(text: str) -> str:
    """Return an SPDX identifier as the list has it.

    Raises
    ------
    InputError
        If the list does not have it.
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        found = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        found = ""
    if not re.fullmatch(r"[\w.+-]+", found) or found.startswith("LicenseRef-"):
        raise InputError(
            f"{text!r} is no licence of the SPDX list: take one of https://spdx.org/licenses, CC-BY-4.0 say."
        )
    return found


def write_crate(
    target: Path,
    name: str,
    studies: Sequence[StudyDoc],
    calculations: Mapping[str, CalculationDoc],
    documents: Iterable[Mapping[str, Any]],
    inputs: Inputs,
    *,
    spdx: str | None = None,
    authors: Sequence[Author] = (),
    force: bool = False,
) -> Path:
    """Write a campaign as an RO-Crate.

    Parameters
    ----------
    target
        New folder, or a file ``*.zip``.
    name
        Name of the campaign.
    studies, calculations
        Its study documents, and id -> calculation.
    documents
        The same as :func:`anodeflow.database.exchange.exported` gives them.
    inputs
        Files that it was made of.
    spdx
        Licence; none: the crate has none.
    authors
        Who made it.
    force
        Replace a crate that is there.

    Returns
    -------
    pathlib.Path
        `target`.

    Raises
    ------
    InputError
        If it is there already, or cannot be written, or rocrate is not installed.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError as error:
        raise InputError(f"an RO-Crate needs {error.name}: {install_command('crate')}.") from error
    packed = target.suffix.lower() == ".zip"
    if not packed and target.suffix.lower() in _OTHER_ARCHIVES:
        raise InputError(f"{target} would be a folder under the name of a file: a crate is a folder, or NAME.zip.")
    if target.exists() and not (force and (packed or (target / METADATA).is_file())):
        raise InputError(f"there is {target} already: name another one, or replace a crate with --force.")
    try:
        with whole_place(target) as draft:
            files = draft.with_name(f"{draft.name}.files")  # the crate holds copies of them
            files.mkdir()
            crate = ROCrate(version="1.1")
            _describe(crate, name, studies, inputs, spdx, authors)
            write_results(studies, calculations, files / RESULTS)
            write_documents(documents, files / DOCUMENTS)
            write_rows(studies, files / TABLE)
            _add_results(crate, files)
            used = _add_settings(crate, studies, files)
            given = [
                _file(crate, file, where, f"input of the campaign: {where}") for where, file in inputs.files.items()
            ]
            programs = _programs(crate, calculations)
            _add_actions(crate, studies, calculations, programs, used, given)
            crate.write_zip(draft) if packed else crate.write(draft)
    except OSError as error:
        raise InputError(
            f"cannot write the crate {target} ({error.strerror or error}): choose another place."
        ) from error
    return target


def _describe(
    crate: Any, name: str, studies: Sequence[StudyDoc], inputs: Inputs, spdx: str | None, authors: Sequence[Author]
) -> None:
    from rocrate.model import ContextEntity, Person

    root = crate.root_dataset
    kinds, systems = _listed(study.study for study in studies), _listed(study.system for study in studies)
    root["name"] = f"Campaign {name} of anodeflow"
    facts = f"{len(studies)} studies ({kinds}) of {systems}, computed by {_listed(study.code for study in studies)}."
    root["description"] = f"{inputs.description.strip()} {facts}".strip()
    root["keywords"] = ["battery anodes", "density functional theory", *sorted({study.study for study in studies})]
    root["conformsTo"] = crate.add(
        ContextEntity(crate, PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"})
    )
    if spdx is not None:
        words = {"@type": "CreativeWork", "name": spdx, "description": f"The licence {spdx} of the SPDX list."}
        root["license"] = crate.add(ContextEntity(crate, f"https://spdx.org/licenses/{spdx}", words))
    people = [
        crate.add(Person(crate, each.orcid or f"#author-{number}", {"name": each.name}))
        for number, each in enumerate(authors, 1)
    ]
    if people:
        root["author"] = _one_or_all(people)
    papers = [
        crate.add(ContextEntity(crate, f"https://doi.org/{doi}", {"@type": "ScholarlyArticle", "name": f"doi:{doi}"}))
        for doi in dict.fromkeys(study.reference for study in studies if study.reference)
    ]
    if papers:
        root["citation"] = _one_or_all(papers)


def _listed(words: Iterable[str]) -> str:
    found = list(dict.fromkeys(words))
    return ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")


def _file(crate: Any, source: Path, where: str, words: str) -> Any:
    known = {"name": Path(where).name, "description": words, "contentSize": str(source.stat().st_size)}
    kind = _FORMATS.get(source.suffix.lower(), "text/plain")
    return crate.add_file(source, where, properties=known | {"encodingFormat": kind})


def _add_results(crate: Any, files: Path) -> None:
    _file(crate, files / RESULTS, RESULTS, "results file: anodeflow report --results and anodeflow db import read it")
    _file(
        crate, files / DOCUMENTS, DOCUMENTS, "all documents with forces, as JSON lines: anodeflow db import reads them"
    )
    _file(crate, files / TABLE, TABLE, "one row per property, with its unit and the document that it stands in")


def _add_settings(crate: Any, studies: Sequence[StudyDoc], files: Path) -> dict[str, Any]:
    """Write the settings of all studies, once each; return hash -> file."""
    found: dict[str, Any] = {}
    for study in studies:
        if study.settings_hash in found:
            continue
        place = files / f"settings-{len(found) + 1}.json"
        place.write_text(json.dumps(study.settings, indent=1, sort_keys=True, default=str), encoding="utf-8")
        where = f"settings/{re.sub(r'[^A-Za-z0-9._-]', '_', study.settings_hash)}.json"
        words = f"settings of {study.backend} ({study.code}), hash {study.settings_hash}"
        found[study.settings_hash] = _file(crate, place, where, words)
    return found


def _programs(crate: Any, calculations: Mapping[str, CalculationDoc]) -> dict[tuple[str, str], Any]:
    """Add the programs that computed, and anodeflow; return (code, version) -> entity."""
    from rocrate.model import ContextEntity

    found: dict[tuple[str, str], Any] = {}
    for code, version in [
        ("anodeflow", __version__),
        *((each.code, each.code_version) for each in calculations.values()),
    ]:
        if (code, version) in found:
            continue
        words = {"@type": "SoftwareApplication", "name": code, "softwareVersion": version}
        page = homepage() if code == "anodeflow" else backend_class(code).homepage if code in codes() else ""
        identity = f"{page}#{quote(version)}" if page else f"#program-{len(found) + 1}"
        found[code, version] = crate.add(ContextEntity(crate, identity, words | ({"url": page} if page else {})))
    return found


def _add_actions(
    crate: Any,
    studies: Sequence[StudyDoc],
    calculations: Mapping[str, CalculationDoc],
    programs: Mapping[tuple[str, str], Any],
    settings: Mapping[str, Any],
    inputs: Sequence[Any],
) -> None:
    """Say of each study which programs made it of what, and when."""
    from rocrate.model import ContextEntity

    results = [crate.dereference(where) for where in (RESULTS, DOCUMENTS, TABLE)]
    mentions = []
    for number, study in enumerate(studies, 1):
        mine = [calculations[each] for each in study.calculation_ids.values() if each in calculations]
        used = dict.fromkeys((each.code, each.code_version) for each in mine)
        words = {
            "@type": "CreateAction",
            "name": f"{study.study} of {study.system}",
            "description": f"document {study.document_id} of {len(mine)} calculations: {study.headline()}",
            "actionStatus": "http://schema.org/CompletedActionStatus",
        }
        ends = [each.finished_at for each in mine if each.finished_at]
        action = crate.add(ContextEntity(crate, f"#study-{number}", words | ({"endTime": max(ends)} if ends else {})))
        action["instrument"] = [programs["anodeflow", __version__], *(programs[key] for key in used)]
        action["object"] = [settings[study.settings_hash], *inputs]
        action["result"] = results
        mentions.append(action)
    crate.root_dataset["mentions"] = _one_or_all(mentions)


def _one_or_all(entities: list[Any]) -> Any:
    """Return what RO-Crate wants of one value, or of several."""
    return entities[0] if len(entities) == 1 else entities
