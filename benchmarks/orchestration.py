"""What our own code costs beside the calculations: the command line's start, a job, a campaign of 10,000 jobs.

help
    `anodeflow --help`, the best of several, s.
job
    A campaign on thin Al slabs with EMT, run as `anodeflow run` does, its time inside EMT taken off, against as many
    trivial jobs that jobflow's bare ``run_locally`` runs with the same database: ms a job (build, serialise, hash,
    store), of wall time and of this process's processor.
campaign
    Check and flow of a campaign of at least 10,000 jobs, once of many surfaces and once of one surface with many
    values in a convergence test: s of the processor, and the largest memory of the process, MB. Imports are timed
    apart.

Prints one JSON line.

    python benchmarks/orchestration.py [--jobs N] [--surfaces N] [--only help|job|campaign]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from importlib import import_module
from typing import Any

import numpy as np
from surroundings import surroundings


def help_seconds(times: int = 5) -> float:
    """Return the shortest time of ``anodeflow --help``, s."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "anodeflow", "--help"], capture_output=True, check=True)
        found.append(time.perf_counter() - began)
    return min(found)


def surfaces_campaign(number: int) -> dict[str, Any]:
    """Return a campaign file on `number` surfaces of Al that differ in plane, thickness and vacuum, as plain data."""
    planes = [[0, 0, 1], [1, 1, 0], [1, 1, 1]]
    return {
        "name": "many-surfaces",
        "backend": "emt",
        "systems": [
            {
                "name": f"Al {index}",
                "structure": "Al",
                "miller": planes[index % 3],
                "layers": 2 + index // 3 % 3,
                "fixed_layers": 1,
                "vacuum": 10 + 0.01 * (index // 9),
                "min_width": 0,
            }
            for index in range(number)
        ],
        "studies": [{"adsorption": {"adsorbate": "Al"}}],
    }


def convergence_campaign(number: int) -> dict[str, Any]:
    """Return a campaign file on one surface with `number` cutoffs, as plain data."""
    cutoffs = [200 + 0.1 * index for index in range(number)]
    return {
        "name": "many-cutoffs",
        "backend": "gpaw-demo",
        "systems": [{"name": "Li(001)", "structure": "Li", "layers": 4, "min_width": 6.5}],
        "studies": [{"adsorption": {"adsorbate": "Li", "convergence": {"cutoff": cutoffs}}}],
    }


def job_overhead(surfaces: int) -> dict[str, Any]:
    """Run a campaign with EMT and as many bare jobs; return what a job of ours costs more."""
    from ase.calculators.emt import EMT
    from jobflow import Flow, Job
    from jobflow.managers.local import run_locally

    from anodeflow.campaign.model import Campaign
    from anodeflow.database.store import open_store
    from anodeflow.execution.local import run_campaign

    inside = np.zeros(2)
    calculate = EMT.calculate

    def timed(*arguments: Any) -> None:
        nonlocal inside
        began = _now()
        calculate(*arguments)
        inside += _now() - began

    with open_store() as store:  # holds the server, so that its start is in neither time
        run_campaign(Campaign.model_validate(surfaces_campaign(1)))  # imports
        collection = store.docs_store._collection
        before = collection.count_documents({})
        EMT.calculate = timed
        began = _now()
        report = run_campaign(Campaign.model_validate(surfaces_campaign(surfaces) | {"name": "measured"}))
        whole = _now() - began
        EMT.calculate = calculate
        jobs = collection.count_documents({}) - before
        bare = Flow([Job(function=_add, function_args=(number, 1)) for number in range(jobs)])
        began = _now()
        run_locally(bare, store=store, log=False)
        alone = _now() - began
    if not report.succeeded:
        sys.exit("\n".join(report.failures))
    return {
        "jobs": jobs,
        "calculations": report.computed,
        "campaign_s": _told(whole),
        "inside_emt_s": _told(inside),
        "bare_jobflow_s": _told(alone),
        "bare_ms_a_job": _told(1000 * alone / jobs),
        "ours_ms_a_job": _told(1000 * (whole - inside - alone) / jobs),
    }


def _now() -> np.ndarray:
    """Return wall time and time of this process's processors, s."""
    return np.array([time.perf_counter(), time.process_time()])


def _told(seconds: np.ndarray) -> dict[str, float]:
    wall, processor = seconds
    return {"wall": round(float(wall), 1), "processor": round(float(processor), 1)}


def _add(a: int, b: int) -> int:
    return a + b


def campaign_cost(data: dict[str, Any]) -> dict[str, Any]:
    """Check a campaign and build its flow; return what that took in this process."""
    began = time.process_time()
    from anodeflow.campaign.model import Campaign

    for module in ("check", "flow", "plan"):  # a campaign imports them when it needs them
        import_module(f"anodeflow.campaign.{module}")
    imported = time.process_time()
    campaign = Campaign.model_validate(data)
    planned = campaign.check()
    checked = time.process_time()
    flow = campaign.flow()
    built = time.process_time()
    return {
        "jobs": sum(1 for _ in flow.iterflow()),
        "planned_calculations": len(planned),
        "imports_s": round(imported - began, 1),
        "check_s": round(checked - imported, 1),
        "build_s": round(built - checked, 1),
        "memory_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _in_own_process(kind: str, number: int) -> dict[str, Any]:
    """Return :func:`campaign_cost`, measured in a process of its own so that its memory is its own."""
    command = [sys.executable, __file__, "--cost", kind, str(number)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main() -> None:
    """Measure, and print the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs of the large campaigns")
    parser.add_argument("--surfaces", type=int, default=60, help="surfaces of the campaign that is run with EMT")
    parser.add_argument("--only", choices=["help", "job", "campaign"])
    parser.add_argument("--cost", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    kinds = {"surfaces": surfaces_campaign, "convergence": convergence_campaign}
    if asked.cost:
        kind, number = asked.cost
        print(json.dumps(campaign_cost(kinds[kind](int(number)))))
        return
    warnings.simplefilter("ignore")  # hints of the libraries, for their developers
    result: dict[str, Any] = surroundings("anodeflow", "jobflow", "pymatgen", "ase")
    if asked.only in (None, "help"):
        result["help_s"] = round(help_seconds(), 2)
    if asked.only in (None, "campaign"):
        # A surface is three jobs of the flow (bulk and atom are shared), a cutoff five.
        result["many surfaces"] = _in_own_process("surfaces", -(-asked.jobs // 3))
        result["many values"] = _in_own_process("convergence", -(-asked.jobs // 5))
    if asked.only in (None, "job"):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            os.environ |= {"ANODEFLOW_HOME": home, "ANODEFLOW_DATABASE_IDLE": "1"}
            os.environ.pop("ANODEFLOW_DATABASE", None)
            result["job"] = job_overhead(asked.surfaces)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
