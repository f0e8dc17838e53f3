"""Scripts beside the package: what is wrong with a command is said in a sentence, and nothing is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FUZZER = """
import os
from contextlib import nullcontext


def instrument_imports(include):
    return nullcontext()


def Setup(arguments, once):
    global _once
    _once = once


def Fuzz():
    _once(b"no crystal")
    os._exit(77)  # as libFuzzer ends: at once
"""


def run(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | variables,
        timeout=120,
        cwd=variables.get("TMPDIR", ROOT),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("exchange", ["Xx"], "exchange.py: there is no structure 'Xx'"),
        ("exchange", ["Li", "--backend", "nope"], "exchange.py: unknown backend 'nope'"),
        ("exchange", ["LiH", "--backend", "emt"], "exchange.py: LiH is a compound: name a metal"),
        ("exchange", ["Al", "--backend", "emt", "--layers", "0"], "exchange.py: layers: Input should be greater than"),
        ("surface_energy", ["Li", "Mg", "--backend", "emt"], "surface_energy.py: Li has Li and Mg Mg: name a compound"),
        (
            "bulk_limit",
            ["Li3Mg", "Li", "Xx", "--backend", "emt"],
            "bulk_limit.py: Li3Mg has no Xx that could leave it.",
        ),
        ("accuracy", [], "accuracy.py: there is no result of gpaw-demo for quickstart"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(tmp_path, script, arguments, words):
    found = run(f"benchmarks/{script}.py", *arguments, ANODEFLOW_HOME=str(tmp_path / "home"), TMPDIR=str(tmp_path))
    assert found.returncode == 2
    assert found.stderr.splitlines()[-1].startswith(words)
    assert "Traceback" not in found.stderr


def test_fuzzing_says_what_it_lacks(tmp_path):
    (tmp_path / "atheris.py").write_text("raise ImportError")
    found = run("scripts/fuzz_readers.py", "cif", "corpus", PYTHONPATH=_with(tmp_path), TMPDIR=str(tmp_path))
    assert found.returncode == 1
    assert found.stderr == "fuzz_readers.py needs atheris, which is not installed here: pip install atheris.\n"


@pytest.mark.slow
def test_fuzzing_leaves_nothing_behind(tmp_path):
    (tmp_path / "atheris.py").write_text(FUZZER)
    place = tmp_path / "tmp"
    place.mkdir()
    corpus = tmp_path / "corpus"
    found = run("scripts/fuzz_readers.py", "cif", str(corpus), PYTHONPATH=_with(tmp_path), TMPDIR=str(place))
    assert found.returncode == 77, found.stderr
    assert len(list(corpus.iterdir())) > 5
    assert list(place.iterdir()) == []


def _with(folder: Path) -> str:
    return os.pathsep.join([str(folder), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
