"""The report on orderings and electrochemistry: its sentences, tables and figures, and the file of results."""

import csv
from pathlib import Path

import pytest
from factories import calculation_document
from lxml import html
from pymatgen.core import Composition, Lattice, Structure
from test_electrochemistry import STUDY, bulks, orderings

from anodeflow.core.caveats import Caveat
from anodeflow.database.results_file import read_results, write_results
from anodeflow.report.build import write_report
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.electrochemistry.analysis import electrochemistry_document
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.orderings.diffraction import diffraction_pattern
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.orderings.figures import subscripts


def alloy(confirmed: bool) -> OrderingsDoc:
    """Orderings of Li3Mg7 of which two left hcp, one below the lowest that is kept."""
    document = orderings("Li3Mg7", -0.0337, -0.0322, -0.0318, sqs=-0.0267)
    crystal, host = load_structure("Li3Mg7"), host_lattice("Li3Mg7")
    assert host is not None
    kept = [
        entry.model_copy(
            update={
                "structure": crystal, "host_axes": host.axes, "displacement": 0.04, "host_edges": (3.132, 3.137, 5.079),
                "rank_formation_energy": (entry.formation_energy or 0) + (0.004 if confirmed else 0),
            }
        )
        for entry in document.orderings
    ]  # fmt: skip
    changes = {"state": "host lost", "displacement": 0.55, "structure": None, "host_edges": None}
    lost = [
        kept[0].model_copy(
            update=changes | {"index": 7 + n, "name": f"hcp Cm 10 atoms ({n})", "rank_formation_energy": e,
                              "formation_energy": None if confirmed else e, "message": "no longer hcp, nearly bcc now"}
        )
        for n, e in enumerate((-0.0364, -0.031))
    ]  # fmt: skip
    others = [
        kept[0].model_copy(
            update={"index": 20 + n, "name": f"hcp Pm 10 atoms ({n})", "state": "not kept", "structure": None,
                    "formation_energy": None if confirmed else e, "rank_formation_energy": e}
        )
        for n, e in enumerate((-0.02, -0.018, -0.016, -0.014))
    ]  # fmt: skip
    ids = {f"{step} confirmed": i for step, i in document.calculation_ids.items() if confirmed and "bulk" not in step}
    return document.model_copy(
        update={
            "orderings": [*kept, *others, *lost],
            "confirmed": confirmed,
            "backend": "gpaw-standard" if confirmed else "mlip",
            "rank_backend": "mlip",
            "calculation_ids": document.calculation_ids | ids,
            "warnings": [Caveat("host-lost", "the lowest of all, ordering 7, is no longer hcp")],
            "pattern": diffraction_pattern(crystal, host, kept[0].name),
            "document_id": f"orderings-{confirmed}",
        }
    )


def studies() -> list[StudyDoc]:
    compositions = [alloy(False), orderings("LiMg", -0.058), orderings("Li3Mg", -0.0418, -0.0405)]
    return [alloy(True), alloy(False), electrochemistry_document(compositions, bulks(), STUDY)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    documents = studies()
    calculations = {i: calculation_document(id=i) for d in documents for i in d.calculation_ids.values()}
    out = tmp_path_factory.mktemp("alloys")
    drawn: list[str] = []
    write_report("alloys", documents, calculations, out, tell=drawn.append)
    assert drawn[:3] == ["orderings of Li3Mg7", "orderings of Li3Mg7", "electrochemistry of Li-Mg"]
    # Then their pictures, one after the other, and the page.
    assert "(3 of 3)" in drawn[-2]
    assert drawn[-1] == "the page"
    return out


@pytest.fixture(scope="module")
def page(folder) -> html.HtmlElement:
    return html.fromstring((folder / "index.html").read_text(encoding="utf-8"))


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def rows(folder: Path, start: str, number: int = 0) -> list[dict[str, str]]:
    file = sorted((folder / "tables").glob(f"{start}-*.csv"))[number]
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_orderings_in_words(page):
    answers = [words(paragraph) for paragraph in page.find_class("answer")]
    assert answers[0] == (
        "Of 9 orderings of Li₃Mg₇ on hcp the lowest that keeps its parent lattice is hcp P0 10 atoms, with a formation "
        "energy of −33.7 meV/atom [gpaw-standard]; the next lie 1.5 and 1.9 meV/atom above it; 2 left their parent "
        "lattice in the relaxation; the quasi-random structure has −26.7 meV/atom."
    )
    text = words(page)
    assert "ranked with mlip, confirmed within 15 meV/atom" in text
    assert "the lowest of all, ordering 7, is no longer hcp" in text


def test_electrochemistry_in_words(page):
    (answer,) = [text for text in map(words, page.find_class("answer")) if "convex hull" in text]
    assert answer == (
        "Of Mg and Li, LiMg, Li₃Mg are on the convex hull [emt]; above it lies Li₃Mg₇ (hcp P0 10 atoms) by 1.1 "
        "meV/atom against 0.60 LiMg + 0.40 Mg; Li goes in at 116.0 mV (Mg → LiMg), 25.6 mV (LiMg → Li₃Mg) against its "
        "metal; "
        "theoretical capacities: Li₃Mg₇ 421, LiMg 858, Li₃Mg 1782, Li 3861 mAh/g. The hull was searched at Li₃Mg₇ "
        "(hcp), "
        "LiMg (hcp), Li₃Mg (hcp); at other compositions there may be lower phases."
    )


def test_tables_hold_lost_hosts_and_lines(folder, page):
    for number in (0, 1):
        lost = rows(folder, "orderings-lost", number)
        assert [row["index"] for row in lost] == ["7", "8"]
        assert lost[0]["message"] == "no longer hcp, nearly bcc now"
        assert float(lost[0]["displacement (Å)"]) == 0.55
    lowest = next(row for row in page.xpath('//table[starts-with(@id, "table-orderings-Li3Mg7")]/tbody/tr'))
    assert lowest.get("class") == "marked"
    assert words(lowest).startswith("0 hcp P0 10 atoms kept −33.7 0.0 −29.7 0.04 3.132 3.137 5.079")
    assert lowest.xpath(".//a/@href") == ["#calc-Li3Mg7-0"]
    lines = rows(folder, "xrd")
    host = [row for row in lines if row["fundamental"] == "True"]
    strongest = max(host, key=lambda row: float(row["intensity"]))
    assert strongest["indices"] == "(1 0 1)"
    assert float(strongest["two_theta (degrees)"]) == pytest.approx(37.5, abs=0.3)


def test_tables_of_electrochemistry(folder):
    hull = rows(folder, "hull")
    assert [row["formula"] for row in hull] == ["Mg", *["Li3Mg7"] * 4, "LiMg", "Li3Mg", "Li3Mg", "Li"]
    assert hull[1]["decomposition"] == "0.60 LiMg + 0.40 Mg"
    steps = rows(folder, "voltage")
    assert [(row["initial"], row["final"], float(row["voltage (V)"])) for row in steps] == [
        ("Mg", "LiMg", pytest.approx(0.116)),
        ("LiMg", "Li3Mg", pytest.approx(0.0256)),
    ]
    assert float(rows(folder, "capacity")[-1]["per_total_mass (mAh/g)"]) == pytest.approx(3861, abs=1)


def test_figures_are_there_and_linked(folder, page):
    names = {path.stem.split("-")[0] for path in (folder / "figures").glob("*.png")}
    assert names == {"orderings", "xrd", "hull", "voltage"}
    anchors = {element.get("id") for element in page.xpath("//*[@id]")}
    targets = {link[1:] for link in page.xpath("//a/@href") if link.startswith("#")}
    assert targets <= anchors
    (svg,) = (folder / "figures").glob("hull-*.svg")
    assert svg.stat().st_size > 5000


def calculations_of(document, references):
    """Id -> the calculations that a document follows from."""
    found = {step: calculation_document(id=identifier) for step, identifier in document.calculation_ids.items()}
    crystals = {f"bulk {element}": (element, 0.0, None) for element in references}
    if isinstance(document, OrderingsDoc):
        for entry in [*document.orderings, *([document.sqs] if document.sqs else [])]:
            crystals[document.step(entry)] = (document.formula, entry.formation_energy or 0.0, entry.structure)
    else:
        crystals |= {point.step: (point.formula, point.formation_energy, None) for point in document.points}
    for step, (formula, formation, structure) in crystals.items():
        if step not in found:
            continue
        atoms = [each for each, n in Composition(formula).items() for _ in range(int(n))]
        structure = structure or Structure(Lattice.cubic(9), atoms, [[0.05 * i, 0, 0] for i in range(len(atoms))])
        energy = formation * len(structure) + sum(references[site.specie.symbol] for site in structure)
        found[step] = calculation_document(
            id=found[step].id, structure=structure, initial_structure=structure, energy=energy
        )
    return {each.id: each for each in found.values()}


def test_documents_survive_the_file_of_results(tmp_path):
    documents = studies()
    calculations = {}
    for document in documents:
        calculations |= calculations_of(document, documents[0].references)
    found, _ = read_results(write_results(documents, calculations, tmp_path / "results.json.gz"))
    assert [type(document) for document in found] == [OrderingsDoc, OrderingsDoc, ElectrochemistryDoc]
    assert [document.rows() for document in found] == [document.rows() for document in documents]
    first = found[0]
    assert isinstance(first, OrderingsDoc)
    assert first.pattern == documents[0].pattern
    assert first.kept[0].structure.matches(load_structure("Li3Mg7"))


def test_formulas_are_written_with_subscripts():
    assert subscripts("Li10Mg7") == "Li₁₀Mg₇"
