"""What docs/performance.md says of the campaign that learns is what its benchmark found."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_campaign_that_learns():
    found = json.loads((ROOT / "benchmarks" / "results" / "li3mg7-campaign.json").read_text())
    page = (ROOT / "docs" / "performance.md").read_text()
    section = page[page.index("## A potential that learns") + 3 :].split("\n## ")[0]
    ways = [found[way] for way in ("plain", "before", "ours")]

    def row(name: str) -> list[float]:
        line = next(line for line in section.splitlines() if line.startswith(f"| {name} |"))
        return [float(cell) for cell in re.findall(r"[\d.]+", line.removeprefix(f"| {name} |"))]

    assert row("force evaluations") == [way["force_evaluations"] for way in ways]
    assert row("stationary points") == [way["stationary_points"] for way in ways]
    for name, key in (
        ("barrier of the cheapest path, eV", "A barrier_forward cheapest path"),
        ("lowest binding energy against bulk Li, first face, eV", "A binding_energy_bulk"),
        ("the same, second face, eV", "B binding_energy_bulk"),
    ):
        values = [min(v for k, v in way["answers"].items() if key in k) for way in ways]
        assert row(name) == [round(value, 4) for value in values]
    assert found["ratio"]["before"] >= 2
    plain, before, ours = (way["force_evaluations"] for way in ways)
    assert f"{before / ours:.1f} times fewer" in section
    assert f"{plain / ours:.1f} times fewer" in section
    assert found["energy_apart"] <= 0.005
    assert f"within {1e3 * found['energy_apart']:.1f} meV" in section
    assert found["barrier_apart"] <= 0.010
    assert f"within {1e3 * found['barrier_apart']:.1f} meV" in section
