"""How fast results are found among 100,000 rows.

Fills a new database with study documents as jobs store them (adsorption: 2 rows each, interdiffusion: 8), has their
rows made, and times filtered queries: the query itself on an open database (median of 7), a whole
``anodeflow.query(...)``, which opens and closes the database, and the whole command, Python's imports included.
Prints one JSON line.

    python benchmarks/database.py [--rows N] [--kind sqlite]    an embedded one, in a folder that is deleted at the end
    ANODEFLOW_DATABASE=mongodb://... python benchmarks/database.py      a database `anodeflow_benchmark` there
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # factories of documents

_CAMPAIGNS, _SYSTEMS = 50, 100
_BATCH = 500


def documents(rows: int) -> Iterator[dict[str, Any]]:
    """Yield outputs of jobs with study documents that have `rows` rows together, as jobflow stores them."""
    from factories import adsorption_document, li_slab
    from monty.json import jsanitize

    from anodeflow.studies.interdiffusion.document import ExchangePoint, InterdiffusionDoc

    number = random.Random(1)
    slab = li_slab(layers=12, adatom=True)
    adsorption = adsorption_document(slab=slab)
    point = ExchangePoint(
        depth=1,
        sample=1,
        partner="Li",
        alloy_atom=0,
        metal_atom=1,
        lateral=0.0,
        exchange_energy=0.1,
        converged=True,
        final_layer=1,
        lowest=True,
        structure=slab,
    )
    interdiffusion = InterdiffusionDoc(
        document_id="",
        campaign="",
        system="",
        backend="emt",
        code="emt",
        settings=adsorption.settings,
        settings_hash="",
        calculation_ids={},
        element="Mg",
        alloy="Li3Mg",
        metal="Li",
        interface_document_id="",
        termination="LiMg/Li",
        von_mises_strain=0.01,
        metal_layers=8,
        near_surface=1,
        initial_layer=-1,
        pristine=slab,
        layer=[1] * len(slab),
        pristine_energy=-1.0,
        points=[point] * 8,
        plateau=[],
        plateau_tolerance=0.02,
    )
    for position in range(rows // 5):
        few = position % 2 == 0
        output = jsanitize(adsorption if few else interdiffusion, strict=True)
        group = position // 2
        output |= {
            "document_id": f"{position:064x}",
            "campaign": f"campaign-{group % _CAMPAIGNS}",
            "system": f"Li{group // _CAMPAIGNS % _SYSTEMS}Mg(001)",
            "settings_hash": f"{group // _CAMPAIGNS // _SYSTEMS:064x}",
        }
        steps = (
            ["bulk", "slab", "atom", "site 0", "site 1"] if few else ["interface", *(f"depth {n}" for n in range(1, 9))]
        )
        output["calculation_ids"] = {step: f"{position * 16 + n:064x}" for n, step in enumerate(steps)}
        for n, part in enumerate(output["sites" if few else "points"]):
            key = "binding_energy" if few else "exchange_energy"
            part |= {key: number.gauss(-1, 0.3)} | ({} if few else {"depth": n + 1})
        yield {
            "uuid": f"job-{position}",
            "index": 1,
            "completed_at": f"2026-01-01T{position:012d}",
            "name": "document",
            "metadata": {},
            "output": output,
        }


def _timed(action: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """Median time, s, and what came out."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        found = action()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), found


@contextmanager
def _database(embedded: str) -> Iterator[str]:
    """Set the environment to a new database, where none is named an embedded one of a kind; yield what it is."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        os.environ["ANODEFLOW_HOME"] = home
        if os.environ.get("ANODEFLOW_DATABASE"):
            os.environ["ANODEFLOW_DATABASE_NAME"] = "anodeflow_benchmark"
            yield "MongoDB URI"
            return
        os.environ |= {"ANODEFLOW_EMBEDDED": embedded, "ANODEFLOW_DATABASE_IDLE": "1"}
        if embedded == "sqlite":
            yield "SQLite"
            return
        from anodeflow.core.settings import get_settings
        from anodeflow.database.service import stop_service
        from anodeflow.database.store import find_database

        stack.callback(lambda: stop_service(find_database(get_settings()).folder, force=True))
        yield "embedded secantusd"


def main() -> None:
    """Fill the database, query it, print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kind", choices=("secantusd", "sqlite"), default="secantusd")
    given = parser.parse_args()
    rows = given.rows
    with _database(given.kind) as kind:
        import anodeflow
        from anodeflow.database.query import result_rows
        from anodeflow.database.rows import refresh
        from anodeflow.database.store import open_store

        result: dict[str, Any] = {"database": kind, "rows": rows, "documents": rows // 5}
        filters: dict[str, dict[str, Any]] = {
            "campaign": {"campaign": "campaign-7"},
            "campaign and property": {"campaign": "campaign-7", "property": "binding_energy"},
            "system": {"system": "Li12Mg(001)"},
            "system and property": {"system": "Li12Mg(001)", "property": "exchange_energy"},
            "pattern and campaign": {"system": "Li1*", "campaign": "campaign-7"},
            "pattern": {"system": "Li12M*"},
            "document": {"document_id": f"{17:064x}"},
            "calculation": {"calculation_ids": f"{17 * 16:064x}"},
            "nothing found": {"campaign": "none"},
        }
        with open_store() as store:
            outputs = store.docs_store._collection
            if outputs.find_one({}, {"_id": 1}):
                sys.exit("the database is not empty: drop it, or name another server")
            began, batch = time.perf_counter(), []
            for document in documents(rows):
                batch.append(document)
                if len(batch) == _BATCH:
                    outputs.insert_many(batch, ordered=False)
                    batch = []
            if batch:
                outputs.insert_many(batch, ordered=False)
            result["fill_s"] = round(time.perf_counter() - began, 1)
            seconds, _ = _timed(lambda: refresh(store))
            result["rows_made_s"] = round(seconds, 1)
            for name, chosen in filters.items():
                seconds, found = _timed(lambda chosen=chosen: result_rows(chosen, store), 7)  # type: ignore[misc]
                result[name] = {"rows": len(found), "ms": round(seconds * 1000, 1)}
            times = 3 if rows >= 10_000 else 1
            filters_python = filters["campaign and property"]
            seconds, _ = _timed(lambda: anodeflow.query(**filters_python), times)
            result["anodeflow.query, opening included, ms"] = round(seconds * 1000)
            command = [sys.executable, "-m", "anodeflow", "query", "--format", "csv"]
            command += [f"{key}={value}" for key, value in filters_python.items()]
            seconds, ended = _timed(lambda: subprocess.run(command, capture_output=True, text=True, check=True), times)
            result["command, s"] = round(seconds, 2)
            result["command printed rows"] = ended.stdout.count("\n") - 1
            seconds, found = _timed(lambda: result_rows({}, store))
            result["all"] = {"rows": len(found), "s": round(seconds, 1)}
            if kind == "MongoDB URI":
                outputs.database.client.drop_database(outputs.database.name)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
