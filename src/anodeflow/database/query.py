"""Reads results back: study documents, calculation documents, and the table of all properties."""

import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from anodeflow import schemas
from anodeflow.database.store import open_store
from anodeflow.errors import InputError
from anodeflow.schemas import CalculationDoc, ResultRow, StudyDoc

if TYPE_CHECKING:
    from jobflow import JobStore
    from pandas import DataFrame

Filter = str | float | Sequence[str | float]
"""One value, or several of which one must match; a string may be a pattern (``Li*``)."""

COLUMNS = tuple(ResultRow.model_fields)
"""Columns of the table, in order: the names by which rows are filtered."""

# Fields that stand in a study document as they do in its rows: the database can filter by them. The most selective
# come first, since secantusd takes the index of the first field that has one.
_IN_DOCUMENT = ("document_id", "campaign", "system", "study", "backend", "settings_hash")


def _classes(base: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The class `base` and its subclasses among the schemas, by name."""
    return {name: kind for name, kind in vars(schemas).items() if isinstance(kind, type) and issubclass(kind, base)}


_STUDIES = _classes(StudyDoc)
_CALCULATIONS = _classes(CalculationDoc)


def query(**filters: Filter | None) -> "DataFrame":
    """Return the results in the database, one row a property.

    Parameters
    ----------
    **filters
        Column name = value, pattern (``system="Li*"``) or list of those, of which one must match. Rows with a list
        in the column (``calculation_ids``) are kept when one of its entries matches.

    Returns
    -------
    pandas.DataFrame
        Columns campaign, system, study, property, label, value (in `unit`), unit, backend, settings_hash,
        document_id, calculation_ids; oldest result first.

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

    rows = result_rows({name: value for name, value in filters.items() if value is not None})
    return DataFrame([row.model_dump() for row in rows], columns=list(COLUMNS))


def result_rows(filters: Mapping[str, Filter], store: "JobStore | None" = None) -> list[ResultRow]:
    """Return the rows of all study documents that match all `filters` (see :func:`query`).

    Parameters
    ----------
    filters
        Column name -> value, pattern, or list of those.
    store
        Connected store; default: that of the environment.
    """
    wanted = {name: _values(value) for name, value in filters.items()}
    for name in wanted:
        if name not in COLUMNS:
            raise InputError(f"results have no column {name!r} to filter by: take one of {', '.join(COLUMNS)}.")
    if "value" in wanted:
        wanted["value"] = [_number(value) for value in wanted["value"]]
    criteria = {
        f"output.{name}": {"$in": wanted[name]}
        for name in _IN_DOCUMENT
        if name in wanted and not any(_is_pattern(value) for value in wanted[name])
    }
    rows: list[ResultRow] = []
    for document in _latest(_STUDIES, criteria, _study_key, store):
        try:
            rows += document.rows()
        except LookupError as error:  # a site or the id of a calculation is missing
            warnings.warn(
                f"skipped the rows of the {type(document).__name__} {document.document_id}: it is incomplete ({error})",
                stacklevel=2,
            )
    return [row for row in rows if _matches(row, wanted)]


def study_documents(campaign: str | None = None, store: "JobStore | None" = None) -> list[StudyDoc]:
    """Return the latest version of every study document, oldest first.

    Parameters
    ----------
    campaign
        Name of the campaign; default: all campaigns.
    store
        Connected store; default: that of the environment.
    """
    criteria = {} if campaign is None else {"output.campaign": campaign}
    return _latest(_STUDIES, criteria, _study_key, store)


def calculation_documents(ids: Iterable[str], store: "JobStore | None" = None) -> dict[str, CalculationDoc]:
    """Return the documents of calculations by their ids; ids that are not in the database are left out.

    Parameters
    ----------
    ids
        Ids of calculations, as study documents and rows give them.
    store
        Connected store; default: that of the environment.
    """
    criteria = {"output.id": {"$in": sorted(set(ids))}}
    return {doc.id: doc for doc in _latest(_CALCULATIONS, criteria, lambda output: output["id"], store)}


def _study_key(output: Mapping[str, Any]) -> Hashable:
    return output["campaign"], output["document_id"]


def _latest(
    classes: Mapping[str, type[BaseModel]],
    criteria: Mapping[str, Any],
    key: Callable[[Mapping[str, Any]], Hashable],
    store: "JobStore | None",
) -> list[Any]:
    """Documents of `classes`, the latest of each `key`, oldest first.

    One document may lie there several times: its job was run again, or another job handed it on.
    """
    with _opened(store) as opened:
        stored = list(
            opened.query(
                {**criteria, "output.@class": {"$in": sorted(classes)}},
                properties=["uuid", "index", "output", "completed_at"],
            )
        )
    stored.sort(key=lambda entry: (str(entry.get("completed_at") or ""), entry.get("index") or 0), reverse=True)
    latest: dict[Hashable, BaseModel] = {}
    for entry in stored:
        output = entry["output"]
        try:
            if key(output) not in latest:
                latest[key(output)] = classes[output["@class"]].model_validate(output)
        except (KeyError, TypeError, ValueError) as error:  # pydantic's error is a ValueError
            reason = str(error).splitlines()[0]
            warnings.warn(
                f"skipped the {output['@class']} of job {entry['uuid']}, index {entry.get('index')}: it is damaged or "
                f"of another version of anodeflow ({reason})",
                stacklevel=3,
            )
    return list(reversed(latest.values()))


@contextmanager
def _opened(store: "JobStore | None") -> "Iterator[JobStore]":
    if store is None:
        with open_store() as opened:
            yield opened
    else:
        yield store


def _values(value: Filter) -> list[Any]:
    return [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)


def _number(value: str | float) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"the column 'value' holds numbers, not {value!r}: filter it by a number.") from error


def _is_pattern(value: str | float) -> bool:
    return isinstance(value, str) and any(character in value for character in "*?[")


def _matches(row: ResultRow, wanted: Mapping[str, list[Any]]) -> bool:
    return all(
        any(_equal(entry, value) for entry in _values(getattr(row, name)) for value in values)
        for name, values in wanted.items()
    )


def _equal(entry: str | float, value: str | float) -> bool:
    if entry == value:
        return True
    return isinstance(entry, str) and isinstance(value, str) and fnmatchcase(entry, value)
