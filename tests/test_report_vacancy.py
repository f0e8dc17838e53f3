"""The report on a vacancy: its sentences, tables, diagram and pictures of the stops."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from factories import calculation_document
from lxml import html
from vacancy_factories import vacancy_document

from anodeflow.report.build import write_report
from anodeflow.report.context import Context
from anodeflow.studies.vacancy.figures import hop_curve, stop_places
from anodeflow.studies.vacancy.report import vacancy_section

DOCUMENT = vacancy_document()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    calculations = {i: calculation_document(id=i, label=i) for i in DOCUMENT.calculation_ids.values()}
    out = tmp_path_factory.mktemp("vacancy")
    drawn: list[str] = []
    write_report("vacancy", [DOCUMENT], calculations, out, tell=drawn.append)
    # Then its pictures, one after the other, and the page.
    assert (drawn[0], drawn[-1]) == ("Li vacancy in Li3Mg/Li", "the page")
    assert any("(1 of " in words for words in drawn[1:-1])
    return out


@pytest.fixture(scope="module")
def page(folder) -> html.HtmlElement:
    return html.fromstring((folder / "index.html").read_text(encoding="utf-8"))


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def rows(folder: Path, kind: str) -> list[dict[str, str]]:
    (file,) = (folder / "tables").glob(f"vacancy-{kind}-*.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_answer_names_both_paths_and_what_is_missing(page):
    (answer,) = [words(paragraph) for paragraph in page.find_class("answer")]
    assert answer.startswith(
        "A Li vacancy goes down from layer −3 of Li3Mg/Li by path I to layer 1 (+0.021 eV) with a climb of 0.310 eV "
        "and by path II to layer −1 (−0.041 eV) [gpaw-standard]. Taking the atom out, to bulk Li, costs 0.470 eV. From "
        "the alloy's free face (Li3Mg, layer −3) a Li atom is harder by 0.280 eV to take out than from the metal's own "
        "surface, Li(0 0 1) (0.470 and 0.190 eV)."
    )
    assert answer.endswith("Without a firm barrier: path II hop 3.")
    assert "favourable" not in answer, "one of the paths has no climb"


def test_saddles_of_which_nothing_is_known_are_told(page, tmp_path):
    said = words(page.body).partition("Whether the saddles of ")[2]
    assert said.partition(".")[0].endswith("and 2 more are of first order is not known")
    known = [hop.model_copy(update={"negative_modes": 1, "curvatures": [-0.51, 0.2]}) for hop in DOCUMENT.hops]
    document = vacancy_document(hops=known)
    calculations = {i: calculation_document(id=i, label=i) for i in document.calculation_ids.values()}
    other = html.fromstring(write_report("vacancy", [document], calculations, tmp_path).read_text(encoding="utf-8"))
    assert "are of first order is not known" not in words(other.body)
    hops = rows(tmp_path, "hops")
    assert (hops[0]["negative_modes"], hops[0]["curvatures (eV/Å²)"]) == ("1", "-0.51 0.2")


def test_favourable_path_is_told(tmp_path):
    paths = [
        path.model_copy(update={"climb": climb, "limiting_hop": path.hops[0]})
        for path, climb in zip(DOCUMENT.paths, (0.31, 0.21), strict=True)
    ]
    document = vacancy_document(paths=paths, favourable="II", formation_energy=None, extractions=[])
    calculations = {i: calculation_document(id=i, label=i) for i in document.calculation_ids.values()}
    page = html.fromstring(write_report("vacancy", [document], calculations, tmp_path).read_text(encoding="utf-8"))
    (answer,) = [words(paragraph) for paragraph in page.find_class("answer")]
    assert "with a climb of 0.210 eV [gpaw-standard]: path II is the favourable one." in answer
    assert "costs" not in answer


def test_stops_and_hops_stand_in_the_order_of_the_paths(folder, page):
    stops = rows(folder, "stops")
    assert [(row["path"], row["stop"]) for row in stops] == [
        ("both", "0"), ("I", "1"), ("I", "on hop 2"), ("I", "2"), ("I", "3"), ("II", "1"), ("II", "2"), ("II", "3"),
    ]  # fmt: skip
    assert [row["layer"] for row in stops][:4] == ["-3", "-2", "between two", "-1"]
    hops = rows(folder, "hops")
    assert [(row["path"], row["hop"], row["state"]) for row in hops] == [
        ("I", "1", "done"), ("I", "2a", "done"), ("I", "2b", "done"), ("I", "3", "done"),
        ("II", "1", "done"), ("II", "2", "done"), ("II", "3", "refused"), ("I", "2", "split"),
    ]  # fmt: skip
    assert (hops[0]["initial"], hops[0]["final"], float(hops[0]["barrier_forward (eV)"])) == ("0", "1", 0.31)
    assert hops[6]["barrier_forward (eV)"] == ""
    assert any("0.050 eV below both ends" in words(cell) for cell in page.xpath("//td"))
    assert rows(folder, "places")[2]["state"] == "returned"


def test_every_number_leads_to_its_calculation(page):
    anchors = page.xpath("//@id")
    assert len(anchors) == len(set(anchors))
    links = [target[1:] for target in page.xpath("//@href") if target.startswith("#")]
    assert set(links) <= set(anchors)
    assert "calc-calc-path-I-stop-2" in links
    assert "calc-calc-path-II-hop-1" in links


def test_rows_of_all_stops_and_hops_with_a_barrier(page):
    labels = {row.label for row in DOCUMENT.rows() if row.property == "vacancy_energy"}
    assert {"stop 0 (Li taken out, layer -3)", "path I stop on hop 2 (Li, between layers)"} <= labels
    assert "path II stop 1 (Mg, layer -3)" in labels
    barriers = {row.label: row.value for row in DOCUMENT.rows() if row.property == "barrier_forward"}
    names = ("I hop 1", "I hop 2a", "I hop 2b", "I hop 3", "II hop 1", "II hop 2")
    assert set(barriers) == {f"path {name}" for name in names}
    table = {words(row) for row in page.xpath('//table[@id="table-results"]/tbody/tr')}
    assert any("path I hop 2a" in row and "0.050" in row for row in table)


def test_pictures_are_there(folder):
    names = sorted(file.name for file in (folder / "figures").glob("*.svg"))
    assert [name.partition("-Li3Mg")[0] for name in names] == ["vacancy", "vacancy-path-I", "vacancy-path-II"]


def test_curve_peaks_at_a_saddle_that_was_walked_up_to():
    """Images beside it lie higher then: they were left behind."""
    path = DOCUMENT.paths[0]
    hop = DOCUMENT.hops[path.hops[0]].model_copy(deep=True)
    top = hop.saddle_image
    hop.profile[top].energy -= 0.05
    hop.barrier_forward -= 0.05
    for beside in (top - 1, top + 1):
        hop.profile[beside].energy = hop.profile[top].energy + 0.01
    assert top in hop.up_to_saddle
    assert not {top - 1, top + 1} & set(hop.up_to_saddle)
    _, y = hop_curve(DOCUMENT, hop, 0.0, 1.0)
    assert y.max() - DOCUMENT.stops[hop.initial].energy == pytest.approx(hop.barrier_forward)


def test_curve_joins_the_levels_over_the_barrier():
    path = DOCUMENT.paths[0]
    places = stop_places(DOCUMENT, path)
    assert places == [0, 1, 1.5, 2, 3]
    for (start, end), index in zip(pairwise(places), path.hops, strict=True):
        hop = DOCUMENT.hops[index]
        x, y = hop_curve(DOCUMENT, hop, start, end)
        low = DOCUMENT.stops[hop.initial].energy
        assert (x[0], x[-1]) == (start, end)
        assert y[[0, -1]] == pytest.approx([low, DOCUMENT.stops[hop.final].energy])
        assert y.max() - low == pytest.approx(hop.barrier_forward, abs=5e-3)
    refused = DOCUMENT.hops[5]
    _, y = hop_curve(DOCUMENT, refused, 2.0, 3.0)
    assert np.diff(y) == pytest.approx(np.full(len(y) - 1, (y[-1] - y[0]) / (len(y) - 1)))


def test_a_study_without_hops_has_no_empty_figures(tmp_path):
    """Its diagram was one level on an axis of 1e-17 eV, and both paths showed the same start."""
    paths = [p.model_copy(update={"stops": p.stops[:1], "hops": [], "climb": None, "limiting_hop": None})
             for p in DOCUMENT.paths]  # fmt: skip
    none = vacancy_document(paths=paths, stops=DOCUMENT.stops[:1], hops=[], favourable=None)
    assert vacancy_section([none], Context.of([none], [], print)).parts[0].pictures == []


def test_marks_of_the_stops_are_in_the_legend_and_barriers_have_a_sign(folder):
    (first,) = (folder / "figures").glob("vacancy-path-I-*.svg")
    assert all(f">{words}</text>" in first.read_text() for words in ("vacancy (dashed)", "atom that hopped"))
    (diagram,) = (folder / "figures").glob("vacancy-Li3Mg*.svg")
    barriers = [hop.barrier_forward for hop in DOCUMENT.hops if hop.barrier_forward is not None]
    assert all(f">+{barrier:.3f}" in diagram.read_text() for barrier in barriers), "levels have none"
