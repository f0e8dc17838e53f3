"""Runs a campaign in processes that are killed at random moments, and says what is left: see test_kills.py.

    python tests/kills.py CAMPAIGN.yaml FOLDER sqlite|secantusd MOMENTS SEED

Each run is a fork of this process, which has all modules loaded, so that a moment is one of the campaign's and not of
the imports. Moments are given in processor time: they mean the same on a busy machine.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
from monty.json import MontyEncoder

_OWN = {
    *("wall_time", "proposal_seconds", "finished_at", "completed_at", "restarts", "directory", "blob_uuid"),
    *("processors", "processor_time", "peak_memory"),
}
"""What may differ between two runs: when, where and in how many goes."""
_KILLS = 3  # of the runs of one home at most, then one is left to end


def main(file: Path, folder: Path, kind: str, moments: int, seed: int) -> dict[str, Any]:
    """Run the campaign undisturbed, and again and again killed; return what each home holds in the end."""
    rng = random.Random(seed)
    run(file, folder / "warm", "sqlite")  # here: all modules are loaded and what they keep is made
    whole, _ = forked(file, folder / "whole", kind)
    found = {"whole": remains(folder / "whole", kind), "killed": [], "kills": 0}
    while found["kills"] < moments:
        home, kills = folder / f"killed-{len(found['killed'])}", 0
        while True:
            moment = rng.uniform(0, whole) if kills < _KILLS and found["kills"] < moments else None
            with_server = kind == "secantusd" and rng.random() < 0.5
            status = forked(file, home, kind, moment, with_server)[1]
            if status == 0:
                break
            assert status == -signal.SIGKILL, f"a run ended with {status}:\n{_last_trace(home.with_suffix('.log'))}"
            kills += 1
            found["kills"] += 1
        found["killed"].append(remains(home, kind) | {"kills": kills})
    return found


def _last_trace(log: Path) -> str:
    """Return the last traceback in a log, for whom the folder is not kept."""
    return "Traceback" + log.read_text().rpartition("Traceback")[2][-3000:]


def run(file: Path, home: Path, kind: str) -> None:
    """Run the campaign in this process, noting each evaluated geometry beside the home."""
    from ase.calculators.calculator import all_changes

    from anodeflow.backends.emt import EmtBackend
    from anodeflow.campaign.model import Campaign
    from anodeflow.execution.local import run_campaign

    os.environ |= {"ANODEFLOW_HOME": str(home), "ANODEFLOW_EMBEDDED": kind, "ANODEFLOW_DATABASE_IDLE": "1"}
    make = EmtBackend.calculator

    def calculator(self: EmtBackend) -> Any:
        inner = make(self)
        calculate = inner.calculate

        def noted(atoms: Any, *_arguments: Any) -> Any:
            with home.with_suffix(".evaluations").open("a") as record:
                geometry = [*atoms.numbers, *atoms.positions.round(9).ravel(), *atoms.cell.array.round(9).ravel()]
                record.write(sha256(repr([float(x) for x in geometry]).encode()).hexdigest() + "\n")
            # A list of neighbours from an earlier geometry has them in another order, and sums round otherwise.
            return calculate(atoms, ["energy", "forces", "stress"], all_changes)

        inner.calculate = noted
        return inner

    EmtBackend.calculator = calculator  # type: ignore[method-assign]
    try:
        report = run_campaign(Campaign.from_file(file))
    finally:
        EmtBackend.calculator = make  # type: ignore[method-assign]
    assert report.succeeded, report.failures


def forked(
    file: Path, home: Path, kind: str, moment: float | None = None, with_server: bool = False
) -> tuple[float, int]:
    """Run the campaign in a fork; kill it after `moment` s of processor time, with its server if so.

    Returns
    -------
    float, int
        Processor time, s, and exit status (negative: the signal).
    """
    pid = os.fork()
    if pid == 0:
        log = os.open(home.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        status = 1
        try:
            run(file, home, kind)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    process, spent = psutil.Process(pid), 0.0
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return spent, os.waitstatus_to_exitcode(status)
        times = process.cpu_times()
        spent = times.user + times.system
        if moment is not None and spent >= moment:
            os.kill(pid, signal.SIGKILL)
            if with_server:
                _kill_server(home)
            return spent, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        time.sleep(0.002)


def _kill_server(home: Path) -> None:
    from anodeflow.database.embedded import ServerFolder

    server = ServerFolder(home / "database" / "secantusd").recorded()
    for pid in (server.supervisor, server.pid) if server else ():
        if pid and psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)


def remains(home: Path, kind: str) -> dict[str, Any]:
    """Return what the database of a home holds, as plain data: read in a fork, which may connect to servers."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.environ |= {"ANODEFLOW_HOME": str(home), "ANODEFLOW_EMBEDDED": kind, "ANODEFLOW_DATABASE_IDLE": "0.2"}
        try:
            with os.fdopen(writer, "w") as stream:
                json.dump(_remains(home), stream)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def _remains(home: Path) -> dict[str, Any]:
    from anodeflow.database.documents import completed
    from anodeflow.database.query import result_rows, study_documents
    from anodeflow.database.store import open_store
    from anodeflow.studies.registry import CALCULATIONS

    with open_store() as store:
        # They come in the order in which they ended, which a kill may change.
        rows = sorted((row.model_dump(mode="json") for row in result_rows({}, store)), key=json.dumps)
        studies = sorted((_plain(document) for document in study_documents(store=store)), key=json.dumps)
        outputs = list(store.docs_store._collection.find({}))
        database = store.docs_store._collection.database
        counts = {name: database[name].count_documents({}) for name in database.list_collection_names()}
        calculations = {
            entry["output"]["id"]: _plain(completed(store, entry["output"]))
            for entry in outputs
            if isinstance(entry["output"], dict) and entry["output"].get("@class") in CALCULATIONS
        }
    return {
        "rows": rows,
        "studies": studies,
        "calculations": calculations,
        "jobs": sorted([entry["uuid"], entry["index"]] for entry in outputs),
        "counts": counts,
        "evaluations": home.with_suffix(".evaluations").read_text().split(),
    }


def _plain(document: Any) -> Any:
    def visit(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: visit(value) for key, value in node.items() if key not in _OWN}
        return [visit(item) for item in node] if isinstance(node, list) else node

    return visit(json.loads(json.dumps(document, cls=MontyEncoder)))


if __name__ == "__main__":
    campaign, place, database, number, first = sys.argv[1:]
    Path(place).mkdir(parents=True, exist_ok=True)
    print(json.dumps(main(Path(campaign), Path(place).resolve(), database, int(number), int(first))))
