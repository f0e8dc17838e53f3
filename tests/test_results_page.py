"""The numbers printed in docs/results.md are those of the results file beside it, and those of the paper."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from anodeflow.cli.compare import side_by_side
from anodeflow.database.results_file import read_results
from anodeflow.report.reference import shipped_references
from anodeflow.studies.charge.document import ordinary_atoms

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def results():
    return read_results(DOCS / "results" / "surfaces.json.gz")


def printed(columns: int) -> list[list[str]]:
    """Rows of the tables in docs/results.md that have so many columns and begin with a system."""
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in (DOCS / "results.md").read_text().splitlines()
        if line.startswith("|")
    ]
    return [row for row in rows if len(row) == columns and re.match(r"Li.*\(001\)", row[0])]


def ours(studies, system: str, name: str) -> float:
    """The value of a property, of the study as asked for; of a diffusion study that of the cheapest path."""
    found = [
        row
        for study in studies
        if study.study != "convergence" and not study.variant
        for row in study.rows()
        if row.system == system and row.property == name and not row.label.startswith("hop ")
    ]
    (row,) = found
    return row.value


def number(text: str) -> tuple[float, float]:
    """A printed number, and half of its last digit."""
    digits = len(text.partition(".")[2])
    return float(text.replace("−", "-")), 0.5 * 10**-digits + 1e-9


@pytest.mark.parametrize("row", printed(4), ids=lambda row: f"{row[0]} {row[1]}")
def test_printed_number_is_that_of_the_results_file(results, row):
    value, digit = number(row[2])
    assert ours(results[0], row[0], row[1]) == pytest.approx(value, abs=digit)


PROPERTIES = {
    "binding energy of Li": "binding_energy",
    "the same less that on Li(001)": "binding_energy_vs_metal",
    "electrons given by the Li": "charge_donated",
    "barrier of the Li": "barrier_forward",
    "Mg into the Li, deepest plateau": "driving_force",
    "climb of a Li vacancy, path I": "I",
    "climb of a Li vacancy, path II": "II",
}
WORDS = {"falls strongly", "falls less", "higher than II", "lower than I"}
"""What the paper says where it prints no number."""


def of_the_paper() -> list[list[str]]:
    """Rows of the table of all numbers of the paper."""
    lines = (DOCS / "results.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in rows if len(row) == 7 and row[0] in PROPERTIES]


@pytest.fixture(scope="module")
def files():
    """Studies of each results file, read once."""
    return cache(lambda name: read_results(DOCS / "results" / f"{name}.json.gz")[0])


def computed(files, name: str, system: str) -> float | None:
    """The value of a property in our documents."""
    if name == "binding_energy_vs_metal":
        here, metal = (computed(files, "binding_energy", each) for each in (system, "Li(001)"))
        return here - metal
    if name == "binding_energy" and system == "LiH(001)":
        return ours(files("lih-wide"), system, name)
    if name == "barrier_forward" and system == "Li3Mg7(001)":
        benchmark = json.loads((DOCS.parent / "benchmarks" / "results" / "li3mg7-campaign.json").read_text())
        return benchmark["plain"]["answers"]["Li3Mg7(001) A barrier_forward cheapest path"]
    if name == "barrier_forward" and system in ("Li(001)", "Li3Mg(001)"):
        file = {"Li(001)": "li001-seven", "Li3Mg(001)": "li3mg-prescreened"}[system]
        (hops,) = [study for study in files(file) if study.study == "diffusion"]
        return hops.path.barrier
    interfaces = files("dendrite-free-anode-mlip")
    if name == "driving_force":
        return ours(interfaces, system, name)
    if name in ("I", "II"):
        (vacancy,) = [study for study in interfaces if study.study == "vacancy" and study.system == system]
        return {path.name: path.climb for path in vacancy.paths}[name]
    return ours(files("surfaces"), system, name)


def test_the_table_holds_every_number_of_the_paper():
    (paper,) = [each for each in shipped_references() if each.doi == "10.1002/adfm.202009712"]
    numbers = {(each.property, each.system) for each in paper.values if each.value is not None}
    rows = {(PROPERTIES[row[0]], row[1]) for row in of_the_paper()}
    assert {each for each in numbers if each[0] != "capacity"} <= rows


@pytest.mark.parametrize("row", of_the_paper(), ids=lambda row: f"{row[0]} {row[1]}")
def test_ours_beside_the_paper_is_that_of_a_document(files, row):
    found = computed(files, PROPERTIES[row[0]], row[1])
    assert (found is None) == (row[3] == "not known")
    if found is not None:
        value, digit = number(row[3])
        assert found == pytest.approx(value, abs=digit)
    assert row[4], "an error, or that it is not known"
    assert row[5].startswith(("GPAW", "SevenNet"))
    if row[2] not in WORDS:
        (paper,) = [each for each in shipped_references() if each.doi == "10.1002/adfm.202009712"]
        names = (row[1], PROPERTIES[row[0]])
        assert [each.value for each in paper.values if (each.system, each.property) == names] == [number(row[2])[0]]


def test_what_is_known_of_the_vacancys_paths_is_what_the_documents_say(files):
    found = [each for each in files("dendrite-free-anode-mlip") if each.study == "vacancy" and each.hops]
    ((first, second), (other, unknown)) = [each.paths for each in found]
    page = " ".join((DOCS / "results.md").read_text().split())
    (least, rest) = re.search(
        r"by (0\.\d+) eV on the one plane, against the paper, and by (0\.\d+) eV at least on the other", page
    ).groups()
    assert second.climb - first.climb == pytest.approx(float(least), abs=0.006)
    hops = found[1].hops
    assert hops[unknown.hops[0]].state == "second order"
    known = hops[unknown.hops[-1]].barrier_forward
    assert known - other.climb == pytest.approx(float(rest), abs=0.006)
    (told,) = re.findall(r"what follows climbs (0\.\d+) \|", page)
    assert known == pytest.approx(float(told), abs=6e-4)


def test_ranges_of_pairs_are_those_of_the_documents(files):
    for row in of_the_paper():
        if "by pairs" in row[4]:
            (study,) = [
                each
                for each in files("dendrite-free-anode-mlip")
                if each.study == "interdiffusion" and each.system == row[1]
            ]
            levels = [level for level in study.levels if level.depth in study.plateau]
            found = min(level.lowest for level in levels), max(level.highest for level in levels)
            assert [number(text)[0] for text in re.findall("−0\\.\\d+", row[4])] == pytest.approx(found, abs=6e-4)


def test_the_adatom_on_lih_is_that_of_the_documents(files):
    page = " ".join((DOCS / "results.md").read_text().split())

    def moments(name: str) -> dict[str, float]:
        _, calculations = read_results(DOCS / "results" / f"{name}.json.gz")
        return {
            each.label.split("site ")[1][0]: each.magnetic_moment
            for each in calculations.values()
            if re.fullmatch(r"LiH\(001\): Li at site \d \(.*\)", each.label)
        }

    narrow, wide = moments("surfaces"), moments("lih-wide")
    assert wide.keys() == {"0", "3"}
    lowest, others = narrow.pop("0"), narrow.values()
    assert f"{lowest:.2f} µB on the lowest site and {min(others):.2f} to {max(others):.2f} µB on the others" in page
    assert f"is {wide['0']:.2f} µB on the lowest site and {wide['3']:.2f} µB on the hollow" in page
    (room,) = [study for study in files("lih-wide") if study.study == "adsorption"]
    of = {(study.study, study.system): study for study in files("surfaces") if not study.variant}
    thin, hops = of["adsorption", "LiH(001)"], of["diffusion", "LiH(001)"]
    for study, words in ((room, "adatoms {:.1f} Å apart"), (thin, "In three layers, {:.1f} Å apart")):
        assert words.format(min(study.slab.lattice.abc[:2])) in page
    (given, given_narrow) = (ours(files(name), "LiH(001)", "charge_donated") for name in ("lih-wide", "surfaces"))
    assert f"gives away {given:.2f} e in the wide cell, {given_narrow:.2f} e in the narrow one" in page
    energies = [{site.site: site.binding_energy for site in study.sites} for study in (room, thin)]
    assert [min(each, key=each.get) for each in energies] == [0, 0]
    above = [each[3] - each[0] for each in energies]
    assert f"hollow, {above[0]:.3f} eV above it" in page
    assert f"past the hollow, {above[1]:.3f} eV above it there" in page
    assert f"one end {above[0] - above[1]:.3f} higher in a wide cell" in page
    _, calculations = read_results(DOCS / "results" / "lih-wide.json.gz")
    ends = ("clean slab", "Li at site 0 (onefold top)")
    left_open = [each.remaining_energy for each in calculations.values() if each.label.split(": ")[-1] in ends]
    # What is said is no sharper than what the relaxations leave open.
    within = max(abs(energies[0][0] - energies[1][0]), *(energy for energy in left_open if energy))
    assert f"the binding is the same within {within:.3f} eV" in page
    (hop,) = [each for each in hops.hops if each.state == "done"]
    assert f"its saddle lies {hop.barrier_reverse:.3f} eV above the hollow" in page
    assert room.prescreen.ranking_error == pytest.approx(0.2, abs=0.05)


def test_charges_of_ordinary_surface_atoms_are_those_of_the_results_file(files):
    studies = [study for study in files("surfaces") if "LiH" not in study.system] + files("lih-wide")
    lines = re.findall(r"^\| ([A-Z][a-z]?) \| (Li\S*\(001\)) \| (\S+) \|$", (DOCS / "results.md").read_text(), re.M)
    found = {
        (element, study.system): donated
        for study in studies
        if study.study == "charge"
        for element, donated in ordinary_atoms(study.structure, study.atom_donated).items()
    }
    assert {(element, system) for element, system, _ in lines} == found.keys()
    for element, system, text in lines:
        assert found[element, system] == pytest.approx(number(text)[0], abs=number(text)[1])
    for study in studies:
        if study.study == "charge" and "Mg" in study.system:  # "as much as every Li there does"
            assert study.charge_donated == pytest.approx(found["Li", study.system], abs=0.05)


def test_the_hop_with_room_is_that_of_its_results_file(results):
    page = (DOCS / "results.md").read_text()
    studies, calculations = read_results(DOCS / "results" / "li001-six.json.gz")
    (hop,) = [study for study in studies if study.study == "diffusion"]
    (adsorption,) = [study for study in studies if study.study == "adsorption"]
    (entry,) = [entry for entry in hop.prescreen.entries if entry.quantity == "barrier_forward"]
    rows = re.findall(r"^\| (\d) \| (\S+) \| (0\.\d+) \| (\S+) \| (\S+) \|$", page, re.M)
    assert [row[0] for row in rows] == ["4", "5", "6", "7"]
    five, six, seven = rows[1:]
    rows = [rows[0], six]
    narrow, wide = ours(results[0], "Li(001)", "barrier_forward"), hop.path.barrier
    hollows = ours(results[0], "Li(001)", "binding_energy"), adsorption.sites[0].binding_energy
    (thin,) = [study.slab for study in results[0] if study.study == "adsorption" and study.system == "Li(001)"]
    for row, slab, barrier, hollow in zip(rows, (thin, hop.slab), (narrow, wide), hollows, strict=True):
        assert min(slab.lattice.abc[:2]) == pytest.approx(number(row[1])[0], abs=0.05)
        assert barrier == pytest.approx(number(row[2])[0], abs=5e-4)
        assert hollow == pytest.approx(number(row[4])[0], abs=5e-4)
    assert entry.potential == pytest.approx(number(rows[1][3])[0], abs=5e-4)
    layers_apart(page, five, six)
    seven_layers(page, seven, wide, hollows[1])
    assert f"take {narrow - wide:.3f} eV off the barrier" in page
    assert f"and {hollows[1] - hollows[0]:.3f} eV off the binding" in page
    slabs = [each for each in calculations.values() if each.code == "gpaw" and len(each.initial_structure) > 50]
    assert f"{sum(each.force_evaluations for each in slabs)} force evaluations and" in page
    assert f"{sum(each.scf_cycles for each in slabs)} SCF cycles" in page
    (climb,) = [each for each in slabs if each.task == "neb"]
    assert f"and {climb.max_force:.3f} eV/Å (six)" in page


def test_exchange_on_lithium_is_that_of_the_benchmark(files):
    page = " ".join((DOCS / "results.md").read_text().split())
    found = json.loads((DOCS.parent / "benchmarks" / "results" / "exchange.json").read_text())
    costs = found["barriers"]
    assert f"It costs {costs['exchange, behind']:.3f} eV towards the hollow behind that atom" in page
    assert f"and {costs['exchange, beside']:.3f} eV towards one beside it. The hop" in page
    assert f"The hop costs {costs['hop']:.3f} eV in the same cell" in page
    assert f"six layers, {found['width']:.1f} Å" in page
    assert costs["hop"] < min(costs.values()) + 1e-9
    above = costs["exchange, behind"] - costs["hop"]
    short = computed(files, "barrier_forward", "Li(001)") - costs["hop"]
    assert f"this hop {short:.2f} eV below GPAW, so the {above:.3f} eV between them" in page


def layers_apart(page: str, five: tuple[str, ...], six: tuple[str, ...]) -> None:
    """Hold that what the page says of five and six layers is in the documents that were made of both."""
    studies, calculations = read_results(DOCS / "results" / "li001-layers.json.gz")
    of = {(study.study, study.system.split()[1]): study for study in studies}
    barriers, hollows = [], []
    for row in (five, six):
        hop, adsorption = of["diffusion", row[0]], of["adsorption", row[0]]
        (entry,) = [entry for entry in hop.prescreen.entries if entry.quantity == "barrier_forward"]
        barriers.append(hop.path.barrier)
        hollows.append(adsorption.sites[0].binding_energy)
        assert min(hop.slab.lattice.abc[:2]) == pytest.approx(number(row[1])[0], abs=0.05)
        assert barriers[-1] == pytest.approx(number(row[2])[0], abs=5e-4)
        assert entry.potential == pytest.approx(number(row[3])[0], abs=5e-4)
        assert hollows[-1] == pytest.approx(number(row[4])[0], abs=5e-4)
        assert adsorption.layers - adsorption.fixed_layers == 3
        mine = {
            each.label: each for each in calculations.values() if each.label.startswith(f"Li(001), {row[0]} layers")
        }
        pushed, rest = (
            next(each for label, each in mine.items() if each.code == "gpaw" and label.endswith(end))
            for end in ("pushed and relaxed", "(fourfold hollow)")
        )
        assert abs(pushed.energy - rest.energy) < 1e-3
    assert f"The barriers differ by {barriers[0] - barriers[1]:.3f} eV" in page
    assert f"the hollows differ by {abs(hollows[0] - hollows[1]):.3f} eV" in page
    climbs = {
        each.label.split()[1]: each for each in calculations.values() if each.code == "gpaw" and each.task == "neb"
    }
    assert (
        f"largest forces of {climbs['5'].max_force:.3f} (five layers) and {climbs['6'].max_force:.3f} eV/Å (six)"
        in page
    )


def seven_layers(page: str, row: tuple[str, ...], six: float, hollow_of_six: float) -> None:
    """Hold that what the page says of seven layers is in the documents."""
    studies, calculations = read_results(DOCS / "results" / "li001-seven.json.gz")
    of = {study.study: study for study in studies}
    hop, adsorption = of["diffusion"], of["adsorption"]
    (entry,) = [entry for entry in hop.prescreen.entries if entry.quantity == "barrier_forward"]
    hollow = adsorption.sites[0].binding_energy
    found = (min(hop.slab.lattice.abc[:2]), hop.path.barrier, entry.potential, hollow)
    for text, value, digits in zip(row[1:], found, (0.05, 5e-4, 5e-4, 5e-4), strict=True):
        assert value == pytest.approx(number(text)[0], abs=digits)
    assert (adsorption.layers, adsorption.fixed_layers) == (7, 3)
    assert f"The barrier is {six - hop.path.barrier:.3f} eV lower than in six" in page
    assert f"the hollow is bound {hollow_of_six - hollow:.3f} eV more strongly than in six" in page
    dft = [each for each in calculations.values() if each.code == "gpaw" and len(each.initial_structure) > 60]
    (climb,) = [each for each in dft if each.task == "neb"]
    assert f"climb ended with {climb.max_force:.3f} eV/Å" in page
    pushed, rest = (
        next(each for each in dft if each.label.endswith(end)) for end in ("pushed and relaxed", "(fourfold hollow)")
    )
    assert "comes back here, too, within 2 meV." in page
    assert abs(pushed.energy - rest.energy) < 2e-3
    (path,), (modes,) = (
        hop.hops,
        [each for each in calculations.values() if each.task == "modes" and each.code == "gpaw"],
    )
    assert (path.negative_modes, path.modes_certain) == (1, False)
    assert f"one negative mode, of −{-path.curvatures[0]:.2f} ± 0.01 eV/Å²" in page
    told = f"The next curvature is {path.curvatures[1]:.2f} ± 0.06 eV/Å² after {modes.force_evaluations} forces by GPAW"
    assert told in page
    (warning,) = [each.text for each in hop.warnings if each.code == "modes-uncertain"]
    assert f"{path.curvatures[0]:.2f} ± 0.01, {path.curvatures[1]:.2f} ± 0.06 eV/Å²" in warning


def test_convergence_table_is_that_of_its_results_file():
    studies, _ = read_results(DOCS / "results" / "convergence.json.gz")
    values = {study.system: {row.property: row.value for row in study.rows()} for study in studies if study.variant}
    values["Li(001)"] = {row.property: row.value for row in studies[0].rows()}
    names = {("4", "0.20"): "Li(001)", ("6", "0.20"): "Li(001) [layers 6]"}
    lines = re.findall(r"^\| (\d) \| (0\.\d\d) \| (\S+) \| (\S+) \|$", (DOCS / "results.md").read_text(), re.M)
    assert len(lines) == len(values) == 4
    for layers, spacing, atom, bulk in lines:
        found = values[names.get((layers, spacing), f"Li(001) [kpoint_spacing {float(spacing):g}]")]
        assert found["binding_energy"] == pytest.approx(number(atom)[0], abs=5e-4)
        assert found["binding_energy_bulk"] == pytest.approx(number(bulk)[0], abs=5e-4)


def test_every_number_leads_to_its_calculations(results):
    studies, calculations = results
    for study in studies:
        for row in study.rows():
            assert row.calculation_ids
            assert set(row.calculation_ids) <= set(calculations), f"{row.system} {row.property}"
            assert {calculations[identity].code.split()[0] for identity in row.calculation_ids} == {"gpaw"}


def test_cross_code_tables_are_those_of_their_results_file():
    studies, calculations = read_results(DOCS / "results" / "cross-code.json.gz")
    codes = ["cross-code-gpaw", "cross-code-cp2k"]
    table = {(entry["label"].partition(", ")[2], entry["property"]): entry for entry in side_by_side(studies, codes)}
    page = (DOCS / "results.md").read_text()
    lines = re.findall(r"^\| ([a-z ]+) \| (binding_energy\w*) \| (\S+) \| (\S+) \| (\S+) \|$", page, re.M)
    assert {(site, name) for site, name, *_ in lines} == table.keys()
    for site, name, *printed_numbers in lines:
        entry = table[site, name]
        values = [*(entry["values"][code] for code in codes), entry["differences"][codes[1]]]
        assert [number(text)[0] for text in printed_numbers] == pytest.approx(values, abs=1e-3)

    # Lattice constant and cohesive energy of bcc Li.
    lines = re.findall(r"^\| (GPAW|CP2K) \| (3\.\d+) \| (1\.\d+) \|$", page, re.M)
    assert [code for code, *_ in lines] == ["GPAW", "CP2K"]
    for code, constant, cohesive in lines:
        (study,) = [study for study in studies if study.backend == f"cross-code-{code.lower()}"]
        bulk, atom = (calculations[study.calculation_ids[step]] for step in ("bulk", "atom"))
        atoms = len(bulk.structure)
        assert bulk.structure.lattice.a == pytest.approx(number(constant)[0], abs=1e-3)
        assert atom.energy - bulk.energy / atoms == pytest.approx(number(cohesive)[0], abs=1e-3)
