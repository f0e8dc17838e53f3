"""Names that are made of parts: each is read in one place, and nothing else takes one apart to learn what it is."""

import ast
from pathlib import Path

import pytest

from anodeflow import load_results
from anodeflow.backends.features import COUNTS, count_labels, elements_of
from anodeflow.core.caveats import Subject
from anodeflow.core.labels import Label, PropertyName, SystemName
from anodeflow.structures.sites.sites import HOLLOWS
from anodeflow.studies.adsorption.document import AdsorptionDoc

SOURCE = Path(__file__).parents[1] / "src" / "anodeflow"
NAMES = {"label", "step", "system", "group", "name_of_step", "final_label", "site_label"}
TAKES_APART = {"startswith", "endswith", "split", "rsplit", "partition", "rpartition", "removeprefix", "removesuffix"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Li(001): clean slab", Label("clean slab", "Li(001)")),
        ("Li(001): clean slab [emt]", Label("clean slab", "Li(001)", "emt")),
        ("Li3Mg(001):Li3Mg-Cmcm:1 [layers 6]: Li at site 0 (top)",
         Label("Li at site 0 (top)", "Li3Mg(001):Li3Mg-Cmcm:1 [layers 6]")),
        ("Li bulk", Label("Li bulk")),
        ("Li bulk [emt]", Label("Li bulk", by="emt")),
    ],
)  # fmt: skip
def test_labels_are_read_as_they_are_written(text, label):
    assert Label.read(text) == label
    assert str(label) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Li(001)", SystemName("Li(001)")),
        ("Li3Mg(001):Li3Mg-Cmcm:1", SystemName("Li3Mg(001)", "Li3Mg-Cmcm:1")),
        ("Li3Mg(001):1 [layers 6, vacuum 12]", SystemName("Li3Mg(001)", "1", "layers 6, vacuum 12")),
    ],
)
def test_names_of_systems_are_read_as_they_are_written(text, name):
    assert SystemName.read(text) == name
    assert str(name) == text


@pytest.mark.parametrize("text", ["binding_energy", "binding_energy (fourfold hollow)", "barrier (hop 1 (a))"])
def test_names_of_properties_are_read_as_they_are_written(text):
    assert str(PropertyName.read(text)) == text
    assert (PropertyName.read(text).label == "") == (" (" not in text)


def test_steps_and_features_are_known_by_their_whole_names():
    assert str(Subject("site", 3).by("emt")) == "site 3 [emt]"
    assert elements_of([*count_labels(["Li", "Mg"]), "Li 3", "Li-Mg 2"]) == {"Li", "Mg"}
    assert set(count_labels(["H", "Og"])) <= set(COUNTS)
    assert {"fcc hollow", "threefold hollow", "fourfold hollow", "7-fold hollow"} <= HOLLOWS
    assert not {"bridge", "onefold top", "free"} & HOLLOWS


@pytest.mark.slow
def test_documents_name_all_steps_of_their_sites():
    """Of files made since there are any; a search for hops takes them over."""
    files = sorted((Path(__file__).parents[1] / "docs" / "results").glob("*.json.gz"))
    found = [each for file in files for each in load_results(file) if isinstance(each, AdsorptionDoc)]
    assert len(found) > 5
    for each in found:
        assert {step for step in each.calculation_ids if step.startswith("site ")} == {*each.calculation_ids} & (
            each.site_steps()
        )


def _ending(node: ast.expr) -> str:
    """The last word of what an expression is called: `label` of `entry.label`."""
    return getattr(node, "attr", getattr(node, "id", ""))


def test_nothing_takes_a_step_or_a_label_apart():
    found = [
        f"{file.relative_to(SOURCE)}:{node.lineno}"
        for file in sorted(SOURCE.rglob("*.py"))
        if file.name != "labels.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in TAKES_APART
        and _ending(node.func.value) in NAMES
    ]
    assert found == []
