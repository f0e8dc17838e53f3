"""How fast ``anodeflow serve`` answers with 100,000 rows in the database.

Writes the entries of rows as anodeflow makes them (adsorption: 2 rows each, interdiffusion: 8) into a new database,
lets the server read them, and times whole pages over HTTP: filtered, sorted, turned. Medians of 7: wall clock and time
of the processor (server and client), which says more on a machine that does other things. Prints one JSON line.

    python benchmarks/serve.py [--rows N] [--kind sqlite]       default: the embedded server
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]

_BATCH = 1000
_TOKEN = "benchmark"
PAGES = {
    "first page": "/results",
    "campaign": "/results?campaign=campaign-7",
    "system and property": "/results?system=Li12Mg(001)&property=exchange_energy",
    "pattern": "/results?system=Li1*",
    "property, sorted by value": "/results?property=binding_energy&sort=-value",
    "all, sorted by system": "/results?sort=system",
    "last page": "/results?page=2000",
    "warnings": "/results?warning=not-converged",
    "nothing found": "/results?system=K*",
}


def entries(rows: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield outputs (without their structures) and the entries of their rows."""
    from database import _CAMPAIGNS, _SYSTEMS, documents

    from anodeflow.database.opening import ROWS_MARK
    from anodeflow.database.row_entry import make_entry, place

    number = random.Random(1)
    store: Any = None  # both documents are whole: nothing is looked up
    made = [make_entry(store, output | {"_id": n}) for n, output in enumerate(documents(10))]
    for position in range(rows // 5):
        entry, group = dict(made[position % 2]), position // 2
        entry |= {
            "_id": f"job-{position}/1",
            "output_id": position,
            "uuid": f"job-{position}",
            "completed_at": f"2026-01-01T{position:012d}",
            "document_id": f"{position:064x}",
            "campaign": f"campaign-{group % _CAMPAIGNS}",
            "system": f"Li{group // _CAMPAIGNS % _SYSTEMS}Mg(001)",
            "settings_hash": f"{group // _CAMPAIGNS // _SYSTEMS:064x}",
        }
        entry["place"] = place(entry)
        own = json.loads(entry["rows"])
        entry["rows"] = json.dumps([row | {"value": number.gauss(-1, 0.3)} for row in own])
        entry.pop("parted", None)
        output = {
            "_id": position,
            "uuid": entry["uuid"],
            "index": 1,
            "completed_at": entry["completed_at"],
            ROWS_MARK: 1,
        }
        yield output | {"output": {"study": entry["study"]}}, entry


def fill(rows: int) -> None:
    """Write all of them into the database of the environment."""
    from anodeflow.database import rows as stored
    from anodeflow.database.store import open_store

    with open_store() as store:
        stored.refresh(store)  # notes by which anodeflow rows are made
        outputs, collection = store.docs_store._collection, stored.collection(store)
        every = list(entries(rows))
        for start in range(0, len(every), _BATCH):
            part = every[start : start + _BATCH]
            outputs.insert_many([output for output, _ in part])
            collection.insert_many([entry for _, entry in part])


def main() -> None:
    """Fill, serve, time, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kind", choices=["secantusd", "sqlite"], default="secantusd")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ |= {"ANODEFLOW_HOME": home, "ANODEFLOW_EMBEDDED": asked.kind, "ANODEFLOW_DATABASE_IDLE": "1"}
        import uvicorn

        from anodeflow.core.settings import get_settings
        from anodeflow.database.service import stop_service
        from anodeflow.database.store import find_database
        from anodeflow.serve.app import create_app
        from anodeflow.serve.server import listening

        began = time.perf_counter()
        fill(asked.rows)
        result: dict[str, Any] = {"database": asked.kind, "rows": asked.rows, "fill_s": _since(began)}
        with listening(0) as listener:
            port = listener.getsockname()[1]
            server = uvicorn.Server(uvicorn.Config(create_app(_TOKEN, port), log_level="critical", lifespan="on"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            began = time.perf_counter()
            thread.start()
            _get(port, "/results")
            result["first answer, all rows read, s"] = _since(began)
            for name, path in PAGES.items():
                _get(port, path)
                seconds, worked = [], []
                for _ in range(7):
                    began, before = time.perf_counter(), time.process_time()
                    size = len(_get(port, path))
                    seconds.append(time.perf_counter() - began)
                    worked.append(time.process_time() - before)
                result[name] = {"ms": _median(seconds), "processor_ms": _median(worked), "kB": round(size / 1000)}
            server.should_exit = True
            thread.join()
        if asked.kind == "secantusd":
            stop_service(find_database(get_settings()).folder, force=True)
    print(json.dumps(result))


def _get(port: int, path: str) -> bytes:
    address = f"http://127.0.0.1:{port}{path}"
    with urlopen(Request(address, headers={"Authorization": f"Bearer {_TOKEN}"}), timeout=600) as answer:
        return answer.read()


def _median(seconds: list[float]) -> float:
    return round(1000 * statistics.median(seconds), 1)


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 1)


if __name__ == "__main__":
    main()
