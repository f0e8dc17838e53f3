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


def states(found):
    return [(one["edition"], one["backend"], one["state"], len(one["steps"])) for one in json.loads(found.out)]


@pytest.mark.slow
def test_status_keeps_every_edition(tmp_path, anodeflow):
    file = tmp_path / "edited.yaml"
    first = write(file).edition()
    assert anodeflow("run", file).status == 0
    second = write(file, sites="[top]").edition()
    assert anodeflow("run", file, "--budget", "0.0000001h").status == 3, (
        "what this run could not do is told of it alone"
    )
    last = write(file, sites="[bridge]").edition()
    assert anodeflow("run", file).status == 0
    told = anodeflow("status", "edited")
    titles = [line.rstrip() for line in told.out.splitlines() if line.startswith("edited on emt")]
    assert [title.split(", ")[1] for title in titles] == [
        f"edition {last[:8]}: finished", f"edition {second[:8]}", f"edition {first[:8]}"
    ]  # fmt: skip
    assert titles[2].endswith(" UTC: finished, 4 of 4 done")
    assert told.out.count("Al bulk") == 1, "the calculations of the latest only"
    overview = anodeflow("status").out
    assert [line for line in overview.splitlines() if "edited on" in line] == titles
    everything = states(anodeflow("status", "edited", "--format", "json"))
    assert [one[:3] for one in everything] == [
        (last, "emt", "finished"), (second, "emt", "budget"), (first, "emt", "finished"),
    ]  # fmt: skip
    earlier = anodeflow("status", "edited", "--edition", first[:6])
    assert earlier.out.count("Al bulk") == 1
    assert states(anodeflow("status", "edited", "--edition", first[:6], "--format", "json")) == [everything[2]]
    assert anodeflow("status", "edited", "--edition", "all").out.count("Al bulk") == 3
    wrong = anodeflow("status", "edited", "--edition", "zz")
    assert (wrong.status, wrong.err.count("\n")) == (2, 1)
    assert f"no edition 'zz'; there is {first[:8]}, {second[:8]}, {last[:8]} (the latest last)" in wrong.err
    # One that is run again is the latest again, and stands there once.
    write(file)
    assert anodeflow("run", file).status == 0
    again = states(anodeflow("status", "edited", "--format", "json"))
    assert [one[0] for one in again] == [first, last, second]
    assert sorted(again) == sorted(everything)


def test_a_run_that_was_cut_off_before_its_file_was_edited_is_kept_as_interrupted(tmp_path, anodeflow, home):
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.state import CampaignStatus, StepStatus

    file = tmp_path / "edited.yaml"
    write(file, sites="[bridge]")
    cut_off = CampaignStatus(  # by an anodeflow that noted no editions
        campaign="edited", file=str(file), backend="emt", state="running", started_at="2026-01-02T03:04:05+00:00",
        steps=[StepStatus(label="Al bulk", state="running")],
    )  # fmt: skip
    cut_off.save(get_settings().prepare().campaigns)
    assert anodeflow("run", file).status == 0
    told = anodeflow("status", "edited").out
    assert "edited on emt, edition none, earlier: began 2026-01-02 03:04 UTC: interrupted, 0 of 1 done" in told
    assert "goes on" not in told, "its file asks for something else now"
    (kept,) = json.loads(anodeflow("status", "edited", "--edition", "none", "--format", "json").out)
    assert (kept["state"], kept["steps"][0]["state"]) == ("interrupted", "interrupted")
    (kept_file,) = (home / "campaigns" / "edited.editions").glob("*.json")
    for content in (b"{", b"\xff\xfe", b"[" * 100_000):
        kept_file.write_bytes(content)
        damaged = anodeflow("status", "edited")
        assert (damaged.status, "is damaged: delete it" in damaged.err) == (0, True)
        assert "edited on emt" in damaged.out, "the state of the latest edition is told all the same"
