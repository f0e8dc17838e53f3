"""Convergence tests of a study: a campaign on EMT end to end, and the document from documents."""

import json
from types import SimpleNamespace

import pytest
from factories import CALCULATIONS, adsorption_document, caveats, codes, sentence

from anodeflow import Campaign, query
from anodeflow.backends import registry as load
from anodeflow.backends.emt import EmtBackend
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.database.query import calculation_documents, study_documents
from anodeflow.report.errors import error_text
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.convergence import report
from anodeflow.studies.convergence.analysis import ConvergenceParameter, convergence_document
from anodeflow.studies.convergence.document import ConvergenceDoc

CAMPAIGN = """\
name: aluminium
backend: emt
systems:
  - {name: Al(001), structure: Al, layers: 3, vacuum: 10, min_width: 5.5}
studies:
  - adsorption: {adsorbate: Al, sites: [hollow], convergence: {layers: [5, 3, 4], vacuum: [12]}}
"""
LAYERS = ConvergenceParameter(name="layers", unit="", finer="larger", own=4, values=[6, 3])
SPACING = ConvergenceParameter(name="kpoint_spacing", unit="Å⁻¹", finer="smaller", own=0.2, values=[0.3])


@pytest.fixture
def campaign(tmp_path):
    file = tmp_path / "aluminium.yaml"
    file.write_text(CAMPAIGN)
    return Campaign.from_file(file)


def documents() -> dict[str, AdsorptionDoc | ConvergenceDoc]:
    """Documents of the campaign by study and system."""
    return {f"{document.study} {document.system}": document for document in study_documents("aluminium")}


def bound_by(energy: float, **changes) -> AdsorptionDoc:
    """An adsorption document with one site, bound by `energy` (eV) against the atom and 1 eV less against the bulk."""
    document = adsorption_document(**changes)
    site = document.sites[0].model_copy(update={"binding_energy": -energy, "binding_energy_bulk": 1 - energy})
    return document.model_copy(update={"sites": [site]})


@pytest.mark.slow
def test_campaign_repeats_the_study_and_says_what_remains(campaign):
    report = campaign.run()
    assert report.succeeded, report.failures
    assert (report.computed, report.reused) == (len(campaign.check()), 0) == (12, 0)
    found = documents()
    assert set(found) == {
        "adsorption Al(001)",
        "adsorption Al(001) [layers 4]",
        "adsorption Al(001) [layers 5]",
        "adsorption Al(001) [vacuum 12]",
        "adsorption Al(001) [layers 5, vacuum 12]",
        "convergence Al(001)",
    }
    own, thick = found["adsorption Al(001)"], found["adsorption Al(001) [layers 5]"]
    assert (own.variant, thick.variant) == ({}, {"layers": 5})
    assert (own.surface_atoms, thick.surface_atoms) == (12, 20)
    assert own.calculation_ids["atom"] == thick.calculation_ids["atom"]
    document = found["convergence Al(001)"]
    assert (document.of, document.base_document_id) == ("adsorption", own.document_id)
    layers, vacuum = document.series
    assert [point.value for point in layers.points] == [3, 4, 5]
    assert [point.chosen for point in layers.points] == [True, False, False]
    assert (layers.finest, layers.unit, vacuum.finest, vacuum.unit) == (5, "", 12, "Å")
    assert layers.points[2].properties["binding_energy"] == thick.binding_energy
    assert layers.errors["binding_energy"] == pytest.approx(own.binding_energy - thick.binding_energy)
    assert abs(layers.errors["binding_energy"]) > 1e-5
    assert vacuum.errors["binding_energy"] == pytest.approx(0, abs=1e-9), "EMT ends before the vacuum does"
    assert document.remaining_errors["binding_energy"] == pytest.approx(abs(layers.errors["binding_energy"]))
    both = found["adsorption Al(001) [layers 5, vacuum 12]"]
    assert both.variant == document.joint.values == {"layers": 5, "vacuum": 12}
    assert document.joint.properties["binding_energy"] == both.binding_energy == pytest.approx(thick.binding_energy)
    assert document.not_varied == ["min_width"]
    assert codes(document) == ["not-varied"]
    ids = list(document.calculation_ids.values())
    assert len(ids) == len(set(ids)) == 12
    assert len(calculation_documents(ids)) == 12


@pytest.mark.slow
def test_rows_of_the_remaining_error(campaign, anodeflow):
    campaign.run()
    rows = json.loads(anodeflow("query", "study=convergence", "--format", "json").out)
    assert {(row["system"], row["property"], row["label"], row["unit"]) for row in rows} == {
        ("Al(001)", "convergence_error", "adsorption: binding_energy", "eV"),
        ("Al(001)", "convergence_error", "adsorption: binding_energy_bulk", "eV"),
    }
    assert all(0 < row["value"] < 0.1 for row in rows)
    assert len(query(study="adsorption", system="Al(001)")) == 2, "variants are systems of their own"
    assert len(query(study="adsorption", system="Al(001) [[]layers 5]")) == 2


@pytest.mark.slow
def test_second_run_computes_nothing(campaign):
    campaign.run()
    again = campaign.run()
    assert (again.computed, again.reused) == (0, 12)
    assert len(documents()) == len(study_documents("aluminium")) == 6


@pytest.mark.slow
def test_variant_that_fails_is_missing_and_told(campaign, monkeypatch):
    execute = EmtBackend.execute

    def fail_on_thick(self, request, folder, lock, tell):
        if len(request.structure) == 20:
            raise CalculationError(f"EMT gave up in {folder.path}.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_on_thick)
    report = campaign.run()
    assert not report.succeeded
    assert any("[layers 5]: clean slab" in failure for failure in report.failures)
    document = documents()["convergence Al(001)"]
    layers = document.series[0]
    assert layers.finest == 4
    assert (layers.points[2].properties, layers.points[2].document_id) == ({}, None)
    assert ("variant-missing", "layers 5") in caveats(document)


def test_nothing_to_compare_where_the_study_itself_fails(campaign, monkeypatch):
    def fail(self, request, folder, lock, tell):
        raise CalculationError("EMT gave up.")

    monkeypatch.setattr(EmtBackend, "execute", fail)
    report = campaign.run()
    assert any("Al(001): adsorption failed, so there is nothing" in failure for failure in report.failures)


@pytest.mark.slow
def test_diffusion_is_repeated_from_adsorption_made_for_it(tmp_path):
    file = tmp_path / "aluminium.yaml"
    study = "diffusion: {adsorbate: Al, images: 3, convergence: {vacuum: [12]}}"
    file.write_text(CAMPAIGN[: CAMPAIGN.index("adsorption:")] + study)
    report = Campaign.from_file(file).run()
    assert report.succeeded, report.failures
    found = documents()
    assert set(found) == {
        *("adsorption Al(001)", "diffusion Al(001)", "convergence Al(001)"),
        *("adsorption Al(001) [vacuum 12]", "diffusion Al(001) [vacuum 12]"),
    }
    own, wide = found["diffusion Al(001)"], found["diffusion Al(001) [vacuum 12]"]
    assert wide.variant == {"vacuum": 12}
    document = found["convergence Al(001)"]
    assert document.of == "diffusion"
    errors = document.series[0].errors
    assert errors["barrier_forward (cheapest path)"] == pytest.approx(own.path.barrier - wide.path.barrier)
    assert document.remaining_errors["barrier_forward (cheapest path)"] < 1e-3
    rows = query(study="convergence", property="convergence_error").set_index("label")
    assert rows.unit["diffusion: barrier_forward (cheapest path)"] == "eV"
    assert rows.unit["diffusion: diffusivity"] == "cm²/s"


def test_errors_are_chosen_minus_finest_and_the_joint_point_counts():
    base = bound_by(1.40)
    thick = bound_by(1.44, document_id="6", variant={"layers": 6}, calculation_ids=CALCULATIONS | {"slab": "s6"})
    thin = bound_by(1.20, document_id="3", variant={"layers": 3})
    coarse = bound_by(1.38, document_id="k", variant={"kpoint_spacing": 0.3})
    dense = ConvergenceParameter(name="cutoff", unit="eV", finer="larger", own=350, values=[500])
    cut = bound_by(1.39, document_id="c", variant={"cutoff": 500})
    joint = bound_by(1.42, document_id="j", variant={"layers": 6, "cutoff": 500})
    parameters, variants = [LAYERS, SPACING, dense], [[thick, thin], [coarse], [cut]]
    document = convergence_document(base, parameters, variants, joint, ["vacuum"])
    layers, spacing, cutoff = document.series
    assert [point.value for point in layers.points] == [3, 4, 6]
    assert [point.value for point in spacing.points] == [0.3, 0.2], "from the least demanding to the most"
    assert layers.errors["binding_energy"] == pytest.approx(0.04)
    assert cutoff.errors["binding_energy"] == pytest.approx(-0.01)
    assert spacing.errors == {}, "nothing finer than the study's own"
    assert caveats(document) == [("finest-is-own", "kpoint_spacing"), ("not-varied", "")]
    assert "own 0.2 is the finest" in sentence(document, "finest-is-own")
    assert sentence(document, "not-varied").endswith(": vacuum")
    assert document.joint.values == {"layers": 6, "cutoff": 500}
    assert document.remaining_errors["binding_energy"] == pytest.approx(0.04), "layers alone; jointly 0.02"
    failed = convergence_document(base, parameters, variants)
    assert failed.remaining_errors == {}
    assert "(layers 6, cutoff 500) has no such number" in failed.without_error["binding_energy"]
    assert ("variant-missing", "layers 6, cutoff 500, all together") in caveats(failed)
    assert failed.rows() == []
    assert document.units["binding_energy"] == "eV"
    assert document.calculation_ids["layers 6: slab"] == "s6"
    assert "layers 6: atom" not in document.calculation_ids, "that of the study itself"


def test_layers_and_width_couple():
    """Li(001) with a potential: the barrier at 4 or 6 layers, adatoms 6.5 or 10 Å apart."""
    barrier = {(4, 6.5): 0.161, (6, 6.5): 0.162, (4, 10): 0.134, (6, 10): 0.036}
    made = {key: bound_by(-value, document_id=str(key)) for key, value in barrier.items()}
    parameters = [
        ConvergenceParameter(name="layers", unit="", finer="larger", own=4, values=[6]),
        ConvergenceParameter(name="min_width", unit="Å", finer="larger", own=6.5, values=[10]),
    ]
    variants = [[made[6, 6.5]], [made[4, 10]]]
    document = convergence_document(made[4, 6.5], parameters, variants, made[6, 10], ["vacuum"])
    alone = [abs(series.errors["binding_energy"]) for series in document.series]
    assert sum(alone) == pytest.approx(0.028)
    assert document.remaining_errors["binding_energy"] == pytest.approx(0.125)
    old = ConvergenceDoc.model_validate(document.model_dump() | {"joint": None, "not_varied": None})
    assert old.remaining_errors["binding_energy"] == pytest.approx(0.028), "as documents without the joint point say"
    (row,) = [row for row in made[4, 6.5].rows() if row.property == "binding_energy"]
    assert error_text(document, row) == "± 0.125 (layers, width varied)"
    assert error_text(old, row) == "± 0.028 (layers, width varied one at a time)"
    assert error_text(None, row) == "not varied"


@pytest.mark.parametrize(
    ("values", "chosen", "why"),
    [
        ({3: 0.30, 4: 0.20, 5: 0.16, 6: 0.15}, 4, ""),
        ({3: 0.30, 4: 0.1596, 5: 0.1600, 6: 0.1598}, 4, ""),
        ({4: 0.16, 5: 0.20, 6: 0.16}, 5, "it does not change monotonically with layers"),
        ({5: 0.19, 6: 0.15}, 6, "between the two finest values of layers it changes by 0.04 eV, more than"),
    ],
)
def test_number_that_has_not_settled_has_no_error(values, chosen, why):
    """Beside the layers the width is varied, which does nothing; jointly nothing new is seen either."""
    made = {layers: bound_by(-value, document_id=str(layers)) for layers, value in values.items()}
    layers = ConvergenceParameter(
        name="layers", unit="", finer="larger", own=chosen, values=[each for each in values if each != chosen]
    )
    width = ConvergenceParameter(name="min_width", unit="Å", finer="larger", own=6.5, values=[10])
    wide = bound_by(-values[chosen], document_id="wide")
    variants = [[made[each] for each in values if each != chosen], [wide]]
    document = convergence_document(made[chosen], [layers, width], variants, made[max(values)])
    assert document.without_error.get("binding_energy", "").startswith(why)
    assert ("binding_energy" in document.without_error) == bool(why)
    assert ("binding_energy" in document.remaining_errors) == (not why)
    assert caveats(document, "no-error").count(("no-error", "binding_energy")) == bool(why)


def test_several_values_of_one_property_are_told_apart_by_their_label():
    class Two(AdsorptionDoc):
        def rows(self):
            row = super().rows()[0]
            return [row.model_copy(update={"label": label, "value": value}) for label, value in self.settings.items()]

    def two(**values):
        return Two(**{**dict(bound_by(1.0)), "settings": values, "document_id": str(values), "variant": {}})

    document = convergence_document(two(top=1.0, hollow=2.0), [LAYERS], [[two(top=1.5), None]])
    assert document.series[0].errors == {"binding_energy (top)": -0.5}
    assert ("property-missing", "layers 6") in caveats(document)
    assert "no binding_energy (hollow)" in sentence(document, "property-missing")


@pytest.fixture
def numbers(monkeypatch, tmp_path):
    """EMT with a cutoff and k-points: energies are scaled by 1 + 1 / cutoff, k-points change nothing."""
    from ase.calculators.emt import EMT
    from pydantic import BaseModel, ConfigDict, Field

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        cutoff: float = Field(default=100.0, gt=0, json_schema_extra={"finer": "larger", "unit": "eV"})
        kpoint_spacing: float = Field(default=0.2, gt=0, json_schema_extra={"finer": "smaller", "unit": "Å⁻¹"})
        max_scf_cycles: int = 100

    class Scaled(EMT):
        factor = 1.0

        def calculate(self, *arguments, **keywords):
            super().calculate(*arguments, **keywords)
            for name in ("energy", "free_energy", "forces", "stress"):
                if name in self.results:
                    self.results[name] = self.results[name] * self.factor

    class NumbersBackend(EmtBackend):
        sampling_settings = frozenset({"kpoint_spacing"})
        settings: Settings = Field(default_factory=Settings)

        def calculator(self):
            made = Scaled()
            made.factor = 1 + 1 / self.settings.cutoff
            return made

    monkeypatch.setattr(load, "backend_class", lambda code: NumbersBackend)

    def write(*changes):
        text = CAMPAIGN.replace("{layers: [5, 3, 4], vacuum: [12]}", "{cutoff: [1000], kpoint_spacing: [0.1, 0.2]}")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "numbers.yaml"
        file.write_text(text)
        return Campaign.from_file(file)

    return write


@pytest.mark.slow
def test_settings_of_the_backend(numbers):
    campaign = numbers()
    planned = {calculation.label: calculation for calculation in campaign.check()}
    assert {name for name in planned if planned[name].group == "shared"} == {
        *("Al bulk", "Al [cutoff 1000.0] bulk", "Al [kpoint_spacing 0.1] bulk", "Al atom", "Al [cutoff 1000.0] atom"),
        "Al [cutoff 1000.0, kpoint_spacing 0.1] bulk",
    }, "the atom does not care about k-points of a slab, but its cutoff is that of the slab"
    report = campaign.run()
    assert report.succeeded, report.failures
    assert report.computed == len(planned) == 14
    found = documents()
    own, fine = found["adsorption Al(001)"], found["adsorption Al(001) [cutoff 1000]"]
    dense = found["adsorption Al(001) [kpoint_spacing 0.1]"]
    assert dense.calculation_ids["atom"] == own.calculation_ids["atom"]
    assert dense.calculation_ids["bulk"] == own.calculation_ids["bulk"], "the metal it is compared with stays"
    assert dense.calculation_ids["slab"] != own.calculation_ids["slab"]
    assert fine.settings["calculation"]["cutoff"] == 1000
    assert fine.binding_energy == pytest.approx(own.binding_energy * 1.001 / 1.01, rel=1e-3)
    errors = {series.parameter: series.errors["binding_energy"] for series in found["convergence Al(001)"].series}
    assert errors["cutoff"] == pytest.approx(own.binding_energy - fine.binding_energy)
    assert errors["kpoint_spacing"] == pytest.approx(0, abs=1e-9)


def test_surface_with_settings_of_its_own(numbers):
    campaign = numbers(
        ("min_width: 5.5}", "min_width: 5.5, settings: {cutoff: 50, kpoint_spacing: 0.4}}"),
        (", convergence: {cutoff: [1000], kpoint_spacing: [0.1, 0.2]}", ""),
    )
    report = campaign.run()
    assert report.succeeded, report.failures
    (document,) = documents().values()
    made = calculation_documents(document.calculation_ids.values())
    used = {step: made[document.calculation_ids[step]].settings for step in document.calculation_ids}
    assert {step: (used[step]["cutoff"], used[step]["kpoint_spacing"]) for step in used} == {
        "slab": (50, 0.4),
        "crystal": (50, 0.4),
        "site 2": (50, 0.4),
        "atom": (50, 0.2),
        "bulk": (50, 0.2),
    }
    assert document.backend == "emt"
    assert {made[step].backend for step in made} == {"emt"}


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("{cutoff: [1000]", "{cutof: [1000]"), 6, "'cutof' to vary; did you mean cutoff?"),
        (("{cutoff: [1000]", "{layes: [6]"), 6, "'layes' to vary; did you mean layers?"),
        (("{cutoff: [1000]", "{max_scf_cycles: [6]"), 6, "'max_scf_cycles' to vary"),
        (("{cutoff: [1000]", "{cutoff: [-1]"), 6, "a number above"),
        (("{cutoff: [1000]", "{cutoff: []"), 6, "cutoff has no values"),
        (("{cutoff: [1000]", "{cutoff: dense"), 6, "expected a list"),
        (("{cutoff: [1000]", "{layers: [4.5]"), 6, "layers 4.5"),
        (("{cutoff: [1000]", "{layers: [0]"), 6, "layers 0"),
        (("{cutoff: [1000]", "{fixed_layers: [9]"), 6, "cannot fix 9 layers"),
        (("{cutoff: [1000]", "{thickness: [9]"), 6, "does not give a thickness"),
        (("min_width: 5.5", "min_width: 5.5, settings: {cutof: 3}"), 4, "no setting 'cutof'"),
        (("min_width: 5.5", "min_width: 5.5, settings: {cutof: 3}"), 4, "Did you mean cutoff?"),
        (("min_width: 5.5", "min_width: 5.5, settings: {cutoff: -3}"), 4, "cutoff"),
    ],
)
def test_wrong_parameter_is_a_sentence_with_its_line(numbers, change, line, words):
    with pytest.raises(InputError) as error:
        numbers(change).check()
    assert words in str(error.value)
    assert f"numbers.yaml, line {line}" in str(error.value)


def test_what_is_shown_of_several_values_is_what_the_study_says(monkeypatch):
    """A label of one study, the cheapest path, was written down where any study's test is shown."""
    point = {"value": 4, "chosen": True, "properties": {}, "document_id": None}
    series = {"parameter": "layers", "unit": "", "finest": 4, "points": [point], "errors": {}}
    units = {"cohesion": "eV", "gap (smallest)": "eV", "gap (mean)": "eV", "barrier_forward (cheapest path)": "eV"}
    document = bound_by(-1.0)
    test = ConvergenceDoc(
        **document.model_dump(include={"document_id", "campaign", "system", "backend", "code", "settings"}),
        settings_hash="",
        calculation_ids={},
        base_document_id="",
        of="gaps",
        units=units,
        series=[series],
    )
    monkeypatch.setattr(report, "studies", lambda: {"gaps": SimpleNamespace(headlines={"gap": "smallest"})})
    assert report.main_properties(test) == ["cohesion", "gap (smallest)"]
    monkeypatch.setattr(report, "studies", dict)
    assert report.main_properties(test) == ["cohesion"]


def test_relaxations_that_are_not_at_rest_are_told_with_their_point():
    layers = ConvergenceParameter(name="layers", unit="", finer="larger", own=3, values=[5])
    rough = Caveat("not-converged", "the relaxation did not converge").under("clean slab")
    base = bound_by(-1.2, warnings=[rough])
    finer = bound_by(-1.3, variant={"layers": 5}, warnings=[rough])
    found = convergence_document(base, [layers], [[finer]])
    assert caveats(found, "not-converged") == [
        ("not-converged", "as chosen: clean slab"),
        ("not-converged", "layers 5: clean slab"),
    ]
