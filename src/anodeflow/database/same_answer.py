"""Whether a document that is to be imported says the same as the one of its name in the database."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anodeflow.database.documents import completed
from anodeflow.database.row_entry import rows_of
from anodeflow.studies.registry import CALCULATIONS, document_classes

if TYPE_CHECKING:
    from jobflow import JobStore

_SAME = 1e-3  # eV; what two machines may make of one calculation
_OF_ANSWER = 3 * _SAME  # eV; of a difference of such energies
_SHARE = 0.2  # of a number of another unit: of a rate what a few meV make of it


def difference(store: "JobStore", there: Mapping[str, Any], kind: str, document: Mapping[str, Any]) -> str:
    """Return what the database has otherwise, beyond what two machines make of one calculation; empty: nothing.

    Parameters
    ----------
    store
        Connected store.
    there
        Output of a job in it.
    kind, document
        Class, and content, of the document that is to be imported.
    """
    if kind in CALCULATIONS:
        if there.get("formula") != document.get("formula"):
            return f"its formula is {there.get('formula')} there and {document.get('formula')} in the file"
        return _other("its energy", there["energy"], document["energy"], "eV", _SAME)
    mine, theirs = there.get("calculation_ids") or {}, document.get("calculation_ids") or {}
    for step in mine:
        if theirs.get(step, mine[step]) != mine[step]:
            return f"its {step} is the calculation {mine[step]} there and {theirs[step]} in the file"
    try:
        known = rows_of(document_classes()[there["@class"]], completed(store, dict(there)))
    except (ValueError, TypeError, AttributeError, LookupError):
        return ""  # what the database holds is damaged, which its own commands tell
    rows = {_name(row): row for row in known}
    for row in rows_of(document_classes()[kind], dict(document)):
        if (other := rows.get(_name(row))) is None:
            continue  # labels, and which numbers there are, have changed with the years
        label = f"{row['property']} ({row['label']})" if row["label"] else row["property"]
        if words := _other(label, other["value"], row["value"], row["unit"], _OF_ANSWER):
            return words
    return ""


def _name(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("property", "label", "part", "part_number", "temperature", "unit"))


def _other(what: str, mine: float, theirs: float, unit: str, same: float) -> str:
    """Return how two numbers differ, in words; empty if they may be one."""
    most = same if unit.startswith("eV") else _SHARE * max(abs(mine), abs(theirs))
    if abs(mine - theirs) <= most:
        return ""
    return f"{what} is {mine:.6g} {unit} there and {theirs:.6g} {unit} in the file".replace("  ", " ")
