"""What a report costs: time, memory and size for synthetic campaigns of many systems.

    python benchmarks/report.py 10 100 1500

A campaign of N systems is made of the surfaces in ``docs/results``: their adsorption and diffusion studies, copied
under other names with calculations of their own. Each is written in a process of its own, as the command writes it.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from anodeflow.calculations.document import CalculationDoc
from anodeflow.database.results_file import read_results
from anodeflow.report.build import write_report
from anodeflow.studies.document import StudyDoc

RESULTS = Path(__file__).parents[1] / "docs" / "results"


def models() -> tuple[list[list[StudyDoc]], dict[str, CalculationDoc]]:
    """Return the studies of every surface that has adsorption and diffusion, and all calculations."""
    documents, calculations = [], {}
    for name in ("surfaces-mlip", "surfaces"):
        found, some = read_results(RESULTS / f"{name}.json.gz")
        documents += [each for each in found if each.study in ("adsorption", "diffusion") and not each.variant]
        calculations |= some
    surfaces = dict.fromkeys((each.system, each.backend) for each in documents)
    return [[each for each in documents if (each.system, each.backend) == key] for key in surfaces], calculations


def campaign(systems: int) -> tuple[list[StudyDoc], dict[str, CalculationDoc]]:
    """Return the documents and calculations of a campaign of so many systems."""
    patterns, known = models()

    def copies() -> Iterator[list[StudyDoc]]:
        for number in count():
            yield from ([_copy(each, number) for each in pattern] for pattern in patterns)

    documents = [each for _, group in zip(range(systems), copies(), strict=False) for each in group]
    calculations = {}
    for document in documents:
        for identity in document.calculation_ids.values():
            original = identity.rpartition("~")[0]
            if original in known:
                calculations[identity] = known[original].model_copy(update={"id": identity})
    return documents, calculations


def _copy(document: StudyDoc, number: int) -> StudyDoc:
    ids = {step: f"{identity}~{number}" for step, identity in document.calculation_ids.items()}
    changes = {"document_id": f"{document.document_id}{number}", "calculation_ids": ids}
    return document.model_copy(update=changes | {"system": f"{document.system} {number}", "campaign": "many"})


def measured(systems: int) -> dict[str, float]:
    """Write one report; return seconds, MB of memory at most (with the processes that draw) and MB on disk."""
    documents, calculations = campaign(systems)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        index = write_report("many", documents, calculations, Path(folder))
        seconds = time.perf_counter() - began
        pages = sum(file.stat().st_size for file in Path(folder).rglob("*.html"))
        whole = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        first = index.stat().st_size
    memory = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "studies": len(documents),
        "seconds": round(seconds, 1),
        "memory of the largest process, MB": round(max(memory)),
        "index.html, MB": round(first / 1e6, 1),
        "all pages, MB": round(pages / 1e6, 1),
        "folder, MB": round(whole / 1e6, 1),
    }


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps(measured(int(sys.argv[2]))))
    else:
        for size in sys.argv[1:]:
            answer = subprocess.run(
                [sys.executable, __file__, "--one", size], check=True, capture_output=True, text=True
            )
            print(size, answer.stdout.strip())
