"""Force evaluations of a campaign on Li3Mg7(001): without a potential, with one, and with one that learns.

    python benchmarks/learning.py [plain|before|ours] [--code standin|gpaw]
    make benchmark CASE=li3mg7-campaign

The campaign is benchmarks/cases/li3mg7-campaign.yaml: six minima of one face at most with their hops, and the minima of
the other face. *plain*: no prescreen; *before*: SevenNet-0 goes first; *ours*: it learns, too (`learn: true`), and
relaxations end by the energy still to be gained (`energy_tolerance: 0.005`). With `--code standin`, the default,
SevenNet's l3i5 stands in for DFT, as in optimizers.py, so that all of it takes an hour and not a week: there are force
evaluations, and no SCF cycles. With gpaw it is GPAW (benchmarks/cases/gpaw-benchmark.yaml). Cut off, it goes on when
called again (ANODEFLOW_BENCHMARK keeps the work). Prints one JSON line; all three ways together are kept in
benchmarks/results/li3mg7-campaign.json.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from surroundings import in_sentences, stopwatch, surroundings

from anodeflow import Campaign
from anodeflow.backends.mlip.backend import MlipBackend
from anodeflow.backends.registry import codes
from anodeflow.core.settings import get_settings
from anodeflow.database.query import study_documents
from anodeflow.execution.state import read_status

HERE = Path(__file__).parent
CASE = HERE / "cases" / "li3mg7-campaign.yaml"
WAYS: dict[str, dict[str, Any]] = {
    "plain": {"prescreen": None, "energy_tolerance": None},
    "before": {"prescreen": {"learn": False}, "energy_tolerance": None},
    "ours": {"prescreen": {"learn": True}, "energy_tolerance": 0.005},
}
_CHECKS = ("modes of its saddle", "pushed and relaxed")
"""What checks answers, and is counted apart: the same in all ways."""


class StandIn(MlipBackend):
    """A potential that is taken for as costly as DFT."""

    cheap_forces: ClassVar[bool] = False
    is_potential: ClassVar[bool] = False
    code: Literal["standin"] = "standin"  # type: ignore[assignment]


def prepared(way: str, code: str, folder: Path) -> Path:
    """Write the campaign of a way, and the backends that it names; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    if code == "standin":
        backend: dict[str, Any] = {
            "code": "standin",
            "settings": {"force_field_name": "SevenNet", "calculator_kwargs": {"model": "7net-l3i5"}},
            "relaxation": {"force_threshold": 0.01, "stress_threshold": 0.0005},
        }
    else:
        backend = yaml.safe_load((HERE / "cases" / "gpaw-benchmark.yaml").read_text())
    if WAYS[way]["energy_tolerance"] is not None:
        backend["relaxation"]["energy_tolerance"] = WAYS[way]["energy_tolerance"]
    (folder / "costly.yaml").write_text(yaml.safe_dump(backend))
    zero = {
        "code": "mlip",
        "settings": {"force_field_name": "SevenNet", "calculator_kwargs": {"model": "7net-0"}},
        "relaxation": {"force_threshold": 0.01, "stress_threshold": 0.0001, "max_steps": 500, "curvature": 2},
    }
    (folder / "potential.yaml").write_text(yaml.safe_dump(zero))
    campaign = yaml.safe_load(CASE.read_text()) | {"name": f"li3mg7-{way}", "backend": "costly.yaml"}
    prescreen = campaign.pop("prescreen")
    if WAYS[way]["prescreen"] is not None:
        campaign["prescreen"] = prescreen | WAYS[way]["prescreen"] | {"backend": "potential.yaml"}
    if code == "standin":
        for system in campaign["systems"]:
            system.pop("settings", None)
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump(campaign, sort_keys=False))
    return file


def run(way: str, code: str, work: Path) -> dict[str, Any]:
    """Run the campaign of a way; return its counts and answers."""
    folder = work / f"li3mg7-{code}" / way
    os.environ |= {"ANODEFLOW_HOME": str(folder / "home"), "ANODEFLOW_EMBEDDED": "sqlite"}
    campaign = Campaign.from_file(prepared(way, code, folder))
    get_settings().prepare()
    with stopwatch(folder / "times.json"):
        report = campaign.run()
    fatal = [line for line in report.failures if "[potential" not in line]
    if fatal:
        sys.exit("\n".join(fatal))
    done = []
    for step in read_status(get_settings(), campaign.name).steps:
        file = get_settings().calculations / step.calculation_id[:2] / step.calculation_id / "calculation.json"
        if step.calculation_id and file.is_file():
            content = json.loads(file.read_text())
            if content["code"] == code:
                done.append(content | {"label": step.label})
    points = [each for each in done if each["task"] in ("relax", "neb") and not each["label"].endswith(_CHECKS)]
    answers = {
        f"{row.system} {row.property} {row.label}": row.value
        for document in study_documents(campaign.name)
        for row in document.rows()
        if row.property in ("binding_energy_bulk", "barrier_forward", "path_barrier")
    }
    cycles = [each["scf_cycles"] for each in points if each["scf_cycles"] is not None]
    evaluations = [each["force_evaluations"] for each in points]
    audits = [audit for each in done for audit in each["gain_audit"]]
    return {
        "force_evaluations": sum(evaluations),
        "scf_cycles": sum(cycles) if cycles else None,
        "stationary_points": len(points),
        "check_force_evaluations": sum(each["force_evaluations"] for each in done) - sum(evaluations),
        "evaluations": {each["label"]: each["force_evaluations"] for each in points},
        "energies": {each["label"]: each["energy"] for each in points},
        "gain_errors": [round(audit["expected"] - audit["gained"], 5) for audit in audits],
        "answers": answers,
    }


def energies_apart(one: dict[str, float], other: dict[str, float]) -> float:
    """Return the largest difference of the lowest binding energies of the surfaces, eV."""

    def lowest(answers: dict[str, float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for key, value in answers.items():
            system, is_binding, _ = key.partition(" binding_energy_bulk ")
            if is_binding:
                found[system] = min(value, found.get(system, value))
        return found

    first, second = lowest(one), lowest(other)
    assert first.keys() == second.keys()
    return max(abs(first[system] - second[system]) for system in first)


def barriers_apart(one: dict[str, float], other: dict[str, float]) -> float:
    """Return the largest difference of the barriers of the cheapest paths, and of each hop's from the nearest, eV.

    Hops are numbered by each way in its own order.
    """
    first, second = ({key: value for key, value in each.items() if "barrier" in key} for each in (one, other))
    paths = [abs(first[key] - second[key]) for key in first.keys() & second.keys() if "cheapest" in key]
    hops = [min(abs(value - each) for each in second.values()) for value in first.values()]
    assert paths
    return max(paths + hops)


def main() -> None:
    """Do all ways, or one, and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", nargs="?", choices=list(WAYS), help="one of them alone; nothing is kept then")
    parser.add_argument("--code", choices=["standin", "gpaw"], default="standin")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%T")
    codes()["standin"] = f"{__name__}:StandIn"
    work = Path(os.environ.get("ANODEFLOW_BENCHMARK", Path.home() / ".anodeflow-benchmark"))
    found = {way: run(way, asked.code, work) for way in ([asked.way] if asked.way else WAYS)}
    result: dict[str, Any] = {"case": CASE.stem, "code": asked.code, **found}
    if asked.way is None:
        mine = found["ours"]
        order = list(mine["evaluations"].values())
        result["ratio"] = {
            way: round(found[way]["force_evaluations"] / mine["force_evaluations"], 2) for way in ("plain", "before")
        }
        result["first_ten"], result["last_ten"] = sum(order[:10]) / 10, sum(order[-10:]) / 10
        result["energy_apart"] = energies_apart(mine["answers"], found["plain"]["answers"])
        result["barrier_apart"] = barriers_apart(mine["answers"], found["plain"]["answers"])
        result |= surroundings("anodeflow", "ase", "pymatgen", "sevenn")
        (HERE / "results" / f"{CASE.stem}.json").write_text(json.dumps(result) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    with in_sentences():
        main()
