"""What docs/alloys.md prints, numbers and verdicts, in tables and sentences, is what the results files hold."""

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from anodeflow.database.results_file import read_results
from anodeflow.studies.document import StudyDoc

DOCS = Path(__file__).parents[1] / "docs"
BENCHMARKS = DOCS.parent / "benchmarks" / "results"
PAGE = (DOCS / "alloys.md").read_text()
CAMPAIGN = "dendrite-free-anode-mlip"
GPAW = "orderings-gpaw"


@cache
def results(name: str) -> tuple[list[StudyDoc], dict[str, Any]]:
    return read_results(DOCS / "results" / f"{name}.json.gz")


def studies(name: str, study: str) -> dict[str, Any]:
    """System -> document of a study in a results file."""
    return {each.system: each for each in results(name)[0] if each.study == study}


def values(name: str, study: str, prop: str) -> dict[str, dict[str, float]]:
    """System -> label -> value of a property in a results file."""
    found: dict[str, dict[str, float]] = {}
    for document in results(name)[0]:
        for row in document.rows():
            if (row.study, row.property) == (study, prop):
                found.setdefault(row.system, {})[row.label] = row.value
    return found


HEADS = ("interface", "path", "system", "termination")


def printed(section: str) -> list[list[str]]:
    """Rows of the tables in a section of the page, their headings left out."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if not re.match(r"-+$", row[0]) and row[0] not in HEADS]


def number(text: str) -> object:
    """A printed number, as exact as it is printed."""
    digits = len(text.partition(".")[2])
    return pytest.approx(float(text.replace("−", "-")), abs=0.5 * 10**-digits + 1e-9)


@pytest.mark.slow
def test_exchange_energies():
    energies = values(CAMPAIGN, "interdiffusion", "exchange_energy")
    forces = values(CAMPAIGN, "interdiffusion", "driving_force")
    rows = printed("Mg moves into the Li")
    assert [row[0] for row in rows] == list(energies)
    interfaces = studies(CAMPAIGN, "interface")
    for system, strain, *depths, force in rows:
        assert 100 * interfaces[system].von_mises_strain == number(strain)
        assert [energies[system][f"depth {depth}"] for depth in range(1, 6)] == [number(text) for text in depths]
        assert list(forces[system].values()) == [number(force)]


def test_vacancy_energies():
    (energies,) = values(CAMPAIGN, "vacancy", "vacancy_energy").values()
    rows = printed("The Li vacancy")
    assert len(rows) == 2
    (document,) = studies(CAMPAIGN, "vacancy").values()
    highest = {path.name: path.highest for path in document.paths}
    for name, *stops, top in rows:
        path = name.split()[0]
        assert highest[path] == number(top)
        found = [value for label, value in energies.items() if label.startswith(f"path {path} ")]
        assert found == [number(text) for text in stops if text != "–"]


def test_formation_energies():
    potential = values(CAMPAIGN, "orderings", "formation_energy")
    dft = values(GPAW, "orderings", "formation_energy")
    rows = printed("Orderings of Li3Mg7 and Li3Mg")
    assert {row[0] for row in rows} == set(dft) == set(potential)
    for system in dft:
        mine = [row for row in rows if row[0] == system]
        assert [row[1] for row in mine] == list(dft[system])
        assert [value * 1000 for value in dft[system].values()] == [number(row[2]) for row in mine]


@pytest.mark.slow
def test_range_over_orderings_and_faces():
    found = values("li3mg7-orderings-mlip", "adsorption", "binding_energy_bulk")
    rows = printed("Li3Mg7 is a solid solution: the range")
    assert [row[0] for row in rows] == list(found)
    for system, text in rows:
        assert list(found[system].values()) == [number(text)]


def test_surface_energies():
    found = {(each["termination"], each["planes"]): each for each in surfaces()}
    rows = printed("The two faces of Li3Mg(001)")
    assert [row[0] for row in rows] == ["Li2Mg2", "Li4"]
    for termination, *texts in rows:
        for planes, text in zip((9, 13), texts, strict=True):
            entry = found.pop((termination, planes))
            assert entry["surface_energy"] == number(text)
            assert entry["converged"]
    assert found == {}, "all that was computed is printed"


@cache
def surfaces() -> list[dict[str, Any]]:
    return json.loads((BENCHMARKS / "surface-energy.json").read_text())


# Sentences. What a pattern finds in the page, once, is what the function returns: numbers, or words for a verdict.


def one(study: str) -> Any:
    (document,) = studies(CAMPAIGN, study).values()
    return document


def exchanges(system: str) -> Any:
    return studies(CAMPAIGN, "interdiffusion")[system]


def formation(name: str, system: str) -> list[float]:
    """Formation energies of the orderings kept, lowest first, meV/atom."""
    return [1000 * each.formation_energy for each in studies(name, "orderings")[system].kept]


def searched(system: str) -> Any:
    """GPAW's study of orderings."""
    return studies(GPAW, "orderings")[system]


def close(system: str) -> list[Any]:
    """The orderings that GPAW relaxed."""
    return [each for each in searched(system).orderings if each.formation_energy is not None]


def span_of_three(system: str) -> float:
    """How far the highest of those kept lies above the lowest, meV/atom."""
    found = formation(GPAW, system)
    assert len(found) == 3
    return found[-1] - found[0]


def counted() -> list[float]:
    """Orderings and largest cell of both compositions."""
    return [n for each in (searched("Li3Mg7"), searched("Li3Mg")) for n in (len(each.orderings), each.max_atoms)]


def mixing() -> list[float]:
    document = exchanges("Li3Mg/Li")
    return [document.mixing_energy, document.mixing_fraction]


def potentials_second_and_third() -> float:
    """How far the potential's second and third of Li3Mg7 lie above the lowest with GPAW, meV/atom: the smaller one."""
    mine = sorted(close("Li3Mg7"), key=lambda each: each.rank_formation_energy)
    assert [each.space_group for each in mine[:3]] == ["Amm2", "Pm", "Pm"]
    return min(1000 * (each.formation_energy - mine[0].formation_energy) for each in mine[1:3])


def lost_and_lower() -> float:
    """How far the lowest ordering of Li3Mg7 that left hcp lies below the lowest that kept it, meV/atom."""
    document = studies(CAMPAIGN, "orderings")["Li3Mg7"]
    lost = min(each.rank_formation_energy for each in document.orderings if each.state == "host lost")
    assert any("nearly bcc now" in warning for warning in document.warnings)
    return 1000 * (document.kept[0].formation_energy - lost)


def voltages(name: str) -> list[float]:
    (document,) = studies(name, "electrochemistry").values()
    assert [(step.initial, step.final) for step in document.steps] == [("Mg", "Li3Mg7"), ("Li3Mg7", "Li3Mg")]
    return [step.voltage for step in document.steps]


def spread_over_orderings() -> float:
    found = values("li3mg7-orderings-mlip", "adsorption", "binding_energy_bulk")
    energies = [value for labels in found.values() for value in labels.values()]
    return max(energies) - min(energies)


CLAIMS: list[tuple[str, Callable[[], Sequence[float]]]] = [
    (r"x is (\S+) eV at x = (0\.01),", mixing),
    (r"It costs (\S+) eV to make\.", lambda: [one("vacancy").formation_energy]),
    (r"all (\d+) orderings of Li3Mg7 on hcp \(cells of (\d+) atoms\) and "
     r"all (\d+) of Li3Mg on bcc, fcc and hcp \(up to (\d+)", counted),
    (r"within (\d) meV/atom of the lowest, (\d) and (\d), again with GPAW",
     lambda: [1000 * searched("Li3Mg7").window, len(close("Li3Mg7")), len(close("Li3Mg"))]),
    (r"both Pm, are (\S+) meV/atom above the lowest with GPAW", lambda: [potentials_second_and_third()]),
    (r"The three of Li3Mg lie within (\S+) meV/atom", lambda: [span_of_three("Li3Mg")]),
    (r"(\S+) meV/atom is a narrow window", lambda: [1000 * searched("Li3Mg").window]),
    (r"becomes nearly bcc and would be (\S+) meV/atom lower", lambda: [lost_and_lower()]),
    (r"with GPAW (\S+) V from Mg to Li3Mg7 and (\S+) V on to Li3Mg", lambda: voltages(GPAW)),
    (r"with SevenNet (\S+) V and (\S+) V\.", lambda: voltages(CAMPAIGN)),
    (r"Li3Mg7 is good to about (\S+) eV", lambda: [spread_over_orderings()]),
]  # fmt: skip

SETTINGS = [
    r"SevenNet 0\.13\.0",
    r"PBE, 350 eV, k-points 0\.20 1/Å",
    r"\d+ minutes on one core",
]
"""What the page says of versions, settings and times of computing, which no document answers with."""


@pytest.mark.parametrize(("pattern", "expected"), CLAIMS, ids=[pattern[:40] for pattern, _ in CLAIMS])
def test_number_in_a_sentence_is_that_of_its_document(pattern, expected):
    (found,) = re.finditer(pattern.replace(" ", r"\s+"), PAGE)
    assert list(expected()) == [number(text) for text in found.groups()]


def test_no_sentence_has_a_number_that_is_not_tested():
    text = re.sub(r"(?m)^(\|| {4}).*$", "", PAGE)
    for pattern in [*(pattern for pattern, _ in CLAIMS), *SETTINGS]:
        text = re.sub(pattern.replace(" ", r"\s+"), "", text)
    text = re.sub(r"\(?\bFig\. \d[A-Z, ]*\)?|at 300 K", "", text)
    assert re.findall(r"[−+-]?\d+\.\d+|\d+ (?:m?eV|V|%|J)\b", text) == []


def of_two_compositions(name: str) -> bool:
    return {each.formula for each in studies(name, "electrochemistry")["Li-Mg"].points} == {
        "Li",
        "Mg",
        "Li3Mg7",
        "Li3Mg",
    }


VERDICTS: list[tuple[str, Callable[[], bool]]] = [
    ("so the document gives no verdict",
     lambda: all(each.verdict is None and each.driving_force for each in studies(CAMPAIGN, "interdiffusion").values())),
    ("At every depth the energy falls, and from Li3Mg7 by more than from Li3Mg",
     lambda: all(a.median < b.median < 0
                 for a, b in zip(exchanges("Li3Mg7/Li").levels, exchanges("Li3Mg/Li").levels, strict=True))),
    ("more than the whole driving force from Li3Mg",
     lambda: abs(exchanges("Li3Mg/Li").mixing_energy) > abs(exchanges("Li3Mg/Li").driving_force)),
    ("*Middle planes*: those of both sides have the neighbours of their bulks, in both interfaces",
     lambda: all(plane.like_bulk for each in studies(CAMPAIGN, "interface").values() for plane in each.middle_layers)),
    ("this document names none, since path I ends before its fourth hop: there another Li followed the one that hopped",
     lambda: one("vacancy").favourable is None and "path I ends before hop 4" in one("vacancy").paths[0].end
     and "another atom (Li" in one("vacancy").paths[0].end),
    ("The first hop of both paths rises all the way to its end",
     lambda: all(one("vacancy").hops[path.hops[0]].barrier_reverse < 1e-3 for path in one("vacancy").paths)),
    ("Li4 has the lower one",
     lambda: max(each["surface_energy"] for each in surfaces() if each["termination"] == "Li4")
     < min(each["surface_energy"] for each in surfaces() if each["termination"] == "Li2Mg2")),
    ("Both find Amm2 for Li3Mg7",
     lambda: all(studies(name, "orderings")["Li3Mg7"].kept[0].space_group == "Amm2" for name in (CAMPAIGN, GPAW))),
    ("Both hulls were searched at these two compositions alone",
     lambda: all(of_two_compositions(name) for name in (CAMPAIGN, GPAW))),
]  # fmt: skip


@pytest.mark.parametrize(("words", "holds"), VERDICTS, ids=[words[:40] for words, _ in VERDICTS])
def test_verdict_is_that_of_its_document(words, holds):
    assert len(re.findall(re.escape(words).replace(r"\ ", r"\s+"), PAGE)) == 1
    assert holds()
