"""Two of everything at once: nothing is lost, nothing doubled, and who must wait is told so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from anodeflow.core.settings import get_settings
from anodeflow.execution.state import campaign_lock

STUDIES = 12  # of at_once.py


@pytest.mark.slow
def test_writers_queries_and_backups_of_sqlite(tmp_path):
    """MontyDB reads, changes and writes back: without a lock the mark of a query undid what a job had stored."""
    script = Path(__file__).with_name("at_once.py")
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["statuses"]) == {0}, done.stderr[-2000:]
    assert found["outputs"] == sorted([f"job-{number}", -2.0] for number in range(STUDIES))
    assert (found["entries"], found["parts"], found["rows"]) == (STUDIES, STUDIES, 2 * STUDIES)


def test_run_and_delete_of_a_running_campaign_are_told_to_wait(anodeflow, tmp_path):
    file = tmp_path / "campaign.yaml"
    file.write_text(
        "name: busy\nbackend: emt\nsystems:\n  - {name: Al(001), structure: Al, layers: 3, vacuum: 8, min_width: 0}\n"
        "studies:\n  - adsorption: {adsorbate: Al}\n"
    )
    with campaign_lock(get_settings().prepare(), "busy"):
        for command in (["run", file], ["delete", "busy"]):
            outcome = anodeflow(*command)
            assert outcome.status == 2
            assert "campaign busy is running already (process " in outcome.err
