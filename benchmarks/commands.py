"""How long commands take that a user waits for: medians of five, wall clock and processor, as one JSON line.

    python benchmarks/commands.py            # all
    python benchmarks/commands.py query      # those whose name begins so

They run in a home of their own with one small campaign of EMT in it; the database's server, if there is one, runs
before the clock starts, and modules are compiled. On a machine that does other things the processor's time is what to
compare.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = {
    "query": ("query",),
    "check": ("check", "quickstart"),
    "check --backend mlip": ("check", "quickstart", "--backend", "mlip"),
    "doctor": ("doctor",),
    "help": ("--help",),
}
CAMPAIGN = """
name: copper
backend: emt
systems:
  - {name: Cu(001), structure: Cu, miller: [0, 0, 1], layers: 3, fixed_layers: 1, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu}
"""


def timed(arguments: tuple[str, ...]) -> tuple[float, float]:
    """Run a command; return seconds of wall clock and of processors, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "anodeflow", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time the commands whose names begin as the arguments say."""
    wanted = tuple(sys.argv[1:]) or ("",)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ANODEFLOW_HOME": f"{folder}/home", "ANODEFLOW_DATABASE_IDLE": "300"}
        file = Path(folder) / "copper.yaml"
        file.write_text(CAMPAIGN)
        subprocess.run([sys.executable, "-m", "anodeflow", "run", str(file)], check=True, capture_output=True)
        answer = {}
        for name, arguments in COMMANDS.items():
            if name.startswith(wanted):
                timed(arguments)  # compiles, and makes the rows
                walls, processors = zip(*(timed(arguments) for _ in range(5)), strict=True)
                answer[name] = {
                    "wall_s": round(statistics.median(walls), 2),
                    "processor_s": round(statistics.median(processors), 2),
                }
        subprocess.run([sys.executable, "-m", "anodeflow", "db", "stop", "--force"], capture_output=True)
    print(json.dumps({"load": os.getloadavg()[0], **answer}))


if __name__ == "__main__":
    main()
