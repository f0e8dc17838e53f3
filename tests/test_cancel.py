"""``anodeflow cancel``: a campaign in a queue whose runner does not run."""

import json

import pytest
from servers import mongodb_server

from anodeflow.core.settings import get_settings
from anodeflow.execution.state import CampaignStatus

CAMPAIGN = """
name: copper
backend: emt
systems:
  - {name: Cu(001), structure: Cu, miller: [0, 0, 1], layers: 3, fixed_layers: 1, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu, systems: [Cu(001)]}
"""


@pytest.fixture
def submitted(tmp_path, anodeflow, monkeypatch):
    """Submit a campaign to a project on this machine."""
    pytest.importorskip("jobflow_remote")
    pytest.importorskip("secantus")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JFREMOTE_PROJECTS_FOLDER", str(tmp_path / "projects"))
    folder = tmp_path / "server"
    folder.mkdir()
    with mongodb_server(folder) as (address, _):
        monkeypatch.setenv("ANODEFLOW_DATABASE", f"mongodb://{address}/?directConnection=true")
        made = anodeflow("cluster", "init", "--kind", "local", "--project", "here")
        assert made.status == 0, made.err + made.out
        (tmp_path / "copper.yaml").write_text(CAMPAIGN)
        done = anodeflow("submit", "copper.yaml", "--project", "here", "--worker", "main")
        assert done.status == 0, done.err
        yield


@pytest.mark.slow
def test_a_cancelled_campaign_has_no_job_that_waits_and_can_be_submitted_again(submitted, anodeflow):
    refused = anodeflow("cancel", "copper")
    assert refused.status == 2
    assert "nobody to ask: say --yes" in refused.err
    done = anodeflow("cancel", "copper", "--yes")
    assert done.status == 0, done.err
    assert "will not begin" in done.out
    assert "anodeflow submit" in done.out
    (state,) = json.loads(anodeflow("status", "copper", "--format", "json").out)
    assert state["state"] == "interrupted"
    assert "it was cancelled" in state["hint"]
    assert {step["queue_state"] for step in state["steps"]} <= {"STOPPED", "USER_STOPPED"}
    assert "Nothing of campaign copper waits or runs" in anodeflow("cancel", "copper", "--yes").out
    assert anodeflow("submit", "copper.yaml", "--project", "here", "--worker", "main").status == 0
    (state,) = json.loads(anodeflow("status", "copper", "--format", "json").out)
    assert {"READY", "WAITING"} & {step["queue_state"] for step in state["steps"]}


def test_a_campaign_that_was_never_submitted(anodeflow):
    done = anodeflow("cancel", "nothing", "--yes")
    assert done.status == 2
    assert "no campaign 'nothing' was submitted" in done.err


@pytest.mark.parametrize(("command", "words"), [("cancel", "Ctrl-C ends it"), ("retry", "anodeflow run FILE does")])
def test_of_a_campaign_that_ran_here_it_says_what_to_do(command, words, anodeflow):
    CampaignStatus(campaign="mine", file="mine.yaml", backend="emt", state="failed").save(
        get_settings().prepare().campaigns
    )
    refused = anodeflow(command, "mine")
    assert (refused.status, words in refused.err) == (2, True)
    refused = anodeflow(command, "absent")
    assert (refused.status, "no campaign 'absent' was submitted" in refused.err) == (2, True)
