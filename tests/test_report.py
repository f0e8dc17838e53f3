"""The report: what its page says, that it needs no other file, and that its tables hold the same numbers."""

import csv
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atom
from ase.build import bcc100
from factories import adsorption_document
from lxml import html
from matplotlib.image import imread
from pymatgen.core import Lattice, Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.cli.report import report
from anodeflow.core.errors import InputError
from anodeflow.report.build import write_report
from anodeflow.report.drawing import limited
from anodeflow.report.page import Part, Scene, Section
from anodeflow.report.reference import load_reference, shipped_references
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.report import _with_ties

DOI = "10.1002/adfm.202009712"
ATOM_ENERGY, BULK_ENERGY, SLAB_ENERGY = -0.2871, -1.9043, -28.5127


def slab_with(position: tuple[float, float, float] | None) -> Structure:
    """p(2x2) Li(001), four layers, the lower two fixed, with an adatom at a fractional position in the plane."""
    atoms = bcc100("Li", (2, 2, 4), a=3.44, vacuum=7.5)
    free = [bool(z > atoms.positions[:, 2].mean()) for z in atoms.positions[:, 2]]
    if position is not None:
        x, y, height = position
        atoms.append(Atom("Li", (6.88 * x, 6.88 * y, atoms.positions[:, 2].max() + height)))
        free.append(True)
    return Structure(
        Lattice(np.array(atoms.cell), pbc=(True, True, False)),
        atoms.get_chemical_symbols(),
        atoms.positions,
        coords_are_cartesian=True,
        site_properties={"selective_dynamics": [[flag] * 3 for flag in free]},
    )


def adsorption(**changes) -> tuple[AdsorptionDoc, dict[str, CalculationDoc]]:
    """An adsorption study of Li on Li(001) with three sites, of which one fell into another, and its calculations."""
    changes = {"system": "Li(001)", "backend": "gpaw-standard", "settings_hash": "a1b2c3d4e5f60718"} | changes
    tag = f"{changes['system']}-{changes['backend']}"
    settings = {"functional": "PBE", "cutoff": 350.0, "relaxation": {"force_threshold": 0.03}}
    starts = [("onefold", 0.0, 2.9), ("bridge", 0.25, 2.3), ("fourfold hollow", 0.25, 1.7)]
    ends = [
        ("onefold", 0.0, 2.75, -1.2014),
        ("fourfold hollow", 0.25, 1.66, -1.5231),
        ("fourfold hollow", 0.25, 1.66, -1.5234),
    ]
    sites = []
    for index, ((label, x, start_height), (final, y, height, energy)) in enumerate(zip(starts, ends, strict=True)):
        start = slab_with((x, 0.0 if index == 1 else x, start_height))
        end = slab_with((y, y, height))
        sites.append(
            {
                "site": index,
                "label": label,
                "multiplicity": (4, 8, 4)[index],
                "initial_position": start.cart_coords[-1].tolist(),
                "final_position": end.cart_coords[-1].tolist(),
                "final_label": final,
                "coordination": (1, 4, 4)[index],
                "neighbours": {"Li": (1, 4, 4)[index]},
                "height": height,
                "displacement": 1.72 if index == 1 else 0.0,
                "state": "moved" if index == 1 else "stayed",
                "converged": True,
                "merged_into": 2 if index == 1 else None,
                "binding_energy": energy,
                "binding_energy_bulk": energy + ATOM_ENERGY - BULK_ENERGY,
                "structure": end,
            }
        )
    ids = {step: f"{step.replace(' ', '')}-{tag}" for step in ("bulk", "atom", "slab", "site 0", "site 1", "site 2")}
    document = AdsorptionDoc.model_validate(
        {
            "document_id": f"doc-{tag}",
            "campaign": "quickstart",
            "reference": DOI,
            "code": "gpaw 26.7.0",
            "settings": settings,
            "calculation_ids": ids,
            "adsorbate": "Li",
            "formula": "Li16",
            "miller": (0, 0, 1),
            "slab": slab_with(None),
            "surface_atoms": 16,
            "sites": sites,
            "most_stable": 2,
            "slab_energy": SLAB_ENERGY,
            "atom_energy": ATOM_ENERGY,
            "bulk_energy": BULK_ENERGY,
            "atom_reference_reliable": True,
        }
        | changes
    )
    calculations = {
        identity: CalculationDoc(
            id=identity,
            task="static" if step == "atom" else "relax",
            label=f"{document.system} {step}",
            backend=document.backend,
            code="gpaw",
            code_version="26.7.0",
            settings=settings,
            settings_hash=document.settings_hash,
            formula="Li17",
            initial_structure=slab_with(None),
            structure=slab_with(None),
            energy=-30.123456,
            free_energy=-30.2,
            forces=[],
            max_force=0.0241,
            converged=True,
            ionic_steps=7,
            force_evaluations=8,
            scf_cycles=93,
            wall_time=612.34,
            directory=f"/scratch/calculations/{identity}",
            finished_at="2026-11-23T12:00:00+00:00",
        )
        for step, identity in ids.items()
    }
    return document, calculations


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """Folder of the report of one study whose calculations are in the database."""
    document, calculations = adsorption()
    return write_report("quickstart", [document], calculations, tmp_path_factory.mktemp("report")).parent


def page(folder: Path) -> html.HtmlElement:
    return html.fromstring((folder / "index.html").read_text(encoding="utf-8"))


def cells(tree: html.HtmlElement, table: str) -> list[list[str]]:
    """Texts of the rows of the table whose CSV file is called `table`, without the lines below rows."""
    rows = tree.xpath(f'//table[@id="table-{table}"]/tbody/tr[not(contains(@class, "below") and td[@colspan])]')
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("td")] for row in rows]


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_results_beside_the_paper(written):
    tree = page(written)
    atom, bulk = cells(tree, "results")
    assert atom[:9] == [
        "Li(001)",
        "binding_energy",
        "fourfold hollow",
        "−1.523",
        "−1.44",
        "−0.08",
        "eV",
        "not varied",
        "Zhang 2021, Fig. S12A",
    ]
    assert bulk[1:7] == ["binding_energy_bulk", "fourfold hollow", "0.094", "–", "–", "eV"]
    assert atom[9] == "gpaw-standard"
    assert atom[10] == "a1b2c3d4"


def test_answer_in_words(written):
    answer = page(written).find_class("answer")[0].text_content()
    assert answer.startswith("Li binds to Li(001) by −1.523 eV (isolated atom) at the fourfold hollow [gpaw-standard]")
    assert "0.08 eV stronger than the −1.44 eV of Zhang 2021" in answer
    assert "against bulk Li it is +0.094 eV" in answer
    assert "The next distinct site lies 322 meV higher." in answer  # site 1 fell into site 2 and does not count


@pytest.mark.slow
def test_weaker_than_the_paper_says_so(tmp_path):
    document, calculations = adsorption(most_stable=0)  # −1.2014 eV at the onefold site
    index = write_report("quickstart", [document], calculations, tmp_path)
    tree = page(index.parent)
    assert cells(tree, "results")[0][3:6] == ["−1.201", "−1.44", "+0.24"]
    assert "0.24 eV weaker than the −1.44 eV" in tree.find_class("answer")[0].text_content()


def test_sites_table(written):
    (file,) = (written / "tables").glob("sites-*.csv")
    shown = cells(page(written), file.stem)
    assert shown[1] == [
        "1",
        "bridge",
        "fourfold hollow",
        "moved, 1.72 Å",
        "8",
        "4 Li",
        "1.66",
        "1.72",
        "−1.523",
        "0.094",
        "2",
        "yes",
    ]
    assert [row[0] for row in shown] == ["0", "1", "2"]
    marked = page(written).xpath(f'//table[@id="table-{file.stem}"]//tr[@class="marked"]/td[1]')
    assert [cell.text_content() for cell in marked] == ["2"]


def test_every_link_leads_somewhere_and_nothing_is_loaded(written):
    tree = page(written)
    anchors = set(tree.xpath("//@id"))
    targets = [*tree.xpath("//@href"), *tree.xpath("//@src")]
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith(("data:image/webp;base64,", "data:text/csv;charset=utf-8;base64,")):
            assert target == f"https://doi.org/{DOI}"
    assert not tree.xpath("//script/@src | //link | //iframe")
    assert "url(" not in tree.xpath("string(//style)")
    assert "@import" not in tree.xpath("string(//style)")


def test_numbers_lead_to_their_calculations(written):
    tree = page(written)
    document, _ = adsorption()
    row = tree.xpath('//table[@id="table-results"]/tbody/tr')[0]
    ids = document.calculation_ids
    assert row.xpath("td[last()]/a/@href") == [f"#calc-{ids[step]}" for step in ("site 2", "slab", "atom")]
    assert row.xpath("td[4]/a/@href") == [f"#calc-{ids['site 2']}"]
    calculation = tree.xpath(f'//tr[@id="calc-{ids["site 2"]}"]')[0]
    for text in ("Li(001) site 2", "gpaw 26.7.0", "−30.1235", "0.024", "93", "612.3"):
        assert text in calculation.text_content()
    for text in (f"id: {ids['site 2']}", "2026-11-23 12:00:00", f"folder: /scratch/calculations/{ids['site 2']}"):
        assert text in calculation.getnext().text_content()


def test_csv_holds_all_digits(written):
    document, calculations = adsorption()
    results = read_csv(written / "tables" / "results.csv")
    for row, stored in zip(results, document.rows(), strict=True):
        assert (row["system"], row["property"], float(row["ours"])) == (stored.system, stored.property, stored.value)
    assert float(results[0]["difference"]) == pytest.approx(-1.5234 + 1.44, abs=1e-12)
    assert results[1]["paper"] == ""
    (file,) = (written / "tables").glob("sites-*.csv")
    for row, site in zip(read_csv(file), document.sites, strict=True):
        assert float(row["height (Å)"]) == site.height
        assert float(row["binding_energy_bulk (eV)"]) == site.binding_energy_bulk
    stored_energies = {
        row["id"]: float(row["energy (eV)"]) for row in read_csv(written / "tables" / "calculations.csv")
    }
    assert stored_energies == {identity: found.energy for identity, found in calculations.items()}


def test_settings_are_listed(written):
    assert ["relaxation.force_threshold", "eV/Å", "0.03"] in cells(page(written), "settings")
    assert ["cutoff", "eV", "350"] in cells(page(written), "settings")


def test_figures_are_there(written):
    names = {file.stem.partition("-Li-001")[0] for file in (written / "figures").iterdir()}
    assert names == {"levels", "sites", "configuration"}
    pictures = sorted((written / "figures").glob("*.png"))
    assert len(pictures) == 5
    assert len(list((written / "figures").glob("*.svg"))) == 5
    for file in pictures:
        width, height = struct.unpack(">II", file.read_bytes()[16:24])
        assert width >= 500
        assert height >= 400
    configuration = next(file for file in pictures if file.name.startswith("configuration"))
    assert struct.unpack(">I", configuration.read_bytes()[16:20]) == (1100,)  # 5.5 inches of 200 pixels
    assert np.ptp(imread(configuration)[..., :3], axis=(0, 1)).min() > 0.5  # drawn, not blank


@pytest.mark.slow
def test_same_report_twice_gives_the_same_figures(written, tmp_path):
    document, calculations = adsorption()
    write_report("quickstart", [document], calculations, tmp_path)
    for file in (written / "figures").iterdir():
        assert (tmp_path / "figures" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.slow
def test_warnings_stand_before_the_results(tmp_path):
    document, calculations = adsorption(
        backend="gpaw-demo",
        warnings=["site 0 (onefold): the relaxation did not converge"],
        atom_reference_reliable=False,
    )
    document.sites[0].converged = False
    unconverged = document.calculation_ids["site 0"]
    calculations[unconverged] = calculations[unconverged].model_copy(update={"converged": False, "max_force": 0.31})
    del calculations[document.calculation_ids["atom"]]
    tree = page(write_report("quickstart", [document], calculations, tmp_path).parent)
    (box,) = tree.find_class("warnings")
    text = box.text_content()
    assert "gpaw-demo: demo accuracy" in text
    assert "site 0 (onefold): the relaxation did not converge" in text
    assert "the largest force left is 0.310 eV/Å" in text
    assert "not in the database" in text
    assert "so the value against one is not to be used" in tree.find_class("answer")[0].text_content()
    assert [cell.text_content() for cell in tree.find_class("bad")] == ["no", "no"]  # the site and its calculation
    assert tree.xpath(f'//tr[@id="calc-{document.calculation_ids["atom"]}"]')  # its number keeps an anchor


def test_what_many_studies_are_warned_of_stands_once(tmp_path):
    told = "energies by a potential that nobody compared with DFT"
    studies = [adsorption(system=f"Li{n}(001)", document_id=f"{n}" * 8, warnings=[told]) for n in range(1, 4)]
    calculations = {key: value for _, some in studies for key, value in some.items()}
    tree = page(write_report("test", [document for document, _ in studies], calculations, tmp_path).parent)
    (box,) = tree.find_class("warnings")
    (item,) = box.xpath(".//li")
    assert item.text_content().startswith(
        f"Li1(001), Li2(001), Li3(001) (gpaw-standard): {told}: Li1(001) adsorption, "
    )
    assert [link.get("href") for link in item.xpath(".//a")] == [f"#study-{f'{n}' * 8}" for n in range(1, 4)]
    assert box.xpath("string(./summary)").endswith(": 1 warning")


def test_no_warning_box_without_warnings(written):
    assert not page(written).find_class("warnings")


@pytest.mark.slow
def test_several_systems_and_settings(tmp_path):
    made = [
        adsorption(),
        adsorption(backend="mlip", settings_hash="ffee00112233", settings={"model": "7net-l3i5"}),
        adsorption(system="LiH(001)"),
        adsorption(system="Li3Mg7(001):1"),
    ]
    made[2][0].sites[2].binding_energy = -1.6  # the paper has it weaker than on Li(001)
    made[3][0].sites[2].binding_energy = -1.9
    documents = [document for document, _ in made]
    calculations = {identity: found for _, some in made for identity, found in some.items()}
    tree = page(write_report("all", documents, calculations, tmp_path).parent)
    papers = [row[4] for row in cells(tree, "results") if row[1] == "binding_energy"]
    assert papers == ["−1.44", "−1.44", "−0.75", "−1.94"]  # a termination is compared with its plane
    assert tree.find_class("answer")[-1].text_content() == (
        "From the strongest to the weakest binding of Li [gpaw-standard]: Li3Mg7(001), LiH(001), Li(001); "
        "in the paper Li3Mg7(001), Li(001), LiH(001)."
    )
    titles = [heading.text_content() for heading in tree.xpath("//h3")]
    assert "Li on Li(001) — gpaw-standard · a1b2c3d4" in titles
    assert "Li on Li(001) — mlip · ffee0011" in titles
    assert ["model", "–", "–", "7net-l3i5"] in [row[:4] for row in cells(tree, "settings")]
    assert (tmp_path / "figures" / "binding-energies-Li.png").is_file()


def test_bindings_that_nothing_tells_apart_are_in_no_order():
    ranked = [("Li3Mg7(001)", -1.5), ("Cu3Au(001)", -1.204), ("Cu(001)", -1.2), ("LiH(001)", -1.193)]
    assert _with_ties(ranked) == ("Li3Mg7(001), Cu3Au(001) and Cu(001) (within 10 meV of each other), LiH(001)")


@pytest.mark.slow
def test_another_adatom_is_not_compared_with_the_paper(tmp_path):
    document, calculations = adsorption(adsorbate="Na")
    tree = page(write_report("sodium", [document], calculations, tmp_path).parent)
    assert cells(tree, "results")[0][4:6] == ["–", "–"]
    assert "Zhang" not in tree.text_content()


@pytest.mark.slow
def test_a_paper_stands_beside_the_results_only_where_it_is_named(tmp_path):
    document, calculations = adsorption(reference=None)
    tree = page(write_report("own", [document], calculations, tmp_path / "own").parent)
    assert "Zhang" not in tree.text_content()
    head = [cell.text_content() for cell in tree.xpath('//table[@id="table-results"]/thead//th')]
    assert head[:4] == ["system", "property", "where", "value"]
    assert "paper" not in " ".join(head)
    index = write_report("own", [document], calculations, tmp_path / "named", reference=load_reference(DOI))
    tree = page(index.parent)
    order = tree.xpath("//main/*/@id")
    assert order.index("results") < order.index("section-1") < order.index("papers"), "our own results stand first"


@pytest.mark.slow
def test_names_are_escaped(tmp_path):
    document, calculations = adsorption(system="<b>Li</b>(001)", warnings=["<img src=x>"])
    index = write_report("<script>alert(1)</script>", [document], calculations, tmp_path)
    tree = page(index.parent)
    assert tree.xpath("string(//h1)") == "<script>alert(1)</script>"
    assert not tree.xpath("//b | //img[@src='x']")
    assert not [script for script in tree.xpath("//script") if script.text.startswith("alert")]
    assert cells(tree, "results")[0][0] == "<b>Li</b>(001)"


def test_a_campaign_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="'empty' has no finished study"):
        write_report("empty", [], {}, tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    document, calculations = adsorption()
    with pytest.raises(InputError, match=r"cannot write the report to .*file"):
        write_report("quickstart", [document], calculations, tmp_path / "file")


def test_missing_matplotlib_names_the_pip_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    document, calculations = adsorption()
    with pytest.raises(InputError, match=r"need matplotlib: .*pip install"):
        write_report("quickstart", [document], calculations, tmp_path)


@pytest.mark.parametrize(
    ("system", "property", "value", "unit"),
    [
        ("Li3Mg7(001)", "binding_energy", -1.94, "eV"),
        ("Li3Mg(001)", "binding_energy", -1.78, "eV"),
        ("Li(001)", "binding_energy", -1.44, "eV"),
        ("LiH(001)", "binding_energy", -0.75, "eV"),
        ("Li3Mg7(001)", "charge_donated", 0.82, "e"),
        ("Li3Mg(001)", "charge_donated", 0.79, "e"),
        ("Li(001)", "charge_donated", -1.62, "e"),
        ("LiH(001)", "charge_donated", None, "e"),
        ("Li3Mg7(001)", "barrier_forward", 0.27, "eV"),
        ("Li3Mg(001)", "barrier_forward", 0.17, "eV"),
        ("Li(001)", "barrier_forward", 0.045, "eV"),
        ("LiH(001)", "barrier_forward", 0.040, "eV"),
        ("Li3Mg7/Li", "exchange_energy", None, "eV"),
        ("Li3Mg/Li", "vacancy_energy", None, "eV"),
    ],
)
def test_values_of_the_paper(system, property, value, unit):
    found = load_reference(DOI).value(system, property)
    assert (found.value, found.unit) == (value, unit)
    assert found.figure or found.note


def test_references_by_doi_and_by_file(tmp_path):
    reference = load_reference(f"https://doi.org/{DOI.upper()}")
    assert reference in shipped_references()
    assert reference.value("Li 001", "binding_energy") is None
    assert reference.value("Li3Mg(001):0", "binding_energy").value == -1.78
    with pytest.raises(InputError, match=rf"no reference values for '10.1000/none': use one of {re.escape(DOI)}"):
        load_reference("10.1000/none")
    with pytest.raises(InputError, match="cannot read the reference file"):
        load_reference(str(tmp_path / "absent.reference.yaml"))
    bad = tmp_path / "bad.reference.yaml"
    bad.write_text("doi: 10.1/x\nname: [\n")
    with pytest.raises(InputError, match=r"bad.reference.yaml, line 3 is not valid YAML"):
        load_reference(str(bad))
    bad.write_text("doi: 10.1/x\nname: X\ncitation: X\nvalues:\n - {system: Li, property: a, value: much, unit: eV}\n")
    with pytest.raises(InputError, match=r"values\.0\.value: .*number"):
        load_reference(str(bad))


@pytest.fixture
def database(monkeypatch):
    """A database with the campaigns quickstart and sodium, behind the functions that the command calls."""
    made = [adsorption(), adsorption(campaign="sodium", adsorbate="Na", system="Na(001)")]

    def studies(campaign=None, edition=None):
        return [document for document, _ in made if campaign in (None, document.campaign)]

    def calculations(ids):
        wanted = set(ids)
        return {i: found for _, some in made for i, found in some.items() if i in wanted}

    monkeypatch.setattr("anodeflow.database.query.study_documents", studies)
    monkeypatch.setattr("anodeflow.database.query.calculation_documents", calculations)
    return made


def test_command_writes_the_only_campaign(database, tmp_path, capsys):
    del database[1]
    report(output=tmp_path / "out")
    assert capsys.readouterr().out.strip() == f"The report of quickstart is {tmp_path / 'out' / 'index.html'}"
    assert "−1.523" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_command_lists_campaigns(database, tmp_path):
    with pytest.raises(InputError, match="several campaigns: name one of quickstart, sodium"):
        report(output=tmp_path)
    with pytest.raises(InputError, match="no results of campaign 'zinc'; there are quickstart, sodium"):
        report("zinc", output=tmp_path)
    database.clear()
    with pytest.raises(InputError, match="no campaign; it holds none yet"):
        report(output=tmp_path)


@pytest.mark.slow
def test_a_large_report_draws_some_of_its_pictures_and_says_so(tmp_path):
    documents = [adsorption_document(document_id=f"document-{n}", system=f"Li(001) {n}") for n in range(50)]
    told: list[str] = []
    index = write_report("many", documents, {}, tmp_path, tell=told.append, pictures=2)
    text = index.read_text(encoding="utf-8")
    assert "Pictures are shown of the first 2 of 50 studies here: anodeflow report --pictures 50 draws all." in text
    assert {name.partition(" (")[2] for name in told if name.startswith("Adsorption: ")} == {"1 of 2)", "2 of 2)"}
    drawn = {path.stem.partition("-Li-001-")[2].partition("-")[0] for path in (tmp_path / "figures").glob("levels-*")}
    assert len(list((tmp_path / "figures").glob("levels-*.svg"))) == 2, drawn
    assert all(f'id="study-document-{n}"' in text for n in range(50)), "tables of all of them"
    assert len(list((tmp_path / "tables").glob("sites-*.csv"))) == 50


@pytest.mark.parametrize(("studies", "asked", "shown"), [(40, None, 40), (41, None, 10), (41, 41, 41), (3, 0, 0)])
def test_how_many_pictures_a_report_shows(studies, asked, shown):
    parts = [Part(f"study-{n}", f"system {n}", "", scenes=[Scene("scene", "", "", {})]) for n in range(studies)]
    (section,) = limited([Section("Adsorption", [], "How to read it.", parts)], asked)
    assert sum(len(part.scenes) for part in section.parts) == shown
    assert ("Pictures are shown" in section.explanation) == (shown < studies)
