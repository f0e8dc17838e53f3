"""The results file: what it keeps, what it leaves out, and reports made from it."""

import gzip
import json
from pathlib import Path

import pytest
from factories import adsorption_calculations, calculation_document
from surface_factories import (
    alloy_diffusion,
    charge_document,
    convergence_document,
    diffusion_document,
    surface_adsorption,
)

from anodeflow import load_results
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import InputError
from anodeflow.database.results_file import read_results, write_results
from anodeflow.report.comparison import main_table
from anodeflow.studies.diffusion.hop_document import Hop

DOCS = Path(__file__).parents[1] / "docs"


def band(identity: str, hop: Hop) -> NebDoc:
    """The band of a hop."""
    energies = [point.energy - 30.0 for point in hop.profile]
    base = calculation_document(id=identity, task="neb", energy=max(energies), structure=hop.images[3])
    return NebDoc(
        **{name: getattr(base, name) for name in type(base).model_fields},
        images=hop.images, initial_images=hop.images, image_energies=energies, image_forces=[[[0.1] * 3] * 17] * 7,
        climbing_image=3, computed_images=5,
    )  # fmt: skip


@pytest.fixture
def content():
    adsorption, charge = surface_adsorption(), charge_document()
    charge.difference.cube_file = "/scratch/me/calculations/charge-1/difference.cube"
    told = "the SCF was slow, see /scratch/me/calculations/slab-Li(001)/gpaw.txt and /opt/x/y.log"
    adsorption.warnings.append(Caveat("slow", told))
    studies = [adsorption, charge, diffusion_document(), alloy_diffusion()]
    studies.append(convergence_document(adsorption, "binding_energy", adsorption.binding_energy))
    ids = {identity for study in studies for identity in study.calculation_ids.values()}
    calculations = {i: calculation_document(id=i) for i in ids}
    calculations |= adsorption_calculations(adsorption)
    density = charge.calculation_ids["density"]
    calculations[density] = calculation_document(id=density, structure=charge.structure)
    calculations["hop0-Li(001)"] = band("hop0-Li(001)", studies[2].hops[0])
    folder = "/scratch/me/calculations"
    return studies, {i: calculations[i].model_copy(update={"directory": f"{folder}/{i}"}) for i in sorted(ids)}


def test_numbers_settings_and_ids_come_back(content, tmp_path):
    studies, calculations = content
    read, found = read_results(write_results(studies, calculations, tmp_path / "deep" / "r.json.gz"))
    assert [type(study) for study in read] == [type(study) for study in studies]
    for ours, theirs in zip(read, studies, strict=True):
        # Warnings lose the folders of the machine that wrote the file.
        apart = {"warnings": []}
        assert [row.model_copy(update=apart) for row in ours.rows()] == [
            row.model_copy(update=apart) for row in theirs.rows()
        ]
        assert ours.settings == theirs.settings
        assert ours.calculation_ids == theirs.calculation_ids
    assert list(found) == list(calculations)
    for identity, calculation in calculations.items():
        assert type(found[identity]) is type(calculation)
        assert (found[identity].energy, found[identity].settings) == (calculation.energy, calculation.settings)
    assert read[1].difference.grid == studies[1].difference.grid
    ours, theirs = read[2].hops[0].images[3], studies[2].hops[0].images[3]
    assert ours.species == theirs.species
    assert ours.cart_coords == pytest.approx(theirs.cart_coords, abs=1e-4)
    assert ours.site_properties == theirs.site_properties
    assert ours.lattice.pbc == (True, True, False)


def test_nothing_says_where_it_was_computed(content, tmp_path):
    file = write_results(*content, tmp_path / "r.json.gz")
    text = gzip.decompress(file.read_bytes()).decode("utf-8")
    assert "/scratch" not in text
    assert "/opt" not in text
    studies, calculations = read_results(file)
    assert calculations["slab-Li(001)"].directory == "slab-Li(001)"
    assert studies[1].difference.cube_file == "charge-1/difference.cube"
    assert studies[0].warnings == [Caveat("slow", "the SCF was slow, see slab-Li(001)/gpaw.txt and y.log")]


def test_it_is_small_and_the_same_each_time(content, tmp_path):
    file, again = (write_results(*content, tmp_path / name) for name in ("a.json.gz", "b.json.gz"))
    assert file.read_bytes() == again.read_bytes()
    assert file.stat().st_size < 300_000
    _, calculations = read_results(file)
    neb = calculations["hop0-Li(001)"]
    assert (neb.forces, neb.image_forces, neb.initial_images) == ([], [], [])
    assert len(neb.images) == 7


def test_other_files_are_refused_in_a_sentence(content, tmp_path):
    file = write_results(*content, tmp_path / "r.json.gz")
    with pytest.raises(InputError, match=r"no results file .*absent.json.gz: write one with anodeflow export"):
        read_results(tmp_path / "absent.json.gz")
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"is no results file, or is cut short|cannot read .*Compressed file ended"):
        read_results(file)
    for stored, message in (
        ({"format": "anodeflow results", "version": 2}, "of version 2, and this anodeflow reads version 1"),
        ([1], "holds something else than results"),
        ({"format": "anodeflow results", "version": 1, "studies": [{"@class": "Path"}], "calculations": []},
         "a document that cannot be read .no document of the kind Path"),
        ({"format": "anodeflow results", "version": 1, "studies": [{"@class": "AdsorptionDoc"}], "calculations": []},
         "a document that cannot be read"),
    ):  # fmt: skip
        file.write_bytes(gzip.compress(json.dumps(stored).encode()))
        with pytest.raises(InputError, match=message):
            read_results(file)


def stored(file):
    """Content of a results file."""
    return json.loads(gzip.decompress(file.read_bytes()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda content: content["calculations"].pop(0),
            r"lacks the calculation \S+ \(.+\), on which its \S+ of .+ rests",
        ),
        (
            lambda content: content["calculations"].append(content["calculations"][0] | {"energy": -99.0}),
            "has calculation .+ twice, with other content",
        ),
        (
            lambda content: content["studies"].append(content["studies"][0] | {"slab_energy": -99.0}),
            r"has adsorption of .+ in .+ twice, with other content",
        ),
        (
            lambda content: content["studies"][0].update(most_stable=7),
            r"AdsorptionDoc: most_stable is 7, and there are",
        ),
        (lambda content: content["studies"][0].update(most_stable=-1), r"AdsorptionDoc: most_stable is -1"),
        (lambda content: content["studies"][0].update(sites=[]), r"AdsorptionDoc: most_stable is \d, and there are 0"),
        (
            lambda content: content["studies"][0].update(schema_version=99),
            r"AdsorptionDoc: it was written by a newer anodeflow \(schema 99",
        ),
        (lambda content: content["studies"][0].update(slab_energy="low"), r"AdsorptionDoc: slab_energy: Input should"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(change, words, content, tmp_path, anodeflow):
    file = write_results(*content, tmp_path / "r.json.gz")
    found = stored(file)
    change(found)
    file.write_bytes(gzip.compress(json.dumps(found).encode()))
    with pytest.raises(InputError, match=words):
        read_results(file)
    refused = anodeflow("compare", "--results", file)
    assert (refused.status, refused.err.count("\n")) == (2, 1)


def test_the_same_document_twice_is_one(content, tmp_path):
    file = write_results(*content, tmp_path / "r.json.gz")
    found = stored(file)
    found["calculations"].append(found["calculations"][0])
    file.write_bytes(gzip.compress(json.dumps(found).encode()))
    assert len(read_results(file)[1]) == len(content[1])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
def test_numbers_that_are_none_are_refused_where_they_are_read(number, content, tmp_path, anodeflow):
    file = write_results(*content, tmp_path / "r.json.gz")
    found = stored(file)
    found["calculations"][0]["energy"] = "here"
    file.write_bytes(gzip.compress(json.dumps(found).replace('"here"', number).encode()))
    for command in ("compare", "report"):
        refused = anodeflow(command, "--results", file)
        assert (refused.status, "is no number" in refused.err) == (2, True)


@pytest.mark.slow
def test_a_report_from_a_file(content, tmp_path, anodeflow):
    studies, calculations = content
    file = write_results(studies[:1], calculations, tmp_path / "r.json.gz")
    done = anodeflow("report", "--results", file, "-o", tmp_path / "out")
    assert done.status == 0
    assert done.out.strip() == f"The report of surfaces is {tmp_path / 'out' / 'index.html'}"
    assert "−1.523" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    wrong = anodeflow("report", "zinc", "--results", file, "-o", tmp_path / "out")
    assert wrong.status == 2
    assert "no results of campaign 'zinc'; there are surfaces" in wrong.err


def test_export_of_a_campaign(content, tmp_path, anodeflow, monkeypatch):
    studies, calculations = content
    monkeypatch.setattr("anodeflow.database.query.study_documents", lambda campaign=None, edition=None: studies)
    monkeypatch.setattr("anodeflow.database.query.calculation_documents", lambda ids: {i: calculations[i] for i in ids})
    done = anodeflow("export", "-o", tmp_path / "s.json.gz")
    assert done.status == 0
    assert f"{tmp_path / 's.json.gz'}: 5 studies and" in done.out
    read, found = read_results(tmp_path / "s.json.gz")
    assert len(read) == 5
    assert set(found) == {identity for study in studies for identity in study.calculation_ids.values()}


def test_an_export_is_not_called_like_another_format(content, tmp_path, anodeflow, monkeypatch):
    studies, calculations = content
    monkeypatch.setattr("anodeflow.database.query.study_documents", lambda campaign=None, edition=None: studies)
    monkeypatch.setattr("anodeflow.database.query.calculation_documents", lambda ids: {i: calculations[i] for i in ids})
    done = anodeflow("export", "-o", tmp_path / "s.db")
    assert done.status == 2
    assert "anodeflow db export --ase" in done.err
    assert not (tmp_path / "s.db").exists()


def test_counts_are_whole_numbers():
    """One negative mode is not 1.000 of them."""
    documents = load_results(DOCS / "results/al110-exchange.json.gz").documents
    rows = [row for row in main_table(documents, []).rows if row["property"] == "negative_modes"]
    assert {row["_text"]["ours"] for row in rows} == {"1"}
