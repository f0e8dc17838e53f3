"""The adsorption workflow on EMT: against plain ASE, run again, run with a site that fails."""

import json

import numpy as np
import pytest
from ase.build import bulk, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from factories import caveats, codes
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from anodeflow import Campaign, query
from anodeflow.backends.registry import load_backend
from anodeflow.calculations import makers
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.progress import listen
from anodeflow.core.data import data_folder
from anodeflow.core.errors import CalculationError
from anodeflow.database.query import study_documents
from anodeflow.database.store import open_store
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.flow import AdsorptionMaker
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.shared.references import of_lattice

CAMPAIGN = """\
name: aluminium
backend: emt
systems:
  - {name: Al(001), structure: Al, miller: [0, 0, 1], layers: 4, fixed_layers: 2, vacuum: 10, min_width: 5.5}
studies:
  - adsorption: {adsorbate: Al}
"""


@pytest.fixture
def campaign(tmp_path):
    file = tmp_path / "aluminium.yaml"
    file.write_text(CAMPAIGN)
    return Campaign.from_file(file)


def plain_ase() -> dict[str, float]:
    """The same numbers with ASE's own parts: its bulk, its slab, its sites, its optimiser."""

    def relax(atoms, fmax=0.01):
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=fmax, steps=500)
        return atoms.get_potential_energy()

    crystal = bulk("Al", "fcc", a=4.0, cubic=True)
    crystal.calc = EMT()
    BFGS(FrechetCellFilter(crystal), logfile=None).run(fmax=1e-3)
    slab = fcc100("Al", (2, 2, 4), a=crystal.cell.lengths()[0], vacuum=5)
    slab.set_constraint(FixAtoms(mask=slab.get_tags() > 2))
    clean = relax(slab)
    energies = {}
    for name, offset, height in (("hollow", (0.5, 0.5), 1.6), ("bridge", (0.5, 0.0), 1.9), ("top", (0.0, 0.0), 2.4)):
        adsorbed = slab.copy()
        top = adsorbed[-4].position  # ASE counts from the bottom: the last four are the surface
        adsorbed.append("Al")
        adsorbed.positions[-1] = top + np.append(offset @ (slab.cell[:2, :2] / 2), height)
        energies[name] = relax(adsorbed)
    atom = bulk("Al").copy()[:1]
    atom.set_cell(None)
    atom.pbc = False
    atom.calc = EMT()
    lone = atom.get_potential_energy()
    best = min(energies.values()) - clean
    return {
        "binding_energy": best - lone,
        "binding_energy_bulk": best - crystal.get_potential_energy() / len(crystal),
        "top": energies["top"] - clean - lone,
    }


@pytest.mark.slow
def test_numbers_are_those_of_plain_ase(campaign):
    report = campaign.run()
    assert report.succeeded, report.failures
    assert (report.computed, report.reused) == (6, 0)
    assert report.document_ids == [document.document_id for document in study_documents("aluminium")]
    expected = plain_ase()
    rows = query(campaign="aluminium").set_index("property")
    for name in ("binding_energy", "binding_energy_bulk"):
        assert rows.value[name] == pytest.approx(expected[name], abs=2e-3)
        assert rows.unit[name] == "eV"
        assert len(rows.calculation_ids[name]) == 3
    document = study_documents("aluminium")[0]
    assert isinstance(document, AdsorptionDoc)
    assert document.sites[document.most_stable].final_label == "fourfold hollow"
    assert document.sites[0].binding_energy == pytest.approx(expected["top"], abs=2e-3), "symmetry holds it on top"
    assert document.binding_energy - document.binding_energy_bulk == pytest.approx(
        document.bulk_energy - document.atom_energy
    )


@pytest.mark.slow
def test_second_run_computes_nothing_and_doubles_nothing(campaign):
    campaign.run()
    with open_store() as store:
        before = store.count()
    again = campaign.run()
    assert (again.computed, again.reused) == (0, 6)
    with open_store() as store:
        assert store.count() == before
    assert len(study_documents("aluminium")) == 1
    assert len(query(campaign="aluminium")) == 2


@pytest.mark.slow
def test_other_campaign_with_the_same_surface_computes_nothing(campaign, tmp_path):
    campaign.run()
    file = tmp_path / "other.yaml"
    file.write_text(CAMPAIGN.replace("aluminium", "other"))
    report = Campaign.from_file(file).run()
    assert (report.computed, report.reused) == (0, 6)
    assert len(query()) == 4


@pytest.mark.slow
def test_same_settings_under_another_name_are_found_and_named_anew(campaign, tmp_path):
    campaign.run()
    (tmp_path / "mine.yaml").write_text((data_folder("configs") / "backends" / "emt.yaml").read_text())
    file = tmp_path / "other.yaml"
    file.write_text(CAMPAIGN.replace("name: aluminium", "name: other").replace("backend: emt", "backend: mine.yaml"))
    report = Campaign.from_file(file).run()
    assert (report.computed, report.reused) == (0, 6)
    assert set(query(campaign="other").backend) == {"mine"}
    assert set(query(campaign="aluminium").backend) == {"emt"}


def test_maker_runs_by_itself_as_atomate2s_do():
    """No campaign, no database of ours: a Maker, a structure, run_locally."""
    backend = load_backend("emt")
    maker = AdsorptionMaker(
        relax=Makers(backend).relax(),
        relax_cell=Makers(backend).relax(cell=True),
        static=Makers(backend).static(),
        input=AdsorptionInput(adsorbate="Cu"),
        slab=SlabSpec(miller=(1, 1, 1), layers=3, vacuum=10, min_width=5),
    )
    flow = maker.make(load_structure("Cu"), load_structure("Cu"))
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    responses = run_locally(flow, store=store, ensure_success=True, log=False)
    assert responses
    document = AdsorptionDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    assert document.system == "Cu(111)"
    assert {site.label for site in document.sites} == {"onefold top", "bridge", "fcc hollow", "hcp hollow"}
    assert min(site.binding_energy for site in document.sites) == document.binding_energy


@pytest.mark.slow
@pytest.mark.parametrize("converged", [True, False])
def test_the_crystal_is_named_and_told_where_it_is_not_at_rest(tmp_path, monkeypatch, converged):
    """Al on Cu: the lattice of the slab is that of bulk Cu, whose energy goes into nothing."""
    computed = makers.compute

    def unfinished(backend, request, label, *rest):
        found = computed(backend, request, label, *rest)
        return found.model_copy(update={"converged": converged}) if label == "Cu bulk" else found

    monkeypatch.setattr(makers, "compute", unfinished)
    file = tmp_path / "copper.yaml"
    file.write_text(CAMPAIGN.replace("aluminium", "copper").replace("structure: Al", "structure: Cu"))
    assert Campaign.from_file(file).run().succeeded
    (document,) = study_documents("copper")
    with open_store() as store:
        labels = {each["uuid"]: each["name"] for each in store.query({}, properties=["uuid", "name"])}
    assert "Cu bulk" in labels.values()
    crystal = document.calculation_ids["crystal"]
    assert crystal not in {value for key, value in document.calculation_ids.items() if key != "crystal"}
    assert of_lattice(document) == [each for each in document.warnings if each.code == "not-converged"], "told on"
    assert caveats(document, "not-converged") == ([] if converged else [("not-converged", "crystal")])


@pytest.mark.slow
def test_the_metals_own_crystal_is_told_where_it_is_not_at_rest(campaign, monkeypatch):
    """The bulk that the adatom is compared with gave the slab its lattice, too: neither was told."""
    computed = makers.compute

    def unfinished(backend, request, label, *rest):
        found = computed(backend, request, label, *rest)
        return found.model_copy(update={"converged": False}) if label == "Al bulk" else found

    monkeypatch.setattr(makers, "compute", unfinished)
    assert campaign.run().succeeded
    (document,) = study_documents("aluminium")
    assert caveats(document) == [("not-converged", "bulk")]
    assert of_lattice(document) == document.warnings
    other = document.model_copy(update={"adsorbate": "Cu"})
    assert of_lattice(other) == [], "of the adatom's metal alone"


def test_the_metals_own_crystal_is_named_once(campaign):
    assert campaign.run().succeeded
    (document,) = study_documents("aluminium")
    assert "crystal" not in document.calculation_ids


def test_site_that_fails_is_told_and_the_others_go_on(campaign, monkeypatch):
    from anodeflow.backends.emt import EmtBackend

    execute = EmtBackend.execute

    def fail_on_bridge(self, request, folder, lock, tell):
        if failing(request.structure):
            raise CalculationError(f"EMT gave up in {folder.path}.")
        execute(self, request, folder, lock, tell)

    def failing(structure):
        # the adatom of the bridge site stands over no atom and over no hollow
        if len(structure) != 17:
            return False
        near = sorted(structure.get_distance(16, other) for other in range(16))
        return near[1] - near[0] < 1e-3 and near[2] - near[1] > 0.1

    monkeypatch.setattr(EmtBackend, "execute", fail_on_bridge)
    messages = []
    with listen(messages.append):
        report = campaign.run()
    assert not report.succeeded
    assert any("site 1 (bridge)" in failure and "EMT gave up" in failure for failure in report.failures)
    document = study_documents("aluminium")[0]
    assert [site.site for site in document.sites] == [0, 2]
    assert "site-missing" in codes(document)
    assert [message.label for message in messages if message.state == "failed"] == ["Al(001): Al at site 1 (bridge)"]
    monkeypatch.setattr(EmtBackend, "execute", execute)
    report = campaign.run()
    assert report.succeeded
    assert (report.computed, report.reused) == (1, 5)


def test_run_status_and_query_by_command(anodeflow, tmp_path):
    file = tmp_path / "aluminium.yaml"
    file.write_text(CAMPAIGN)
    ended = anodeflow("run", file)
    assert ended.status == 0, ended.err
    assert "[3/6] Al(001): clean slab: finished" in ended.out
    assert "6 calculations done, 0 found finished" in ended.out
    status = json.loads(anodeflow("status", "aluminium", "--format", "json").out)[0]
    assert status["state"] == "finished"
    assert {step["state"] for step in status["steps"]} == {"finished"}
    rows = json.loads(anodeflow("query", "campaign=aluminium", "--format", "json").out)
    assert {row["property"] for row in rows} == {"binding_energy", "binding_energy_bulk"}
    assert anodeflow("status", "nothing").status == 2


@pytest.mark.slow
def test_interrupt_from_the_keyboard_is_a_sentence(anodeflow, tmp_path, monkeypatch):
    from anodeflow.backends.emt import EmtBackend

    def interrupt(self, request, folder, lock, tell):
        raise KeyboardInterrupt

    file = tmp_path / "aluminium.yaml"
    file.write_text(CAMPAIGN)
    with monkeypatch.context() as patch:
        patch.setattr(EmtBackend, "execute", interrupt)
        ended = anodeflow("run", file)
    assert ended.status == 1
    assert "interrupted; the same command goes on" in ended.err
    assert json.loads(anodeflow("status", "aluminium", "--format", "json").out)[0]["state"] == "interrupted"
    assert anodeflow("run", file).status == 0


def test_failed_run_exits_with_1_and_says_why(anodeflow, tmp_path, monkeypatch):
    from anodeflow.backends.emt import EmtBackend

    def fail(self, request, folder, lock, tell):
        raise CalculationError(f"EMT gave up in {folder.path}; see the log there.")

    monkeypatch.setattr(EmtBackend, "execute", fail)
    file = tmp_path / "aluminium.yaml"
    file.write_text(CAMPAIGN)
    ended = anodeflow("run", file)
    assert ended.status == 1
    assert "EMT gave up" in ended.err
    assert "Traceback" not in ended.err
    shown = anodeflow("status", "aluminium")
    assert "failed" in shown.out
    assert "EMT gave up" in shown.out
