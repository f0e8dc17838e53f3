"""A backend of another package (tests/plugin_backend): commands know its code, and it passes the suite of backends."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from test_plugin_study import ROOT, install

from anodeflow.backends import registry
from anodeflow.core.errors import InputError

PLUGIN = Path(__file__).parent / "plugin_backend"
CAMPAIGN = """\
name: stronger
backend: stronger.yaml
systems:
  - {name: Al(001), structure: Al, layers: 2, fixed_layers: 1, vacuum: 6, min_width: 0}
studies:
  - surface_energy: {}
"""
SUITE = """\
from anodeflow.testing.backend_conformance import BackendConformance


class TestStronger(BackendConformance):
    backend_file = "stronger.yaml"
    element, lattice, lattice_constant = "Al", "fcc", 3.99
"""


@pytest.mark.slow
def test_commands_know_a_backend_of_another_package(tmp_path):
    path = os.pathsep.join([str(install(tmp_path / "site", PLUGIN)), str(ROOT / "src")])
    environment = os.environ | {"PYTHONPATH": path, "ANODEFLOW_HOME": str(tmp_path / "home")}

    def python(*arguments: object) -> str:
        ended = subprocess.run(
            [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    (tmp_path / "stronger.yaml").write_text("code: stronger\n")
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    python("-m", "anodeflow", "run", "campaign.yaml")
    rows = json.loads(python("-m", "anodeflow", "query", "backend=stronger", "--format", "json"))
    assert "surface_energy" in {row["property"] for row in rows}
    (tmp_path / "test_suite.py").write_text(SUITE)
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_suite.py")


def test_two_packages_with_one_code_are_refused(monkeypatch):
    group = registry.ENTRY_POINTS
    points = [EntryPoint("emt", value, group) for value in ("ours.emt:Emt", "theirs.emt:Emt")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    with pytest.raises(InputError, match=r"ours.emt:Emt and theirs.emt:Emt both register a backend for the code emt"):
        registry.codes.__wrapped__()
