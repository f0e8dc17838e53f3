"""Looks for files that a reader neither reads nor refuses in a sentence, led by the code that they reach (atheris).

    pip install atheris
    python scripts/fuzz_readers.py cif CORPUS -max_total_time=600

Readers: cif, poscar, xyz, structure_json, campaign, backend, results. CORPUS is a folder that is filled with valid
files first; what comes behind it are options of libFuzzer. A file that breaks a reader is written to the working folder
(crash-..., timeout-..., oom-...) and the run ends with its traceback. `tests/test_fuzz_readers.py` does a little of
this, with hypothesis, each time the tests run.
"""

import gzip
import json
import os
import re
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("fuzz_readers.py needs atheris, which is not installed here: pip install atheris.")

with atheris.instrument_imports(include=["anodeflow"]):
    from anodeflow.backends.registry import load_backend
    from anodeflow.campaign.model import Campaign
    from anodeflow.core.errors import AnodeflowError
    from anodeflow.database.results_file import read_results
    from anodeflow.structures.bulk.files import read_crystal

ROOT = Path(__file__).parents[1]
_PLACE: list[Path] = []


def _structures(*patterns: str) -> list[bytes]:
    folders = (ROOT / "structures", ROOT / "tests" / "data" / "cases")
    found = [file for folder in folders for pattern in patterns for file in sorted(folder.rglob(pattern))]
    return [content for file in found if len(content := file.read_bytes()) < 20_000]


def _json() -> list[bytes]:
    crystal, _ = read_crystal(ROOT / "structures" / "LiH.cif")
    return [json.dumps(crystal.as_dict()).encode()]


def _results() -> list[bytes]:
    files = (ROOT / "tests" / "data" / "anodeflow-0.1.0").glob("*.json.gz")
    return [gzip.decompress(file.read_bytes()) for file in files]


def _read_results(content: bytes) -> object:
    return read_results(_written("r.json.gz", gzip.compress(content, 1)))


def _written(name: str, content: bytes) -> Path:
    file = _PLACE[0] / name
    file.write_bytes(content)
    return file


XYZ = b'2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\nLi 0 0 0\nMg 2 2 2\n'
READERS: dict[str, tuple[Callable[[bytes], object], Callable[[], list[bytes]]]] = {
    "cif": (lambda content: read_crystal(_written("x.cif", content)), lambda: _structures("*.cif")),
    "poscar": (lambda content: read_crystal(_written("x.vasp", content)), lambda: _structures("*POSCAR*", "*.vasp")),
    "xyz": (lambda content: read_crystal(_written("x.xyz", content)), lambda: [XYZ, *_structures("*.xyz")]),
    "structure_json": (lambda content: read_crystal(_written("x.json", content)), _json),
    "campaign": (
        lambda content: Campaign.from_file(_written("c.yaml", content)),
        lambda: [file.read_bytes() for file in (ROOT / "workflows").glob("*.yaml")],
    ),
    "backend": (
        lambda content: load_backend(_written("b.yaml", content)),
        lambda: [file.read_bytes() for file in (ROOT / "configs" / "backends").glob("*.yaml")],
    ),
    "results": (_read_results, _results),
}


def main() -> None:
    """Read the command line and fuzz until time is up or something is found."""
    if len(sys.argv) < 3 or sys.argv[1] not in READERS:
        sys.exit(f"usage: python scripts/fuzz_readers.py {{{','.join(READERS)}}} CORPUS [options of libFuzzer]")
    read, seeds = READERS[sys.argv[1]]
    corpus = Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds()):
        (corpus / f"valid-{number}").write_bytes(content)

    def once(content: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the readers tell them; only exceptions count here
            try:
                read(content)
            except AnodeflowError as error:
                said = str(error)
            else:
                return
        if not all(re.search(r"[.?]$", line) for line in said.splitlines() or [""]):
            raise AssertionError(f"no sentence: {said!r}")

    with tempfile.TemporaryDirectory() as place:
        _PLACE.append(Path(place))
        child = os.fork()  # libFuzzer ends its process at once, and nothing would be left to clean up
        if not child:
            atheris.Setup([sys.argv[0], str(corpus), "-timeout=20", "-rss_limit_mb=3000", *sys.argv[3:]], once)
            atheris.Fuzz()
            os._exit(0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for libFuzzer, which tells how far it came
        _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
