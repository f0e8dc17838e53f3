"""The numbers printed in docs/alloys.md are those of the results files beside it."""

import re
from pathlib import Path

import pytest

from anodeflow.database.results_file import read_results

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "alloys.md").read_text()


def values(name: str, study: str, prop: str) -> dict[str, dict[str, float]]:
    """System -> label -> value of a property in a results file."""
    found: dict[str, dict[str, float]] = {}
    for document in read_results(DOCS / "results" / f"{name}.json.gz")[0]:
        for row in document.rows():
            if (row.study, row.property) == (study, prop):
                found.setdefault(row.system, {})[row.label] = row.value
    return found


def printed(section: str) -> list[list[str]]:
    """Rows of the tables in a section of the page, their headings left out."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if not re.match(r"-+$", row[0]) and row[0] not in ("interface", "path", "system")]


def number(text: str) -> object:
    """A printed number, as exact as it is printed."""
    digits = len(text.partition(".")[2])
    return pytest.approx(float(text.replace("−", "-")), abs=0.5 * 10**-digits + 1e-9)


def test_exchange_energies():
    energies = values("dendrite-free-anode-mlip", "interdiffusion", "exchange_energy")
    forces = values("dendrite-free-anode-mlip", "interdiffusion", "driving_force")
    rows = printed("Mg moves into the Li")
    assert [row[0] for row in rows] == list(energies)
    for system, _, *depths, force, _ in rows:
        assert [energies[system][f"depth {depth}"] for depth in range(1, 6)] == [number(text) for text in depths]
        assert list(forces[system].values()) == [number(force)]


def test_vacancy_energies():
    (energies,) = values("dendrite-free-anode-mlip", "vacancy", "vacancy_energy").values()
    rows = printed("The Li vacancy")
    assert len(rows) == 2
    for name, *stops, _ in rows:
        path = name.split()[0]
        found = [value for label, value in energies.items() if label.startswith(f"path {path} ")]
        assert found == [number(text) for text in stops if text != "–"]


def test_formation_energies():
    potential = values("dendrite-free-anode-mlip", "orderings", "formation_energy")
    dft = values("orderings-gpaw", "orderings", "formation_energy")
    rows = printed("Orderings of Li3Mg7 and Li3Mg")
    assert {row[0] for row in rows} == set(dft) == set(potential)
    for system in dft:
        mine = [row for row in rows if row[0] == system]
        assert [row[1] for row in mine] == list(dft[system])
        assert [value * 1000 for value in dft[system].values()] == [number(row[2]) for row in mine]


def test_range_over_orderings_and_faces():
    found = values("li3mg7-orderings-mlip", "adsorption", "binding_energy_bulk")
    rows = printed("Li3Mg7 is a solid solution: the range")
    assert [row[0] for row in rows] == list(found)
    for system, text in rows:
        assert list(found[system].values()) == [number(text)]
