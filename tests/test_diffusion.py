"""The diffusion workflow on EMT: against plain ASE, split hops, ends without symmetry, and what goes wrong."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from ase.units import kB
from ase.vibrations import Vibrations
from asking import told
from factories import caveats, codes
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.io.ase import AseAtomsAdaptor
from surface_factories import diffusion_document as made_up

from anodeflow import query
from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.profile import ProfilePoint, deepest_dip
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.database.query import study_documents
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.sites.minima import pushed
from anodeflow.structures.sites.path import first_path
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.flow import AdsorptionMaker
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.diffusion import false_minima, hop_search
from anodeflow.studies.diffusion.analysis import diffusion_document
from anodeflow.studies.diffusion.candidates import candidates
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.exchanges import take_ends
from anodeflow.studies.diffusion.flow import DiffusionMaker
from anodeflow.studies.diffusion.hop_ends import finish_end, hop_ends
from anodeflow.studies.diffusion.hop_search import HopSearch, saddle_tests, start_search
from anodeflow.studies.diffusion.input import DiffusionInput
from anodeflow.studies.diffusion.kinetics import hop_rate
from anodeflow.studies.diffusion.network import has_barrier
from anodeflow.studies.diffusion.prefactors import with_prefactors
from anodeflow.studies.diffusion.splitting import landed
from anodeflow.studies.shared.hop_rounds import split_hop
from anodeflow.studies.shared.hops import MOST_SPLITS, Dip, HopError, end_verdict, intermediate_minimum
from anodeflow.studies.shared.saddles import relax_further, review_modes

SURFACES = {
    "Al(001)": ("Al", SlabSpec(miller=(0, 0, 1), layers=4, vacuum=10, min_width=8)),
    "Cu(001)": ("Cu", SlabSpec(miller=(0, 0, 1), layers=4, vacuum=10, min_width=7)),
    "Al(110)": ("Al", SlabSpec(miller=(1, 1, 0), layers=6, vacuum=10, min_width=8)),
    "Cu(111)": ("Cu", SlabSpec(miller=(1, 1, 1), layers=3, vacuum=10, min_width=7)),
    "Cu(110)": ("Cu", SlabSpec(miller=(1, 1, 0), layers=5, vacuum=10, min_width=7)),
}


def run(flow: Flow) -> dict:
    """Run a flow without a database of ours; return its output."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False)
    return store.get_output(flow.output.uuid, load=True)


@pytest.fixture(scope="module")
def adsorption(tmp_path_factory):
    """Adsorption of a metal's own atom on one of SURFACES, computed once."""
    done: dict[str, AdsorptionDoc] = {}

    def of(name: str) -> AdsorptionDoc:
        if name not in done:
            element, spec = SURFACES[name]
            backend = load_backend("emt")
            maker = AdsorptionMaker(
                relax=Makers(backend).relax(),
                relax_cell=Makers(backend).relax(cell=True),
                static=Makers(backend).static(),
                input=AdsorptionInput(adsorbate=element),
                slab=spec,
            )
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("adsorption")))
                output = run(maker.make(load_structure(element), load_structure(element)))
            done[name] = AdsorptionDoc.model_validate(output)
        return done[name]

    return of


@pytest.fixture(scope="module")
def _folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def shared_home(_folder, home, monkeypatch) -> None:
    """One home for tests of the same studies, whose calculations are done once; no test that changes a code uses it."""
    monkeypatch.setenv("ANODEFLOW_HOME", str(_folder))


def maker(element: str, **fields) -> DiffusionMaker:
    backend = load_backend("emt")
    makers = {
        "relax": Makers(backend).relax(),
        "static": Makers(backend).static(),
        "neb": Makers(backend).neb(),
        "modes": Makers(backend).modes(),
    }
    return DiffusionMaker(**(makers | told(DiffusionInput, adsorbate=element, **fields)))


def diffuse(document: AdsorptionDoc, **fields) -> DiffusionDoc:
    output = run(maker(document.adsorbate, **fields).make(document))
    return DiffusionDoc.model_validate(output)


def started(document: AdsorptionDoc) -> HopSearch:
    """The search with its saddle tests done."""
    tests, static = saddle_tests(document), Makers(load_backend("emt")).static()
    sites = {site.site: site.structure for site in document.sites}
    return start_search(document, tests, [static.calculate(pushed(sites[test.site], test.direction)) for test in tests])


def only(document: AdsorptionDoc, *sites: int) -> AdsorptionDoc:
    """The document with some of its sites alone."""
    return document.model_copy(
        update={"sites": [site for site in document.sites if site.site in sites], "most_stable": 0}
    )


def plain_neb(initial, final) -> float:
    """Barrier by ASE alone: its interpolation, its band with all images, another optimiser."""
    ends = []
    for structure in (initial, final):
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.01)
        ends.append(atoms)
    images = [ends[0]] + [ends[0].copy() for _ in range(7)] + [ends[1]]
    for image in images[1:-1]:
        image.calc = EMT()
    band = NEB(images, climb=False, method="improvedtangent", k=0.5)
    band.interpolate("idpp", mic=True, apply_constraint=True)
    FIRE(band, logfile=None).run(fmax=0.1)
    band.climb = True
    FIRE(band, logfile=None).run(fmax=0.01, steps=500)
    return max(image.get_potential_energy() for image in images) - ends[0].get_potential_energy()


@pytest.mark.slow
def test_barrier_is_that_of_plain_ase_and_of_the_relaxed_bridge(adsorption, shared_home):
    document = adsorption("Al(001)")
    result = diffuse(document, campaign="test", temperatures=[300.0, 400.0])
    (hop,) = result.hops
    assert (hop.state, hop.symmetric, hop.multiplicity) == ("done", True, 4)
    assert len(hop.images) == 7
    assert isinstance(AseAtomsAdaptor.get_atoms(hop.images[3], msonable=False).constraints[0], FixAtoms)
    assert hop.barrier_forward == pytest.approx(plain_neb(hop.images[0], hop.images[-1]), abs=5e-3)
    bridge = next(site for site in document.sites if site.final_label == "bridge")
    assert hop.barrier_forward == pytest.approx(bridge.binding_energy - document.binding_energy, abs=5e-3)
    assert hop.barrier_reverse == pytest.approx(hop.barrier_forward)

    assert [minimum.label for minimum in result.minima] == ["fourfold hollow"]
    assert {(site.label, site.reason) for site in result.rejected} == {("onefold top", "saddle"), ("bridge", "saddle")}
    assert all(site.curvature < -0.1 for site in result.rejected)
    assert result.path.barrier == pytest.approx(hop.barrier_forward)
    assert np.linalg.norm(result.path.displacement) == pytest.approx(np.linalg.norm(hop.displacement), abs=1e-3)
    assert abs(np.linalg.det([result.path.displacement, result.path_across.displacement])) > 1
    rate = result.diffusivities[0].hop_rates[0]
    assert result.diffusivities[0].diffusivity == pytest.approx(rate * np.sum(np.square(hop.displacement)) * 1e-16)
    assert result.diffusivities[1].diffusivity > result.diffusivities[0].diffusivity
    assert set(codes(result)) <= {"little-room", "exchange-not-searched"}
    assert "exchange-not-searched" in codes(result)

    points = hop.profile
    assert [point.energy for point in points] == pytest.approx([point.energy for point in points[::-1]])
    assert points[3].energy == pytest.approx(hop.barrier_forward)
    assert points[3].slope == pytest.approx(0, abs=1e-6)
    assert hop.path_length == pytest.approx(points[-1].distance)
    for before, after in pairwise(points):
        assert after.distance > before.distance
    rows = {row.property: row for row in result.rows()}
    assert set(rows) == {
        "barrier_forward",
        "barrier_reverse",
        "negative_modes",
        "diffusivity",
        "diffusivity_principal",
    }
    assert rows["negative_modes"].value == hop.negative_modes == 1
    assert [row.temperature for row in result.rows() if row.property == "diffusivity"] == [300, 400]
    assert all(row.calculation_ids for row in result.rows())


@pytest.mark.slow
def test_half_of_the_images_gives_the_same_barrier(adsorption):
    search = started(adsorption("Al(001)"))
    before = search.hops[0].model_copy(deep=True)
    assert hop_ends(search, 0).displacement == take_ends(search, 0).displacement
    ends = take_ends(search, 0)
    assert search.hops[0] == before.model_copy(update={"displacement": list(ends.displacement)})
    neb, energies = Makers(load_backend("emt")).neb(), (search.zero, search.zero)
    half = neb.calculate(first_path(ends.initial, ends.final, 5, ends.symmetry), energies, symmetry=ends.symmetry)
    whole = neb.calculate(first_path(ends.initial, ends.final, 5), energies)
    assert (half.computed_images, whole.computed_images) == (3, 5)
    assert half.force_evaluations <= 0.7 * whole.force_evaluations
    assert half.energy == pytest.approx(whole.energy, abs=1e-3)


@pytest.mark.slow
def test_two_kinds_of_hollows_are_one_hop_and_a_path_of_two(adsorption, shared_home):
    document = adsorption("Cu(111)")
    result = diffuse(document)
    assert [minimum.label for minimum in result.minima] == ["hcp hollow", "fcc hollow"], "by rising energy, by EMT"
    assert [minimum.multiplicity for minimum in result.minima] == [1, 1]
    bridge = next(site for site in result.rejected if site.label == "bridge")
    assert bridge.reason == "saddle", "its two sides are nearly alike, so the relaxation stayed there"
    (hop,) = result.hops
    assert (hop.state, hop.symmetric, hop.multiplicity) == ("done", False, 3)
    assert hop.barrier_forward == pytest.approx(bridge.energy, abs=2e-3)
    assert hop.barrier_forward - hop.barrier_reverse == pytest.approx(result.minima[1].energy, abs=1e-6)
    assert [(step.hop, step.reverse) for step in result.path.steps] == [(0, False), (0, True)]
    assert result.path.barrier == pytest.approx(hop.barrier_forward)


@pytest.mark.slow
def test_hop_over_an_unknown_minimum_is_split(adsorption, shared_home):
    """Only the hcp hollow is known: the path from one to the next runs through the fcc hollow."""
    document = adsorption("Cu(111)")
    lowest = document.sites[document.most_stable].site
    result = diffuse(only(document, lowest))
    whole, part = result.hops
    assert (whole.state, whole.split_into, whole.barrier_forward) == ("split", [1], None)
    assert "minimum 1 (fcc hollow) lies on the way" in whole.message
    assert (part.state, part.initial, part.final, part.multiplicity) == ("done", 0, 1, 3)
    assert [minimum.site for minimum in result.minima] == [lowest, None]
    complete = diffuse(document)
    assert part.barrier_forward == pytest.approx(complete.hops[0].barrier_forward, abs=2e-3)
    assert result.path.barrier == pytest.approx(complete.path.barrier, abs=2e-3)
    assert {"hop 0", "hop 1", "minimum on hop 0"} <= set(result.calculation_ids)


@pytest.mark.slow
def test_hop_whose_only_image_is_a_minimum_is_split_there(adsorption, shared_home):
    """One image between two hcp hollows comes to rest in the fcc hollow: no dip of the path, but no negative mode."""
    document = adsorption("Cu(111)")
    lowest = document.sites[document.most_stable].site
    result = diffuse(only(document, lowest), images=1)
    whole, part = result.hops
    assert (whole.state, whole.split_into, whole.negative_modes) == ("split", [1], 0)
    assert "minimum 1 (fcc hollow) lies on the way" in whole.message
    assert (part.state, part.negative_modes, part.initial, part.final) == ("done", 1, 0, 1)
    assert result.path.barrier == pytest.approx(diffuse(document).path.barrier, abs=2e-3)
    assert {"modes of hop 0", "minimum on hop 0", "modes of hop 1"} <= set(result.calculation_ids)


@pytest.mark.slow
def test_ends_without_an_operation_of_the_supercell_are_relaxed(adsorption, monkeypatch):
    """Bridges taken for minima, on a supercell that does not map those along x on those along y."""
    spec = SlabSpec(miller=(0, 0, 1), layers=3, vacuum=10, min_width=5)
    element, backend = "Al", load_backend("emt")
    made = AdsorptionMaker(
        relax=Makers(backend).relax(),
        relax_cell=Makers(backend).relax(cell=True),
        static=Makers(backend).static(),
        input=AdsorptionInput(adsorbate=element),
        slab=spec,
    )
    output = run(made.make(load_structure(element), load_structure(element)))
    document = AdsorptionDoc.model_validate(output)
    wide = document.slab.make_supercell([[1, 0, 0], [0, 2, 0], [0, 0, 1]], in_place=False)
    clean = Makers(backend).relax().calculate(wide)
    bridge = next(site for site in document.sites if site.final_label == "bridge")
    adatom = wide.copy()
    adatom.append(
        element, bridge.structure[-1].coords, coords_are_cartesian=True, properties={"selective_dynamics": [True] * 3}
    )
    relaxed = Makers(backend).relax().calculate(adatom)
    bound = relaxed.energy - clean.energy - document.atom_energy
    site = bridge.model_copy(update={"structure": relaxed.structure, "binding_energy": bound, "merged_into": None})
    document = document.model_copy(
        update={"slab": clean.structure, "slab_energy": clean.energy, "sites": [site], "most_stable": 0}
    )
    monkeypatch.setattr(hop_search, "SADDLE", -np.inf)
    monkeypatch.setattr(false_minima, "LOWER", np.inf)
    result = diffuse(document)
    assert result.hops[0].state == "split"
    assert {"end 0", "hop 0", "minimum on hop 0"} <= set(result.calculation_ids)
    assert result.minima[0].label == "fourfold hollow", "the lowest minimum is the one that was found on the way"
    assert result.minima[0].energy == 0
    assert result.minima[1].energy == pytest.approx(0.21, abs=0.03)
    assert result.rejected == []
    assert all(result.minima[hop.initial].index == hop.initial for hop in result.hops)
    assert result.path is not None
    assert result.path.start == 0


@pytest.mark.slow
def test_one_hop_that_fails_does_not_take_the_others_with_it(adsorption, monkeypatch):
    execute = EmtBackend.execute

    def fail_on_the_long_hop(self, request, folder, lock, tell):
        if request.task == "neb" and request.images[0][-1].distance(request.images[-1][-1]) > 3:
            raise CalculationError(f"EMT gave up in {folder.path}.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_on_the_long_hop)
    result = diffuse(adsorption("Cu(110)"))
    assert [hop.state for hop in result.hops] == ["done", "failed"]
    assert "`anodeflow status` says why" in result.hops[1].message
    assert "hop-failed" in codes(result)
    assert "lower-bound" in codes(result)
    assert [step.hop for step in result.path.steps] == [0]
    assert result.path_across is None
    assert result.diffusivities[0].hop_rates[1] == 0
    assert np.linalg.matrix_rank(np.array(result.diffusivities[0].tensor), rtol=1e-6) == 1
    monkeypatch.setattr(EmtBackend, "execute", execute)
    again = diffuse(adsorption("Cu(110)"))
    assert [hop.state for hop in again.hops] == ["done", "done"]
    assert again.path_across.barrier > again.path.barrier


CAMPAIGN = """\
name: narrow
backend: emt
systems:
  - {name: Al(001), structure: Al, miller: [0, 0, 1], layers: 3, vacuum: 10, min_width: 2.5}
  - {name: wide, structure: Al, miller: [0, 0, 1], layers: 3, vacuum: 10, min_width: 5}
studies:
  - diffusion: {adsorbate: Al, systems: all}
"""


@pytest.mark.slow
def test_slab_one_hop_wide_fails_in_a_sentence_and_the_campaign_goes_on(anodeflow, tmp_path):
    file = tmp_path / "narrow.yaml"
    file.write_text(CAMPAIGN)
    ended = anodeflow("run", file)
    assert ended.status == 1
    assert "Traceback" not in ended.err
    assert "periodic image of its start, 2.82 Å away" in ended.err
    assert "larger min_width" in anodeflow("status", "narrow").out
    results = {document.system: document for document in study_documents("narrow") if document.study == "diffusion"}
    narrow, wide = results["Al(001)"], results["wide"]
    assert narrow.hops[0].state == "failed"
    assert "larger min_width" in narrow.hops[0].message
    assert (narrow.path, narrow.diffusivities) == (None, [])
    assert "no-path" in codes(narrow)
    assert wide.hops[0].state == "done"
    rows = query(campaign="narrow", study="diffusion", system="wide", property="barrier_forward")
    assert set(rows.value.round(6)) == {round(wide.path.barrier, 6)}
    assert set(rows.label) == {"cheapest path", "hop 0: minimum 0 to 0"}
    assert query(campaign="narrow", study="diffusion", system="Al(001)").empty
    warm = json.loads(anodeflow("query", "campaign=narrow", "temperature=300", "--format", "json").out)
    assert {row["property"]: row["temperature"] for row in warm} == {"diffusivity": 300, "diffusivity_principal": 300}
    assert set(query(campaign="narrow", property="negative_modes").value) == {1}
    told = anodeflow("query", "campaign=narrow", "--format", "csv", "--sort", "temperature").out.splitlines()
    assert told[1].split(",")[told[0].split(",").index("temperature")] == "300.0", "what has none comes last"


def test_surface_without_a_minimum_is_told_in_a_sentence(adsorption):
    document = adsorption("Al(001)")
    sunk = document.model_copy(update={"sites": [s.model_copy(update={"state": "sunk"}) for s in document.sites]})
    with pytest.raises(
        CalculationError, match=r"^Al\(001\): the Al adatom has no minimum .*site 0 sunk.*relax more sites"
    ):
        start_search(sunk, [], [])
    unfinished = document.model_copy(
        update={"sites": [s.model_copy(update={"converged": False}) for s in document.sites]}
    )
    with pytest.raises(CalculationError, match="site 2 not converged"):
        start_search(unfinished, [], [])


def test_other_adatom_than_that_of_the_adsorption_is_refused(adsorption):
    flow = maker("Cu").make(adsorption("Al(001)"))
    (start,) = flow.jobs
    with pytest.raises(InputError, match=r"^Al\(001\): diffusion of Cu cannot start from adsorption of Al"):
        start.function(*start.function_args, **start.function_kwargs)


def test_end_that_left_its_minimum_is_told_in_a_sentence(adsorption):
    search = started(adsorption("Al(001)"))
    ends = take_ends(search, 0)
    relaxed = Makers(load_backend("emt")).static().calculate(ends.final)
    assert finish_end(search, 0, ends, relaxed)[-1].coords == pytest.approx(ends.final[-1].coords)
    rolled = relaxed.structure.copy()
    rolled.translate_sites([len(rolled) - 1], [0, 1.0, 0], frac_coords=False)
    with pytest.raises(CalculationError, match=r"Al\(001\): end of hop 0: the adatom left minimum 0 .*1.00 Å"):
        finish_end(search, 0, ends, relaxed.model_copy(update={"structure": rolled}))
    with pytest.raises(CalculationError, match=r"came to rest \+0.200 eV from minimum 0"):
        finish_end(search, 0, ends, relaxed.model_copy(update={"energy": relaxed.energy + 0.2}))
    with pytest.raises(CalculationError, match="did not converge"):
        finish_end(search, 0, ends, relaxed.model_copy(update={"converged": False}))
    with pytest.raises(HopError) as lost:  # what the document keeps of it bears no number that may change
        finish_end(search, 0, ends, relaxed.model_copy(update={"energy": relaxed.energy + 0.2}))
    assert lost.value.remark.startswith("its end: the adatom came to rest +0.200 eV from its minimum, in another state")


@pytest.mark.slow
def test_dip_that_rolls_to_an_end_or_sinks(adsorption):
    search = started(adsorption("Al(001)"))
    ends = take_ends(search, 0)
    relaxed = Makers(load_backend("emt")).static().calculate(ends.initial)
    hop = search.hops[0]
    hop.state, hop.barrier_forward, hop.images = "done", 0.2, first_path(ends.initial, ends.final, 5)
    split_hop(search, 0, 1, relaxed, landed)
    assert (hop.state, hop.barrier_forward) == ("done", 0.2)
    assert "rolls to an end" in hop.message
    gone = relaxed.structure.copy()
    gone.translate_sites([len(gone) - 1], [0, 0, 4.0], frac_coords=False)
    with pytest.raises(CalculationError, match="minimum on hop 0: the adatom has desorbed"):
        split_hop(search, 0, 1, relaxed.model_copy(update={"structure": gone}), landed)
    assert (hop.state, hop.barrier_forward) == ("failed", None)
    search.splits[0] = MOST_SPLITS
    with pytest.raises(CalculationError, match="split 2 times already"):
        split_hop(search, 0, 1, relaxed, landed)


def test_dips_are_seen_by_their_depth():
    assert deepest_dip(np.array([0, 0.1, 0.2, 0.1, 0.0]), 0.01) is None
    assert deepest_dip(np.array([0, 0.1, 0.095, 0.1, 0.0]), 0.01) is None
    assert deepest_dip(np.array([0, 0.1, 0.04, 0.06, 0.08, 0.0]), 0.01) == 2
    assert deepest_dip(np.array([0, -0.02, -0.05, 0.0]), 0.01) == 2, "lower than both ends"
    assert deepest_dip(np.array([0.0, 0.1, 0.2]), 0.01) is None


@pytest.mark.parametrize(
    ("energies", "converged", "dip"),
    [
        ([0, 0.1, 0.2, 0.1, 0], True, None),
        ([0, 0.1, 0.04, 0.06, 0.08, 0], True, Dip(2)),
        ([0.05, 0.02, 0.2, 0.1, 0], True, Dip(1)),  # below one end alone: a dip like others
        ([0, -0.02, 0.4, 0.1, 0.3, 0.05], True, Dip(1, 0.02)),  # before the dip, deep as that is
        ([0, -0.02, 0.4, 0.1, 0.3, 0.05], False, Dip(3)),  # 20 meV say nothing of a path that did not converge
        ([0, -0.005, 0.4, 0.1, 0.3, 0.05], True, Dip(3)),
        ([0, -0.06, 0.4, 0.3, 0.2, 0.1], False, Dip(1, 0.06)),
    ],
)
def test_an_image_below_both_ends_comes_before_any_dip(energies, converged, dip):
    found = intermediate_minimum(np.array(energies), converged)
    assert found == (dip and Dip(dip.image, pytest.approx(dip.below)))


def test_an_image_that_rolls_to_an_end_tells_whether_the_hop_stands():
    assert end_verdict(Dip(2), 0.0, "an end") == (
        True,
        "image 2 lies in a dip, but rolls to an end: no minimum lies on the way",
    )
    assert end_verdict(Dip(2), 0.03, "an end") == (
        False,
        "image 2 lies in a dip and relaxes to 0.030 eV below an end, which is no minimum",
    )
    stands, words = end_verdict(Dip(2, 0.015), 0.015, "an end")
    assert not stands
    assert words.startswith("image 2 lies 0.015 eV below both ends, but rolls to an end")


@pytest.mark.slow
def test_hop_whose_end_is_not_the_lowest_point_beside_it_fails(adsorption):
    """The adatom rolls from below both ends to one of them, 30 meV lower than that: it is no minimum."""
    search = started(adsorption("Al(001)"))
    ends = take_ends(search, 0)
    relaxed = Makers(load_backend("emt")).static().calculate(ends.initial)
    hop, images = search.hops[0], first_path(ends.initial, ends.final, 5)
    points = [0.0, -0.03, 0.1, 0.2, 0.1, 0.05, 0.0]
    hop.state, hop.barrier_forward, hop.images = "done", 0.2, images
    hop.profile = [ProfilePoint(distance=d, energy=e, slope=0) for d, e in enumerate(points)]
    split_hop(search, 0, 1, relaxed.model_copy(update={"energy": search.total_energy(hop.initial) - 0.03}), landed)
    assert (hop.state, hop.barrier_forward) == ("failed", None)
    assert (
        hop.message == "image 1 lies 0.030 eV below both ends and relaxes to 0.030 eV below an end, which is no minimum"
    )


@pytest.mark.slow
def test_running_again_computes_nothing(adsorption, shared_home, monkeypatch):
    first = diffuse(adsorption("Cu(111)"))

    def refuse(self, request, folder, lock, tell):
        raise AssertionError(f"{request.task} was computed again")

    monkeypatch.setattr(EmtBackend, "execute", refuse)
    again = diffuse(adsorption("Cu(111)"))
    assert again.document_id == first.document_id
    assert again.calculation_ids == first.calculation_ids


def test_relaxations_that_stopped_along_one_valley_are_one_minimum(adsorption):
    document = adsorption("Al(001)")
    best = document.sites[document.most_stable]

    def beside(number: int, distance: float, energy: float):
        structure = best.structure.copy()
        structure.translate_sites([len(structure) - 1], [distance, 0, 0], frac_coords=False)
        changes = {"site": number, "structure": structure, "binding_energy": best.binding_energy + energy}
        return best.model_copy(update=changes)

    several = [best, beside(10, 0.8, 0.01), beside(11, 0.8, 0.1), beside(12, 1.2, 0.01)]
    kept, rejected = candidates(document.model_copy(update={"sites": several}))
    assert [site.site for site in kept] == [best.site, 12, 11]
    assert rejected == {10: "merged"}


def test_site_without_a_test_is_a_minimum(adsorption):
    document = adsorption("Al(001)")
    tests = saddle_tests(document)
    hollow = min(document.sites, key=lambda site: site.binding_energy).site
    # In a hollow that no symmetry holds there is nothing to test.
    search = start_search(document, [test for test in tests if test.site != hollow], [None] * (len(tests) - 1))
    assert {minimum.site for minimum in search.minima} == {site.site for site in document.sites}
    assert codes(search).count("saddle-not-tested") == len(document.sites) - 1


def test_another_codes_force_at_rest_says_nothing_of_saddles(adsorption):
    """A potential's force on an adatom where DFT left it need not vanish; it is no curvature."""
    document = adsorption("Al(001)")
    tests, static = saddle_tests(document, foreign=True), Makers(load_backend("emt")).static()
    tested = {test.site for test in tests}
    assert (
        {test.site for test in tests if not any(test.direction)}
        == tested
        == {test.site for test in saddle_tests(document)}
    )
    sites = {site.site: site.structure for site in document.sites}
    results = []
    for test in tests:
        found = static.calculate(pushed(sites[test.site], test.direction))
        forces = np.array(found.forces)
        forces[-1, :2] += [0.3, -0.3]
        results.append(found.model_copy(update={"forces": forces.tolist()}))
    expected = [minimum.site for minimum in started(document).minima]
    assert [minimum.site for minimum in start_search(document, tests, results).minima] == expected
    assert len(expected) < len(document.sites), "some are saddles"


def test_saddle_below_all_minima_is_warned_of(adsorption):
    document = adsorption("Al(001)")
    assert started(document).warnings == []
    best = min(document.sites, key=lambda site: site.binding_energy)
    # As if the minimum beside the bridge had been missed.
    raised = best.model_copy(update={"binding_energy": best.binding_energy + 5})
    search = started(document.model_copy(update={"sites": [raised if s is best else s for s in document.sites]}))
    assert [minimum.site for minimum in search.minima] == [best.site]
    assert codes(search).count("minimum-not-found") == len(search.rejected)


@pytest.mark.slow
def test_a_false_minimum_is_pushed_and_relaxed_away(adsorption):
    """The bridge along the rows of Al(110) bends upwards as long as the atoms around are held: EMT."""
    document = adsorption("Al(110)")
    rigid = started(document)
    false = [m for m in rigid.minima if m.energy > 0.05]
    assert len(rigid.minima) == 2, "with all else at rest it looks like a minimum"
    assert {rigid.minima[m].site for m in rigid.suspects} == {minimum.site for minimum in rigid.minima}
    result = diffuse(document)
    assert [minimum.label for minimum in result.minima] == ["fourfold hollow"]
    assert result.minima[0].pushed
    (told,) = [site for site in result.rejected if site.site == false[0].site]
    assert (told.reason, told.curvature < -0.1) == ("saddle", True)
    assert f"rolls into site {result.minima[0].site}" in told.message
    assert {hop.state for hop in result.hops} == {"done"}
    assert [hop.negative_modes for hop in result.hops] == [1, 1]
    assert all(hop.curvatures[0] < 0 < hop.curvatures[1] for hop in result.hops)
    assert all(hop.max_force < 0.01 for hop in result.hops), "the saddle was walked up to"
    assert set(codes(result)) <= {"little-room", "exchange-not-searched"}

    barrier, spread = plain_diffusivity(result.minima[0].structure, told_structure(document, told.site))
    assert result.path.barrier == pytest.approx(barrier, abs=1e-3)
    assert spread == pytest.approx(5.7e-5, rel=0.05)
    assert result.diffusivities[0].diffusivity == pytest.approx(spread, rel=0.05)
    (largest, along), (smallest, across) = result.diffusivities[0].principal
    row = np.array(result.path.displacement) / np.linalg.norm(result.path.displacement)
    assert abs(np.dot(along, row)) == pytest.approx(1, abs=1e-4)
    assert np.dot(along, across) == pytest.approx(0, abs=1e-9)
    assert largest == pytest.approx(2 * result.diffusivities[0].diffusivity, rel=1e-3)
    assert smallest < 1e-6 * largest
    rows = [row for row in result.rows() if row.property == "diffusivity_principal"]
    assert [row.temperature for row in rows] == [300, 300]
    assert rows[0].value == pytest.approx(largest)
    assert [row.label for row in rows] == ["300 K, along [1 -1 0]", "300 K, along [0 0 1]"]
    alike = result.diffusivities[0].model_copy(update={"tensor": [[1e-5, 0.0], [0.0, 1e-5]]})
    assert result.principal(alike) == [(1e-5, "any direction")]
    earlier = result.model_copy(update={"crystal_axes": None})
    assert re.fullmatch(r"300 K, along \(0\.\d\d, -?0\.\d\d\)", earlier.rows()[-2].label)


def test_steps_and_warnings_bear_the_new_numbers_of_hops(adsorption):
    """Of twelve hops the second leads to a minimum that is none."""
    search = started(adsorption("Al(001)"))
    (minimum,), first = search.minima, search.hops[0]
    beside = [minimum.position[0] + 1.4, *minimum.position[1:]]
    search.minima.append(minimum.model_copy(update={"index": 1, "position": beside}))
    search.hops = [first.model_copy(update={"index": i, "final": int(i == 1)}) for i in range(12)]
    search.splits = [0] * 12
    search.audit = PrescreenAudit(backend="emt", keep=3, window=0.15, paths="saddle")
    kinds = {f"{kind} {{}}{more}" for kind in ("hop", "end", "minimum on hop") for more in ("", " [emt]")}
    kinds |= {"modes of hop {}", "hop {}, second order 1", "modes of hop {}, second order 2"}
    search.calculation_ids = {kind.format(i): f"{kind} of {i}" for kind in kinds for i in (0, 1, 10, 11)}
    search.calculation_ids |= {"site 11": "a site", "slab": "the slab"}
    about = [Subject("hop", 1), Subject("hop", 10, ", modes of its saddle"), Subject("end", 11), Subject("site", 11)]
    search.warnings = [Caveat("x", "is flat").of(each) for each in about] + [Caveat("x", "old: hop 1 is flat")]
    search.warnings.append(Caveat("x", "the slab is thin").under(Subject("hop", 11)).under("slab 1"))
    false_minima._take_out(search, {1: 0})
    assert [hop.index for hop in search.hops] == list(range(11))
    expected = {kind.format(new): f"{kind} of {old}" for kind in kinds for old, new in ((0, 0), (10, 9), (11, 10))}
    assert search.calculation_ids == expected | {"site 11": "a site", "slab": "the slab"}
    assert [about for _, about in caveats(search)] == [
        "hop 9, modes of its saddle", "end 10", "site 11", "", "slab 1: hop 10",
    ]  # fmt: skip
    assert search.warnings[0].about == (Subject("hop", 9, ", modes of its saddle"),)
    assert search.warnings[0].text == "hop 9, modes of its saddle is flat", "the sentence says it, too"
    assert search.warnings[3].text == "old: hop 1 is flat", "of no subject that is known"


def test_a_split_hop_names_the_minimum_by_its_number_in_the_document(adsorption):
    """The intermediate minimum was found second and is the lowest, so that the document has it first."""
    search = started(adsorption("Al(001)"))
    below = search.minima[0].model_copy(update={"index": 1, "energy": -0.1, "label": "bridge"})
    below = below.model_copy(update={"position": [below.position[0] + 1.4, *below.position[1:]]})
    search.minima.append(below)
    search.waiting, search.suspects = [], []
    search.hops[0].state, search.hops[0].split_at, search.hops[0].message = "split", 1, "stale"
    (hop,) = diffusion_document(search, DiffusionContext(input=DiffusionInput(adsorbate="Al"))).hops
    assert (hop.initial, hop.split_at, hop.message) == (1, 0, "minimum 0 (bridge) lies on the way")


def told_structure(document: AdsorptionDoc, site: int):
    return next(each.structure for each in document.sites if each.site == site)


def plain_diffusivity(hollow, bridge) -> tuple[float, float]:
    """Barrier (eV) and D (cm²/s, 300 K, 1e13 1/s) of hops along a row, by ASE alone: the bridge is the saddle."""
    energies, places = [], []
    for structure in (hollow, bridge):
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=1e-3)
        energies.append(atoms.get_potential_energy())
        places.append(atoms.positions[-1])
    for sign in (1, -1):  # down both sides of the bridge, to two neighbouring hollows
        atoms = AseAtomsAdaptor.get_atoms(bridge, msonable=False)
        step = (places[1] - places[0]) * [1, 1, 0]
        atoms.positions[-1] += sign * 0.15 * step / np.linalg.norm(step)
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=1e-2, steps=300)
        assert atoms.get_potential_energy() == pytest.approx(energies[0], abs=2e-3)
    barrier, length = energies[1] - energies[0], 4.0 / np.sqrt(2)  # between hollows of a row, about
    return barrier, float(1e13 * np.exp(-barrier / (kB * 300)) * (length * 1e-8) ** 2 / 2)


def with_band(document: AdsorptionDoc) -> HopSearch:
    """A search whose only hop has a path, first guess as it is, over the bridge."""
    search = started(document)
    ends = take_ends(search, 0)
    hop = search.hops[0]
    hop.images = first_path(ends.initial, ends.final, 5, ends.symmetry)
    hop.profile = [ProfilePoint(distance=d, energy=e, slope=0) for d, e in enumerate([0, 0.1, 0.15, 0.2, 0.15, 0.1, 0])]
    hop.state, hop.barrier_forward, hop.barrier_reverse, hop.max_force = "done", 0.2, 0.2, 0.04
    hop.symmetric = True
    search.waiting, search.suspects, search.calculation_ids["hop 0"] = [], [], "band"
    return search


def saddle_modes(search: HopSearch, curvatures: list[float], moved: list[list[float]]) -> ModesDoc:
    """Modes of the saddle in which the adatom alone moves."""
    saddle = search.hops[0].images[3]
    rest = Makers(load_backend("emt")).static().calculate(saddle)
    shapes = np.zeros((len(curvatures), len(saddle), 3))
    shapes[:, -1] = moved
    return ModesDoc(
        **rest.model_dump(exclude={"id", "task"}),
        id="modes",
        task="modes",
        curvatures=curvatures,
        uncertainties=[0.0] * len(curvatures),
        modes=shapes.tolist(),
        negative_modes=sum(np.array(curvatures) < 0),
    )


@pytest.mark.slow
def test_a_saddle_of_second_order_is_followed_down_twice_and_then_told(adsorption):
    search = with_band(adsorption("Al(001)"))
    hop, step = search.hops[0], np.array([*search.hops[0].displacement, 0.0])
    along, across = step / np.linalg.norm(step), np.cross(step, [0, 0, 1]) / np.linalg.norm(step)
    found = saddle_modes(search, [-0.5, -0.2, 0.3], [along, across, [0, 0, 1]])
    before = [image.cart_coords for image in hop.images]
    for times in (1, 2):
        hop.state, search.waiting, search.saddles = "done", [], [0]
        search.calculation_ids["hop 0"] = f"band {times}"
        review_modes(search, {"0": found})
        assert (hop.state, search.waiting, search.saddles) == ("second order", [0], [])
        assert {f"hop 0, second order {times}", f"modes of hop 0, second order {times}"} <= set(search.calculation_ids)
        pushed_off = [image.cart_coords - old for image, old in zip(search.downhill["0"], before, strict=True)]
        assert np.abs([pushed_off[0], pushed_off[-1]]).max() < 1e-9, "the ends stay"
        assert np.abs(pushed_off[3][-1] @ across) == pytest.approx(0.25)
        assert pushed_off[3][-1] @ along == pytest.approx(0, abs=1e-6)
        assert 0.1 < np.linalg.norm(pushed_off[2][-1]) < 0.25
    search.waiting, search.calculation_ids["hop 0"] = [], "band 3"
    review_modes(search, {"0": found})
    assert (hop.state, hop.negative_modes, search.waiting) == ("second order", 2, [])
    assert "order 2, also after 2 pushes" in hop.message
    study = DiffusionContext(system="Al(001)", input=DiffusionInput(adsorbate="Al"))
    document = diffusion_document(search, study)
    assert (document.path, document.diffusivities) == (None, [])
    assert "hop-left-out" in codes(document)
    assert {row.label for row in document.rows()} == {"hop 0: minimum 0 to 0, second order"}


@pytest.mark.slow
def test_highest_point_without_a_negative_mode_is_no_saddle(adsorption):
    search = with_band(adsorption("Al(001)"))
    review_modes(search, {"0": saddle_modes(search, [0.01, 0.3], np.eye(3)[:2].tolist())})
    assert (search.hops[0].state, search.hops[0].negative_modes, search.waiting) == ("no saddle", 0, [0])
    assert (search.tops, search.refined) == ({}, [0])
    assert not has_barrier(search.hops[0])
    minimum = with_band(adsorption("Al(001)"))
    review_modes(minimum, {"0": saddle_modes(minimum, [0.1, 0.3], np.eye(3)[:2].tolist())})
    assert (minimum.hops[0].state, minimum.tops, minimum.waiting, minimum.refined) == ("no saddle", {"0": 3}, [], [])
    assert minimum.dip(0, 3).words == "image 3, the highest, has no negative mode"
    assert minimum.dip(0, 1).words == "image 1 lies in a dip"
    relax_further(minimum, 0, 0.04)
    assert (minimum.waiting, minimum.refined, list(minimum.finer)) == ([0], [0], ["0"])
    unknown = with_band(adsorption("Al(001)"))
    review_modes(unknown, {"0": None})
    assert unknown.hops[0].state == "done"
    assert "modes-missing" in codes(unknown)


@pytest.mark.slow
@pytest.mark.parametrize("walked", [True, False])
def test_a_saddle_that_was_not_walked_up_to_keeps_the_energy_of_its_climb(adsorption, walked):
    """What was taken off a climb that ended early is not put on again by an evaluation at the same place."""
    search = with_band(adsorption("Al(001)"))
    hop = search.hops[0]
    hop.energy_over_rest = 0.02
    search.warnings = [Caveat("saddle-force-left", "a force is left").under(hop.subject)]
    found = saddle_modes(search, [-0.5, 0.2], np.eye(3)[:2].tolist()).model_copy(update={"max_force": 0.03})
    if walked:
        found.structure.translate_sites([len(found.structure) - 1], [0.01, 0, 0], frac_coords=False)
    review_modes(search, {"0": found})
    raised = found.energy - search.total_energy(hop.initial)
    assert abs(raised - 0.2) > 1e-3
    assert hop.barrier_forward == pytest.approx(raised if walked else 0.2)
    assert (hop.max_force, hop.energy_over_rest) == (0.03, None if walked else 0.02)
    assert bool(search.warnings) != walked


@pytest.mark.slow
def test_modes_are_handed_the_energy_of_a_climb_as_it_was_evaluated(adsorption):
    search = with_band(adsorption("Al(001)"))
    ends = take_ends(search, 0)
    path = first_path(ends.initial, ends.final, 5, ends.symmetry)
    band = Makers(load_backend("emt")).neb().calculate(path, (search.zero, search.zero), symmetry=ends.symmetry)
    early = band.model_copy(
        update={"evaluated_energy": band.energy, "remaining_energy": 0.03, "energy": band.energy - 0.03}
        | {"free_energy": band.free_energy - 0.03}
    )
    for each in (band, early):
        search.record_band(0, each)
        rest = search.rests["0"]
        assert (rest.energy, rest.free_energy) == (pytest.approx(band.energy), pytest.approx(band.free_energy))


@pytest.mark.slow
def test_pushed_path_is_computed_without_symmetry(adsorption):
    search = with_band(adsorption("Al(001)"))
    step = np.array([*search.hops[0].displacement, 0.0])
    across = np.cross(step, [0, 0, 1]) / np.linalg.norm(step)
    found = saddle_modes(search, [-0.5, -0.2, 0.3], [step / np.linalg.norm(step), across, [0, 0, 1]])
    review_modes(search, {"0": found})
    band = Makers(load_backend("emt")).neb().calculate(search.downhill["0"], (search.zero, search.zero))
    assert band.symmetry is None
    assert search.record_band(0, band) is None
    assert (search.hops[0].state, search.hops[0].symmetric, search.saddles) == ("done", False, [0])
    # The bridge is a saddle of first order after all, so the path falls back to it.
    assert search.hops[0].barrier_forward == pytest.approx(0.22, abs=0.02)


@pytest.mark.slow
def test_vineyards_prefactor_is_that_of_plain_ase(adsorption, shared_home, tmp_path):
    result = diffuse(adsorption("Cu(001)"), prefactor="vineyard")
    (hop,) = result.hops
    assert (hop.prefactor_source, hop.negative_modes) == ("vineyard", 1)
    energies = []
    for name, structure in (("minimum", hop.images[0]), ("saddle", hop.images[3])):
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        free = [index for index in range(len(atoms)) if index not in atoms.constraints[0].index]
        atoms.set_constraint()
        atoms.calc = EMT()
        vibrations = Vibrations(atoms, free, name=tmp_path / name, delta=0.02)
        vibrations.run()
        energies.append(vibrations.get_energies())
    quanta = [np.real(values[np.abs(values.imag) < 1e-9]) for values in energies]
    assert (len(quanta[0]), len(quanta[1])) == (len(energies[0]), len(energies[0]) - 1)
    frequencies = [values / (units._hplanck / units._e) for values in quanta]
    expected = np.exp(np.log(frequencies[0]).sum() - np.log(frequencies[1]).sum())
    assert hop.prefactor_forward == pytest.approx(expected, rel=0.02)
    assert hop.zero_point_change == pytest.approx((quanta[1].sum() - quanta[0].sum()) / 2, abs=5e-4)
    rate = hop_rate(hop.barrier_forward, 300, hop.prefactor_forward)
    assert result.diffusivities[0].hop_rates == [pytest.approx(rate)]
    rows = {row.property: row for row in result.rows()}
    assert rows["prefactor_forward"].value == hop.prefactor_forward
    assert rows["zero_point_change"].unit == "eV"
    assert set(rows["prefactor_forward"].calculation_ids) <= set(result.calculation_ids.values())
    plain = diffuse(adsorption("Cu(001)"))
    assert (plain.hops[0].prefactor_source, plain.hops[0].prefactor_forward) == ("given", 1e13)
    assert plain.diffusivities[0].diffusivity == pytest.approx(
        result.diffusivities[0].diffusivity * 1e13 / hop.prefactor_forward
    )


@pytest.mark.parametrize(
    ("minimum", "saddle", "why"),
    [
        ([1.2, 1.5], [], "the vibrations at the saddle of hop 0 are not known"),
        ([1.2, 1.5], [-2.24, -0.58], "the saddle of hop 0 has 2 imaginary frequencies (2.24i, 0.58i THz)"),
        ([1.2, 1.5], [0.3, 1.5], "the saddle of hop 0 has no imaginary frequency"),
        ([-0.2, 1.5], [-2.24, 1.5], "minimum 0 has 1 imaginary frequency (0.20i THz)"),
        ([1.2, 1.5], [-2.24], "minima and saddle have not as many vibrations"),
    ],
)
def test_why_a_hop_has_not_vineyards_prefactor_is_told(minimum, saddle, why):
    document = made_up()
    place = document.minima[0].model_copy(update={"frequencies": minimum})
    hop = document.hops[0].model_copy(update={"frequencies": saddle})
    (made,), _, (told,) = with_prefactors([place], [hop], "vineyard")
    assert (made.prefactor_source, made.prefactor_forward) == ("given", 1e13)
    assert (told.code, told.text.partition("prefactor: ")[2]) == ("no-vineyard-prefactor", why)


def test_vineyard_without_a_potential_is_refused(adsorption):
    costly = replace(Makers(load_backend("emt")).modes(), cheap=False)
    with pytest.raises(InputError, match=r"prefactor: vineyard takes all second derivatives .*set a prescreen"):
        maker("Al", prefactor="vineyard", modes=costly).make(adsorption("Al(001)"))
