"""``anodeflow status --watch``."""

import json

import pytest

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
