"""What docs/alloys.md prints, numbers and verdicts, in tables and sentences, is what the results files hold."""

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from anodeflow.database.results_file import read_results
from anodeflow.structures.ordering.host_check import resembled_host
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.electrochemistry.analysis import _SMALL_VOLTAGE
from anodeflow.studies.orderings.search import known_energy
from anodeflow.studies.potentials import potential_warning

pytestmark = pytest.mark.slow

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


HEADS = ("interface", "interface, path", "system", "termination", "step", "out of")


def printed(section: str) -> list[list[str]]:
    """Rows of the tables in a section of the page, their headings left out."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if not re.match(r"-+$", row[0]) and row[0] not in HEADS]


def number(text: str) -> object:
    """A printed number, as exact as it is printed."""
    digits = len(text.partition(".")[2])
    return pytest.approx(float(text.replace("−", "-")), abs=0.5 * 10**-digits + 1e-9)


def test_exchange_energies():
    """Median, lowest and highest of the pairs at each depth, and the driving force."""
    rows = printed("Mg moves into the Li")
    interfaces = studies(CAMPAIGN, "interface")
    documents = studies(CAMPAIGN, "interdiffusion")
    assert [row[0] for row in rows[::3]] == list(documents)
    kinds = {"": "exchange_energy", "lowest": "exchange_energy_min", "highest": "exchange_energy_max"}
    for at, (name, strain, *depths, force) in enumerate(rows):
        system, kind = rows[at - at % 3][0], ("", "lowest", "highest")[at % 3]
        assert name == (kind or system)
        if not kind:
            assert 100 * interfaces[system].von_mises_strain == number(strain)
        energies = values(CAMPAIGN, "interdiffusion", kinds[kind])[system]
        assert list(energies.values()) == [number(text) for text in depths]
        (found,) = values(CAMPAIGN, "interdiffusion", kinds[kind].replace("exchange_energy", "driving_force"))[
            system
        ].values()
        assert found == number(force)


def paths_table() -> list[list[str]]:
    return [row for row in printed("The Li vacancy") if len(row) == 6]


def test_vacancy_energies():
    rows = paths_table()
    documents = studies(CAMPAIGN, "vacancy")
    moved = [(system, path) for system, document in documents.items() for path in document.paths if path.hops]
    assert len(rows) == len(moved) == 4
    for (system, path), (name, *stops, top) in zip(moved, rows, strict=True):
        assert name.split(" (")[0] == f"{system}, {path.name}"
        energies = values(CAMPAIGN, "vacancy", "vacancy_energy")[system]
        assert (path.highest is None) == (top == "–")
        assert path.highest is None or path.highest == number(top)
        for at, text in enumerate(stops, 1):
            found = [energy for label, energy in energies.items() if label.startswith(f"path {path.name} stop {at} ")]
            assert found == ([] if text == "–" else [number(text)])


def test_extraction_energies():
    rows = [row for row in printed("The Li vacancy") if len(row) == 4]
    energies = values(CAMPAIGN, "vacancy", "extraction_energy")
    assert [row[0] for row in rows] == list(energies)
    for system, low, high, metal in rows:
        alloy = [energy for label, energy in energies[system].items() if not label.startswith("Li(")]
        (ours,) = [energy for label, energy in energies[system].items() if label.startswith("Li(")]
        assert (min(alloy), max(alloy), ours) == (number(low), number(high), number(metal))


def test_voltages():
    rows = printed("Hull and voltages")
    (document,) = studies(CAMPAIGN, "electrochemistry").values()
    assert [(step.initial, step.final) for step in document.steps] == [tuple(row[0].split(" to ")) for row in rows]
    assert [step.voltage for step in document.steps] == [number(row[1]) for row in rows]


def test_formation_energies():
    potential = values(CAMPAIGN, "orderings", "formation_energy")
    dft = values(GPAW, "orderings", "formation_energy")
    rows = printed("Orderings of Li3Mg7 and Li3Mg")
    assert {row[0] for row in rows} == set(dft) <= set(potential)
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


def moved() -> list[Any]:
    """The vacancies that were moved, of both planes of Li3Mg."""
    return [document for document in studies(CAMPAIGN, "vacancy").values() if document.hops]


def dilute(system: str) -> list[float]:
    """Lowest and highest dilute limit of an interface, eV."""
    found = values(CAMPAIGN, "interdiffusion", "dilute_limit")[system].values()
    return [max(found), min(found)]


def between_paths() -> list[float]:
    """How much more path II climbs than path I where Li2Mg2 touches the Li, eV."""
    first, second = moved()[0].paths
    return [second.climb - first.climb]


def on_li4() -> list[float]:
    """Where Li4 touches the Li: climb of path I, and that of path II after its first hop, eV."""
    document = moved()[1]
    first, second = document.paths
    last = document.hops[second.hops[-1]]
    assert [hop.state for hop in document.hops if hop.index == second.hops[0]] == ["second order"]
    assert (second.climb, last.initial) == (None, document.hops[second.hops[0]].final)
    assert last.barrier_forward > first.climb
    return [first.climb, last.barrier_forward]


def looked_at() -> list[Any]:
    """Hops of which the modes of the saddle were looked at, each path with its parts."""
    return [hop for document in moved() for hop in document.hops if hop.negative_modes is not None]


def forces_left() -> list[float]:
    """Forces on saddles that were walked up to that are larger than was asked for, and what was, eV/Å."""
    told = [each.text for document in moved() for each in document.warnings if each.code == "saddle-not-at-rest"]
    asked = {float(re.search(r"where less than (\S+) was asked", text)[1]) for text in told}
    return [float(re.search(r"force of (\S+) eV/Å is left", text)[1]) for text in told] + sorted(asked)


def above_hull() -> float:
    """Of the ordering of Li3Mg7 that lies lowest, meV/atom."""
    (document,) = studies(CAMPAIGN, "electrochemistry").values()
    return 1000 * min(point.energy_above_hull for point in document.points if point.formula == "Li3Mg7")


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
    document = exchanges("Li3Mg/Li:0")
    return [document.mixing_energy, document.mixing_fraction]


def potentials_second_and_third() -> float:
    """How far the potential's second and third of Li3Mg7 lie above the lowest with GPAW, meV/atom: the smaller one."""
    mine = sorted(close("Li3Mg7"), key=lambda each: each.rank_formation_energy)
    assert [each.space_group for each in mine[:3]] == ["Amm2", "Pm", "Pm"]
    return min(1000 * (each.formation_energy - mine[0].formation_energy) for each in mine[1:3])


def lost_and_lower() -> float:
    """How far the lowest ordering of Li3Mg7 that left hcp lies below the lowest that kept it, meV/atom."""
    document = studies(CAMPAIGN, "orderings")["Li3Mg7"]
    lost = min((each for each in document.orderings if each.state == "host lost"), key=known_energy)
    assert resembled_host(lost.structure) == "bcc"
    return 1000 * (document.kept[0].formation_energy - lost.rank_formation_energy)


def voltages() -> list[float]:
    """GPAW's."""
    (document,) = studies(GPAW, "electrochemistry").values()
    assert [(step.initial, step.final) for step in document.steps] == [("Mg", "Li3Mg7"), ("Li3Mg7", "Li3Mg")]
    return [step.voltage for step in document.steps]


def voltages_by_the_potential() -> list[float]:
    """Of the same two compositions, from what ranked the orderings."""
    lowest = {
        name: min(e.rank_formation_energy for e in study.kept) for name, study in studies(GPAW, "orderings").items()
    }
    first, second = 10 / 7 * lowest["Li3Mg7"], 4 * lowest["Li3Mg"]  # per Mg
    return [-first / (3 / 7), (first - second) / (3 - 3 / 7)]


def spread_over_orderings() -> float:
    found = values("li3mg7-orderings-mlip", "adsorption", "binding_energy_bulk")
    energies = [value for labels in found.values() for value in labels.values()]
    return max(energies) - min(energies)


CLAIMS: list[tuple[str, Callable[[], Sequence[float]]]] = [
    (r"x is (\S+) eV at x = (0\.01),", mixing),
    (r"It is (\S+) eV for Li3Mg,", lambda: dilute("Li3Mg/Li:0")[:1]),
    (r"and (\S+) to (\S+) eV for the Mg sites of Li3Mg7", lambda: dilute("Li3Mg7/Li")),
    (r"on the plane Li2Mg2 \(:0\), by (\S+) eV\.", between_paths),
    (r"it climbs (\S+) eV\. There path II climbs (\S+) eV after", on_li4),
    (r"forces\s+of (\S+) and (\S+) eV/Å are left, where (\S+) was asked for", forces_left),
    (r"errs by up to (\S+) eV in a barrier of an adatom", lambda: [
        float(re.search(r"barriers by up to (\S+) eV", potential_warning(each.settings["calculation"], ["Li"]).text)[1])
        for each in [studies(CAMPAIGN, "orderings")["LiMg"]]]),
    (r"Li3Mg7 then lies (\S+) meV/atom above the hull", lambda: [above_hull()]),
    (r"all (\d+) orderings of Li3Mg7 on hcp \(cells of (\d+) atoms\) and "
     r"all (\d+) of Li3Mg on bcc, fcc and hcp \(up to (\d+)", counted),
    (r"within (\d) meV/atom of the lowest, (\d) and (\d), again with GPAW",
     lambda: [1000 * searched("Li3Mg7").window, len(close("Li3Mg7")), len(close("Li3Mg"))]),
    (r"both Pm, are (\S+) meV/atom above the lowest with GPAW", lambda: [potentials_second_and_third()]),
    (r"The three of Li3Mg lie within (\S+) meV/atom", lambda: [span_of_three("Li3Mg")]),
    (r"(\S+) meV/atom is a narrow window", lambda: [1000 * searched("Li3Mg").window]),
    (r"becomes nearly bcc and would be (\S+) meV/atom lower", lambda: [lost_and_lower()]),
    (r"Li3Mg7 and Li3Mg alone, (\S+) V from Mg to Li3Mg7 and (\S+) V on to Li3Mg", voltages),
    (r"where GPAW has (\S+) and (\S+) V, above, it has (\S+) and (\S+) V", lambda: [
        *voltages(), *voltages_by_the_potential()]),
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


def compositions(name: str) -> set[str]:
    """Of the hull that the voltages follow from."""
    return {point.formula for point in studies(name, "electrochemistry")["Li-Mg"].points}


def every_pair(system: str) -> list[float]:
    """Lowest and highest exchange energy of an interface at any depth, eV."""
    low, high = (
        values(CAMPAIGN, "interdiffusion", f"exchange_energy_{end}")[system].values() for end in ("min", "max")
    )
    return [min(low), max(high)]


LI3MG = ("Li3Mg/Li:0", "Li3Mg/Li:1")
VERDICTS: list[tuple[str, Callable[[], bool]]] = [
    ("From Li3Mg7 and from the Li4 plane of Li3Mg the Mg is driven in. "
     "From the Li2Mg2 plane the driving force is undecided",
     lambda: [exchanges(name).verdict for name in ("Li3Mg7/Li", *LI3MG)] == ["driven in", "undecided", "driven in"]),
    ("Every pair at every depth lies below zero",
     lambda: all(every_pair(name)[1] < 0 for name in ("Li3Mg7/Li", *LI3MG))),
    ("and from Li3Mg7 further than from Li3Mg",
     lambda: all(a.median < b.median for name in LI3MG
                 for a, b in zip(exchanges("Li3Mg7/Li").levels, exchanges(name).levels, strict=True))),
    ("more than the whole driving force from either plane of Li3Mg",
     lambda: all(abs(exchanges(name).mixing_energy) > abs(exchanges(name).driving_force) for name in LI3MG)),
    ("*Middle planes*: those of both sides have the neighbours of their bulks, in all three interfaces",
     lambda: [all(plane.like_bulk for plane in each.middle_layers) for each in studies(CAMPAIGN, "interface").values()]
     == [True] * 3),
    ("Made in the alloy's fourth plane from the Li of Li3Mg/Li",
     lambda: all(each.stops[0].layer == -4 for each in moved())),
    ("*Path I is the favourable one* on the plane Li2Mg2",
     lambda: [each.favourable for each in moved()] == ["I", None]),
    ("All but that one are of first order",
     lambda: [hop.negative_modes for hop in looked_at() if hop.negative_modes != 1] == [2]),
    ("Some first hops rise all the way to their end",
     lambda: any(hop.barrier_reverse == pytest.approx(0, abs=1e-3) for each in moved() for hop in each.hops)),
    ("Some trials fell to below where they began",
     lambda: all(any(trial.state == "lower" for trial in each.trials) for each in moved())),
    ("Li is *harder* to take out of both alloys than out of Li metal",
     lambda: all(min(energies, key=energies.__getitem__).startswith("Li(")
                 for energies in values(CAMPAIGN, "vacancy", "extraction_energy").values())),
    ("Li4 has the lower one",
     lambda: max(each["surface_energy"] for each in surfaces() if each["termination"] == "Li4")
     < min(each["surface_energy"] for each in surfaces() if each["termination"] == "Li2Mg2")),
    ("Both find Amm2 for Li3Mg7",
     lambda: all(studies(name, "orderings")["Li3Mg7"].kept[0].space_group == "Amm2" for name in (CAMPAIGN, GPAW))),
    ("searched at Li3Mg7 and Li3Mg alone", lambda: compositions(GPAW) == {"Li", "Mg", "Li3Mg7", "Li3Mg"}),
    ("The campaign searches LiMg2, LiMg and Li2Mg on bcc and hcp as well (up to 6 atoms, SevenNet)",
     lambda: {"LiMg2", "LiMg", "Li2Mg"} < compositions(CAMPAIGN)
     and all(studies(CAMPAIGN, "orderings")[name].max_atoms == 6 for name in ("LiMg2", "LiMg", "Li2Mg"))),
    ("between LiMg2 and Mg",
     lambda: any(set(each.decomposition) == {"LiMg2", "Mg"}
                 for each in studies(CAMPAIGN, "electrochemistry")["Li-Mg"].unstable)),
    ("The last one is within the error of formation energies",
     lambda: studies(CAMPAIGN, "electrochemistry")["Li-Mg"].steps[-1].voltage < _SMALL_VOLTAGE),
]  # fmt: skip


@pytest.mark.parametrize(("words", "holds"), VERDICTS, ids=[words[:40] for words, _ in VERDICTS])
def test_verdict_is_that_of_its_document(words, holds):
    assert len(re.findall(re.escape(words).replace(r"\ ", r"\s+"), PAGE)) == 1
    assert holds()
