"""Documents as the database holds them: read with the large parts that lie in the additional store."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobflow import JobStore
    from pydantic import BaseModel

FIELDS = ("uuid", "index", "output", "completed_at", "metadata")


class MissingPartError(LookupError):
    """A part of an output is not in the additional store: not yet, or its writer was killed in the middle."""


def stored(
    store: "JobStore", kinds: "Mapping[str, type[BaseModel]]", criteria: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield what jobs returned, large parts not yet in place, for outputs that are documents of `kinds`."""
    # The most selective conditions come first: secantusd takes the index of the first field that has one.
    criteria = {**criteria, "output.@class": {"$in": sorted(kinds)}}
    yield from store.docs_store.query(criteria, properties=[*FIELDS, "_id"])


def completed(store: Any, output: Any) -> dict[str, Any]:
    """Return an output with the parts in place that lie in the additional store.

    Raises
    ------
    MissingPartError
        If one is not there.
    """
    from jobflow.utils.find import find_key, update_in_dictionary
    from pydash import get

    parts: dict[tuple[Any, ...], Any] = {}
    for location in find_key(output, "blob_uuid"):
        part = get(output, list(location))
        holder = store.additional_stores.get(part.get("store"))
        found = holder.query_one({"blob_uuid": part["blob_uuid"]}, ["blob_uuid", "data"]) if holder else None
        if found is None:
            raise MissingPartError(f"its part {'.'.join(map(str, location))} is not in the store {part.get('store')!r}")
        parts[tuple(location)] = found["data"]
    update_in_dictionary(output, parts)
    return output


def age(entry: Mapping[str, Any]) -> tuple[str, int]:
    """Return what orders versions of a document by age, the oldest first."""
    return str(entry.get("completed_at") or ""), entry.get("index") or 0


def edition(entry: Mapping[str, Any]) -> str:
    """Return the edition of the campaign whose job made an output; empty for those from before there were any."""
    found = (entry.get("metadata") or {}).get("edition") or (entry.get("output") or {}).get("edition")
    return found if isinstance(found, str) else ""


class UnreadStructureError(Exception):
    """A structure is needed that was not read."""


@cache
def _unread() -> Any:
    """Return what stands for a structure that was not read. A query of rows that are made imports no pymatgen."""
    from pymatgen.core import Structure

    class UnreadStructure(Structure):
        def __init__(self) -> None:
            pass

        def __getattribute__(self, name: str) -> Any:
            if name.startswith("__"):
                return super().__getattribute__(name)
            raise UnreadStructureError

    return UnreadStructure()


def without_structures(value: Any) -> Any:
    """Return a copy in which structures that look sound are not to be read: reading them takes most of the time.

    Whoever asks such a structure for anything meets an :class:`UnreadStructureError`.
    """
    if isinstance(value, dict):
        if value.get("@class") == "Structure" and value.get("sites") and isinstance(value.get("lattice"), dict):
            return _unread()
        return {name: without_structures(item) for name, item in value.items()}
    return [without_structures(item) for item in value] if isinstance(value, list) else value
