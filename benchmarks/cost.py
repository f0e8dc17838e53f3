"""What an answer costs: ours and the plain way side by side, same machine, same backend file, same thresholds.

    python benchmarks/cost.py li-adsorption|lih-adsorption|li-hop|li3mg7-adsorption [plain|ours]
    make benchmark CASE=li-adsorption

Cases are campaign files in benchmarks/cases. The plain way (plain.py) relaxes all sites by DFT from the generated
geometry and a hop by DFT images; ours is the campaign as `anodeflow run` does it, with `prescreen: mlip`. SCF cycles
and force evaluations are counted alike, in GPAW's logs; time is that of the wall and of the processor, the latter being
what to compare on a busy machine. A case starts from nothing: bulk, isolated atom and clean slab are in the counts, and
apart in `steps`. Cut off, both go on when called again (ANODEFLOW_BENCHMARK, default ~/.anodeflow-benchmark, keeps the
work). Prints one JSON line, and keeps it in benchmarks/results/CASE.json.
"""

import argparse
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plain import PlainWay
from surroundings import in_sentences, stopwatch, surroundings

from anodeflow import Campaign
from anodeflow.backends.gpaw.backend import GpawBackend

HERE = Path(__file__).parent
_KINDS = ("ontop", "bridge", "hollow")
_ITERATION = re.compile(r"^\W*iter: +(\d+)", re.MULTILINE)


def counts(logs: Iterable[Path]) -> dict[str, int]:
    """Return force evaluations (SCF runs that began) and SCF cycles in logs of GPAW."""
    numbers = [int(number) for log in logs for number in _ITERATION.findall(log.read_text())]
    return {"force_evaluations": numbers.count(1), "scf_cycles": len(numbers)}


def plain(campaign: Campaign, backend: GpawBackend, folder: Path) -> dict[str, Any]:
    """Do a case the plain way; return answers, logs and times."""
    (system,) = campaign.systems
    moment = 1.0 if system.spin_polarized else None
    adsorbate, sites = campaign.studies[0].input.adsorbate, campaign.studies[0].input.sites  # type: ignore[union-attr]
    kinds = _KINDS if sites == "all" else sites
    way = PlainWay(backend, folder, system.settings)
    study = way.adsorption(system.structures[0], system.slab_spec(), adsorbate, moment, kinds)
    answers = {key: study[key] for key in ("binding_energy", "binding_energy_bulk", "sites")}
    if any(entry.name == "diffusion" for entry in campaign.studies):
        answers["barrier"] = way.hop(study, adsorbate, moment)
    return {"answers": answers, "logs": {step.name: step / "gpaw.txt" for step in way.steps}, "times": way.times()}


def ours(campaign: Campaign, folder: Path) -> dict[str, Any]:
    """Run the campaign; return answers, logs and times."""
    os.environ |= {"ANODEFLOW_HOME": str(folder), "ANODEFLOW_EMBEDDED": "sqlite"}
    os.environ.pop("ANODEFLOW_DATABASE", None)
    from anodeflow.core.settings import get_settings
    from anodeflow.database.query import study_documents
    from anodeflow.execution.state import read_status
    from anodeflow.studies.adsorption.document import AdsorptionDoc
    from anodeflow.studies.diffusion.document import DiffusionDoc

    folder.mkdir(parents=True, exist_ok=True)
    with stopwatch(folder / "times.json"):
        report = campaign.run()
    if not report.succeeded:
        sys.exit("\n".join(report.failures))
    answers: dict[str, Any] = {}
    for document in study_documents(campaign.name):
        if isinstance(document, AdsorptionDoc):
            best = document.sites[document.most_stable]
            answers |= {key: getattr(best, key) for key in ("binding_energy", "binding_energy_bulk")}
            answers["sites"] = {f"{site.step} ({site.label})": site.binding_energy for site in document.sites}
        if isinstance(document, DiffusionDoc):
            answers["barrier"] = document.path.barrier if document.path else None
    settings = get_settings()
    logs = {}
    for step in read_status(settings, campaign.name).steps:
        log = settings.calculations / step.calculation_id[:2] / step.calculation_id / "gpaw.txt"
        if step.calculation_id and log.is_file():
            logs[step.label] = log
    return {"answers": answers, "logs": logs, "times": json.loads((folder / "times.json").read_text())}


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return the counts and times of a way, whole and by steps, and its answers."""
    times = {key: round(value, 1) for key, value in found["times"].items()}
    steps = {name: counts([log]) for name, log in found["logs"].items()}
    return counts(found["logs"].values()) | times | found["answers"] | {"steps": steps}


def main() -> None:
    """Do both ways, or one, and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = sorted(
        file.stem for file in (HERE / "cases").glob("*.yaml") if file.stem not in ("gpaw-benchmark", "li3mg7-campaign")
    )
    parser.add_argument("case", choices=cases)
    parser.add_argument("way", nargs="?", choices=["plain", "ours"], help="one of them alone; nothing is kept then")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%T")
    campaign = Campaign.from_file(HERE / "cases" / f"{asked.case}.yaml")
    backend = campaign.load_backend()
    assert isinstance(backend, GpawBackend)
    work = Path(os.environ.get("ANODEFLOW_BENCHMARK", Path.home() / ".anodeflow-benchmark"))
    result: dict[str, Any] = {"case": asked.case}
    if asked.way != "ours":  # steps that two cases share are done once; their cost is in both
        result["plain"] = summary(plain(campaign, backend, work / "plain" / campaign.systems[0].name))
    if asked.way != "plain":
        result["ours"] = summary(ours(campaign, work / "ours" / asked.case))
    if asked.way is None:
        first, second = result["plain"], result["ours"]
        keys = ("force_evaluations", "scf_cycles", "wall_time", "processor_time")
        result["ratio"] = {key: round(first[key] / second[key], 2) for key in keys}
        answers = [key for key in ("binding_energy", "binding_energy_bulk", "barrier") if key in first]
        result["difference"] = {key: round(second[key] - first[key], 4) for key in answers}
        result |= surroundings("anodeflow", "gpaw", "ase", "pymatgen", "sevenn")
        (HERE / "results").mkdir(exist_ok=True)
        (HERE / "results" / f"{asked.case}.json").write_text(json.dumps(result) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    with in_sentences():
        main()
