"""Takes the documents of a campaign out of the database; calculations stay in their folders."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import InputError
from anodeflow.database import rows
from anodeflow.database.query import ALL_EDITIONS, chosen_editions, study_documents
from anodeflow.studies.registry import document_classes

if TYPE_CHECKING:
    from jobflow import JobStore


def found_editions(store: "JobStore", campaign: str, edition: str | None) -> list[dict[str, Any]]:
    """Return the editions of a campaign that a user means, the oldest first.

    Parameters
    ----------
    store
        Connected store.
    campaign
        Its name.
    edition
        Beginning of the hash of one; None: all.

    Raises
    ------
    InputError
        If there is no such campaign or edition.
    """
    there = rows.editions(store, [campaign], rows.refresh(store))
    if not there:
        raise InputError(f"the database holds no result of a campaign {campaign!r}, so there is nothing to delete.")
    chosen = chosen_editions(there, edition or ALL_EDITIONS)
    return [entry for entry in there if (entry["campaign"], entry["backend"], entry["edition"]) in chosen]


def delete_campaign(store: "JobStore", campaign: str, editions: Sequence[Mapping[str, Any]]) -> int:
    """Delete what the jobs of editions of a campaign returned, with the rows made of it; return how many documents."""
    outputs = store.docs_store._collection
    number = 0
    gone = {(entry["campaign"], entry["backend"], entry["edition"]) for entry in editions}
    kept = [
        document
        for document in study_documents(store=store, edition=ALL_EDITIONS)
        if (document.campaign, document.backend, document.edition) not in gone
    ]
    # Editions share calculations that refer to no other job: bulk, atom.
    needed = {"$nin": sorted({identifier for document in kept for identifier in document.calculation_ids.values()})}
    for entry in editions:
        known = entry["edition"] or None  # none: from before there were editions
        of_jobs = {"metadata.campaign": campaign, "metadata.backend": entry["backend"], "metadata.edition": known}
        # Those that were imported are of no job, and say their edition themselves.
        imported = {"output.campaign": campaign, "output.backend": entry["backend"], "metadata.edition": None}
        imported |= {"output.@class": {"$in": sorted(document_classes())}} | (
            {"output.edition": known} if known else {}
        )
        criteria: list[dict[str, Any]] = [of_jobs, imported]
        for each in ({**found, "output.id": needed} for found in criteria):
            number += outputs.count_documents(each)
            store.remove_docs(each)
    rows.refresh(store, again=True)
    return number
