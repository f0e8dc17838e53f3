"""Hops with a prescreen: minima that the potential finds on the way, paths that it gets wrong, vacancies."""

import numpy as np
import pytest
from asking import told
from jobflow import Flow, JobStore, Maker, run_locally
from maggma.stores import MemoryStore
from prescreen_factories import CostlyBackend, register
from vacancy_factories import interface_document, layered

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.core.errors import CalculationError
from anodeflow.screening import path as prescreen_path
from anodeflow.screening.makers import Prescreen, PrescreenedRelaxMaker
from anodeflow.screening.shortlist import record_of
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.flow import AdsorptionMaker
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.flow import DiffusionMaker
from anodeflow.studies.diffusion.input import DiffusionInput
from anodeflow.studies.shared import hop_rounds
from anodeflow.studies.vacancy.document import VacancyDoc
from anodeflow.studies.vacancy.flow import VacancyMaker
from anodeflow.studies.vacancy.input import VacancyInput
from anodeflow.studies.vacancy.metal_face import MetalFace
from anodeflow.studies.vacancy.metal_face_flow import MetalFaceMaker


def run(flow: Flow, whole: bool = True) -> dict:
    """Return its output; `whole`: no job of it may fail."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False, ensure_success=whole)
    return store.get_output(flow.output.uuid, load=True)


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    """The costly backend, and EMT as its prescreen."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("hops")
        file = register(patch, folder)
        patch.setenv("ANODEFLOW_HOME", str(folder / "home"))
        makers = Makers(load_backend("emt"))
        prescreen = Prescreen(makers.relax(), makers.relax(cell=True), makers.static(), makers.neb(), backend="emt")
        yield load_backend(file), prescreen


@pytest.fixture(scope="module")
def adsorption(codes) -> AdsorptionDoc:
    """Cu on Cu(111), with the lowest of its sites alone: by EMT the hcp hollow."""
    backend, prescreen = codes
    maker = AdsorptionMaker(
        relax=Makers(backend).relax(),
        relax_cell=Makers(backend).relax(cell=True),
        static=Makers(backend).static(),
        input=AdsorptionInput(adsorbate="Cu"),
        slab=SlabSpec(miller=(1, 1, 1), layers=3, vacuum=8, min_width=5),
        prescreen=prescreen,
    )
    document = AdsorptionDoc.model_validate(run(maker.make(load_structure("Cu"), load_structure("Cu"))))
    return document.model_copy(update={"sites": [document.sites[document.most_stable]], "most_stable": 0})


def diffuse(codes, adsorption: AdsorptionDoc, failing: bool = False, **fields) -> DiffusionDoc:
    backend, prescreen = codes
    makers = {"relax": Makers(backend).relax(), "static": Makers(backend).static(), "neb": Makers(backend).neb()}
    maker = DiffusionMaker(prescreen=prescreen, **makers, **told(DiffusionInput, adsorbate="Cu", modes=False, **fields))
    return DiffusionDoc.model_validate(run(maker.make(adsorption), whole=not failing))


@pytest.fixture
def home(codes, monkeypatch):
    """All tests here share one home, so that nothing is computed twice."""


@pytest.mark.slow
def test_a_minimum_on_the_potentials_path_splits_the_hop(codes, adsorption, home):
    document = diffuse(codes, adsorption)
    whole, part = document.hops
    assert (whole.state, whole.split_into, whole.barrier_forward) == ("split", [1], None)
    assert "minimum 1 (fcc hollow) lies on the way" in whole.message
    assert whole.profile == [], "its energies are the potential's"
    assert whole.band is not None
    assert (part.state, len(part.images), part.band.mode) == ("done", 3, "saddle")
    assert {entry.step for entry in document.prescreen.entries} == {"hop 1"}
    assert {"hop 0 [emt]", "minimum on hop 0", "hop 1", "hop 1 [emt]"} <= set(document.calculation_ids)
    assert "hop 0" not in document.calculation_ids, "the costly code computed no such path"
    assert document.path is not None
    assert 0.02 < part.barrier_forward < 0.1
    assert document.prescreen.effort.force_evaluations < 15


@pytest.mark.slow
def test_a_minimum_that_only_the_potential_has_costs_the_whole_path(codes, adsorption, home, monkeypatch):
    """The costly code lets the image roll to an end: then it relaxes all of the path, and finds what is on it."""
    split = []

    def rolls(search, index, image, relaxed, landed):
        split.append(index)
        end = search.minima[search.hops[index].initial].structure
        return original(search, index, image, relaxed.model_copy(update={"structure": end}), landed)

    original = hop_rounds.split_hop
    monkeypatch.setattr(hop_rounds, "split_hop", rolls)
    document = diffuse(codes, adsorption)
    (hop,) = document.hops
    assert split == [0, 0], "once for the potential's dip, once for that of the costly code"
    assert (hop.state, hop.band.mode, len(hop.images)) == ("done", "band", 7)
    assert "rolls to an end" in hop.message
    assert hop.barrier_forward == pytest.approx(max(point.energy for point in hop.profile))
    assert "hop 0" in document.calculation_ids


@pytest.mark.slow
def test_a_dip_that_dft_cannot_relax_costs_the_whole_path_not_the_hop(codes, adsorption, tmp_path, monkeypatch):
    """Only the potential has seen that dip, so what becomes of it says nothing about the path."""
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    execute, asked = CostlyBackend.execute, []

    def fail_once(self, request, folder, lock, tell):
        asked.append(request.task)
        if request.task == "relax" and asked.count("relax") == 2:  # the first one is the minimum that was pushed
            raise CalculationError("the SCF did not converge.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(CostlyBackend, "execute", fail_once)
    check_whole(diffuse(codes, adsorption, failing=True))
    assert asked.count("relax") > 2


@pytest.mark.slow
def test_a_dip_that_dft_leaves_unconverged_costs_the_whole_path_not_the_hop(codes, adsorption, home, monkeypatch):
    def unconverged(search, index, image, relaxed, landed):
        relaxed = relaxed if search.hops[index].profile else relaxed.model_copy(update={"converged": False})
        return original(search, index, image, relaxed, landed)

    original = hop_rounds.split_hop
    monkeypatch.setattr(hop_rounds, "split_hop", unconverged)
    check_whole(diffuse(codes, adsorption))


def check_whole(document: DiffusionDoc) -> None:
    """The first path was relaxed by DFT from end to end, whatever it found there, and no hop was lost."""
    assert document.hops[0].band.mode == "band"
    assert len(document.hops[0].profile) == len(document.hops[0].images) > 3
    assert {hop.state for hop in document.hops} <= {"done", "split"}, [hop.message for hop in document.hops]
    assert document.path is not None


@pytest.mark.slow
def test_a_potential_without_such_end_states_leaves_the_path_to_the_costly_code(codes, adsorption, home, monkeypatch):
    monkeypatch.setattr(prescreen_path, "OTHER_END", 1e-4)
    document = diffuse(codes, adsorption, images=3)
    whole = document.hops[0]
    assert whole.band is None
    assert "hop 0" in document.calculation_ids
    assert "no-path-by-potential" in [warning.code for warning in document.warnings]


def test_an_atom_of_the_metals_own_surface_after_the_potential(codes, home):
    backend, prescreen = codes
    bulk = Makers(backend).relax(cell=True).calculate(load_structure("Cu"))
    spec = SlabSpec(layers=3, min_width=5, vacuum=8)

    def face(relax: Maker) -> MetalFace:
        return MetalFace.model_validate(run(MetalFaceMaker(relax, slab=spec, metal="Cu", system="x").make(bulk)))

    alone, after = face(Makers(backend).relax()), face(PrescreenedRelaxMaker(prescreen, Makers(backend).relax()))
    assert after.warnings == []
    assert after.energy == pytest.approx(alone.energy, abs=0.01)


@pytest.mark.slow
def test_stops_and_hops_of_a_vacancy(codes, home):
    backend, prescreen = codes
    structure = layered(["CuAu", "Cu", "CuAu"], ["Cu", "Cu", "Cu"])
    cheap = prescreen.relax.calculate(structure)
    dft = Makers(backend).relax().calculate(cheap.structure)
    audit = PrescreenAudit(backend="emt", keep=3, window=0.15, paths="saddle", start=record_of(cheap))
    interface = interface_document(dft.structure, 3, energy=dft.energy, prescreen=audit)

    def study(potential: Prescreen | None) -> VacancyDoc:
        maker = VacancyMaker(
            relax=Makers(backend).relax(), neb=Makers(backend).neb(), prescreen=potential,
            input=VacancyInput(element="Cu", helper="Au", start="interface", steps=1, samples=1, images=3),
        )  # fmt: skip
        return VacancyDoc.model_validate(run(maker.make(interface)))

    plain, screened = study(None), study(prescreen)
    assert plain.prescreen is None
    assert [stop.layer for stop in screened.stops] == [stop.layer for stop in plain.stops]
    assert [stop.energy for stop in screened.stops] == pytest.approx([stop.energy for stop in plain.stops], abs=0.01)
    for one, other in zip(plain.hops, screened.hops, strict=True):
        assert other.state == one.state == "done"
        assert other.barrier_forward == pytest.approx(one.barrier_forward, abs=0.01)
        assert other.band.mode == "saddle"
    entries = {(entry.step, entry.quantity): entry for entry in screened.prescreen.entries}
    assert {"path I stop 1", "path II stop 1", "path I hop 1", "path II hop 1"} == {step for step, _ in entries}
    for stop in screened.stops[1:]:
        entry = entries[(f"path {stop.path} stop {stop.name}", "vacancy_energy")]
        assert entry.dft == pytest.approx(stop.energy)
        assert entry.potential == pytest.approx(stop.energy / 1.1, abs=0.04)
    assert screened.prescreen.start is not None
    assert screened.prescreen.effort.force_evaluations < 40
    assert np.isfinite([hop.max_force for hop in screened.hops]).all()
    assert "path I stop 1 [emt]" in screened.calculation_ids


@pytest.mark.slow
def test_exchanges_by_the_potential_and_their_saddles_by_dft(codes, home):
    """Across the rows of Cu(110), through a minimum in which the potential's path dips: DFT relaxes that whole path."""
    backend, prescreen = codes
    adsorption = AdsorptionMaker(
        relax=Makers(backend).relax(),
        relax_cell=Makers(backend).relax(cell=True),
        static=Makers(backend).static(),
        input=AdsorptionInput(adsorbate="Cu"),
        slab=SlabSpec(miller=(1, 1, 0), layers=5, vacuum=8, min_width=7),
        prescreen=prescreen,
    )
    document = AdsorptionDoc.model_validate(run(adsorption.make(load_structure("Cu"), load_structure("Cu"))))
    found = diffuse(codes, document, exchange=True)
    exchanges = [hop for hop in found.hops if hop.is_exchange]
    assert {hop.state for hop in exchanges} <= {"done"}
    alone = [hop for hop in exchanges if hop.via is None]
    through = [hop for hop in exchanges if hop.via is not None]
    assert {(hop.band.mode, len(hop.images)) for hop in alone} <= {("saddle", 3)}
    assert {(hop.band.mode, len(hop.images)) for hop in through} == {("band", 7)}
    for hop in through:
        assert 0 < hop.via.energy < hop.barrier_forward
        assert f"minimum on hop {hop.index}" in found.calculation_ids
