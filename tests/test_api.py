"""The public Python interface: what a script or a notebook starts from."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import anodeflow
from anodeflow.api.table import COLUMNS

RESULTS = Path(__file__).parents[1] / "docs" / "results"


@pytest.fixture(scope="module")
def surfaces():
    return anodeflow.load_results(RESULTS / "surfaces.json.gz")


@pytest.fixture(scope="module")
def hops():
    return anodeflow.load_results(RESULTS / "li001-six.json.gz")


@pytest.mark.parametrize("name", anodeflow.__all__)
def test_every_public_name_is_there_and_documented(name):
    found = getattr(anodeflow, name)
    assert name == "__version__" or (found.__doc__ or "").strip()
    assert name in dir(anodeflow)


@pytest.mark.slow
def test_import_costs_nothing():
    code = "import sys, anodeflow; print(sorted({'pymatgen', 'ase', 'jobflow', 'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_makers_have_one_address():
    from anodeflow import studies

    names = [name for name in dir(studies) if name.endswith("Maker")]
    assert {"AdsorptionMaker", "SurfaceEnergyMaker", "VacancyMaker"} < {*names}
    for name in names:
        assert getattr(studies, name).__name__ == name
    with pytest.raises(ImportError):
        from anodeflow.studies import NoMaker  # noqa: F401
    with pytest.raises(ImportError):
        from anodeflow.studies import MetalReferenceMaker  # noqa: F401  # a study of one job


@pytest.mark.parametrize("first", ["import anodeflow.report.build", "from anodeflow import report"])
@pytest.mark.slow
def test_report_is_a_function_whatever_was_imported_before(first):
    """The package of reports bears the same name."""
    code = (
        f"{first}\nfrom anodeflow import report\nimport anodeflow\n"
        "class Empty: documents, calculations = [], {}\n"
        "for each in (report, anodeflow.report):\n"
        "    try: each(Empty())\n"
        "    except anodeflow.AnodeflowError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.count("has no finished study") == 2, done.stderr


def test_table_is_tidy(surfaces):
    frame = surfaces.table()
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == sum(len(study.rows()) for study in surfaces)
    assert frame["value"].dtype == frame["temperature"].dtype == frame["width"].dtype == "float64"
    lithium = frame[frame["system"] == "Li(001)"]
    # The diffusion document has no Miller indices of its own: it is on the surface of the adsorption.
    assert set(lithium["miller"]) == {"0 0 1"}
    assert set(lithium["formula"]) == {"Li16"}
    assert set(lithium["width"].round(2)) == {6.88}
    assert lithium["converged"].all()
    with_temperature = frame[frame["property"] == "diffusivity"]
    assert len(with_temperature)
    assert with_temperature["temperature"].notna().all()
    assert frame[frame["property"] == "binding_energy"]["temperature"].isna().all()


def test_rows_know_their_site_and_hop(surfaces):
    frame = surfaces.table()
    bound = frame[(frame["property"] == "binding_energy") & (frame["system"] == "Li3Mg7(001)")]
    assert bound["site"].tolist() == [15], "the number that docs/results.md gives it"
    hops = frame[frame["label"].str.startswith("hop ", na=False)]
    assert len(hops)
    assert len(hops) == frame["hop"].notna().sum()
    assert hops["hop"].tolist() == [int(label.split()[1].rstrip(":")) for label in hops["label"]]
    assert frame[frame["study"] == "adsorption"]["hop"].isna().all()


def test_what_has_not_converged_is_told(hops):
    calculations = {
        number: calculation.model_copy(update={"converged": False}) for number, calculation in hops.calculations.items()
    }
    frame = anodeflow.Results(hops.documents, calculations, "a test").table()
    assert not frame["converged"].any()
    nothing_known = anodeflow.Results(hops.documents, {}, "a test").table()
    assert nothing_known["converged"].isna().all()


def test_results_are_a_sequence_that_says_what_is_not_there(surfaces):
    assert len(surfaces.select(study="adsorption")) == 4
    assert [each.system for each in surfaces.select(study="adsorption")[:2]] == ["Li(001)", "LiH(001)"]
    with pytest.raises(anodeflow.AnodeflowError, match=r"study 'adhesion' \(there is adsorption, charge, diffusion\)"):
        surfaces.select(study="adhesion")


def test_reprs_fit_a_line_and_escape(surfaces):
    calculation = next(iter(surfaces.calculations.values()))
    slab = anodeflow.build_slab("Zn", layers=3)
    for each in (surfaces, surfaces[0], anodeflow.Campaign.from_file("quickstart"), calculation, slab):
        assert len(repr(each)) < 120
        assert str(each) == repr(each)
        assert each._repr_html_().startswith("<div>")
    assert "-1.288 eV" in repr(surfaces[0])
    assert "1 surface, 0 interfaces, 1 study" in repr(anodeflow.Campaign.from_file("quickstart"))
    site = repr(surfaces[0].sites[0])
    assert "label='" in site
    assert "structure=<Li17, 17 atoms>" in site
    assert len(site) < 1500, "the numbers of a site, not every atom"
    evil = surfaces[0].model_copy(update={"system": "<script>alert(1)</script>"})
    assert "<script>" not in evil._repr_html_()


def test_slab_in_one_call():
    slab = anodeflow.build_slab("Li", (0, 0, 1), layers=6, min_width=10)
    assert (slab.structure.formula, slab.layers) == ("Li54", 6)
    crystal = anodeflow.load_structure("Li3Mg7")
    assert anodeflow.build_slab("Li3Mg7", layers=4).setting == "host (hcp)"
    assert anodeflow.build_slab(crystal, layers=4, setting="cell").setting == "cell"
    for options, words in (
        ({"layer": 3}, "no option 'layer'"),
        ({"layers": 0}, "layers: expected a number of at least 1"),
    ):
        with pytest.raises(anodeflow.AnodeflowError, match=words):
            anodeflow.build_slab("Li", **options)


@pytest.mark.slow
def test_structures_are_shown_without_network(surfaces):
    pytest.importorskip("pymatviz")
    figure = anodeflow.view(anodeflow.build_slab("Li", layers=2, min_width=0))
    assert figure.data
    assert "cdn" not in figure.to_html(include_plotlyjs=False, full_html=False)


@pytest.mark.slow
def test_campaign_from_start_to_report(tmp_path, monkeypatch, capsys):
    """Campaigns need no file; a run shows its progress, results and report need no path."""
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    campaign = anodeflow.Campaign.model_validate(
        {
            "name": "copper",
            "backend": "emt",
            "systems": [{"name": "Cu(001)", "structure": "Cu", "layers": 2, "vacuum": 6.0, "min_width": 5.0}],
            "studies": [{"adsorption": {"adsorbate": "Cu"}}],
        }
    )
    assert campaign.run(progress=True).succeeded
    assert "Cu(001): clean slab" in capsys.readouterr().out
    found = anodeflow.results("copper")
    assert set(found.table()["property"]) >= {"binding_energy", "binding_energy_bulk"}
    assert anodeflow.query(campaign="copper", property="binding_energy")["value"].item() == found[-1].binding_energy
    assert anodeflow.report(found, tmp_path / "report").is_file()
    with pytest.raises(anodeflow.AnodeflowError, match="no results of campaign 'silver'; there are copper"):
        anodeflow.results("silver")


def test_page_names_what_there_is():
    """docs/python.md has every public name, and its examples of results are right."""
    page = (RESULTS.parent / "python.md").read_text()
    missing = [
        name for name in anodeflow.__all__ if name not in ("__version__", "Results", "RunReport", "run_campaign")
    ]
    assert [name for name in missing if f"`{name}" not in page] == []
    assert {f"`{name}`" for name in ("site", "hop", "temperature", "width", "converged", "variant")} <= set(
        re.findall(r"`\w+`", page)
    )
    example = page.split("## Results\n")[1].split("\n\n`table()`")[0]
    lines = [
        line.strip().replace("docs/results", str(RESULTS)) for line in example.splitlines() if line.startswith("    ")
    ]
    exec("\n".join(lines), {})
