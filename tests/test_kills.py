"""A campaign killed (SIGKILL) at random moments and run again gives what an undisturbed one gives, once."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """
name: killed
backend: emt
systems:
  - {name: Al(001), structure: Al, miller: [0, 0, 1], layers: 2, fixed_layers: 1, vacuum: 6, min_width: 5}
studies:
  - adsorption: {adsorbate: Al, systems: [Al(001)]}
  - diffusion: {adsorbate: Al, systems: [Al(001)], images: 3}
"""


def same(found: Any, expected: Any) -> None:
    """Compare plain data: numbers within 1e-6, far below all thresholds, all else exactly.

    A path that goes on begins with another guess of its Hessian.
    """
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            same(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    else:
        assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "moments", "seed"), [("sqlite", 5, 1), ("secantusd", 5, 2)])
def test_nothing_is_lost_or_doubled_by_kills(kind, moments, seed, tmp_path):
    """Relaxations, a hop with the modes of its saddle, studies; half of the kills take the embedded server along."""
    if kind == "secantusd":
        pytest.importorskip("secantus")
    (tmp_path / "killed.yaml").write_text(CAMPAIGN)
    command = [sys.executable, Path(__file__).with_name("kills.py"), "killed.yaml", "homes", kind, moments, seed]
    done = subprocess.run([*map(str, command)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    whole = found["whole"]
    assert found["kills"] >= moments
    assert {row["property"] for row in whole["rows"]} >= {"binding_energy", "barrier_forward"}
    assert all(number == 1 for number in Counter(map(tuple, whole["jobs"])).values())
    chunks = whole["counts"].pop("data.chunks", 0)
    for killed in found["killed"]:
        # GridFS writes the pieces of a file first: a kill before the file itself leaves one that nobody reads.
        assert chunks <= killed["counts"].pop("data.chunks", 0) <= chunks + killed["kills"]
        for part in ("rows", "studies", "calculations", "jobs", "counts"):
            same(killed[part], whole[part])
        # A geometry is computed again only where a kill came between its evaluation and its record.
        again = Counter(killed["evaluations"]) - Counter(whole["evaluations"])
        assert again.total() <= killed["kills"]
        assert set(killed["evaluations"]) == set(whole["evaluations"])
