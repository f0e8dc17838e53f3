"""The report on charge transfer, diffusion and convergence: its sentences, tables, figures and turning pictures."""

import base64
import csv
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from factories import calculation_document
from lxml import html
from surface_factories import (
    alloy_diffusion,
    charge_document,
    convergence_document,
    diffusion_document,
    surface_adsorption,
)

import anodeflow
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.report.build import write_report
from anodeflow.report.comparison import step_links
from anodeflow.report.context import Context
from anodeflow.report.palette import ACCUMULATION, DEPLETION
from anodeflow.studies.charge.report import charge_section
from anodeflow.studies.convergence import report as convergence_report
from anodeflow.studies.diffusion.report import diffusion_section
from anodeflow.studies.document import StudyDoc

pytestmark = pytest.mark.slow

ADSORPTION, MIGRATION = surface_adsorption(), diffusion_document()


def variant(layers: int) -> StudyDoc:
    """The adsorption study on a slab of another thickness, as its convergence test names it."""
    return surface_adsorption(binding=-1.5034).model_copy(
        update={
            "document_id": f"{ADSORPTION.document_id} {layers}",
            "system": f"Li(001) [layers {layers}]",
            "variant": {"layers": float(layers)},
            "calculation_ids": {step: f"{i}-{layers}" for step, i in ADSORPTION.calculation_ids.items()},
            "warnings": [Caveat("not-converged", "this variant did not converge")],
        }
    )


def studies() -> list[StudyDoc]:
    found = [
        ADSORPTION,
        surface_adsorption("Li3Mg7(001):0", -1.88, "Mg"),
        surface_adsorption("Li3Mg7(001):1", -1.99, "Mg"),
        charge_document(),
        MIGRATION,
        alloy_diffusion(),
        variant(4),
        convergence_document(ADSORPTION, "binding_energy", ADSORPTION.binding_energy),
        convergence_document(MIGRATION, "barrier_forward (cheapest path)", 0.131),
    ]
    return [document.model_copy(update={"reference": "10.1002/adfm.202009712"}) for document in found]


def calculations(documents: list[StudyDoc]) -> dict[str, CalculationDoc]:
    return {i: calculation_document(id=i, label=i) for d in documents for i in d.calculation_ids.values()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    documents = studies()
    drawn: list[str] = []
    out = tmp_path_factory.mktemp("surfaces")
    write_report("surfaces", documents, calculations(documents), out, tell=drawn.append)
    assert drawn[:1] == ["adsorption of Li on Li(001)"]
    assert re.fullmatch(r"Convergence: .* \((\d+) of \1\)", drawn[-2])
    assert drawn[-1] == "the page"
    return out


@pytest.fixture(scope="module")
def page(folder) -> html.HtmlElement:
    return html.fromstring((folder / "index.html").read_text(encoding="utf-8"))


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def answers(page) -> list[str]:
    return [words(paragraph) for paragraph in page.find_class("answer")]


def rows(page, table: str) -> list[list[str]]:
    found = page.xpath(f'//table[@id="table-{table}"]/tbody/tr[not(contains(@class, "below") and td[@colspan])]')
    return [[words(cell) for cell in row.xpath("td")] for row in found]


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def scene(page, part: str) -> dict:
    (script,) = page.xpath(f'//figure[starts-with(@id, "scene-{part}")]/script')
    return json.loads(script.text)


def test_charge_in_words(page):
    (answer,) = [text for text in answers(page) if "Bader" in text]
    assert answer.startswith("By its Bader basin Li accepts 1.64 e on Li(001) (fourfold hollow) [gpaw-standard]")
    assert "in Zhang 2021 it accepts 1.62 e, a difference of −0.02 e." in answer
    assert "8 density maxima that are no nuclei hold 10.52 e; they are counted apart." in answer
    assert "does not mean that the ion has gained electrons" in answer


def test_the_summary_says_where_what_the_adatom_takes_is_charge_of_no_nucleus():
    documents = [
        charge_document(),
        charge_document("Mg(001)", 0.8, "Mg", basins=1),
        charge_document("LiH(001)", -0.2, basins=0),
    ]
    section = charge_section(documents, Context.of(documents, [], print))
    (verdict,) = section.verdicts
    assert "−1.64 e on Li(001) to +0.80 e on Mg(001)" in verdict
    assert verdict.endswith("On Li(001) the basin encloses charge of no nucleus: no sign of an ion that took any.")
    assert " 1 density maximum that is no nucleus holds " in section.answer[1]
    assert [row.label for row in documents[1].rows() if row.property == "non_nuclear_electrons"] == ["1 basin"]


def test_a_step_that_a_number_rests_on_twice_is_named_once():
    document = charge_document()
    identity = document.calculation_ids["density"]
    assert [link.value for link in step_links(document, [identity, identity])] == ["density"]


def test_charge_table_holds_the_checks(folder, page):
    ((system, site, donated, surface, apart, coarse, electrons, basins, held, *_, integral),) = rows(page, "charge")
    assert surface.endswith(" (Li)")
    assert apart == "–"
    assert (system, site, basins) == ("Li(001)", "2: fourfold hollow", "8")
    assert (donated, coarse, electrons, held) == ("−1.640", "−1.628", "4.640", "10.520")
    assert integral.endswith("·10⁻¹⁷")
    (file,) = (folder / "tables").glob("bader-*.csv")
    atoms = read_csv(file)
    assert (len(atoms), atoms[0]["atom"], float(atoms[0]["electrons (e)"])) == (17, "16", 4.64)  # the adatom first


def test_diffusion_in_words(page):
    li, alloy = [text for text in answers(page) if text.startswith("Li moves")]
    assert li == (
        "Li moves from cell to cell on Li(001) over a barrier of 0.131 ± 0.036 eV (fourfold hollow → fourfold hollow) "
        "[gpaw-standard], 0.086 eV higher than the 0.045 eV of Zhang 2021. D(300 K) = 7.5·10⁻⁵ cm²/s, by "
        "hops of the adatom alone."
    )
    assert "(fourfold hollow → bridge → fourfold hollow)" in alloy
    assert "equal to the 0.27 eV of Zhang 2021" in alloy
    assert alloy.endswith("1 of 3 hops did not finish, so a cheaper way may exist.")


def test_a_surface_without_a_path_says_why(tmp_path):
    document = alloy_diffusion(path=None)
    index = write_report("test", [document], calculations([document]), tmp_path)
    page = html.fromstring(index.read_text(encoding="utf-8"))
    assert answers(page) == [
        "No finished hop leads Li from cell to cell on Li3Mg7(001):0 [gpaw-standard]; unfinished: hop 2 (failed)."
    ]
    assert not list((tmp_path / "figures").glob("profile-*"))
    assert list((tmp_path / "figures").glob("hops-*.svg"))


def test_only_the_cheapest_path_is_compared_with_the_paper(page):
    convergence = {row[2]: row[7] for row in rows(page, "results") if row[:2] == ["Li(001)", "barrier_forward"]}
    assert convergence["cheapest path"] == "± 0.036 (layers, k-points varied one at a time)"
    assert convergence["hop 0: minimum 0 to 0"] == "not varied"
    barriers = {row[2]: row[3:6] for row in rows(page, "results") if row[:2] == ["Li(001)", "barrier_forward"]}
    assert barriers == {
        "cheapest path": ["0.131 ± 0.036", "0.045", "+0.086"],
        "hop 0: minimum 0 to 0": ["0.131", "–", "–"],
        "hop 1: minimum 0 to 0": ["0.330", "–", "–"],
    }


def test_remaining_errors_stand_behind_their_numbers(folder, page):
    energies = [row[3] for row in rows(page, "results") if row[1] == "binding_energy"]
    assert energies == ["−1.523 ± 0.036", "−1.880", "−1.990"]
    assert answers(page)[0].startswith("Li binds to Li(001) by −1.523 ± 0.036 eV")
    first = read_csv(folder / "tables" / "results.csv")[0]
    assert (float(first["ours"]), float(first["convergence_error"])) == (-1.5234, 0.036)


def test_variants_stand_in_the_section_on_convergence_only(page):
    assert not any("[layers" in text for row in rows(page, "results") for text in row)
    assert not any("[layers" in words(heading) for heading in page.xpath("//h3"))
    (row,) = page.xpath('//tr[@id="study-adsorption-Li(001) 4"]')
    assert [words(cell) for cell in row.xpath("td")] == ["4", "no", "−1.503", "+0.050"]
    assert row.xpath("td/a/@href") == ["#calc-site2-Li(001)-4"]
    assert any("this variant did not converge" in words(item) for item in page.find_class("warnings")[0].xpath(".//li"))


def test_convergence_in_words(page):
    text = next(text for text in answers(page) if text.startswith("Convergence of adsorption"))
    assert text == (
        "Convergence of adsorption on Li(001) [gpaw-standard]: binding energy, atom −1.523 ± 0.036 eV (most of it from "
        "layers: 0.030 eV); parameters varied one at a time, which misses how they couple; not varied: width, vacuum, "
        "cutoff, smearing; 1 of the repeated studies failed."
    )
    assert any("barrier forward, cheapest path 0.131 ± 0.036 eV" in text for text in answers(page))


def test_settings_of_each_kind_of_study_stand_together(page):
    tables = [name for name in page.xpath("//table/@id") if name.startswith("table-settings")]
    assert tables == ["table-settings-adsorption", "table-settings-charge", "table-settings-diffusion"]
    assert ["cutoff", "eV", "350"] in [row[:3] for row in rows(page, "settings-charge")]


def test_the_table_of_the_paper(folder, page):
    head = [words(cell) for cell in page.xpath('//table[@id="table-paper-gpaw-standard"]/thead//th')]
    assert head == ["", "Li3Mg7(001)", "Li3Mg(001)", "Li(001)", "LiH(001)"]
    binding, versus, charge, barrier = rows(page, "paper-gpaw-standard")
    assert binding == [
        "−1.99 … −1.88 not varied 2 studies paper −1.94 ours − paper −0.05 … +0.06",
        "not computed paper −1.78",
        "−1.52 ± 0.04 layers, k-points varied one at a time paper −1.44 ours − paper −0.08",
        "not computed paper −0.75",
    ]
    assert versus == [
        "not computed paper −0.50",
        "not computed paper −0.34",
        "not computed paper not given",
        "not computed paper 0.69",
    ]
    assert charge[2:] == ["−1.64 not varied paper −1.62 ours − paper −0.02", "not computed paper not given"]
    assert barrier[0] == "0.27 not varied paper 0.27 ours − paper 0.00"
    assert barrier[2] == "0.131 ± 0.036 layers, k-points varied one at a time paper 0.045 ours − paper +0.086"
    table = {(row["property"], row["system"]): row for row in read_csv(folder / "tables" / "paper-gpaw-standard.csv")}
    alloy = table["binding_energy", "Li3Mg7(001)"]
    assert (alloy["ours_low"], alloy["ours_high"], alloy["studies"], alloy["paper"]) == ("-1.99", "-1.88", "2", "-1.94")
    assert table["barrier_forward", "LiH(001)"]["ours_low"] == ""


def test_every_link_leads_somewhere(folder, page):
    anchors = page.xpath("//@id")
    assert len(anchors) == len(set(anchors))
    for target in [*page.xpath("//@href"), *page.xpath("//@src")]:
        if target.startswith("#"):
            assert target[1:] in anchors
        else:  # a page that was sent alone has no other file
            assert target.startswith(("data:image/webp;base64,", "data:text/csv;", "https://doi.org/"))


def test_every_figure_and_table_is_listed(folder, page):
    lines = [words(item).partition("/")[2].split(", ") for item in page.xpath('//ul[@class="files"]/li')]
    listed = {name if name == first else Path(first).stem + name for first, *rest in lines for name in (first, *rest)}
    there = {file.name for kind in ("figures", "tables") for file in (folder / kind).iterdir()}
    assert listed == there
    names = {name.partition("-Li-001")[0] for name in there if name.endswith(".svg") and "-Li-001" in name}
    assert names == {
        "configuration", "convergence", "difference", "graph", "hop", "hops", "levels", "planar", "profile", "sites",
    }  # fmt: skip
    assert {"binding-energies-Li.svg", "paths-Li.svg", "diffusivity-Li.svg"} <= there


def test_scripts_are_on_the_page_and_fetch_nothing(page):
    assert not page.xpath("//script/@src | //link | //iframe")
    pictures, plotly, general, viewer, own = page.xpath("/html/body/script")
    assert "plotly.js" in gzip.decompress(base64.b64decode(plotly.text)).decode("utf-8")[:200]
    assert "http" not in general.text + viewer.text + own.text
    assert "IntersectionObserver" in own.text
    drawings = json.loads(gzip.decompress(base64.b64decode(pictures.text)))
    shown = page.xpath("//img/@data-packed")
    assert sorted(shown) == sorted(drawings), "each drawing lies on the page once, and is shown once"
    assert len(page.xpath("//img")) == len(shown) + len(set(page.xpath("//img/@src")))


def test_scene_of_the_configurations(page):
    data = scene(page, "Li-001")
    assert [frame["label"] for frame in data["frames"]] == [
        "site 0: onefold, −1.203 eV",
        "site 1: bridge → fourfold hollow, −1.523 eV",
        "site 2: fourfold hollow, −1.523 eV",
    ]
    assert (data["shown"], data["control"]) == (2, "menu")
    frame = data["frames"][2]
    adatom = np.array(frame["positions"][frame["adatom"]])
    lengths = [float(np.linalg.norm(np.array(frame["positions"][n]) - adatom)) for _, n in frame["bonds"]]
    expected = [float(np.hypot(1.72 * 2**0.5, 1.66))] * 4  # the four atoms of the hollow
    assert sorted(lengths)[:4] == pytest.approx(expected, abs=2e-3)
    assert set(data["elements"]) == {"Li"}


def test_scene_of_the_charge_difference(page):
    data = scene(page, "difference")
    assert [(s["name"], s["colour"]) for s in data["surfaces"]] == [
        ("accumulation", ACCUMULATION),
        ("depletion", DEPLETION),
    ]
    frame = data["frames"][0]
    adatom = frame["positions"][frame["adatom"]]
    heights = []
    for surface in data["surfaces"]:
        vertices = np.frombuffer(base64.b64decode(surface["vertices"]), "<f4").reshape(-1, 3)
        faces = np.frombuffer(base64.b64decode(surface["faces"]), "<u4").reshape(-1, 3)
        assert faces.max() < len(vertices)
        assert np.all(np.abs(vertices[:, :2] - adatom[:2]) < 3.6)  # around the adatom, not over the edge of the cell
        heights.append(vertices[:, 2].mean())
    assert heights[0] < adatom[2] < heights[1]  # electrons leave the top of the adatom for the surface
    assert len(data["points"]["positions"]) == 8


def test_scene_of_a_path(page):
    data = scene(page, "hop-Li-001")
    assert (len(data["frames"]), data["control"], data["shown"]) == (7, "slider", 3)
    assert data["frames"][3]["label"] == "image 3: 0.131 eV"
    ghosts = np.array(data["ghosts"])
    assert np.diff(ghosts[:, 0]) == pytest.approx([3.44 / 6] * 6, abs=2e-3)
    for frame, ghost in zip(data["frames"], ghosts, strict=True):
        assert frame["positions"][frame["adatom"]] == pytest.approx(ghost, abs=2e-3)


def test_errors_of_convergence_do_not_lie_on_the_lines(monkeypatch):
    """Below a ring at a peak the number lay on both flanks."""
    drawn = []
    monkeypatch.setattr(convergence_report, "save", lambda figure, name, caption: drawn.append(figure))
    docs = Path(__file__).parents[1] / "docs" / "results"
    (document,) = anodeflow.load_results(docs / "convergence.json.gz").select(study="convergence")
    convergence_report._picture.__wrapped__(document, "convergence")
    (figure,) = drawn
    seen = 0
    for axes in figure.axes:
        (line,) = [each for each in axes.lines if each.get_linestyle() == "-"]
        places = np.linspace(0, len(line.get_xdata()) - 1, 300)
        x, y = (np.interp(places, range(len(line.get_xdata())), data) for data in line.get_data())
        for text in axes.texts:
            box = text.get_window_extent()
            assert not box.count_contains(axes.transData.transform(np.stack([x, y], axis=1)))
            assert axes.get_window_extent().x0 < box.x0
            seen += 1
    assert seen == 4


def test_what_symmetry_makes_zero_is_written_as_zero():
    """The sum over hops left −3·10⁻²¹ beside 2·10⁻⁵ cm²/s."""
    point = MIGRATION.diffusivities[0]
    tensor = [[2.3e-5, -3e-21], [-3e-21, 2.3e-5]]
    study = MIGRATION.model_copy(update={"diffusivities": [point.model_copy(update={"tensor": tensor})]})
    (part,) = diffusion_section([study], Context.of([study], [], print)).parts
    (table,) = [table for table in part.tables if table.name.startswith("diffusivity")]
    assert table.rows[0]["_text"]["tensor"] == "2.3·10⁻⁵, 0, 0, 2.3·10⁻⁵"
