"""The page as a reader meets it: in a browser at two widths, folded and printed, whole and in part."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from factories import adsorption_document
from lxml import html
from surface_factories import charge_document, diffusion_document, surface_adsorption

from anodeflow.cli.report import report
from anodeflow.core.errors import InputError
from anodeflow.report.build import write_report
from anodeflow.report.page import Column, Table
from anodeflow.report.verdicts import listed, span
from anodeflow.studies.document import StudyDoc

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """<script>
const probe = {problems: []};
addEventListener("error", event => probe.problems.push(String(event.message)));
addEventListener("unhandledrejection", event => probe.problems.push(String(event.reason)));
console.error = (...words) => probe.problems.push(words.join(" "));
addEventListener("load", () => setTimeout(() => {
  const box = id => document.getElementById(id).getBoundingClientRect();
  probe.height = document.documentElement.scrollHeight;
  probe.width = document.documentElement.scrollWidth;
  probe.figure = document.querySelector("#summary img").getBoundingClientRect().bottom;
  probe.drawn = [...document.images].every(image => image.src);
  location.hash = "PLACE";
  setTimeout(() => {
    const place = document.getElementById("PLACE");
    probe.revealed = place.checkVisibility({contentVisibilityAuto: true});
    document.getElementById("results").open = true;
    const cells = [...document.querySelectorAll("#table-results tbody tr:first-child td")];
    probe.cells = cells.map(cell => [cell.getBoundingClientRect().right, cell.dataset.name || ""]);
    dispatchEvent(new Event("beforeprint"));
    probe.folded = document.querySelectorAll("main details:not([open])").length;
    dispatchEvent(new Event("afterprint"));
    probe.foldedAgain = document.querySelectorAll("main details:not([open])").length;
    document.documentElement.dataset.probe = JSON.stringify(probe);
  }, 400);
}, 600));
</script>"""


def documents() -> list[StudyDoc]:
    return [
        surface_adsorption(),
        surface_adsorption("Li3Mg7(001):1", -1.99, "Mg"),
        diffusion_document(),
        charge_document(),
    ]


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    return write_report("page", documents(), {}, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def tree(index) -> html.HtmlElement:
    return html.fromstring(index.read_text(encoding="utf-8"))


def probed(index: Path, folder: Path, width: int, place: str) -> dict:
    """What a browser of this width finds on the page."""
    page = folder / f"{width}.html"
    text = index.read_text(encoding="utf-8")
    page.write_text(text.replace("<head>", "<head>" + PROBE.replace("PLACE", place), 1), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
               "--virtual-time-budget=4000", f"--window-size={width},900", "--dump-dom", page.as_uri()]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    (found,) = html.fromstring(dom).xpath("/html/@data-probe")
    return json.loads(found)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1400, 500])  # Chromium has no narrower window; the layout of phones starts at 700
def test_in_a_browser(index, tmp_path, width):
    found = probed(index, tmp_path, width, f"study-{documents()[2].document_id}")
    assert found["problems"] == []
    assert found["height"] < 3000
    assert found["width"] <= width, "nothing sticks out to the right"
    assert found["drawn"], "every drawing was unpacked"
    assert found["revealed"], "a link opens the folds around its place"
    assert found["folded"] == 0, "printed unfolded"
    assert found["foldedAgain"] > 0, "and folded again afterwards"
    if width == 1400:
        assert found["figure"] < 900, "summary and figure without scrolling"
    else:
        assert all(right <= width for right, _ in found["cells"])
        assert found["cells"][3][1] == "value", "each value stands beside its heading"


@pytest.mark.slow
def test_the_summary_comes_first_and_all_else_is_folded(tree):
    verdicts = [element.text_content() for element in tree.find_class("verdict")]
    assert verdicts[0] == "Binding energy of Li: −1.990 eV on Li3Mg7(001):1 to −1.523 eV on Li(001) [gpaw-standard]."
    assert verdicts[2] == "Barrier of Li from cell to cell: 0.131 eV on Li(001) [gpaw-standard]."
    first = [child.get("id") or child.tag for child in tree.xpath("//main/*")][:3]
    assert first[:2] == ["header", "summary"]
    assert not [box for box in tree.find_class("chapter") if box.get("open") is not None]
    contents = tree.xpath("//nav//a/@href")
    assert [link[1:] for link in contents if link != "#summary"] == [
        box.get("id") for box in tree.xpath("//main/details[@id]")
    ]


@pytest.mark.slow
def test_every_figure_lies_on_the_page_once(index, tree):
    sources = [*tree.xpath("//img/@src"), *tree.xpath("//img/@data-packed")]
    assert len(sources) == len(set(sources)) == len(list((index.parent / "figures").glob("*.svg")))
    assert index.stat().st_size < 3_500_000


def test_a_short_report_is_the_summary_and_the_numbers(tmp_path):
    index = write_report("page", documents(), {}, tmp_path, short=True)
    tree = html.fromstring(index.read_text(encoding="utf-8"))
    assert len(tree.xpath("//img")) == len(list((tmp_path / "figures").glob("*.png"))) == 1
    assert [box.get("id") for box in tree.xpath("//main/details")] == ["warnings", "results"]
    assert not [
        link for link in tree.xpath("//a/@href") if link.startswith("#") and not tree.xpath(f"//*[@id='{link[1:]}']")
    ]
    assert index.stat().st_size < 200_000


@pytest.fixture
def database(monkeypatch):
    made = [
        adsorption_document(campaign="old", document_id="a", system="Cu(111)"),
        adsorption_document(campaign="new", document_id="b", system="Li(001):0"),
        adsorption_document(campaign="new", document_id="c", system="Li(001):1"),
        adsorption_document(campaign="new", document_id="d", system="Li(110)"),
    ]
    monkeypatch.setattr(
        "anodeflow.database.query.study_documents",
        lambda campaign=None, edition=None: [each for each in made if campaign in (None, each.campaign)],
    )
    monkeypatch.setattr("anodeflow.database.query.calculation_documents", lambda ids: {})


@pytest.mark.parametrize(
    ("asked", "shown"),
    [(["Li(001)"], {"Li(001):0", "Li(001):1"}), (["Li(110)", "Li(001):1"], {"Li(110)", "Li(001):1"})],
)
def test_command_shows_some_systems_of_the_latest_campaign(database, tmp_path, asked, shown):
    report(output=tmp_path, latest=True, short=True, system=asked)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r"Li\(\d+\)(?::\d)?(?=</td>)", text)) == shown
    assert f"{', '.join(asked)} only" in text


def test_systems_and_campaigns_that_are_not_there_are_named(database, tmp_path):
    with pytest.raises(InputError, match=r"no results of system 'Li\(111\)'; there are Li\(001\):0, Li\(001\)"):
        report("new", output=tmp_path, system=["Li(111)"])
    with pytest.raises(InputError, match="--latest chooses the campaign"):
        report("new", output=tmp_path, latest=True)


@pytest.mark.parametrize(("values", "shown"), [([None, None], ["hop"]), ([None, 0.0], ["hop", "worth"])])
def test_a_column_that_nobody_knows_stands_in_the_file_alone(values, shown):
    columns = [Column("hop", "hop"), Column("worth", "which is worth", "eV", 3, if_known=True)]
    table = Table("hops", columns, [{"hop": hop, "worth": value} for hop, value in enumerate(values)])
    assert [column.key for column in table.shown] == shown
    assert table.csv().splitlines()[0] == "hop,worth (eV)"


def test_verdicts_say_the_lowest_and_the_highest():
    assert span([("A", 0.2), ("B", -0.1), ("C", 0.1)], "eV") == "−0.100 eV on B to 0.200 eV on A"
    assert span([("A", 0.2)], "eV") == "0.200 eV on A"
    assert listed(list("abcdef")) == "a, b, c, d and 2 more"


def test_a_large_campaign_has_a_page_for_each_system(tmp_path, monkeypatch):
    monkeypatch.setattr("anodeflow.report.pages.MANY", 2)
    made = documents()
    index = write_report("large", made, {}, tmp_path, pictures=0)
    pages = {file: html.fromstring(file.read_text(encoding="utf-8")) for file in (tmp_path / "systems").glob("*.html")}
    assert len(pages) == len({each.system for each in made})
    pages[index] = html.fromstring(index.read_text(encoding="utf-8"))
    places = {file.resolve(): set(tree.xpath("//@id")) for file, tree in pages.items()}
    for file, tree in pages.items():
        for link in tree.xpath("//a/@href"):
            path, mark, anchor = link.partition("#")
            if not path.startswith(("data:", "https:")):
                there = (file.parent / path).resolve() if path else file.resolve()
                assert there in places
                assert not mark or anchor in places[there], f"{file.name}: {link}"
    studies = {f"study-{each.document_id}" for each in made}
    assert not studies & places[index.resolve()], "the index leads to them"
    assert all(sum(study in ids for ids in places.values()) == 1 for study in studies)
