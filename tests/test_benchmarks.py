"""Benchmarks, which the suite does not run, can be run: what they import is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER, TESTS = Path(__file__).parents[1] / "benchmarks", Path(__file__).parent
LOADER = """
import importlib, sys
sys.path[:0] = sys.argv[1:3]
for line in sys.stdin.read().splitlines():
    module, _, name = line.partition(" ")
    found = importlib.import_module(module)
    if name and not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")
"""


def imported(file: Path) -> set[str]:
    """Modules, and names of modules, that a file imports anywhere, in its functions too."""
    found = {file.stem}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module} {each.name}" for each in node.names}
    return found


@pytest.mark.slow
def test_every_benchmark_finds_what_it_imports():
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) > 15
    ours = {"anodeflow", *(file.stem for folder in (FOLDER, TESTS) for file in folder.glob("*.py"))}
    every = set[str]().union(*map(imported, files))
    names = sorted(name for name in every if name.split()[0].partition(".")[0] in ours)  # others' may be optional
    done = subprocess.run(
        [sys.executable, "-c", LOADER, FOLDER, TESTS],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
