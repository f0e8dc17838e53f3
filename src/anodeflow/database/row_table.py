"""All rows of the database in memory: what a page shows that filters, sorts and turns pages at every click.

The database is asked for what has changed only. The table is one of SQLite's, which needs no server and no index of
ours to answer within a fraction of a second among 100,000 rows.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import InputError
from anodeflow.database import rows
from anodeflow.database.query import CODES, COLUMNS, OPTIONAL_NUMBERS, chosen_editions
from anodeflow.database.row_entry import place, unpacked
from anodeflow.structures.sites.hollow_names import meant_by

if TYPE_CHECKING:
    from jobflow import JobStore

_LISTS = ("calculation_ids", "warnings", CODES)
_KINDS = {"value": "REAL", "temperature": "REAL", "part_number": "INTEGER", "schema_version": "INTEGER"}
_NUMBERS = tuple(_KINDS)
FILTERS = (
    *("campaign", "system", "study", "property", "label"),
    *("backend", "adsorbate", "settings_hash", "document_id", "edition"),
)
"""Columns that rows are filtered by, by value or pattern."""
_LIGHT = ("place", "campaign", "backend", "study", "system", "settings_hash", "document_id", "edition", "completed_at")
_MANY = 200
"""Entries up to which those that have changed are asked for by their names."""


@dataclass(frozen=True)
class RowPage:
    """Some rows that match, and how many there are.

    Attributes
    ----------
    rows
        Column -> value of each, as :func:`anodeflow.query` names them.
    total
        Rows that match.
    """

    rows: list[dict[str, Any]]
    total: int


class RowTable:
    """The table; it may be asked from several threads while one of them brings it up to date."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._table = sqlite3.connect(":memory:", check_same_thread=False)
        self._table.row_factory = sqlite3.Row
        kinds = ", ".join(f'"{name}" {_KINDS.get(name, "TEXT")}' for name in COLUMNS)
        self._table.execute(f"CREATE TABLE rows (entry TEXT, age TEXT, latest INTEGER DEFAULT 1, {kinds})")
        for name in ("entry", "age", "latest", *FILTERS, "value", "temperature"):
            self._table.execute(f'CREATE INDEX "by_{name}" ON rows ("{name}")')
        self._known: dict[str, tuple[Any, ...]] = {}
        self._editions: set[tuple[Any, ...]] = set()
        self._written: Any = None
        self._different: dict[str, list[str]] = {}  # values of a column, which takes a look at all rows
        self.version = 0
        """A number that changes with the content."""
        self.problems: list[str] = []
        """Documents that could not be read, a sentence each."""

    def update(self, store: "JobStore") -> None:
        """Take over what has changed in the database.

        Parameters
        ----------
        store
            Connected store.
        """
        written = _written(store)
        if written is not None and written == self._written:
            return
        unsaved = {entry["_id"]: entry for entry in rows.refresh(store)}
        stored = rows.collection(store)
        light = dict.fromkeys(("_id", "index", *_LIGHT), 1)
        entries = {entry["_id"]: entry for entry in stored.find({"current": True}, light)}
        entries |= {name: entry for name, entry in unsaved.items() if entry["sound"]}
        # Of several versions of an answer the latest; the oldest answers first, as in a query.
        latest = {entry.get("place") or place(entry, entry.get("edition", "")): entry for entry in _by_age(entries)}
        wanted = {entry["_id"]: (entry.get("completed_at"), entry.get("index")) for entry in latest.values()}
        changed = [name for name, age in wanted.items() if self._known.get(name) != age]
        gone = [name for name in self._known if name not in wanted]
        fresh: list[dict[str, Any]] = [unsaved[name] for name in changed if name in unsaved]
        asked = {name for name in changed if name not in unsaved}
        if len(asked) > _MANY:  # all at once: a file is read from end to end for each question
            fresh += [entry for entry in stored.find({"current": True}) if entry["_id"] in asked]
        elif asked:
            fresh += stored.find({"_id": {"$in": sorted(asked)}})
        editions = _chosen(latest.values())
        problems = [
            f"{entry['kind']} {str(entry['document_id'])[:8]}: {entry['error']}"
            for entry in rows.problems(store, unsaved.values())
            if not rows.is_superseded(store, entry)
        ]
        self._written = written
        if not (changed or gone or editions != self._editions or problems != self.problems):
            return
        with self._lock, self._table:
            self._replace(fresh, [*gone, *changed], wanted)
            self._mark(editions, None if editions != self._editions else [entry["_id"] for entry in fresh])
            self._known, self._editions, self.problems = wanted, editions, problems
            self.version += 1
            self._different = {}

    def _replace(
        self, entries: Iterable[Mapping[str, Any]], dropped: Sequence[str], wanted: Mapping[str, tuple[Any, ...]]
    ) -> None:
        self._table.executemany("DELETE FROM rows WHERE entry = ?", [(name,) for name in dropped])
        places = ", ".join("?" * (len(COLUMNS) + 2))
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        self._table.executemany(
            f"INSERT INTO rows (entry, age, {names}) VALUES ({places})",
            (
                (entry["_id"], str(wanted[entry["_id"]][0] or ""), *(_packed(name, row) for name in COLUMNS))
                for entry in entries
                for row in unpacked(entry)
            ),
        )

    def _mark(self, editions: set[tuple[Any, ...]], entries: list[str] | None) -> None:
        """Mark the rows of the editions that ran last, of some entries or of all."""
        self._table.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (campaign TEXT, backend TEXT, edition TEXT)")
        self._table.execute("DELETE FROM chosen")
        self._table.executemany("INSERT INTO chosen VALUES (?, ?, ?)", sorted(editions))
        self._table.execute(
            "UPDATE rows SET latest = (campaign, backend, edition) IN (SELECT campaign, backend, edition FROM chosen)"
            + ("" if entries is None else " WHERE entry IN (SELECT value FROM json_each(?))"),
            () if entries is None else (json.dumps(entries),),
        )

    def page(
        self,
        filters: Mapping[str, str],
        sort: str = "",
        first: int = 0,
        count: int | None = 50,
        all_editions: bool = False,
    ) -> RowPage:
        """Return some of the rows that match.

        Parameters
        ----------
        filters
            Column -> value or pattern (``Li*``); ``warning`` -> code of one of the warnings, or ``none``.
        sort
            Column to sort by, with a minus before it: falling; empty: the oldest result first.
        first, count
            Number of the first row to return, from 0, and how many; None: all.
        all_editions
            Whether rows of earlier editions of a campaign count, too.

        Raises
        ------
        InputError
            If a filter or `sort` names no column.
        """
        conditions, values = self._conditions(filters, all_editions)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        limits = "" if count is None else f"LIMIT {int(count)} OFFSET {int(first)}"
        with self._lock:
            (total,) = self._table.execute(f"SELECT count(*) FROM rows {where}", values).fetchone()
            # Only the numbers of the rows are sorted: a row is long.
            order = self._table.execute(f"SELECT rowid FROM rows {where} ORDER BY {_order(sort)} {limits}", values)
            numbers = [number for (number,) in order]
            wanted = "" if count is None else "WHERE rowid IN (SELECT value FROM json_each(?))"
            found = self._table.execute(
                f"SELECT rowid AS number, * FROM rows {wanted}", () if count is None else (json.dumps(numbers),)
            )
            rows_by_number = {row["number"]: row for row in found}
        return RowPage([_unpacked(rows_by_number[number]) for number in numbers], total)

    def studies(self, campaign: str, most: int = 500) -> list[dict[str, Any]]:
        """Return the studies of a campaign, at most so many: system, study, backend, id of the document, first number.

        Parameters
        ----------
        campaign
            Its name; of its editions those that ran last count.
        most
            How many to return at most.
        """
        columns = ("system", "study", "backend", "document_id", "property", "label", "value", "unit", "warnings")
        with self._lock:
            found = self._table.execute(
                f"SELECT {', '.join(columns)}, min(rowid) FROM rows WHERE campaign = ? AND latest = 1 "
                "GROUP BY document_id ORDER BY study, system, backend LIMIT ?",
                (campaign, most),
            )
            return [dict(row) | {"warnings": len(json.loads(row["warnings"]))} for row in found]

    def values(self, column: str, most: int = 200) -> list[str]:
        """Return the different values of a column, at most so many; `warning_codes`: the codes."""
        if column != CODES and column not in FILTERS:
            raise InputError(f"results have no column {column!r} to filter by: take one of {', '.join(FILTERS)}.")
        with self._lock:
            if column not in self._different:
                found = self._table.execute(f'SELECT DISTINCT "{column}" FROM rows')
                texts = [value for (value,) in found if value]
                if column == CODES:
                    texts = [code for codes in texts for code in json.loads(codes) if code]
                self._different[column] = sorted(set(texts))
            return self._different[column][:most]

    def _conditions(self, filters: Mapping[str, str], all_editions: bool) -> tuple[list[str], list[Any]]:
        conditions, values = [] if all_editions else ["latest = 1"], []
        for name, wanted in filters.items():
            if name == "warning":
                if wanted == "none":
                    conditions.append("warnings = '[]'")
                else:
                    conditions.append("instr(warning_codes, ?)")
                    values.append(json.dumps(wanted))
            elif name not in FILTERS:
                raise InputError(f"results have no column {name!r} to filter by: take one of {', '.join(FILTERS)}.")
            elif name == "edition":  # the beginning of its hash, as everywhere
                conditions.append("edition >= ? AND edition < ?")
                values += [wanted, f"{wanted}\U0010ffff"]
            else:
                alternatives = []
                for meant in meant_by(wanted) if name == "label" else [wanted]:
                    alternatives.append(f'"{name}" = ?')
                    values.append(meant)
                    if any(character in meant for character in "*?["):
                        # As in a query: the very text, or a pattern of the shell.
                        alternatives.append(f'"{name}" GLOB ?')
                        values.append(meant.replace("[!", "[^"))
                conditions.append(f"({' OR '.join(alternatives)})")
        return conditions, values


def _written(store: "JobStore") -> Any:
    """Return what changes when somebody writes to a database of files, each look at which reads them all; else None."""
    folder = getattr(store.docs_store, "database_path", None)
    if folder is None:
        return None
    return sorted((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in Path(folder).glob("*/*"))


def _by_age(entries: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(entries.values(), key=lambda each: (str(each.get("completed_at") or ""), each.get("index") or 0))


def _chosen(entries: Iterable[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
    """Return the (campaign, backend, edition) that ran last, of entries by age."""
    there: dict[tuple[Any, ...], None] = {}
    for entry in entries:
        key = (entry.get("campaign"), entry.get("backend"), entry.get("edition", ""))
        there.pop(key, None)
        there[key] = None
    names = ("campaign", "backend", "edition")
    return chosen_editions([dict(zip(names, key, strict=True)) for key in there], None)


def _order(sort: str) -> str:
    if not sort:
        return "age, rowid"
    column, way = sort.removeprefix("-"), "DESC" if sort.startswith("-") else "ASC"
    if column not in COLUMNS:
        raise InputError(f"results have no column {column!r} to sort by: take one of {', '.join(COLUMNS)}.")
    if column in _LISTS:
        return f'json_array_length("{column}") {way}, rowid'
    missing = f'"{column}" IS NULL, ' if column in OPTIONAL_NUMBERS else ""
    return f'{missing}"{column}" {way}, rowid'


def _packed(name: str, row: Mapping[str, Any]) -> Any:
    value = row.get(name)
    if name in _LISTS:
        return json.dumps(value or [])
    return value if value is not None or name in _NUMBERS else ""


def _unpacked(row: sqlite3.Row) -> dict[str, Any]:
    return {name: json.loads(row[name]) if name in _LISTS else row[name] for name in COLUMNS}
