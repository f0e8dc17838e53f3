"""``anodeflow status --watch``."""

import json

import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.cli import status
from anodeflow.execution.state import CampaignStatus


@pytest.fixture
def states(monkeypatch):
    """Let a campaign run through states, one a look; no look after the last one."""

    def run(*names):
        looks = iter(
            [CampaignStatus(campaign="c", file="c.yaml", backend="emt", state=name, started_at="now")] for name in names
        )
        monkeypatch.setattr(status, "_states", lambda campaign: next(looks))
        return looks

    return run


def test_it_looks_until_nothing_runs_and_says_what_changed(states, anodeflow):
    looks = states("running", "running", "finished", "running")
    done = anodeflow("status", "c", "--watch", "--every", "0.2", "--format", "json")
    assert done.status == 0, done.err
    assert [json.loads(line)[0]["state"] for line in done.out.splitlines()] == ["running", "finished"]
    assert len(list(looks)) == 1


def test_without_it_looks_once(states, anodeflow):
    looks = states("running", "finished")
    assert "c on emt: running" in anodeflow("status", "c").out
    assert len(list(looks)) == 1


def test_ctrl_c_ends_it(states, anodeflow, monkeypatch):
    states("running")

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    assert anodeflow("status", "c", "--watch").status == 0


@pytest.mark.slow
def test_what_the_run_turned_out_not_to_need_is_no_gap(anodeflow, tmp_path, monkeypatch):
    """On relaxed Cu3Al(001) the fourfold hollow has another number than on the ideal slab that was planned with."""
    monkeypatch.chdir(tmp_path)
    places = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    Structure(Lattice.cubic(3.75), ["Al", "Cu", "Cu", "Cu"], places).to(filename="mine.cif")
    (tmp_path / "small.yaml").write_text(
        "name: small\nbackend: emt\nsystems:\n"
        "  - {name: X(001), structure: mine.cif, layers: 3, vacuum: 10, min_width: 3}\n"
        "studies:\n  - adsorption: {adsorbate: Al}\n"
    )
    assert anodeflow("run", "small.yaml").status == 0
    said = anodeflow("status", "small")
    assert "finished, 9 of 9 done" in said.out
    assert "site 3 (fourfold hollow)" in next(line for line in said.out.splitlines() if "not needed" in line)
    assert "planned" not in said.out
