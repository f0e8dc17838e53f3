"""A campaign's structures as an archive that optimade-maker serves: ``optimade.yaml`` and entries as JSON lines.

``server.json`` is for its option ``--override_config_file``: the prefix of our properties.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from anodeflow.core.errors import InputError
from anodeflow.core.whole import whole_place
from anodeflow.database.results_file import without_folders
from anodeflow.interchange.optimade_entries import FIELDS, PREFIX, needs_optimade

CONFIG, LINES, SERVER = "optimade.yaml", "optimade.jsonl", "server.json"
_VERSION = "0.2.0"  # of optimade-maker's configuration
_OUTSIDE = ("id", "type")


def write_archive(target: Path, name: str, entries: Iterable[Mapping[str, Any]], force: bool = False) -> int:
    """Write the structures of a campaign for optimade-maker.

    Parameters
    ----------
    target
        New folder.
    name
        Name of the campaign.
    entries
        Entries (:func:`anodeflow.interchange.optimade_entries.entries`).
    force
        Replace an archive that is there.

    Returns
    -------
    int
        Number of structures.

    Raises
    ------
    InputError
        If it is there already, cannot be written, or there is no structure for it.
    """
    from ruamel.yaml import YAML

    needs_optimade()
    if target.exists() and not (force and (target / CONFIG).is_file()):
        raise InputError(f"there is {target} already: name another one, or replace an archive with --force.")
    described = f"Structures of the campaign {name}, computed with anodeflow."
    try:
        with whole_place(target) as draft:
            draft.mkdir()
            with (draft / LINES).open("w", encoding="utf-8") as stream:
                number = -2  # the two lines before the entries
                for line in _lines(entries):
                    stream.write(json.dumps(line, ensure_ascii=False, default=_plain, allow_nan=False) + "\n")
                    number += 1
            if number < 1:
                raise InputError(f"campaign {name} has no structure yet: run it.")
            with (draft / CONFIG).open("w", encoding="utf-8") as stream:
                content = {"config_version": _VERSION, "database_description": described}
                YAML().dump(content | {"entries": {"jsonl_path": LINES}}, stream)
            # optimade-maker would call our properties by a prefix of its own, and find none of them.
            provider = {"prefix": PREFIX, "name": "anodeflow", "description": described}
            (draft / SERVER).write_text(json.dumps({"provider": provider}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the archive {target} ({error.strerror}): choose another place.") from error
    return number


def _lines(entries: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file of entries: what it is, what it says of structures, the structures."""
    from optimade import __api_version__
    from optimade.server.schemas import ENTRY_INFO_SCHEMAS, retrieve_queryable_properties

    yield {"x-optimade": {"meta": {"api_version": __api_version__}}}
    known: dict[str, Any] = {}
    for field in FIELDS:
        definition = field.definition()
        known[f"_{PREFIX}_{definition.pop('name')}"] = definition
    usual = retrieve_queryable_properties(ENTRY_INFO_SCHEMAS["structures"], {"id", "type", "attributes"})
    properties = known | json.loads(json.dumps(usual, default=str))
    yield {
        "type": "info",
        "id": "structures",
        "description": "structures",
        "formats": ["json"],
        "properties": properties,
        "output_fields_by_format": {"json": list(properties)},
    }
    ours = {field.name for field in FIELDS}
    for entry in entries:
        attributes = {
            f"_{PREFIX}_{key}" if key in ours else key: _published(value)
            for key, value in entry.items()
            if key not in _OUTSIDE
        }
        yield {"id": entry["id"], "type": "structures", "attributes": attributes}


def _published(value: Any) -> Any:
    if isinstance(value, list):
        return [_published(each) for each in value]
    if isinstance(value, dict):
        return {key: _published(each) for key, each in value.items()}
    return without_folders(value) if isinstance(value, str) else value


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is no plain data")
