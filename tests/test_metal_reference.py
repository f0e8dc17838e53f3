"""Binding against the adatom's own metal: from campaign file to row, report and paper's difference."""

import json

import pytest
from factories import adsorption_document, codes, sentence

from anodeflow import Campaign
from anodeflow.core.errors import InputError
from anodeflow.database.query import study_documents
from anodeflow.report.reference import shipped_references
from anodeflow.studies.metal_reference.analysis import metal_reference_document

CAMPAIGN = """\
name: silver
backend: emt
systems:
  - {name: Ag(001), structure: Ag, layers: 3, vacuum: 8, min_width: 5}
  - {name: Al(001), structure: Al, layers: 4, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Ag, sites: [hollow]}
"""


def campaign(tmp_path, text: str = CAMPAIGN) -> Campaign:
    file = tmp_path / "silver.yaml"
    file.write_text(text)
    return Campaign.from_file(file)


@pytest.mark.slow
def test_value_is_the_difference_of_two_energies_and_needs_no_atom(tmp_path, anodeflow):
    made = campaign(tmp_path)
    report = made.run()
    assert report.succeeded, report.failures
    found = {(each.study, each.system): each for each in study_documents("silver")}
    assert set(found) == {("adsorption", "Ag(001)"), ("adsorption", "Al(001)"), ("metal_reference", "Al(001)")}
    document = found["metal_reference", "Al(001)"]
    own, metal = found["adsorption", "Al(001)"], found["adsorption", "Ag(001)"]
    assert document.binding_energy_vs_metal == pytest.approx(own.binding_energy - metal.binding_energy, abs=1e-9)
    assert document.binding_energy_vs_metal == pytest.approx(own.binding_energy_bulk - metal.binding_energy_bulk)
    assert own.calculation_ids["atom"] not in document.calculation_ids.values()
    assert len(set(document.calculation_ids.values())) == 4
    assert codes(document) == ["computed-differently"]
    assert sentence(document, "computed-differently").endswith(": layers 4 and 3")
    (row,) = json.loads(anodeflow("query", "property=binding_energy_vs_metal", "--format", "json").out)
    assert row["value"] == pytest.approx(document.binding_energy_vs_metal)
    assert (row["system"], row["study"], row["unit"]) == ("Al(001)", "metal_reference", "eV")
    (remark,) = [each for each in made.plan().remarks if "vs_metal" in each]
    assert remark == ("binding_energy_vs_metal of Ag refers to Ag(001), which differs (layers 4 and 3), on Al(001).")
    anodeflow("report", "silver", "-o", str(tmp_path / "report"))
    page = (tmp_path / "report" / "index.html").read_text()
    assert f"by {abs(row['value']):.3f} eV" in page
    assert "cluster than wet" not in page
    assert "surface wets" not in page


def test_two_surfaces_of_the_metal_need_a_name(tmp_path):
    second = "  - {name: Ag(111), structure: Ag, miller: [1, 1, 1], layers: 3, vacuum: 8, min_width: 5}\nstudies:"
    text = CAMPAIGN.replace("studies:", second)
    (remark,) = [each for each in campaign(tmp_path, text).plan().remarks if "vs_metal" in each]
    assert remark.endswith("no metal_system says which is meant: Ag(001), Ag(111).")
    named = campaign(tmp_path, text.replace("[hollow]", '[hollow], metal_system: "Ag(111)"'))
    (remark,) = [each for each in named.plan().remarks if "Al(001)" in each and "vs_metal" in each]
    assert remark.startswith("binding_energy_vs_metal of Ag refers to Ag(111)")
    names = [job.name for job, _ in named.flow().iterflow()]
    assert sorted(name for name in names if "binding against" in name) == [
        "Ag(001): binding against Ag(111)",
        "Al(001): binding against Ag(111)",
    ]
    refused = r"metal_system 'Al\(001\)' is not one surface of pure Ag .*Ag\(001\), Ag\(111\)"
    with pytest.raises(InputError, match=refused):
        campaign(tmp_path, text.replace("[hollow]", '[hollow], metal_system: "Al(001)"')).check()


def test_settings_of_an_insulators_own_are_named():
    def settings(spacing: float) -> dict:
        return {"calculation": {"kpoint_spacing": spacing, "cutoff": 400}, "slab": {"layers": 6, "min_width": 10.0}}

    metal = adsorption_document(system="Li(001)", settings=settings(0.2))
    alike = adsorption_document(system="Li3Mg(001)", settings=settings(0.2))
    insulator = adsorption_document(system="LiH(001)", settings=settings(0.3))
    assert metal_reference_document(alike, metal).warnings == []
    assert metal_reference_document(alike, metal).surface.layers == 6
    found = metal_reference_document(insulator, metal)
    assert codes(found) == ["computed-differently"]
    assert sentence(found, "computed-differently").endswith(": kpoint_spacing 0.3 and 0.2")


def test_papers_differences_are_those_of_its_binding_energies():
    (paper,) = [each for each in shipped_references() if each.doi == "10.1002/adfm.202009712"]
    lithium = paper.value("Li(001)", "binding_energy").value
    entries = [each for each in paper.values if each.property == "binding_energy_vs_metal"]
    assert [each.value for each in entries] == [-0.50, -0.34, 0.69]
    for entry in entries:
        assert entry.value == pytest.approx(paper.value(entry.system, "binding_energy").value - lithium, abs=1e-9)
