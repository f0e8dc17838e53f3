"""Campaigns with interfaces and alloys: what `anodeflow check` says of them, and one run from file to results (EMT)."""

import json

import pytest

from anodeflow import Campaign
from anodeflow.core.errors import InputError
from anodeflow.database.query import query, study_documents
from anodeflow.structures.bulk.catalogue import load_structure

CAMPAIGN = """\
name: contacts
backend: emt
interfaces:
  - {name: Ag/Al, alloy: Ag, metal: Al, alloy_layers: 3, metal_layers: 3, vacuum: 8, min_width: 5, max_atoms: 60}
"""


@pytest.fixture
def campaign_file(tmp_path):
    """Write a campaign file with its studies."""

    def write(*studies: str, head: str = CAMPAIGN):
        file = tmp_path / "contacts.yaml"
        file.write_text(head + "\n".join(["studies:", *(f"  - {study}" for study in studies)]) + "\n")
        return file

    return write


@pytest.mark.slow
def test_check_counts_interfaces_and_orderings(anodeflow, campaign_file):
    file = campaign_file(
        "interdiffusion: {element: Ag, depth: 2}",
        "vacancy: {element: Ag, helper: Ag, barriers: false, paths: [I]}",
        "orderings: {composition: AgAl, hosts: [fcc], max_atoms: 4, rank_with: emt}",
        "electrochemistry: {ion: Al, partner: Ag}",
    )
    ended = anodeflow("check", file, "--format", "json")
    assert ended.status == 0, ended.err
    planned = json.loads(ended.out)["calculations"]
    alone = {each["label"]: each["atoms"] for each in planned if each["label"].endswith(" alone")}
    assert alone.pop("Ag/Al: Ag(0 0 1) alone") > 0
    (whole,) = [each for each in planned if each["label"] == "Ag/Al: interface"]
    assert set(alone) == {"Ag/Al: alloy alone", "Ag/Al: metal alone"}
    assert whole["atoms"] == sum(alone.values())
    assert [each["atoms"] for each in planned if "vacancy, its stops" in each["label"]] == [whole["atoms"] - 1]
    assert not [each for each in planned if each["task"] == "neb"], "no barriers were asked for"
    assert len([each for each in planned if each["group"] == "AgAl"]) == 7
    shown = anodeflow("check", file).out
    assert "and more as the run finds them" in shown


@pytest.mark.parametrize(
    ("study", "line", "words"),
    [
        ("interdiffusion: {element: Mg}", 6, "Ag/Al: its alloy Ag has no Mg, only Ag: name another element."),
        ("interdiffusion: {element: Xx}", 6, "'Xx' is no chemical element"),
        ("interdiffusion: {element: Ag, depth: 9}", 6, "its metal has 3 layers, so nothing goes to depth 9"),
        ("interdiffusion: {element: Ag, interfaces: [Ag/Cu]}", 6, "unknown interface 'Ag/Cu'; there is Ag/Al."),
        ("vacancy: {element: Ag, helper: Mg}", 6, "its alloy Ag has no Mg, only Ag: name another helper."),
        ("vacancy: {element: Ag, helper: Ag, start: outside}", 6, "start: expected 'surface' or 'interface'"),
        ("orderings: {composition: Ag3Al, max_atoms: 3, rank_with: emt}", 6, "no cell of up to 3 atoms holds AlAg3"),
        ("orderings: {composition: AgFe, max_atoms: 2, rank_with: emt}", 6, "EMT has no parameters for Fe"),
        ("orderings: {composition: AgAl, max_atoms: 2, rank_with: sevennet}", 6, "unknown backend 'sevennet'"),
        ("orderings: {composition: Qq, rank_with: emt}", 6, "composition"),
        ("electrochemistry: {ion: Al, partner: Ag}", 6, "needs orderings of at least one of their alloys"),
        ("electrochemistry: {ion: Al, partner: Al}", 6, "ion and partner are two elements"),
        ("adsorption: {adsorbate: Al}", 6, "adsorption studies surfaces, and the campaign has none"),
    ],
)
def test_wrong_study_is_a_sentence_with_its_line(anodeflow, campaign_file, study, line, words):
    ended = anodeflow("check", campaign_file(study))
    assert ended.status == 2
    assert words in ended.err
    assert f"contacts.yaml, line {line}" in ended.err
    assert "Traceback" not in ended.err


def test_equal_atoms_are_not_exchanged(anodeflow, campaign_file):
    head = CAMPAIGN.replace("alloy: Ag", "alloy: Al")
    assert head != CAMPAIGN
    ended = anodeflow("check", campaign_file("interdiffusion: {element: Al}", head=head))
    assert ended.status == 2
    assert "its metal is Al itself, and an exchange of equal atoms changes nothing" in ended.err


def test_nothing_is_exchanged_with_metal_that_is_held(anodeflow, campaign_file):
    head = CAMPAIGN.replace("vacuum: 8", "fixed_side: metal, vacuum: 8")
    ended = anodeflow("check", campaign_file("interdiffusion: {element: Ag, depth: 3}", head=head))
    assert ended.status == 2
    assert "its metal has 3 layers, 1 of them held fixed, so nothing goes to depth 3" in ended.err
    assert anodeflow("check", campaign_file("interdiffusion: {element: Ag, depth: 2}", head=head)).status == 0


def test_interface_without_a_match_or_of_an_unknown_alloy(campaign_file):
    head = CAMPAIGN.replace("max_atoms: 60", "max_atoms: 10")
    with pytest.raises(InputError, match=r"line 4: .*Ag\(0 0 1\)/Al\(0 0 1\).*at most 10 atoms.*24 atoms"):
        Campaign.from_file(campaign_file("interdiffusion: {element: Ag}", head=head)).check()
    head = CAMPAIGN.replace("alloy: Ag", "alloy: Agg")
    with pytest.raises(InputError, match=r"line 4: there is no structure .*Agg'"):
        Campaign.from_file(campaign_file("interdiffusion: {element: Ag}", head=head)).check()
    head = CAMPAIGN.replace("vacuum: 8", "vacum: 8")
    with pytest.raises(InputError, match=r"line 4: unknown key 'vacum'; did you mean vacuum"):
        Campaign.from_file(campaign_file("interdiffusion: {element: Ag}", head=head))
    campaign = Campaign.from_file(campaign_file("interdiffusion: {element: Ag}", head="name: x\nbackend: emt\n"))
    with pytest.raises(InputError, match="interdiffusion studies interfaces, and the campaign has none"):
        campaign.check()


@pytest.mark.slow
def test_campaign_runs_to_its_rows_and_its_steps_are_those_planned(campaign_file, anodeflow, tmp_path, home):
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.state import read_status

    file = campaign_file(
        "interdiffusion: {element: Ag, depth: 2, samples: 1, dilute_width: 7, there_and_back: true}",
        "vacancy: {element: Ag, paths: [I], steps: 0, samples: 1}",
        "orderings: {composition: AgAl, hosts: [fcc], max_atoms: 4, rank_with: emt}",
        "electrochemistry: {ion: Al, partner: Ag}",
    )
    campaign = Campaign.from_file(file)
    planned = [each.label for each in campaign.check() if each.number]
    report = campaign.run()
    assert report.succeeded, report.failures
    steps = {step.label: step.state for step in read_status(get_settings(), "contacts").steps}
    assert {steps[label] for label in planned} == {"finished"}, "every planned step was run under its planned name"
    rows = query(campaign="contacts")
    assert list(rows[rows.property == "exchange_energy"].label) == ["depth 1", "depth 2"]
    assert list(rows[rows.property == "extraction_energy"].label) == ["Ag, layer -3, Ag 0", "Ag(0 0 1)"]
    assert len(rows[rows.property == "dilute_limit"]) == 1
    assert {"formation_energy", "energy_above_hull", "theoretical_capacity"} <= set(rows.property)
    assert {document.study for document in study_documents("contacts")} >= {
        "interface", "interdiffusion", "orderings", "electrochemistry",
    }  # fmt: skip
    (exchanges,) = [document for document in study_documents("contacts") if document.study == "interdiffusion"]
    assert [abs(point.return_energy) < 0.005 for point in exchanges.points] == [True, True]
    again = campaign.run()
    assert again.computed == 0
    # The orderings that were kept become files that campaigns name.
    written = anodeflow("export", "contacts", "--orderings", tmp_path / "found")
    assert written.status == 0, written.err
    files = sorted((tmp_path / "found").glob("*.cif"))
    assert len(files) == 3
    assert (tmp_path / "found" / "AgAl.yaml").is_file()
    assert load_structure(str(files[0])).composition.reduced_formula == "AlAg"


@pytest.mark.slow
def test_a_study_of_interfaces_is_repeated_with_finer_parameters(anodeflow, campaign_file):
    study = "interdiffusion: {element: Ag, depth: 2, samples: 1, dilute_width: null, convergence: {vacuum: [10, 14]}}"
    file = campaign_file(study)
    planned = [each.label for each in Campaign.from_file(file).check() if each.number]
    assert any("[vacuum 14]" in label for label in planned)
    ended = anodeflow("run", file, "--quiet")
    assert ended.status == 0, ended.err
    (test,) = [each for each in study_documents("contacts") if each.study == "convergence"]
    rows = {row.label: row.value for row in test.rows()}
    # Atoms of EMT do not see each other across 10 Å of vacuum.
    assert rows
    assert all(abs(value) < 2e-3 for value in rows.values())
    refused = anodeflow("check", campaign_file(study.replace("vacuum: [10, 14]", "layers: [10]")))
    assert refused.status == 2
    assert "neither an interface nor backend emt has a number 'layers' to vary" in refused.err
