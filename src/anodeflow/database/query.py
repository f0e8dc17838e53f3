"""Reads results back: study documents, calculation documents, and the table of all properties."""

import sqlite3
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bson.errors import BSONError
from pymongo.errors import PyMongoError

from anodeflow.core.errors import InputError
from anodeflow.database import rows
from anodeflow.database.documents import age, completed, edition, stored
from anodeflow.database.filters import Filter, conditions, matches, number, values_of
from anodeflow.database.read_only import open_to_read
from anodeflow.database.row_entry import COMMON, place, unpacked
from anodeflow.database.rows_only import rows_only
from anodeflow.structures.sites.hollow_names import meant_by
from anodeflow.studies.rows import ResultRow

if TYPE_CHECKING:
    from jobflow import JobStore
    from pandas import DataFrame
    from pydantic import BaseModel

    from anodeflow.calculations.document import CalculationDoc
    from anodeflow.studies.document import StudyDoc


COLUMNS = tuple(ResultRow.model_fields)
"""Columns of the table, in order: the names by which rows are filtered."""


OPTIONAL_NUMBERS = ("temperature", "part_number")
"""Columns of numbers that rows may lack."""
CODES = "warning_codes"
"""Column of the codes of warnings, which `warning` filters by."""
ALL_EDITIONS = "all"
"""Asks for all editions of a campaign, not for the latest alone."""


def query(edition: str | None = None, **filters: Filter | None) -> "DataFrame":
    """Return the results in the database, one row per property.

    Parameters
    ----------
    edition
        Edition of the campaigns: the beginning of its hash, or `all`; default: of each campaign and backend the one
        that ran last.
    **filters
        Column name = value, pattern (``system="Li*"``) or list of those, of which one must match. Rows with a list
        in the column (``calculation_ids``, ``warnings``) are kept when one of its entries matches; `warning` is the
        code of one of their warnings (``warning="not-converged"``). A label with a threefold hollow finds fcc and hcp
        hollows, too.

    Returns
    -------
    pandas.DataFrame
        Columns campaign, system, study, property, label, part, part_number, value (in `unit`), unit, backend,
        settings_hash, document_id, adsorbate, edition, temperature (K), calculation_ids, warnings, warning_codes;
        oldest result first.

    Raises
    ------
    InputError
        If a filter is not the name of a column.
    DatabaseError
        If the database cannot be reached or read.

    Examples
    --------
    >>> query(property="binding_energy", system=["Li(001)", "Li3Mg*"])  # doctest: +SKIP
    """
    from pandas import DataFrame

    found = _found({name: value for name, value in filters.items() if value is not None}, None, edition)
    return DataFrame(found, columns=list(COLUMNS))


def result_rows(
    filters: Mapping[str, Filter], store: "JobStore | None" = None, edition: str | None = None
) -> list[ResultRow]:
    """Return the rows of all study documents that match all `filters` (see :func:`query`).

    Parameters
    ----------
    filters
        Column name -> value, pattern, or list of those.
    store
        Connected store; default: that of the environment.
    edition
        As of :func:`query`.
    """
    return [ResultRow.model_construct(**row) for row in _found(filters, store, edition)]


def _found(filters: Mapping[str, Filter], store: "JobStore | None", edition: str | None = None) -> list[dict[str, Any]]:
    """Rows that match, as plain data."""
    wanted = {CODES if name == "warning" else name: values_of(value) for name, value in filters.items()}
    for name in wanted:
        if name not in COLUMNS:
            raise InputError(f"results have no column {name!r} to filter by: take one of {', '.join(COLUMNS)}.")
    for name in ("value", *OPTIONAL_NUMBERS):
        if name in wanted:
            wanted[name] = [number(value, name) for value in wanted[name]]
    if "label" in wanted:
        wanted["label"] = [name for value in wanted["label"] for name in meant_by(str(value))]
    if edition is None and "edition" in wanted:
        edition = ALL_EDITIONS
    if store is None:
        try:
            with rows_only() as light:
                if light is not None and rows.all_made(light):
                    return _selected(light, [], wanted, edition)
        except (PyMongoError, BSONError, sqlite3.Error):
            pass  # the whole store meets it again, and says what to do
    with _opened(store) as opened:
        return _selected(opened, rows.refresh(opened), wanted, edition)


def _selected(
    store: Any, unsaved: list[dict[str, Any]], wanted: Mapping[str, list[Any]], edition: str | None
) -> list[dict[str, Any]]:
    """Rows that match, of the entries that are stored and those that could not be."""
    entries = rows.find(store, conditions(wanted), unsaved)
    for entry in rows.problems(store, unsaved):
        _warn(store, entry, wanted)
    if edition != ALL_EDITIONS:
        there = rows.editions(store, (entry["campaign"] for entry in entries), unsaved)
        chosen = chosen_editions(there, edition)
        entries = [
            entry for entry in entries if (entry["campaign"], entry["backend"], entry.get("edition", "")) in chosen
        ]
    return [row for entry in entries for row in unpacked(entry) if matches(row, wanted)]


def _warn(store: "JobStore", entry: Mapping[str, Any], wanted: Mapping[str, list[Any]]) -> None:
    """Say that a document which the filters ask for could not be read."""
    asked = {name: values for name, values in wanted.items() if name in COMMON and entry.get(name) is not None}
    if not matches(entry, asked) or rows.is_superseded(store, entry):
        return
    if entry["sound"]:
        warnings.warn(
            f"skipped the rows of the {entry['kind']} {entry['document_id']}: it is incomplete ({entry['error']})",
            stacklevel=5,
        )
    else:
        _warn_damaged(entry["kind"], entry, entry["error"], 6)


def _warn_damaged(kind: str, entry: Mapping[str, Any], reason: str, level: int) -> None:
    warnings.warn(
        f"skipped the {kind} of job {entry['uuid']}, index {entry.get('index')}: it is damaged or of another version "
        f"of anodeflow ({reason})",
        stacklevel=level,
    )


def chosen_editions(there: Iterable[Mapping[str, Any]], wanted: str | None) -> set[tuple[Any, Any, str]]:
    """Return the (campaign, backend, edition) that are asked for, of those there are (:func:`rows.editions`).

    Parameters
    ----------
    there
        Editions, the oldest first.
    wanted
        Beginning of the hash of one; `none`: that from before there were editions; None: the latest of each campaign
        and backend; `all`.

    Raises
    ------
    InputError
        If no edition begins so.
    """
    keys = [(entry["campaign"], entry["backend"], entry["edition"]) for entry in there]
    if wanted == ALL_EDITIONS or not keys:
        return set(keys)
    if wanted is None:
        return {
            (campaign, backend, edition) for (campaign, backend), edition in {key[:2]: key[2] for key in keys}.items()
        }
    found = {key for key in keys if (key[2].startswith(wanted) if wanted != "none" else not key[2])}
    if not found:
        names = dict.fromkeys(key[2][:8] or "none" for key in keys)
        raise InputError(f"there is no edition {wanted!r}; there is {', '.join(names)} (the latest last), or all.")
    return found


def study_documents(
    campaign: str | None = None,
    store: "JobStore | None" = None,
    edition: str | None = None,
    document_id: str | None = None,
) -> "list[StudyDoc]":
    """Return the latest version of every study's document, oldest first.

    Of documents with the same campaign, study, system, backend and settings the latest counts: those before it were
    made before a failed step was done again, or by another anodeflow.

    Parameters
    ----------
    campaign
        Name of the campaign; default: all campaigns.
    store
        Connected store; default: that of the environment.
    edition
        As of :func:`query`.
    document_id
        Id of the only document to return; default: all. Campaigns that ask for the same have one each of it.
    """
    from anodeflow.studies.registry import document_classes  # all studies, seconds of imports

    wanted = {"output.document_id": document_id, "output.campaign": campaign}
    criteria = {name: value for name, value in wanted.items() if value is not None}
    documents: list[StudyDoc] = _latest(
        document_classes(), criteria, lambda output: place(output, output["edition"]), store
    )
    return of_edition(documents, edition)


def of_edition(documents: "Sequence[StudyDoc]", edition: str | None) -> "list[StudyDoc]":
    """Return those of study documents (the oldest first) that belong to an edition, as :func:`query` names it."""
    there = {(doc.campaign, doc.backend, doc.edition): None for doc in reversed(documents)}
    keys = [dict(zip(("campaign", "backend", "edition"), key, strict=True)) for key in reversed(there)]
    chosen = chosen_editions(keys, edition)
    return [doc for doc in documents if (doc.campaign, doc.backend, doc.edition) in chosen]


def calculation_documents(ids: Iterable[str], store: "JobStore | None" = None) -> "dict[str, CalculationDoc]":
    """Return the documents of calculations by their ids; ids that are not in the database are left out.

    Parameters
    ----------
    ids
        Ids of calculations, as study documents and rows give them.
    store
        Connected store; default: that of the environment.
    """
    from anodeflow.studies.registry import CALCULATIONS

    # A potential's path that DFT had no use for is handed on in other coordinates: its own document is the first.
    criteria = {"output.id": {"$in": sorted(set(ids))}, "output.by_potential": {"$ne": True}}
    return {doc.id: doc for doc in _latest(CALCULATIONS, criteria, lambda output: output["id"], store)}


def _latest(
    classes: "Mapping[str, type[BaseModel]]",
    criteria: Mapping[str, Any],
    key: Callable[[Mapping[str, Any]], Hashable],
    store: "JobStore | None",
) -> list[Any]:
    """Documents of `classes`, the latest of each `key`, oldest first.

    One may lie there several times: its job was run again, or another job handed it on.
    """
    from anodeflow.studies.document import StudyDoc

    latest: dict[Hashable, BaseModel] = {}
    with _opened(store) as opened:
        for entry in sorted(stored(opened, classes, criteria), key=age, reverse=True):
            output = entry["output"]
            if issubclass(classes[output["@class"]], StudyDoc):
                output |= {"edition": edition(entry)}
            try:
                if key(output) not in latest:
                    latest[key(output)] = classes[output["@class"]].model_validate(completed(opened, output))
            except (LookupError, TypeError, ValueError) as error:  # pydantic's error is a ValueError
                _warn_damaged(output["@class"], entry, str(error).splitlines()[0], 4)
    return list(reversed(latest.values()))


@contextmanager
def _opened(store: "JobStore | None") -> "Iterator[JobStore]":
    if store is None:
        with open_to_read() as opened:
            yield opened
    else:
        yield store
