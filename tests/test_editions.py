"""A campaign that is edited and run again: every edition is whole, and each is shown alone."""

import json

import pytest

from anodeflow.campaign.model import Campaign
from anodeflow.core.errors import InputError
from anodeflow.database.query import calculation_documents, result_rows, study_documents

TEXT = """
name: edited
backend: emt
systems:
  - {{name: Al(001), structure: Al, layers: {layers}, vacuum: 8, min_width: 4.5}}
studies:
  - adsorption: {{adsorbate: {adsorbate}, sites: {sites}}}
"""


def write(file, layers=3, adsorbate="Al", sites="[hollow]", head=""):
    file.write_text(head + TEXT.format(layers=layers, adsorbate=adsorbate, sites=sites))
    return Campaign.from_file(file)


def test_an_edition_is_what_is_asked_for(tmp_path):
    file = tmp_path / "edited.yaml"
    first = write(file)
    assert write(file, head="description: other words\n").edition() == first.edition()
    assert write(file, head="prescreen:\n").edition() == first.edition()
    editions = {first.edition(), write(file, layers=4).edition(), write(file, sites="[bridge]").edition()}
    assert len(editions) == 3


def test_a_structure_file_that_changes_makes_another_edition(tmp_path):
    from anodeflow.structures.bulk.catalogue import load_structure

    crystal = load_structure("Al")
    crystal.to(str(tmp_path / "mine.cif"))
    file = tmp_path / "edited.yaml"
    file.write_text(TEXT.format(layers=3, adsorbate="Al", sites="all").replace("structure: Al", "structure: mine.cif"))
    before = Campaign.from_file(file).edition()
    crystal.apply_strain(0.01).to(str(tmp_path / "mine.cif"))
    assert Campaign.from_file(file).edition() != before


def test_jobs_of_one_edition_keep_their_uuids_and_those_of_others_have_other_ones(tmp_path):
    def uuids(campaign):
        return {job.uuid for job, _ in campaign.flow().iterflow()}

    file = tmp_path / "edited.yaml"
    first = uuids(write(file))
    assert uuids(write(file)) == first
    flow = write(file).flow()
    kept = first & uuids(write(file, layers=4))
    assert len(kept) == 2, "bulk and atom stay the same jobs; the adsorption refers to another slab"
    assert write(file, layers=4).flow().uuid == flow.uuid, "of a queue there is one place for a campaign"


@pytest.mark.slow
def test_three_editions_each_whole_each_alone(tmp_path, anodeflow):
    file = tmp_path / "edited.yaml"
    editions, calculations = [], []
    for changes in ({}, {"layers": 4}, {"layers": 4, "adsorbate": "Ag"}):
        editions.append(write(file, **changes).edition())
        assert anodeflow("run", file).status == 0
        rows = json.loads(anodeflow("query", "campaign=edited", "--format", "json").out)
        assert {row["edition"] for row in rows} == {editions[-1]}, "the latest alone, unless told"
        assert {row["adsorbate"] for row in rows} == {changes.get("adsorbate", "Al")}
        calculations.append({identifier for row in rows for identifier in row["calculation_ids"]})
    everything = result_rows({}, edition="all")
    assert len(everything) == 3 * len(rows)
    for edition, wanted in zip(editions, calculations, strict=True):
        (document,) = study_documents("edited", edition=edition[:6])
        assert set(document.calculation_ids.values()) >= wanted
        there = calculation_documents(document.calculation_ids.values())
        assert set(there) == set(document.calculation_ids.values()), "nothing of an earlier edition is gone"
        assert {row.value for row in everything if row.edition == edition} == {row.value for row in document.rows()}
    layers = [study_documents("edited", edition=edition)[0].settings["slab"]["layers"] for edition in editions]
    assert layers == [3, 4, 4]
    with pytest.raises(InputError, match=f"no edition 'zz'; there is {editions[0][:8]}, "):
        study_documents("edited", edition="zz")
    # An edition that is run again is the latest again, and nothing is doubled.
    write(file, layers=4)
    assert anodeflow("run", file).status == 0
    assert {row.edition for row in result_rows({})} == {editions[1]}
    assert len(result_rows({}, edition="all")) == len(everything)
    told = anodeflow("export", "edited", "-o", tmp_path / "results.json.gz").err
    assert told.startswith(f"Edition {editions[1][:8]}, which ran last; there is also ")
    assert anodeflow("report", "edited", "--edition", "zz", "-o", tmp_path).status == 2
    assert "one edition" in anodeflow("report", "--results", "any", "--edition", "zz").err
    deleted = anodeflow("delete", "edited", "--edition", editions[1], "--yes")
    assert deleted.status == 0
    assert {row.edition for row in result_rows({}, edition="all")} == {editions[0], editions[2]}
    (document,) = study_documents("edited", edition=editions[0])
    assert set(calculation_documents(document.calculation_ids.values())) == set(document.calculation_ids.values())
    assert anodeflow("run", file).out.count("0 calculations done") == 1, "the calculations stayed"
    assert anodeflow("delete", "edited", "--yes").status == 0
    assert result_rows({}, edition="all") == []
    nothing = anodeflow("delete", "edited")
    assert (nothing.status, "nothing to delete" in nothing.err) == (2, True)
