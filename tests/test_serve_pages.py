"""What the live view shows of results and documents, and hands out as files."""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from ase.io import read
from factories import CALCULATIONS, adsorption_calculations, adsorption_document, li_slab
from lxml import html
from monty.json import jsanitize
from pymatgen.core import Structure
from surface_factories import charge_document

from anodeflow.calculations.folder import CalculationFolder, append_step
from anodeflow.core.settings import get_settings
from anodeflow.database.query import result_rows
from anodeflow.database.results_file import read_results
from anodeflow.database.store import open_store
from anodeflow.execution.state import CampaignStatus, StepStatus

TestClient = pytest.importorskip("starlette.testclient").TestClient
TOKEN, PORT = "a-token-of-this-test", 8765
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


def store_documents(*documents) -> None:
    """Put documents into the database as jobs do."""
    with open_store() as store:
        outputs = [
            {
                "uuid": f"job-{number}",
                "index": 1,
                "completed_at": f"2026-01-01T00:00:{number:02}",
                "metadata": {},
                "output": jsanitize(document, strict=True),
            }
            for number, document in enumerate(documents)
        ]
        store.docs_store.update(outputs, key=["uuid", "index"])


@pytest.fixture
def visitor(monkeypatch) -> Iterator:
    """A browser that has opened the address with the token; each page waits for what is new."""
    from anodeflow.serve.app import create_app

    for name, value in {"_AGE": 0.0, "_SHARE": 0, "_PATIENCE": 60.0}.items():
        monkeypatch.setattr(f"anodeflow.serve.source.{name}", value)
    address = f"http://127.0.0.1:{PORT}"
    with TestClient(create_app(TOKEN, PORT), base_url=address, follow_redirects=False) as browser:
        browser.get(f"/?token={TOKEN}")
        yield browser


@pytest.fixture
def database() -> None:
    """Three studies of two campaigns, one of them with names that attack the page; and their calculations."""
    store_documents(
        adsorption_document(document_id="a" * 20, system="Li(001)"),
        adsorption_document(document_id="b" * 20, system="Na(110)", settings_hash="other"),
        adsorption_document(
            document_id="c" * 20, campaign=HOSTILE, system=HOSTILE, backend=HOSTILE,
            warnings=[{"code": "not-converged", "text": HOSTILE}],
        ),
        *adsorption_calculations(adsorption_document(), directory="/somewhere").values(),
    )  # fmt: skip


def shown(page) -> list[list[str]]:
    """Cells of the table of rows."""
    tree = html.fromstring(page.text)
    return [[cell.text_content().strip() for cell in row] for row in tree.xpath("//section[@id='rows']//tbody/tr")]


def test_rows_of_one_edition_are_asked_for_by_its_hash(visitor):
    store_documents(adsorption_document(edition="a" * 20), adsorption_document(edition="b" * 20))
    rows = json.loads(visitor.get("/results.json").text)
    assert {row["edition"] for row in rows} == {"b" * 20}
    for edition, found in {"a" * 20: {"a" * 20}, "aaaa": {"a" * 20}, "all": {"a" * 20, "b" * 20}}.items():
        assert {row["edition"] for row in json.loads(visitor.get(f"/results.json?edition={edition}").text)} == found
    page = html.fromstring(visitor.get(f"/results?edition={'a' * 20}").text)
    assert page.xpath("//select[@name='edition']/option[@selected]/@value") == ["a" * 20]
    assert all(f"edition={'a' * 20}" in link for link in page.xpath("//a[contains(@href, 'results.csv')]/@href"))


def test_rows_are_filtered_sorted_and_counted(visitor, database):
    everything = visitor.get("/results")
    assert "Rows 1 to 6 of 6" in everything.text
    assert [row[0] for row in shown(visitor.get("/results?system=Li*"))] == ["Li(001)"] * 2
    assert [row[0] for row in shown(visitor.get("/results?system=Li(001)&property=binding_energy"))] == ["Li(001)"]
    values = [float(row[4].replace("−", "-")) for row in shown(visitor.get("/results?sort=value"))]
    assert values == sorted(values)
    assert len(set(values)) > 1
    falling = [float(row[4].replace("−", "-")) for row in shown(visitor.get("/results?sort=-value"))]
    assert falling == sorted(values, reverse=True)
    assert [row[0] for row in shown(visitor.get("/results?warning=not-converged"))] == [HOSTILE] * 2
    assert len(shown(visitor.get("/results?warning=none"))) == 4
    assert "No result matches" in visitor.get("/results?system=K*").text


def test_a_piece_of_the_page_is_brought_to_whoever_turns_it(visitor, database):
    piece = visitor.get("/results?system=Li*", headers={"HX-Request": "true"}).text
    assert "<html" not in piece
    assert "<form" not in piece
    assert "Li(001)" in piece


def test_pages_are_turned(visitor, database, monkeypatch):
    monkeypatch.setattr("anodeflow.serve.results._PAGE", 4)
    first, second = visitor.get("/results?sort=value"), visitor.get("/results?sort=value&page=2")
    assert "Rows 1 to 4 of 6" in first.text
    assert "Rows 5 to 6 of 6" in second.text
    assert "page 2 of 2" in visitor.get("/results?page=99").text, "there are no more: the last one"
    monkeypatch.setattr("anodeflow.serve.results._PAGE", 50)
    assert shown(visitor.get("/results?sort=value")) == [*shown(first), *shown(second)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("colour=red", "no column &#39;colour&#39; to filter by"),
        ("sort=colour", "no column &#39;colour&#39; to sort by"),
        ("sort=value;drop table rows", "to sort by"),
        ("value=1", "to filter by"),
        *((f"page={number}", "no number of a page") for number in ("0", "-1", "x", "²", "99999999999")),
    ],
)
def test_what_cannot_be_asked_is_said(visitor, database, asked, said):
    found = visitor.get(f"/results?{asked}")
    assert found.status_code == 400
    assert said in found.text


@pytest.mark.parametrize("value", ["' OR 1=1 --", '" OR "1"="1', "\x00", "%", "_i(001)"])
def test_values_of_filters_are_values(visitor, database, value):
    assert shown(visitor.get("/results", params={"system": value})) == []


def test_rows_as_files_are_those_that_are_asked_for(visitor, database):
    found = visitor.get("/results.csv?system=Li*&sort=value")
    rows = list(csv.DictReader(io.StringIO(found.text)))
    assert [row["system"] for row in rows] == ["Li(001)"] * 2
    assert 'filename="results.csv"' in found.headers["content-disposition"]
    as_json = visitor.get("/results.json?system=Li*&sort=value").json()
    assert [row["value"] for row in as_json] == [float(row["value"]) for row in rows]
    assert as_json[0]["calculation_ids"]
    assert as_json == [row.model_dump() for row in sorted(result_rows({"system": "Li*"}), key=lambda row: row.value)]
    assert {row["schema_version"] for row in rows} == {str(as_json[0]["schema_version"])}, "a whole number"


def test_a_study_is_shown_with_its_way_to_the_calculations(visitor, database):
    tree = html.fromstring(visitor.get(f"/documents/{'a' * 20}").text)
    assert "adsorption of Li(001)" in tree.xpath("//h1")[0].text_content()
    links = tree.xpath("//a/@href")
    for identity in CALCULATIONS.values():
        assert f"/calculations/{identity}" in links
        assert visitor.get(f"/calculations/{identity}").status_code == 200
    for link in links:
        if link.startswith("/"):
            assert visitor.get(link).status_code in (200, 303), link


def test_a_study_and_its_structures_as_files(visitor, database):
    own = visitor.get(f"/documents/{'a' * 20}/document.json")
    assert json.loads(own.text)["system"] == "Li(001)"
    cif = visitor.get(f"/documents/{'a' * 20}/structures/sites-0-structure.cif")
    assert Structure.from_str(cif.text, fmt="cif").formula == li_slab(adatom=True).formula
    every = visitor.get(f"/documents/{'a' * 20}/structures/all.extxyz")
    assert len(read(io.StringIO(every.text), index=":", format="extxyz")) == 3
    assert visitor.get(f"/documents/{'a' * 20}/structures/nothing.cif").status_code == 404
    assert visitor.get(f"/documents/{'a' * 20}/structures/..%2f..%2fpasswd").status_code == 404


def test_names_of_files_are_plain(visitor, database):
    for path in (f"/documents/{'c' * 20}/document.json", f"/documents/{'c' * 20}/structures/slab.cif"):
        name = re.fullmatch(r'attachment; filename="([^"]*)"', visitor.get(path).headers["content-disposition"])[1]
        assert re.fullmatch(r"[A-Za-z0-9.-]+", name)


def test_the_results_of_a_campaign_as_a_file(visitor, database, tmp_path):
    found = visitor.get("/campaigns/test/results.json.gz")
    (tmp_path / "results.json.gz").write_bytes(found.content)
    documents, calculations = read_results(tmp_path / "results.json.gz")
    assert {each.system for each in documents} == {"Li(001)", "Na(110)"}
    assert set(calculations) == set(CALCULATIONS.values())


def test_names_cannot_become_code(visitor, database):
    status = CampaignStatus(
        campaign="attack", backend=HOSTILE, state="failed", failures=[HOSTILE], hint=HOSTILE, project=HOSTILE,
        steps=[StepStatus(label=HOSTILE, state="failed", message=HOSTILE), StepStatus(label=HOSTILE, state="running")],
    )  # fmt: skip
    status.save(get_settings().prepare().campaigns)
    for path in (
        *("/", "/campaigns/attack", "/results", f"/documents/{'c' * 20}", f"/{HOSTILE}", f"/documents/{HOSTILE}"),
        *(f"/results?system={HOSTILE}", f"/results?{HOSTILE}=1", f"/campaigns/{HOSTILE.replace('/', '%2F')}"),
    ):
        text = visitor.get(path).text
        tree = html.fromstring(text)
        assert not tree.xpath("//script[not(@src)] | //*[@onerror] | //img[@src='x'] | //*[@style]"), path
    assert HOSTILE in html.fromstring(visitor.get("/results").text).text_content()


def test_pages_name_no_other_place(visitor, database):
    for path in ("/", "/campaigns/test", "/results", f"/documents/{'a' * 20}", "/calculations/calc-slab"):
        text = visitor.get(path).text
        assert not re.findall(r"""(?:src|href|hx-get|action)=["'](?!/(?!/)|#|data:,)""", text)


def test_a_campaign_shows_its_studies_and_what_runs(visitor, database):
    identity = "0123456789abcdef0123"
    CampaignStatus(
        campaign="test", backend="emt", state="running",
        steps=[
            StepStatus(label="slab", state="finished", calculation_id="calc-slab"),
            StepStatus(label="site 0", state="running", calculation_id=identity, seconds=75.0, ionic_steps=2),
            StepStatus(label="site 1"),
            StepStatus(label="site 2", state="failed", message="the SCF did not converge"),
        ],
        failures=["site 2: the SCF did not converge"],
    ).save(get_settings().prepare().campaigns)  # fmt: skip
    folder = get_settings().calculations / identity[:2] / identity
    folder.mkdir(parents=True)
    record = folder / "steps.jsonl"
    for energy, force in ((-1.0, 0.5), (-1.25, 0.05)):
        append_step(record, {"energy": energy, "positions": [[0, 0, 0]], "forces": [[0, 0, force]], "scf_cycles": 9})
    (folder / "gpaw.txt").write_text(
        "iter:   1 15:00:00  -9.0\n|iter:   1| 15:00:00 |   -6.5 | -0.09 |\n|iter:   2| 15:00:01 |  -6.75c| -1.34 |\n"
    )
    # No process holds it: it was cut off. One that runs says so.
    assert "interrupted" in visitor.get("/campaigns/test").text
    from anodeflow.execution.state import campaign_lock

    with campaign_lock(get_settings(), "test"):
        text = visitor.get("/campaigns/test").text
        assert "running for 1:15, step 2" in text
        labels = re.findall(r'role="img" aria-label="([^"]*)"', text)
        assert labels == [
            "Energy since the first step (eV): 2 points, the last -0.25, the lowest -0.25.",
            "Largest force (eV/Å): 2 points, the last 0.05, the lowest 0.05.",
            "SCF: change of the energy (eV): 1 points, the last 0.25, the lowest 0.25.",
            "SCF cycles of each step: 2 points, the last 9, the lowest 9.",
        ]
        assert 'hx-trigger="every 2s"' in text
        for group, names in {
            "running": ["site 0"],
            "failed": ["site 2"],
            "waiting": ["site 1"],
            "done": ["slab"],
        }.items():
            tree = html.fromstring(visitor.get(f"/campaigns/test?show={group}").text)
            (jobs, _) = tree.xpath("//section[@id='live']//tbody")
            assert [row.xpath("string(th//text()[normalize-space()][1])").strip() for row in jobs] == names
        assert "the SCF did not converge" in text
        append_step(record, {"energy": -1.5, "positions": [[0, 0, 0]], "forces": [[0, 0, 0.01]], "scf_cycles": 8})
        again = re.search(r'hx-get="([^"]+)"', text)[1].replace("&amp;", "&")
        assert "3 points, the last -0.5" in visitor.get(again, headers={"HX-Request": "true"}).text
    links = html.fromstring(visitor.get("/campaigns/test").text).xpath("//a/@href")
    assert f"/documents/{'a' * 20}?campaign=test" in links
    own = visitor.get(f"/calculations/{identity}").text
    assert "3 points" in own


@pytest.mark.slow
def test_figures_and_reports_are_made_on_request(visitor, database, monkeypatch):
    # In a thread: a process of its own takes its time to start, and test_serve_browser.py has it.
    monkeypatch.setattr("anodeflow.serve.drawing.ProcessPoolExecutor", lambda number, mp_context: ThreadPoolExecutor(1))
    figures = f"/documents/{'a' * 20}/figures?campaign=test"
    wait = visitor.get(figures)
    assert "are being drawn" in wait.text
    while (again := visitor.get(figures + "&seen=1")).status_code == 204:
        time.sleep(0.2)
    tree = html.fromstring(again.text)
    sources = tree.xpath("//img/@src")
    assert sources
    for source in sources:
        found = visitor.get(source)
        assert found.headers["content-type"].startswith("image/svg+xml")
        assert "script-src" not in found.headers["content-security-policy"]
    assert json.loads(tree.xpath("//figure[@class='scene']/script")[0].text)["frames"]
    key = sources[0].split("/")[2]
    for path in ("../part.html", "..%2f..%2fpasswd", "%2e%2e/%2e%2e/passwd", "figures", ""):
        assert visitor.get(f"/made/{key}/{path}").status_code == 404
    page = visitor.get("/campaigns/test/report")
    assert "is being written" in page.text
    while (ended := visitor.get("/campaigns/test/report", headers={"HX-Request": "true"})).status_code == 204:
        time.sleep(0.2)
    place = ended.headers["HX-Redirect"]
    report = visitor.get(place)
    assert "Binding energy of Li" in report.text
    policy = report.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert visitor.get("/campaigns/test/report").headers["location"] == place


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("slab", "slab"),
        ("initial_structure", "initial structure"),
        ("sites-0-structure", "site 0"),
        ("minima-2-structure", "minimum 2"),
        ("hops-0-images-5", "hop 0, image 5"),
        ("initial_images-3", "initial image 3"),
        ("structure", "structure"),
    ],
)
def test_names_of_structures_are_words(name, words):
    from anodeflow.serve.structures import spoken

    assert spoken(name) == words


def test_a_path_that_has_ended_is_shown_from_end_to_end(visitor, tmp_path):
    from anodeflow.serve.calculations import charts
    from anodeflow.serve.watch import Records

    folder = CalculationFolder(tmp_path / "neb")
    folder.path.mkdir()
    for image in (1, 2):  # the half that symmetry leaves to be computed
        step = {"image": image, "energy": -5.0 + 0.1 * image, "free_forces": [[0.0, 0.0, 0.0]], "seconds": 1.0}
        append_step(folder.steps_file, step | {"attempt": 0, "positions": [[0.0, 0.0, 0.0]]})
    path = SimpleNamespace(image_energies=[-5.0, -4.9, -4.8, -4.9, -5.0])
    whole = [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.1), (4, 0.0)]
    for place in (folder, None):
        services = SimpleNamespace(folder=lambda _, place=place: place, records=Records())
        first = charts(services, "neb", path)[0]
        assert first.title == "Energy of the images over the first (eV)"
        assert first.points == [(n, pytest.approx(energy)) for n, energy in whole]
    services = SimpleNamespace(folder=lambda _: folder, records=Records())
    assert [n for n, _ in charts(services, "neb")[0].points] == [1, 2], "on its way: what is on record"


def test_forces_of_a_potential_have_their_threshold_too(tmp_path):
    """It runs in this process and writes no input: the line that the manual tells of was missing."""
    from anodeflow.serve.calculations import charts
    from anodeflow.serve.watch import Records

    folder = CalculationFolder(tmp_path / "relax")
    folder.path.mkdir()
    for force in (0.2, 0.05):
        step = {"energy": -5.0, "forces": [[force, 0.0, 0.0]], "seconds": 1.0}
        append_step(folder.steps_file, step | {"attempt": 0, "positions": [[0.0, 0.0, 0.0]]})
    services = SimpleNamespace(folder=lambda _: folder, records=Records())
    document = SimpleNamespace(settings={"relaxation": {"force_threshold": 0.01}})
    assert [chart.target for chart in charts(services, "relax", document)] == [None, 0.01]
    assert 'class="target"' in charts(services, "relax", document)[1].svg


def test_a_page_after_a_pause_waits_for_what_is_new(monkeypatch):
    """Asked for once in a while, it showed the rows of the time before, and so did CSV files."""
    from anodeflow.serve.source import Source

    source = Source()
    looks: list[float] = []

    def look(question) -> None:
        time.sleep(0.5)
        looks.append(time.monotonic())
        source._looked = looks[-1]

    monkeypatch.setattr(source, "_answer", look)
    source.rows()
    assert len(looks) == 1, "the first page waits"
    source._looked -= 5
    source.rows()
    assert len(looks) == 1, "somebody looks at pages: the next one has it"
    source._looking.result()
    source._looked -= 60
    source.rows()
    assert len(looks) == 3
    source._looked -= 60
    source.rows(wait=False)
    assert len(looks) == 3
    source._looking.result()


@pytest.mark.slow
def test_densities_of_a_campaign_are_drawn_at_one_value(tmp_path):
    """The page of each drew its own, and said that it was the same for all surfaces."""
    from anodeflow.serve.drawing import PART, draw_document

    one, other = charge_document(), charge_document("Mg(001)", 0.8, "Mg", document_id="e" * 20)
    one.difference.isovalue, other.difference.isovalue = 0.004, 0.002
    draw_document(tmp_path / "alone", one)
    draw_document(tmp_path / "beside", one, [other])
    alone, beside = ((tmp_path / name / PART).read_text(encoding="utf-8") for name in ("alone", "beside"))
    assert "±0.004 e/Å³" in alone
    assert "±0.002 e/Å³" in beside
    assert "Mg(001)" not in beside, "its figures are on its own page"
    assert beside.count("<img") == alone.count("<img")
