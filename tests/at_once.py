"""Writes, asks and copies one database from several processes at once; see test_at_once.py.

python tests/at_once.py FOLDER
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from factories import adsorption_document
from monty.json import jsanitize

from anodeflow.core.settings import get_settings
from anodeflow.database import rows
from anodeflow.database.backup import back_up
from anodeflow.database.place import find_database
from anodeflow.database.query import result_rows
from anodeflow.database.store import open_store

STUDIES = 12
DOCUMENT = jsanitize(adsorption_document(), strict=True)


def write(first: int) -> None:
    """Store each study twice, as a campaign that is run again does."""
    for edition in "12":
        for number in range(first, STUDIES, 2):
            with open_store() as store:
                output = DOCUMENT | {"document_id": f"document-{number}", "settings_hash": f"settings-{number}"}
                record = {"uuid": f"job-{number}", "index": 1, "completed_at": f"2026-01-0{edition}"}
                output |= {"slab_energy": -float(edition)}
                store.update(record | {"output": output | {"large": [number]}}, save={"data": [["output", "large"]]})


def ask() -> None:
    """Ask for everything, which makes the rows of what is new."""
    for _ in range(5):
        with open_store() as store:
            result_rows({}, store)


def copy(folder: Path) -> None:
    """Make two backups."""
    for number in range(2):
        back_up(find_database(get_settings()), folder / f"backup-{os.getpid()}-{number}.zip")


def at_once(tasks: list[Callable[[], None]]) -> list[int]:
    """Do each task in a fork, all at once; return their exit statuses."""
    children = []
    for task in tasks:
        if not (child := os.fork()):
            status = 1
            try:
                task()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


if __name__ == "__main__":
    place = Path(sys.argv[1])
    statuses = at_once([partial(write, 0), partial(write, 1), *[ask] * 3, partial(copy, place)])
    with open_store() as store:
        found = result_rows({}, store)
        outputs = list(store.docs_store._collection.find({}))
        entries = [entry["_id"] for entry in rows.collection(store).find({}) if "output_id" in entry]
        report = {
            "statuses": statuses,
            "rows": len(found),
            "outputs": sorted([entry["uuid"], entry["output"]["slab_energy"]] for entry in outputs),
            "entries": len(entries),
            "parts": store.additional_stores["data"].count(),
        }
    print(json.dumps(report))
