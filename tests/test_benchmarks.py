"""Benchmarks, which the suite does not run, can be run: what they import is there."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
LOADER = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


@pytest.mark.slow
def test_every_benchmark_finds_what_it_imports():
    names = sorted(file.stem for file in FOLDER.glob("*.py"))
    assert len(names) > 15
    done = subprocess.run([sys.executable, "-c", LOADER, FOLDER, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
