"""The command ``anodeflow compare``: two backends side by side."""

import csv
import io
import json
from pathlib import Path

import pytest
from factories import adsorbed_site, adsorption_document
from jobflow import Flow, JobStore, job, run_locally

from anodeflow.cli.compare import side_by_side
from anodeflow.database.store import open_store


def document(backend: str, lower: float = 0.0, **changes):
    """Adsorption of Li on two sites by a backend, `lower` eV below that of the factory."""
    sites = [adsorbed_site(number, binding_energy=-1.44 + 0.1 * number - lower) for number in range(2)]
    return adsorption_document(document_id=f"by-{backend}", campaign="both", backend=backend, sites=sites, **changes)


@job
def stored(content):
    return content


@pytest.fixture
def campaign(home):
    with open_store() as store:
        assert isinstance(store, JobStore)
        jobs = [stored(document("gpaw-x")), stored(document("cp2k-x", lower=0.02))]
        run_locally(Flow(jobs), store=store, ensure_success=True)


def test_every_site_has_both_numbers_and_their_difference():
    table = side_by_side([document("gpaw-x"), document("cp2k-x", lower=0.02)], ["gpaw-x", "cp2k-x"])
    rows = {(entry["property"], entry["label"]): entry for entry in table}
    assert [label for name, label in rows if name == "binding_energy"] == ["site 0, fourfold hollow", "site 1, bridge"]
    for (name, label), entry in rows.items():
        if name == "binding_energy":
            expected = -1.44 if "hollow" in label else -1.34
            assert entry["values"] == pytest.approx({"gpaw-x": expected, "cp2k-x": expected - 0.02})
            assert entry["differences"] == pytest.approx({"cp2k-x": -0.02})
            assert entry["document_ids"] == {"gpaw-x": "by-gpaw-x", "cp2k-x": "by-cp2k-x"}


def test_latest_document_of_a_backend_counts_and_gaps_stay_blank():
    old, new = document("gpaw-x", lower=0.5), document("gpaw-x")
    other = document("cp2k-x", system="Li(110)")
    table = side_by_side([old, new, other], ["gpaw-x", "cp2k-x"])
    for entry in table:
        missing = "gpaw-x" if entry["system"] == "Li(110)" else "cp2k-x"
        assert entry["values"][missing] is None
        assert entry["differences"] == {"cp2k-x": None}
    first = next(entry for entry in table if entry["property"] == "binding_energy")
    assert first["values"]["gpaw-x"] == pytest.approx(-1.44)


def test_hollows_that_one_backend_does_not_tell_apart_stand_beside_those_of_the_other():
    """A document of an older version, or a face that relaxed too far, has threefold hollows."""

    def on_111(backend, labels):
        sites = [adsorbed_site(number, label=label, final_label=label) for number, label in enumerate(labels)]
        return adsorption_document(document_id=f"by-{backend}", campaign="both", backend=backend, sites=sites)

    old, new = ["threefold hollow", "threefold hollow"], ["fcc hollow", "hcp hollow"]
    for first, second in ((old, new), (new, old)):
        table = side_by_side([on_111("gpaw-x", first), on_111("cp2k-x", second)], ["gpaw-x", "cp2k-x"])
        rows = [entry for entry in table if entry["property"] == "binding_energy"]
        assert [entry["label"] for entry in rows] == ["site 0, fcc hollow", "site 1, hcp hollow"]
        assert all(None not in entry["values"].values() for entry in rows)
    table = side_by_side([on_111("gpaw-x", new), on_111("cp2k-x", new[::-1])], ["gpaw-x", "cp2k-x"])
    assert all(None in entry["values"].values() for entry in table), "an fcc and an hcp hollow are not compared"


def test_command_prints_all_formats(campaign, anodeflow):
    table = anodeflow("compare", "both")
    assert table.status == 0
    assert "cp2k-x less gpaw-x" in " ".join(table.out.split())
    assert "-0.020" in table.out
    swapped = anodeflow("compare", "both", "-b", "cp2k-x", "-b", "gpaw-x", "--format", "json")
    entries = json.loads(swapped.out)
    assert entries[0]["differences"] == pytest.approx({"gpaw-x": 0.02})
    rows = list(csv.DictReader(io.StringIO(anodeflow("compare", "both", "-f", "csv").out)))
    assert float(rows[0]["cp2k-x less gpaw-x"]) == pytest.approx(-0.02)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("other",), "no result of a campaign 'other': run it first"),
        (("both", "-b", "vasp-x"), "no results of a backend 'vasp-x': there is gpaw-x, cp2k-x"),
        (("both", "-b", "gpaw-x"), "has results of one backend, gpaw-x"),
    ],
)
def test_what_cannot_be_compared_is_said(campaign, anodeflow, arguments, words):
    outcome = anodeflow("compare", *arguments)
    assert outcome.status == 2
    assert words in outcome.err


def test_published_results_are_compared_from_their_file(anodeflow):
    file = Path(__file__).parents[1] / "docs" / "results" / "cross-code.json.gz"
    entries = json.loads(anodeflow("compare", "--results", file, "--format", "json").out)
    assert {tuple(entry["values"]) for entry in entries} == {("cross-code-gpaw", "cross-code-cp2k")}
    first = next(entry for entry in entries if entry["property"] == "binding_energy")
    values = first["values"]
    assert first["differences"]["cross-code-cp2k"] == values["cross-code-cp2k"] - values["cross-code-gpaw"]
    named = anodeflow("compare", "cross-code", "--results", file, "--format", "csv")
    assert named.out.count("\n") == len(entries) + 1
    other = anodeflow("compare", "other", "--results", file)
    assert (other.status, "no result of a campaign 'other': there is cross-code" in other.err) == (2, True)
    assert "name a campaign" in anodeflow("compare").err
