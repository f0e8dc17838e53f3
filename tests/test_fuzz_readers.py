"""Files that were valid and are no longer: each is read, or refused in a sentence, soon and without much memory.

A longer run by hand: FUZZ_EXAMPLES=20000 pytest -n 0 tests/test_fuzz_readers.py
"""

import gzip
import json
import os
import resource
import signal
import tarfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.finished import finished_document
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import append_step, read_steps
from anodeflow.campaign.model import Campaign
from anodeflow.core.data import data_folder
from anodeflow.core.errors import AnodeflowError
from anodeflow.database.results_file import read_results
from anodeflow.structures.bulk.files import read_crystal

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
SECONDS, BYTES = 10, 1_500_000_000
OLD = Path(__file__).parent / "data" / "anodeflow-0.1.0"
POSCAR = b"""Li Mg alloy
1.0
  3.4 0.0 0.0
  0.0 3.4 0.0
  0.0 0.0 6.8
Li Mg
2 2
Selective dynamics
Direct
  0.0 0.0 0.0 F F F
  0.5 0.5 0.25 T T T
  0.0 0.0 0.5 T T T
  0.5 0.5 0.75 T T T
"""
CAMPAIGN = b"""name: fuzz
description: "what it is for"
backend: emt
references: {Al: Al}
systems:
  - {name: &one Al(001), structure: Al, miller: [0, 0, 1], layers: 3, fixed_layers: 1, vacuum: 10, min_width: 5}
  - name: Cu(111)
    structure: Cu
    miller: [1, 1, 1]
    thickness: 5.5
    termination: all
interfaces:
  - {name: Cu/Al, alloy: Cu, metal: Al, max_atoms: 150}
studies:
  - adsorption: {adsorbate: Al, systems: [*one], sites: {Al(001): [0, hollow]}, convergence: {layers: [4, 5]}}
  - diffusion: {adsorbate: Al, systems: [*one], images: 3, temperatures: [300, 400.5], prefactor: 1.0e+13}
"""
BACKEND = b"""code: gpaw
description: mine
settings:
  functional: PBE
  cutoff: 350.0
  kpoint_spacing: 0.2
  setups: {Mg: "2"}
  extra: {nbands: "140%", mixer: {name: pulay, beta: 0.02, nmaxold: 8}, convergence: {bands: occupied}}
relaxation: {force_threshold: 0.02, max_steps: 100}
path: {force_threshold: 0.03}
parallel: {ranks: 2}
resources: {nodes: 1, time: "24:00:00"}
"""
PIECES = [
    *(b"nan", b".inf", b"-1e308", b"9" * 30, b"1e400", b"0", b"-1", b"\x00", b"\xff\xfe", b"\xe9", b"\xe2\x80\xae"),
    *(b"{" * 200, b"[" * 5000, b"- " * 300, b'"', b"'", b"\n", b"\r", b"\t", b":", b"#", b"&a [*a]"),
    *(
        b'{"@module": "this", "@class": "that"}',
        b"!!python/name:os",
        b"null",
        b"true",
        b"loop_",
        b"%YAML 1.1\n---\n",
        b"<<: *one",
    ),
    b"data_x",
    *("１２".encode(), "\u202eLi".encode(), "é".encode("utf-16"), b"$$", b"../../x", b"x" * 5000),
]


def mutated(valid: bytes):
    """Bytes that were `valid` before a few of its bytes, lines or numbers were changed."""
    size = len(valid)
    place = st.integers(0, size)

    @st.composite
    def change(draw) -> Callable[[bytes], bytes]:
        kind = draw(st.sampled_from(["flip", "cut", "end", "repeat", "insert", "replace", "number", "swap lines"]))
        at, length = draw(place), draw(st.sampled_from([1, 2, 8, 40, 300]))
        piece, byte = draw(st.sampled_from(PIECES)), draw(st.integers(0, 255))

        def apply(text: bytes) -> bytes:
            where = at % (len(text) + 1)
            head, middle, tail = text[:where], text[where : where + length], text[where + length :]
            if kind == "number":
                places = [index for index, each in enumerate(text) if chr(each).isdigit()]
                if not places:
                    return text
                where = places[at % len(places)]
                return text[:where] + piece + text[where + 1 :]
            if kind == "swap lines":
                lines = text.split(b"\n")
                first, second = at % len(lines), byte % len(lines)
                lines[first], lines[second] = lines[second], lines[first]
                return b"\n".join(lines)
            return {
                "flip": head + bytes([byte]) + text[where + 1 :],
                "cut": head + tail,
                "end": head,
                "repeat": head + middle * (byte % 50 + 1) + tail,
                "insert": head + piece + middle + tail,
                "replace": head + piece + tail,
            }[kind]

        return apply

    @st.composite
    def file(draw) -> bytes:
        text = valid
        for apply in draw(st.lists(change(), min_size=1, max_size=4)):
            text = apply(text)
        return text

    encodings = st.sampled_from(["utf-8"] * 6 + ["utf-16", "utf-8-sig", "utf-32", "cp037"])
    return st.builds(_encoded, file(), encodings)


def _encoded(text: bytes, encoding: str) -> bytes:
    return text if encoding == "utf-8" else text.decode("latin-1").encode(encoding, errors="replace")


@contextmanager
def bounded():
    """Fail what takes more than some seconds, or more memory than a gigabyte and a half beyond what is used."""

    def late(*_):
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGPROF, late)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, limits[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of this process: others may be at work
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def holds(read: Callable[[], object]) -> None:
    """Check that a reader reads, or says in a sentence why it does not."""
    with bounded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the readers tell them; only exceptions count here
        try:
            read()
        except AnodeflowError as error:
            said = str(error)
        else:
            return
    wrong = [line for line in said.splitlines() or [""] if not line.endswith((".", "?"))]
    assert not wrong
    assert len(said) < 6000


@pytest.fixture
def written(tmp_path):
    """Write a file of that name; hypothesis calls it for every example."""

    def write(name: str, content: bytes) -> Path:
        file = tmp_path / name
        file.write_bytes(content)
        return file

    return write


def fuzzed(valid: bytes):
    """Decorator: the test with mutations of a valid file."""

    def decorate(test):
        options = settings(
            max_examples=EXAMPLES,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        )
        return options(given(content=mutated(valid))(test))

    return decorate


@fuzzed((data_folder("structures") / "Li3Mg7.cif").read_bytes())
def test_cif(written, content):
    holds(lambda: read_crystal(written("x.cif", content)))


@fuzzed(POSCAR)
def test_poscar(written, content):
    holds(lambda: read_crystal(written("x.vasp", content)))


@fuzzed(CAMPAIGN)
def test_campaign(written, content):
    holds(lambda: Campaign.from_file(written("c.yaml", content)))


@fuzzed(BACKEND)
def test_backend(written, content):
    holds(lambda: load_backend(written("b.yaml", content)))


@fuzzed(gzip.decompress((OLD / "emt-old.json.gz").read_bytes()))
def test_results_file_of_other_content(written, content):
    holds(lambda: read_results(written("r.json.gz", gzip.compress(content, 1))))


@fuzzed((OLD / "emt-old.json.gz").read_bytes())
def test_results_file_of_other_bytes(written, content):
    holds(lambda: read_results(written("r.json.gz", content)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a finished relaxation, its request, and what its files held."""
    home = tmp_path_factory.mktemp("home")
    with tarfile.open(OLD / "home.tar.gz") as archive:
        archive.extractall(home, filter="data")
    files = sorted(home.rglob("calculation.json"), key=lambda file: file.stat().st_size)
    file = next(each for each in files if json.loads(each.read_text())["task"] == "relax")
    document = CalculationDoc.model_validate(json.loads(file.read_text()))
    request = Request("relax", document.initial_structure)
    return CalculationFolder(file.parent), request


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_calculation(finished, data):
    folder, request = finished
    valid = folder.document.read_bytes()
    try:
        folder.document.write_bytes(data.draw(mutated(valid)))
        holds(lambda: finished_document(folder, request, CalculationDoc))
    finally:
        folder.document.write_bytes(valid)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_steps(finished, tmp_path, data):
    """What is read of a damaged record was written like that."""
    folder, _ = finished
    before = read_steps(folder.steps_file)
    file = tmp_path / "steps.jsonl"
    file.unlink(missing_ok=True)
    for step in before:
        append_step(file, step)  # with a checksum, which steps of 0.1.0 have not
    file.write_bytes(data.draw(mutated(file.read_bytes())))
    after = []
    holds(lambda: after.extend(read_steps(file)))
    assert {step["energy"] for step in after} <= {step["energy"] for step in before}
