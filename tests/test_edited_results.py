"""Results files that were edited by hand: what contradicts the calculations of a study is refused, in one sentence."""

import gzip
import json
import warnings
from pathlib import Path

import pytest
from factories import CALCULATIONS, adsorption_calculations, adsorption_document
from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.database.consistent import check_agreement
from anodeflow.database.results_file import read_results, write_results
from anodeflow.studies.registry import studies

RESULTS = Path(__file__).parents[1] / "docs" / "results"
EXAMPLES = {
    "li3mg-prescreened": ("adsorption", "charge", "diffusion"),
    "surfaces-mlip": ("metal_reference",),
    "convergence": ("convergence",),
    "dendrite-free-anode-mlip": ("interface", "interdiffusion", "vacancy", "orderings", "electrochemistry"),
}


@pytest.fixture(scope="module")
def published():
    """File -> its documents."""
    return {}


def one_of(published, study):
    """A published document of a study, and the calculations of its file."""
    name = next(name for name, known in EXAMPLES.items() if study in known)
    if name not in published:
        published[name] = read_results(RESULTS / f"{name}.json.gz")
    documents, calculations = published[name]
    return next(each for each in documents if each.study == study), calculations


def holder(document, place):
    """What holds the last part of a place, and that part."""
    *way, last = place.split(".")
    for part in way:
        if isinstance(document, dict):
            document = document[part]
            continue
        document = document[int(part)] if isinstance(document, list) else getattr(document, part)
    return document, int(last) if isinstance(document, list) else last


def put(where, key, value):
    if isinstance(where, list | dict):
        where[key] = value
    else:
        setattr(where, key, value)


@pytest.mark.slow
@pytest.mark.parametrize("study", [each for known in EXAMPLES.values() for each in known])
def test_each_number_that_is_compared_is_missed_when_it_is_another(published, study):
    document, calculations = one_of(published, study)
    of = {step: calculations[identifier] for step, identifier in document.calculation_ids.items()}
    places = {each.place: each.told for each in studies()[study].compared(document, of)}
    assert places
    for place, told in places.items():
        where, key = holder(document, place)
        if isinstance(told, Structure):
            other = told.copy()
            other.remove_sites([0])
        else:
            other = told + 0.001
        put(where, key, other)
        with pytest.raises(InputError, match=f"of {study} of "):
            check_agreement("x", [document], of | {each.id: each for each in of.values()})
        put(where, key, told)
    check_agreement("x", [document], {each.id: each for each in of.values()})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "one", "other"),
    [
        ("adsorption", "slab", "bulk"), ("adsorption", "site 0", "site 2"), ("diffusion", "hop 0", "hop 1"),
        ("interface", "alloy slab", "metal slab"), ("interdiffusion", "depth 1", "depth 4"),
        ("vacancy", "interface", "stop 0"), ("electrochemistry", "bulk Li", "bulk Mg"),
        ("metal_reference", "adatom", "metal: adatom"),
    ],
)  # fmt: skip
def test_ids_that_were_swapped_are_refused(published, study, one, other):
    document, calculations = one_of(published, study)
    ids = document.calculation_ids
    swapped = document.model_copy(update={"calculation_ids": ids | {one: ids[other], other: ids[one]}})
    with pytest.raises(InputError, match=f"of {study} of .+ one of them was changed by hand or damaged"):
        check_agreement("x", [swapped], calculations)


def calculation(content, step):
    return next(each for each in content["calculations"] if each["id"] == CALCULATIONS[step])


def swapped(content, *steps):
    one, other = (calculation(content, step) for step in steps)
    one["id"], other["id"] = other["id"], one["id"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: None, ""),
        (lambda c: c.update(version="1"), "is a results file that says the version '1', where a whole number belongs"),
        (lambda c: c.update(version=True), "says the version 'True', where a whole number"),
        (lambda c: c.update(version=1.0), "says the version '1.0', where a whole number"),
        (lambda c: c.pop("version"), "says no version, where a whole number"),
        (lambda c: c.update(version=2), "is a results file of version 2, and this anodeflow reads version 1"),
        (lambda c: c["studies"][0].update(slab_energy=-6.0), "slab_energy of adsorption of Li(001) in test is -6, and"),
        (lambda c: c["studies"][0].update(slab_energy=1e308), "slab_energy of adsorption of Li(001) in test is 1e+308"),
        (lambda c: c["studies"][0].update(slab_energy="-5"), "AdsorptionDoc: slab_energy is '-5', where a number"),
        (lambda c: c["studies"][0].update(most_stable=False), "AdsorptionDoc: most_stable is False, where a number"),
        (lambda c: c["studies"][0].update(layers=-4), "AdsorptionDoc: layers: Input should be greater"),
        (lambda c: c["studies"][0].update(schema_version="3"), "AdsorptionDoc: schema_version is '3', where a number"),
        (lambda c: c["studies"][0].update(schema_version=True), "AdsorptionDoc: schema_version is True, where a num"),
        (
            lambda c: c["studies"][0]["sites"][0].update(binding_energy=-99.0),
            "sites.0.binding_energy of adsorption of Li(001) in test is -99, and its calculations give -1.44123",
        ),
        (
            lambda c: c["studies"][0]["sites"][1].update(converged=1),
            "AdsorptionDoc: sites.1.converged is 1, where true or false belongs",
        ),
        (
            lambda c: c["studies"][0]["slab"]["sites"].pop(),
            "slab of adsorption of Li(001) in test is Li2, and its",
        ),
        (
            lambda c: calculation(c, "slab").update(energy=-5.5),
            "slab_energy of adsorption of Li(001) in test is -5,",
        ),
        (
            lambda c: calculation(c, "slab").update(energy="-5"),
            "CalculationDoc: energy is '-5', where a number belongs",
        ),
        (lambda c: calculation(c, "slab").update(converged="yes"), "CalculationDoc: converged is 'yes', where true or"),
        (
            lambda c: calculation(c, "slab").update(formula="Mg3"),
            "the calculation calc-slab contradicts itself, its formula is Mg3, and its first structure Li3",
        ),
        (
            lambda c: calculation(c, "slab")["structure"]["sites"].pop(),
            "the calculation calc-slab contradicts itself, its first structure is Li3, and its last one Li2",
        ),
        (
            lambda c: calculation(c, "slab").update(evaluated_energy=-4.0, remaining_energy=0.001),
            "the calculation calc-slab contradicts itself, its energy is -5 eV, and follows from the rest of it to be",
        ),
        (lambda c: swapped(c, "slab", "site 0"), "slab_energy of adsorption of Li(001) in test is -5, and its calcul"),
        (lambda c: swapped(c, "site 0", "site 1"), "sites.0.binding_energy of adsorption of Li(001) in test is"),
    ],
)
def test_what_was_edited_is_named(change, words, tmp_path):
    document = adsorption_document()
    file = write_results([document], adsorption_calculations(document), tmp_path / "r.json.gz")
    content = json.loads(gzip.decompress(file.read_bytes()))
    change(content)
    file.write_bytes(gzip.compress(json.dumps(content).encode()))
    if not words:
        assert read_results(file)[0] == [document.model_copy(update={"sites": read_results(file)[0][0].sites})]
        return
    with pytest.raises(InputError) as refused:
        read_results(file)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "places"),
    [
        (lambda c: c.update(note="mine"), ["note"]),
        (
            lambda c: c["studies"][0].update(seting={"a": 1}, settings={"any": {"key": 1}}),
            ["seting of adsorption of Li(001) in test"],
        ),
        (
            lambda c: c["studies"][0]["sites"][1].update(wraning="sank"),
            ["sites.1.wraning of adsorption of Li(001) in test"],
        ),
        (
            lambda c: calculation(c, "slab").update(remaning_energy=0.01),
            ["remaning_energy (remaining_energy?) of the calculation calc-slab"],
        ),
        (
            lambda c: [each.update({f"mine{n}": 1 for n in range(3)}) for each in c["calculations"]],
            ["mine0 of the calculation", " more. A newer one wrote them"],
        ),
    ],
)
def test_what_nobody_reads_is_told_with_its_place(change, places, tmp_path):
    document = adsorption_document()
    file = write_results([document], adsorption_calculations(document), tmp_path / "r.json.gz")
    content = json.loads(gzip.decompress(file.read_bytes()))
    for entry in (*content["studies"], *content["calculations"]):
        del entry["warnings"]
    calculation(content, "slab").pop("remaining_energy")
    change(content)
    file.write_bytes(gzip.compress(json.dumps(content).encode()))
    with pytest.warns(UserWarning, match="has entries that this anodeflow does not read, and leaves out") as told:
        read_results(file)
    assert all(place in str(told[0].message) for place in places)


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted([*RESULTS.glob("*.json.gz"), *Path(__file__).parent.glob("data/*/*.json.gz")]))
def test_of_published_files_everything_is_read(file):
    """Also those of older versions, in which fields were called otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_results(file)[0]
