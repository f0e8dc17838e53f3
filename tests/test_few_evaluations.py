"""A lower fidelity, relaxations that end after a few evaluations, where it must not reach, and what says so."""

import json
from dataclasses import dataclass

import pytest
from factories import adsorption_document, caveats, codes
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from prescreen_factories import register

from anodeflow import Campaign
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.database.query import calculation_documents, study_documents
from anodeflow.screening.makers import Prescreen, PrescreenedRelaxMaker
from anodeflow.screening.thresholds import to_the_end
from anodeflow.studies.convergence.analysis import ConvergenceParameter, convergence_document

SURFACE = """\
name: copper
backend: costly.yaml
prescreen: emt
systems:
  - {name: Cu(001), structure: Cu, miller: [0, 0, 1], layers: 3, vacuum: 8, min_width: 5}
studies:
  - diffusion: {adsorbate: Cu, modes: false}
"""


@pytest.mark.slow
def test_a_minimum_that_is_pushed_is_relaxed_to_the_end(tmp_path, monkeypatch):
    """With one evaluation it would stay where it was pushed to, and pass for another minimum beside the first."""
    file = register(monkeypatch, tmp_path)
    file.write_text(file.read_text().replace("{force", "{evaluations: 1, force"))
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "copper.yaml").write_text(SURFACE)
    report = Campaign.from_file(tmp_path / "copper.yaml").run()
    assert report.succeeded, report.failures
    found = [json.loads(each.read_text()) for each in tmp_path.glob("home/calculations/*/*/calculation.json")]
    (pushed,) = [each for each in found if "pushed and relaxed" in each["label"]]
    assert pushed["max_force"] < 0.01
    assert pushed["force_evaluations"] > 1
    assert pushed["evaluated_energy"] is None
    (site,) = [each for each in found if each["label"].endswith("(fourfold hollow)")]
    assert site["force_evaluations"] == 1
    assert pushed["energy"] == pytest.approx(site["energy"], abs=2e-3)
    (document,) = [each for each in study_documents("copper") if each.study == "diffusion"]
    assert len(document.minima) == 1
    assert {hop.state for hop in document.hops} <= {"done", "split"}
    assert all("few-evaluations" in row.warning_codes for row in document.rows())


@pytest.mark.slow
@pytest.mark.parametrize(("stretch", "too_high"), [(0.976, True), (1.02, False)])
def test_a_minimum_has_the_energy_of_its_own_relaxation_to_the_end(tmp_path, monkeypatch, stretch, too_high):
    """The push relaxes it in any case, and what was taken off before may be too little or too much."""
    file = register(monkeypatch, tmp_path)
    file.write_text(
        file.read_text().replace("{force", "{evaluations: 2, force", 1)
        + f"settings: {{strength: 3, stretch: {stretch}}}\n"
    )
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "copper.yaml").write_text(SURFACE)
    report = Campaign.from_file(tmp_path / "copper.yaml").run()
    assert report.succeeded, report.failures
    (document,) = [each for each in study_documents("copper") if each.study == "diffusion"]
    found = calculation_documents(document.calculation_ids.values())
    (pushed,) = [each for step, each in document.calculation_ids.items() if step.endswith("pushed and relaxed")]
    (site,) = [each for each in found.values() if each.label.endswith("(fourfold hollow)")]
    assert abs(site.energy - found[pushed].energy) > 1e-3, "else there is nothing to be put right"
    assert (site.energy > found[pushed].energy) == too_high
    assert "lower-without-symmetry" not in codes(document)
    (hop,) = document.hops
    saddle = found[document.calculation_ids[hop.name]]
    assert saddle.evaluated_energy is None
    assert hop.barrier_forward == pytest.approx(saddle.energy - found[pushed].energy, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 200])
def test_where_the_potential_is_not_at_rest_evaluations_are_not_counted(adatom, tmp_path, monkeypatch, steps):
    """A potential that ran out of steps hands on a place that is no minimum of it."""
    file = register(monkeypatch, tmp_path)
    file.write_text(file.read_text().replace("{force", "{evaluations: 1, force"))
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    emt = load_backend("emt")
    short = Makers(emt.model_copy(update={"relaxation": emt.relaxation.model_copy(update={"max_steps": steps})}))
    screen = Prescreen(short.relax(), short.relax(cell=True), short.static(), short.neb(), backend="emt")
    flow = PrescreenedRelaxMaker(screen, Makers(load_backend(file)).relax()).make(adatom, "adatom")
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False, ensure_success=True)
    found = CalculationDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    assert found.prescreen.converged == (steps > 1)
    assert (found.force_evaluations == 1) == (steps > 1)
    assert ("few-evaluations" in codes(found)) == (steps > 1)
    assert found.converged


@dataclass
class Plain:
    """A Maker of another package."""

    name: str = "plain"


def test_makers_that_count_no_evaluations():
    backend = load_backend("emt")
    assert (maker := Makers(backend).relax()) is to_the_end(maker), "identities of jobs stay"
    assert (other := Plain()) is to_the_end(other)
    few = backend.model_copy(
        update={
            "relaxation": backend.relaxation.model_copy(update={"evaluations": 2, "energy_tolerance": 0.005}),
            "path": backend.path.model_copy(update={"evaluations": 3}),
        }
    )
    recipe = to_the_end(Makers(few).neb()).backend
    assert "evaluations" not in recipe["relaxation"]
    assert "evaluations" not in recipe["path"]
    assert recipe["relaxation"]["energy_tolerance"] == 0.005, "which looks where it is"
    assert few.recipe()["path"]["evaluations"] == 3


@pytest.mark.parametrize("code", ["ended-by-energy", "few-evaluations"])
def test_errors_of_convergence_rest_on_relaxations_that_ended_early_too(code):
    early = [Caveat(code, "ended so").under("clean slab")]
    layers = ConvergenceParameter(name="layers", unit="", finer="larger", own=4, values=[6])
    base, thick = adsorption_document(), adsorption_document(document_id="6", variant={"layers": 6}, warnings=early)
    document = convergence_document(base, [layers], [[thick]])
    assert caveats(document, code) == [(code, "layers 6: clean slab")]
    assert all(code in row.warning_codes for row in document.rows())
    document = convergence_document(base.model_copy(update={"warnings": early}), [layers], [[thick]])
    assert (code, "as chosen: clean slab") in caveats(document)
    assert code not in codes(convergence_document(base, [layers], [[adsorption_document(document_id="6")]]))
