"""The vacancy study on EMT: energies that must be equal, plain ASE, split and refused hops, and what goes wrong."""

from itertools import pairwise

import numpy as np
import pytest
from ase.build import fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from asking import asking, told
from factories import calculation_document, caveats, codes, sentence
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure
from test_diffusion import plain_neb
from vacancy_factories import interface_document, layered

from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.geometry.positions import unwrapped
from anodeflow.structures.sites.path import first_path
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.shared import hops
from anodeflow.studies.shared.hop_rounds import split_hop
from anodeflow.studies.vacancy.analysis import favourable, vacancy_document
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import VacancyDoc
from anodeflow.studies.vacancy.flow import VacancyMaker
from anodeflow.studies.vacancy.geometry import (
    hop_into,
    inequivalent,
    narrow_for_hops,
    neighbours,
    next_layer,
    occupied_places,
    outcome,
    released,
    remove_atom,
    shaken,
)
from anodeflow.studies.vacancy.hops import landed, record_band
from anodeflow.studies.vacancy.input import VacancyInput
from anodeflow.studies.vacancy.metal_face import CLEAN, EMPTY, MetalFace
from anodeflow.studies.vacancy.metal_face_flow import MetalFaceMaker
from anodeflow.studies.vacancy.search import (
    VacancySearch,
    empty_place,
    propose,
    start_search,
)
from anodeflow.studies.vacancy.stops import settle

ALLOY, METAL = ["CuAu", "Cu", "CuAu"], ["Cu", "Cu", "Cu"]
STUDY = VacancyContext(
    campaign="test",
    system="Cu3Au/Cu",
    input=VacancyInput(element="Cu", helper="Au", steps=2, images=3),
)


def run(flow: Flow) -> VacancyDoc:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False)
    return VacancyDoc.model_validate(store.get_output(flow.output.uuid, load=True))


def study(interface: InterfaceDoc, bulk: CalculationDoc | None = None, **fields) -> VacancyDoc:
    backend = load_backend("emt")
    values = {"element": "Cu", "helper": "Au", "campaign": "test", "images": 3} | fields
    return run(
        VacancyMaker(relax=Makers(backend).relax(), neb=Makers(backend).neb(), **told(VacancyInput, **values)).make(
            interface, bulk
        )
    )


@pytest.fixture(scope="module")
def interface(tmp_path_factory) -> InterfaceDoc:
    """Cu3Au(001)/Cu(001), relaxed by EMT, nothing held."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("interface")))
        return interface_document(layered(ALLOY, METAL), 3, relax=True)


@pytest.fixture(scope="module")
def computed(interface, tmp_path_factory) -> tuple[VacancyDoc, CalculationDoc]:
    """The study of two hops a path, with barriers, and the bulk of its formation energy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("vacancy")))
        a = 3.61
        cell = [[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]]
        bulk = Makers(load_backend("emt")).relax(cell=True).calculate(Structure(cell, ["Cu"], [[0, 0, 0]]))
        return study(interface, bulk, steps=2), bulk


def plain(**changes) -> InterfaceDoc:
    """The same interface as it is built: for what needs no energies."""
    return interface_document(layered(ALLOY, METAL), 3, **changes)


def search_of(interface: InterfaceDoc, **fields) -> tuple[VacancySearch, VacancyContext]:
    """A search whose start was relaxed without moving; its first hops are proposed."""
    values = asking(STUDY, **fields)
    search = start_search(interface, None, values)
    settle(search, {str(i): answer(at_rest(search, i), 1.0 + i) for i in search.waiting_trials()}, values)
    propose(search, values)
    return search, values


def at_rest(search: VacancySearch, index: int) -> Structure:
    """What a trial would relax to if nothing gave way."""
    trial = search.trials[index]
    if trial.path is None:
        return remove_atom(search.interface.structure, trial.atom)
    stop, position, _ = search.front(trial.path)
    return hop_into(stop.structure, trial.atom, position)


def answer(structure: Structure, energy: float, **changes) -> CalculationDoc:
    """A relaxation that ended at `structure`."""
    return calculation_document(structure=structure, energy=energy, id=f"calc {energy}", **changes)


def band(images: list[Structure], energies: list[float], **changes) -> NebDoc:
    """A relaxed path with these energies."""
    fields = calculation_document(task="neb", id="calc band", settings={"path": {}}).model_dump() | {
        "structure": images[0], "initial_structure": images[0], "images": images, "initial_images": images,
        "image_energies": energies, "image_forces": np.zeros((len(images), len(images[0]), 3)).tolist(),
        "climbing_image": 1, "computed_images": len(images) - 2,
    }  # fmt: skip
    return NebDoc(**(fields | changes))


# Structures


def test_layers_are_counted_through_the_interface():
    assert [next_layer(n) for n in (-3, -2, -1, 1, 2)] == [-2, -1, 1, 2, 3]


def test_atom_hops_into_the_nearest_image_of_the_vacancy_and_the_order_stays():
    structure = layered(ALLOY, METAL)
    vacancy = structure[0].coords + structure.lattice.matrix[0] - structure.lattice.matrix[1]
    left = remove_atom(structure, 0)
    moved = hop_into(left, 3, vacancy)
    assert moved.species == left.species
    assert moved.site_properties == left.site_properties
    steps = np.linalg.norm(moved.cart_coords - left.cart_coords, axis=1)
    assert steps[3] == pytest.approx(structure.get_distance(0, 4))
    assert np.delete(steps, 3) == pytest.approx(0)
    assert moved.lattice.get_all_distances(moved[3].frac_coords, structure[0].frac_coords)[0, 0] < 1e-6
    back = hop_into(moved, 3, left[3].coords)
    assert back.cart_coords == pytest.approx(left.cart_coords)


def test_neighbours_are_near_free_of_the_element_and_inequivalent():
    structure = layered(ALLOY, METAL)
    vacancy, left = structure[8].coords, remove_atom(structure, 8)
    below = list(range(4, 8))
    ((atom, distance),) = neighbours(left, vacancy, "Cu", below)
    assert atom in below
    assert distance == pytest.approx(structure.get_distance(8, atom))
    assert neighbours(left, vacancy, "Au", below) == []
    assert neighbours(left, vacancy, "Cu", range(19, 23)) == [], "two layers on is no neighbour"
    assert len(neighbours(left, vacancy, "Au", [8, 9, 10])) == 1, "its own layer has two, which symmetry makes equal"
    held = left.copy()
    held.add_site_property("selective_dynamics", [[atom not in below] * 3 for atom in range(len(left))])
    assert neighbours(held, vacancy, "Cu", below) == []
    assert inequivalent(structure, range(4)) == [0, 1], "Cu and Au"


def test_what_a_relaxation_made_of_a_hop():
    structure = layered(ALLOY, METAL)
    vacancy, left = structure[0].coords, remove_atom(structure, 0)
    moved = hop_into(left, 3, vacancy)
    assert outcome(left, moved, 3, vacancy)[0] == "arrived"
    assert outcome(left, unwrapped(left, moved), 3, vacancy)[0] == "arrived"
    state, message = outcome(left, shaken(left), 3, vacancy)
    assert state == "returned"
    assert "went back" in message
    other = hop_into(moved, 12, left[3].coords)
    state, message = outcome(left, other, 3, vacancy)
    assert state == "rearranged"
    assert "another atom (Cu 12)" in message
    aside = moved.copy()
    aside.translate_sites([3], [0, 0, -1.5], frac_coords=False)
    assert outcome(left, aside, 3, vacancy) == (
        "rearranged",
        "the atom came to rest 1.50 Å from the vacancy that it hopped into",
    )


def test_shaking_moves_free_atoms_only_and_always_alike():
    structure = layered(ALLOY, METAL, fixed=1)
    steps = shaken(structure).cart_coords - structure.cart_coords
    assert np.all(steps[:4] == 0)
    assert 0.03 < np.abs(steps).max() <= 0.05
    assert len(np.unique(steps[4:].round(6), axis=0)) == 20
    assert shaken(structure) == shaken(structure)


def test_alloy_is_freed_and_the_last_metal_layer_held():
    document = plain()
    assert released(document.structure, document.layer) is None
    fixed = released(layered(ALLOY, METAL, fixed=2), document.layer)
    assert fixed is not None
    flags = fixed.site_properties["selective_dynamics"]
    assert [atom for atom, free in enumerate(flags) if not any(free)] == [20, 21, 22, 23]


# Which stops


def test_path_two_begins_with_the_helper_beside_the_vacancy_if_none_is_deeper():
    search, _ = search_of(plain())
    trials = [search.trials[i] for i in search.waiting_trials()]
    assert [(t.path, t.step, t.element, t.layer) for t in trials] == [("I", 1, "Cu", -2), ("II", 1, "Au", -3)]
    deeper = interface_document(layered(["Cu", "CuAu", "CuAu"], METAL), 3)
    search, _ = search_of(deeper)
    trials = [search.trials[i] for i in search.waiting_trials()]
    assert [(t.path, t.element, t.layer) for t in trials] == [("I", "Cu", -2), ("II", "Au", -2)]


def test_vacancy_starts_in_the_first_layer_that_has_the_element():
    document = interface_document(layered(["Au", "CuAu", "Cu"], METAL), 3)
    search = start_search(document, None, STUDY)
    assert search.start_layer == -2
    assert codes(search) == ["other-start-layer"]
    assert start_search(document, None, asking(STUDY, start="interface")).start_layer == -1


def test_interface_that_is_another_crystal_is_told_with_every_number_that_rests_on_it():
    told = [Caveat("not-like-bulk", "the middle of the alloy is not like its bulk"), Caveat("left-planes", "2 of 9")]
    interface = plain().model_copy(update={"warnings": [*told, Caveat("registry-missing", "registry 1 is missing")]})
    search = start_search(interface, None, STUDY)
    assert search.warnings == [each.under("interface") for each in told]


def test_lowest_place_is_the_stop_and_the_others_are_told():
    search, values = search_of(plain())
    structures = {i: at_rest(search, i) for i in search.waiting_trials()}
    first, second = structures
    failures = settle(
        search,
        {str(first): answer(structures[first], 1.5), str(second): answer(structures[second], 0.9)},
        values,
    )
    assert failures == {}
    assert [stop.energy for stop in search.stops] == pytest.approx([0.0, 0.5, -0.1])
    assert [path.stops for path in search.paths] == [[0, 1], [0, 2]]
    assert [(hop.label, hop.initial, hop.final) for hop in search.hops] == [
        ("path I hop 1", 0, 1),
        ("path II hop 1", 0, 2),
    ]
    one, helped = search.stops[1:]
    assert one.layers.count(-3) == 4, "the atom has filled the vacancy's layer"
    assert (one.layer, one.layers.count(-2), helped.layer) == (-2, 3, -3)
    propose(search, values)
    trials = [search.trials[i] for i in search.waiting_trials()]
    assert {(t.path, t.step, t.layer) for t in trials} == {("I", 2, -1), ("II", 2, -2)}
    assert {t.element for t in trials} == {"Cu"}
    near = [t for t in trials if t.path == "I"]
    low = 0.2
    results = {str(search.trials.index(t)): answer(at_rest(search, search.trials.index(t)), 1.0 + low * n)
               for n, t in enumerate(near, 1)}  # fmt: skip
    settle(search, results, values)
    assert [t.state for t in near] == ["taken", "higher"][: len(near)]
    assert search.stops[-1].energy == pytest.approx(low)


def test_atom_that_returns_is_no_stop():
    search, values = search_of(plain())
    first, second = search.waiting_trials()
    start = search.stops[0].structure
    settle(search, {str(first): answer(start, 1.0), str(second): answer(at_rest(search, second), 0.9)}, values)
    assert [path.stops for path in search.paths] == [[0], [0, 1]]
    assert search.trials[first].state == "returned"
    assert "path I ends before hop 1: Cu 3: the atom went back" in search.paths[0].end
    propose(search, values)
    assert {search.trials[i].path for i in search.waiting_trials()} == {"II"}, "the other path goes on"


def test_unfinished_and_failed_relaxations_end_a_path_in_a_sentence():
    search, values = search_of(plain())
    first, second = search.waiting_trials()
    rough = answer(at_rest(search, first), 0.9, converged=False)
    failures = settle(search, {str(first): rough, str(second): None}, values)
    ((label, error),) = failures.items()
    assert label == "Cu3Au/Cu: Cu vacancy, path I step 1, Cu 3 from layer -2"
    assert "run it again to go on" in str(error)
    assert "did not converge" in search.paths[0].end
    assert "`anodeflow status` says why" in search.paths[1].end
    document = vacancy_document(search, values)
    assert [path.stops for path in document.paths] == [[0], [0]]
    assert [each.text for each in document.warnings if each.code == "path-ends"] == [p.end for p in document.paths]


def test_vacancy_that_stays_nowhere_is_told():
    search = start_search(plain(), None, STUDY)
    results = dict.fromkeys(map(str, search.waiting_trials()))
    with pytest.raises(CalculationError, match=r"^Cu3Au/Cu: no Cu vacancy stays in layer -3 .*Cu 0: its relaxation"):
        settle(search, results, STUDY)


def test_room_that_hops_of_a_vacancy_need():
    assert "a vacancy 7.2 Å from its image" in narrow_for_hops(7.18)
    assert narrow_for_hops(10.0) is None


def test_paths_end_where_no_neighbour_is_left():
    search, values = search_of(interface_document(layered(["CuAu"], ["Au", "Cu"]), 1), paths=["I"])
    assert search.waiting_trials() == []
    assert search.paths[0].end == ("path I ends at stop 0: the vacancy in layer -1 has no free Cu neighbour in layer 1")
    search, values = search_of(interface_document(layered(["Cu"], ["Cu"]), 1), paths=["I"])
    (trial,) = search.waiting_trials()
    settle(search, {str(trial): answer(at_rest(search, trial), 1.0)}, values)
    propose(search, values)
    assert search.paths[0].end == "path I ends at stop 1: layer 1 is the metal's last"


def test_wrong_input_is_told_before_anything_runs():
    for fields, words in (
        ({"element": "Al"}, r"^Cu3Au/Cu: the alloy of the interface has no Al to take out \(it has Au, Cu\)"),
        ({"helper": "Al"}, r"the helper Al of path II is not in the alloy \(Au, Cu\).*`paths: \[I\]`"),
    ):
        with pytest.raises(InputError, match=words):
            start_search(plain(), None, asking(STUDY, **fields))
    start_search(plain(), None, asking(STUDY, helper="Al", paths=["I"]))
    with pytest.raises(InputError, match=r"needs bulk Cu, not Li"):
        start_search(plain(), calculation_document(), STUDY)


# Which hops


def with_hop() -> tuple[VacancySearch, dict, list[Structure]]:
    """A search with one hop that waits, and its images."""
    search, values = search_of(plain(), paths=["I"])
    (trial,) = search.waiting_trials()
    settle(search, {str(trial): answer(at_rest(search, trial), 1.1)}, values)
    ends = [stop.structure for stop in search.stops]
    return search, values, first_path(*ends, 3)


@pytest.mark.slow
def test_image_below_both_ends_splits_the_hop():
    search, values, images = with_hop()
    assert record_band(search, 0, band(images, [1.0, 1.3, 0.9, 1.2, 1.1])) == 2
    assert search.waiting == []
    split_hop(search, 0, 2, answer(images[2], 0.85), landed)
    whole, first, second = search.hops
    assert (whole.state, whole.split_into, whole.barrier_forward) == ("split", [1, 2], None)
    assert "image 2 lies 0.100 eV below both ends" in whole.message
    assert [(hop.label, hop.initial, hop.final) for hop in (first, second)] == [
        ("path I hop 1a", 0, 2),
        ("path I hop 1b", 2, 1),
    ]
    assert search.waiting == [1, 2]
    for index, energies in ((1, [1.0, 1.2, 1.3, 1.1, 0.85]), (2, [0.85, 1.0, 1.15, 1.2, 1.1])):
        assert record_band(search, index, band(images, energies, id=f"calc {index}")) is None
    document = vacancy_document(search, values)
    (path,) = document.paths
    assert (path.stops, path.hops) == ([0, 2, 1], [1, 2])
    assert [document.stop_label(document.stops[i]) for i in path.stops] == [
        "stop 0 (Cu taken out, layer -3)",
        "path I stop on hop 1 (Cu, between layers)",
        "path I stop 1 (Cu, layer -2)",
    ]
    assert path.highest == pytest.approx(0.3)
    assert path.climb == pytest.approx(0.35), "from the intermediate minimum"
    assert path.limiting_hop == 2
    rows = {row.label: row for row in document.rows() if row.property == "barrier_forward"}
    assert {label: row.value for label, row in rows.items()} == {
        "path I hop 1a": pytest.approx(0.3),
        "path I hop 1b": pytest.approx(0.35),
    }
    assert [(row.part, row.part_number) for row in rows.values()] == [("hop", 1), ("hop", 2)]


def test_image_below_both_ends_that_rolls_to_an_end_refuses_the_hop():
    search, values, images = with_hop()
    assert record_band(search, 0, band(images, [1.0, 1.3, 1.2, 0.95, 1.1])) == 3
    split_hop(search, 0, 3, answer(search.stops[1].structure, 0.95), landed)
    (hop,) = search.hops
    assert (hop.state, hop.barrier_forward, search.waiting) == ("refused", None, [])
    assert "relaxes to 0.150 eV below path I stop 1, which is no minimum" in hop.message
    document = vacancy_document(search, values)
    assert document.paths[0].climb is None
    assert caveats(document, "hop-failed") == [("hop-failed", "path I hop 1")]
    assert [row.property for row in document.rows()] == ["vacancy_energy", "vacancy_energy"]


def test_dip_above_an_end_that_rolls_to_it_changes_nothing():
    search, _, images = with_hop()
    assert record_band(search, 0, band(images, [1.0, 1.3, 1.12, 1.2, 1.1])) == 2
    split_hop(search, 0, 2, answer(search.stops[1].structure, 1.1), landed)
    (hop,) = search.hops
    assert (hop.state, hop.barrier_forward) == ("done", pytest.approx(0.3))
    assert "no minimum lies on the way" in hop.message


def test_hop_that_was_split_twice_is_refused():
    search, _, images = with_hop()
    search.splits[0] = 2
    assert record_band(search, 0, band(images, [1.0, 1.3, 0.9, 1.2, 1.1])) is None
    assert search.hops[0].state == "refused"
    assert "below both ends, and the hop was split 2 times already" in search.hops[0].message


@pytest.mark.slow
def test_minimum_on_a_hop_that_is_not_found_fails_the_hop():
    search, _, images = with_hop()
    record_band(search, 0, band(images, [1.0, 1.3, 0.9, 1.2, 1.1]))
    with pytest.raises(CalculationError, match="did not converge; run it again"):
        split_hop(search, 0, 2, answer(images[2], 0.9, converged=False), landed)
    assert search.hops[0].state == "failed"
    split_hop(search, 0, 2, None, landed)
    assert "`anodeflow status` says why" in search.hops[0].message


def test_better_path_is_the_one_with_the_smaller_climb():
    search, values, images = with_hop()
    record_band(search, 0, band(images, [1.0, 1.2, 1.3, 1.2, 1.1]))
    (path,) = vacancy_document(search, values).paths
    other = path.model_copy(update={"name": "II", "climb": 0.2})
    assert path.climb == pytest.approx(0.3)
    assert favourable([path, other]) == "II"
    # No more than what a converged band lies above its saddle: 0.707 for 0.689 eV in Cu by EMT.
    assert favourable([path, other.model_copy(update={"climb": 0.315})]) is None
    assert favourable([path, other.model_copy(update={"end": "path II ends"})]) is None
    assert favourable([path]) is None


# Stops that are no minima, and what lies below


def two_hops(first: list[float], second: list[float]) -> tuple[VacancySearch, VacancyContext]:
    """A search along path I whose two hops have these energies at their images, eV over stop 0."""
    search, values = search_of(plain(), paths=["I"])
    for energy in (first[-1], second[-1]):
        trial, *others = search.waiting_trials()
        results = {str(trial): answer(at_rest(search, trial), 1.0 + energy)} | {str(i): None for i in others}
        settle(search, results, values)
        propose(search, values)
    for index, energies in enumerate((first, second)):
        ends = [search.stops[index].structure, search.stops[index + 1].structure]
        record_band(search, index, band(first_path(*ends, 3), (1 + np.array(energies)).tolist(), id=f"band {index}"))
    return search, values


@pytest.mark.slow
def test_stop_that_a_hop_rises_to_all_the_way_joins_two_hops():
    search, values = two_hops([0.0, 0.1, 0.15, 0.2, 0.225], [0.225, 0.26, 0.265, 0.255, 0.25])
    document = vacancy_document(search, values)
    (path,) = document.paths
    first, second, whole = document.hops
    assert (path.stops, path.hops, path.end) == ([0, 2], [2], "")
    assert [first.state, second.state, whole.state] == ["merged", "merged", "done"]
    assert (whole.label, whole.merged_from) == ("path I hop 1+2", [0, 1])
    assert whole.barrier_forward == pytest.approx(0.265), "the higher of both saddles over the first stop"
    assert whole.barrier_reverse == pytest.approx(0.015)
    assert path.climb == pytest.approx(0.265)
    energies = [point.energy for point in whole.profile]
    assert energies == pytest.approx([0.0, 0.1, 0.15, 0.2, 0.225, 0.26, 0.265, 0.255, 0.25])
    assert whole.path_length == pytest.approx(first.path_length + second.path_length)
    rows = {row.label: row for row in document.rows() if row.property == "barrier_forward"}
    assert list(rows) == ["path I hop 1+2"]
    assert rows["path I hop 1+2"].calculation_ids == ["band 0", "band 1"]
    assert not [row for row in document.rows() if "path I stop 1" in row.label], "no stop, no energy of it"


@pytest.mark.slow
def test_stop_from_which_a_hop_falls_all_the_way_joins_two_hops_over_the_first_saddle():
    search, values = two_hops([0.0, 0.2, 0.3, 0.28, 0.25], [0.25, 0.2, 0.15, 0.1, 0.05])
    document = vacancy_document(search, values)
    assert document.hops[-1].barrier_forward == pytest.approx(0.3)
    assert document.hops[-1].barrier_reverse == pytest.approx(0.25)


@pytest.mark.slow
def test_last_stop_that_is_no_minimum_ends_the_path_before_it():
    search, values = two_hops([0.0, 0.2, 0.3, 0.28, 0.25], [0.25, 0.3, 0.35, 0.4, 0.45])
    before = search.model_copy(deep=True)
    document = vacancy_document(search, values)
    assert (search.stops, search.hops, search.splits) == (before.stops, before.hops, before.splits)
    assert not document.stops[2].minimum
    (path,) = document.paths
    assert (path.stops, path.hops) == ([0, 1], [0])
    assert path.end == (
        "path I ends at path I stop 1: path I stop 2, to which path I hop 2 rises all the way, is no minimum"
    )
    assert path.climb == pytest.approx(0.3), "not the height of a place where it does not stay"
    assert sentence(document, "path-ends") == path.end


def test_atoms_share_the_places_and_one_is_empty():
    whole = layered(ALLOY, METAL)
    left = shaken(remove_atom(whole, 5))
    places = occupied_places(whole, left)
    assert places == [atom for atom in range(24) if atom != 5]
    hopped = hop_into(left, 9, whole[5].coords)  # the atom of place 10
    found = occupied_places(whole, hopped)
    assert found is not None
    assert empty_place(found) == 10
    assert found[9] == 5
    between = left.copy()
    between.translate_sites([9], (whole[5].coords - left[9].coords) / 2, frac_coords=False)
    assert occupied_places(whole, between) is None


def fallen(search: VacancySearch, trial: int, other: int, place: int) -> Structure:
    """What a trial relaxes to when, after its hop, atom `other` of the vacancy search follows from `place`."""
    hopped = at_rest(search, trial)
    stop = search.front(search.trials[trial].path)[0]
    assert np.allclose(stop.structure[other].coords, search.interface.structure[place].coords)
    return hop_into(hopped, other, stop.structure[search.trials[trial].atom].coords)


def test_fall_of_two_atoms_down_the_path_is_its_next_stop():
    search, values = search_of(plain(), paths=["I"])
    (trial,) = search.waiting_trials()
    hopper = search.trials[trial].atom
    relaxed = fallen(search, trial, 7, 8)  # atom 8 of the interface, Cu of layer -1
    settle(search, {str(trial): answer(relaxed, 0.8)}, values)
    stop = search.stops[-1]
    assert (search.trials[trial].state, stop.energy, stop.layer) == ("taken", pytest.approx(-0.2), -1)
    assert stop.position == pytest.approx(search.interface.structure[8].coords.tolist())
    assert sorted(atom for atom, _ in search.trials[trial].moves) == sorted([hopper, 7])
    assert [stop.layers.count(n) for n in (-3, -2, -1)] == [4, 4, 3]
    (hop,) = search.hops
    assert (hop.atom, hop.others) == (hopper, [7])
    propose(search, values)
    assert {search.trials[i].layer for i in search.waiting_trials()} == {1}, "it goes on from where it is"
    nxt = search.waiting_trials()[0]
    start = search.trial_structure(nxt)
    places = occupied_places(search.interface.structure, start)
    assert places is not None
    assert search.interface.layer[empty_place(places)] == 1


def test_fall_that_leads_off_the_path_is_kept_as_a_trial():
    search, values = search_of(plain())
    first, second = search.waiting_trials()
    # On path I an atom of gold follows: below the start, but no path of copper alone.
    gold = next(a for a in range(7, 11) if search.stops[0].structure[a].specie.symbol == "Au")
    relaxed = fallen(search, first, gold, gold + 1)
    failures = settle(search, {str(first): answer(relaxed, 0.9), str(second): None}, values)
    assert failures == {}
    trial = search.trials[first]
    assert (trial.state, trial.energy, trial.structure) == ("lower", pytest.approx(-0.1), relaxed)
    assert "it fell to 0.100 eV below stop 0, where it began, with the vacancy in layer -1" in trial.message
    assert search.paths[0].stops == [0]
    document = vacancy_document(search, values)
    labels = {row.label: row.value for row in document.rows() if row.property == "vacancy_energy"}
    assert labels[f"{trial.label}, fell to lower"] == pytest.approx(-0.1)
    assert ("no-stop", trial.label) in caveats(document)


def test_rearranged_trial_above_its_start_is_no_stop():
    search, values = search_of(plain(), paths=["I"])
    (trial,) = search.waiting_trials()
    settle(search, {str(trial): answer(fallen(search, trial, 7, 8), 1.2)}, values)
    assert search.trials[trial].state == "rearranged"


def test_start_that_rearranged_in_its_layer_counts_if_it_is_the_lowest():
    search = start_search(plain(), None, asking(STUDY, paths=["I"]))
    (index,) = search.waiting_trials()
    whole, atom = search.interface.structure, search.trials[index].atom
    other = 2  # atom 3 of the interface, Cu of the same layer
    relaxed = hop_into(remove_atom(whole, atom), other, whole[atom].coords)
    settle(search, {str(index): answer(relaxed, 1.0)}, STUDY)
    (stop,) = search.stops
    assert stop.position == pytest.approx(whole[3].coords.tolist())
    _, vacancy, places = search.replayed("I")
    assert vacancy == pytest.approx(whole[3].coords.tolist())
    assert empty_place(places) == 3


@pytest.mark.slow
def test_old_documents_are_still_read(computed):
    document, _ = computed
    dumped = document.model_dump(exclude={"extractions"})
    for key, new in (("stops", ["minimum"]), ("hops", ["merged_from", "others"]), ("trials", ["moves", "structure"])):
        for entry in dumped[key]:
            for name in new:
                del entry[name]
    assert VacancyDoc.model_validate(dumped).extractions == []


def test_atom_of_the_metals_own_surface_costs_what_plain_ase_says(home):
    backend = load_backend("emt")
    bulk = Makers(backend).relax(cell=True).calculate(load_structure("Cu"))
    maker = MetalFaceMaker(
        Makers(backend).relax(), slab=SlabSpec(layers=4, min_width=5, vacuum=10), metal="Cu", system="x"
    )
    flow = maker.make(bulk)
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False)
    face = MetalFace.model_validate(store.get_output(flow.output.uuid, load=True))
    assert (face.surface, face.warnings, len(face.calculation_ids)) == ("Cu(0 0 1)", [], 2)
    constant = (4 * bulk.structure.volume / len(bulk.structure)) ** (1 / 3)
    atoms = fcc100("Cu", (2, 2, 4), a=constant, vacuum=5)
    atoms.set_constraint(FixAtoms(mask=atoms.positions[:, 2] < atoms.positions[:, 2].mean()))
    energies = []
    for _ in range(2):
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.01)
        energies.append(atoms.get_potential_energy())
        del atoms[int(np.argmax(atoms.positions[:, 2]))]
    assert face.energy == pytest.approx(energies[1] - energies[0] + bulk.energy_per_atom, abs=5e-3)


@pytest.mark.slow
def test_costs_of_alloy_and_metal_stand_side_by_side(computed):
    _, bulk = computed
    face = MetalFace(surface="Cu(0 0 1)", atom=3, energy=0.2, calculation_ids={CLEAN: "c", EMPTY: "e"})
    search, values = search_of(plain(), paths=["I"])
    search.face, search.bulk_energy = face, bulk.energy_per_atom
    search.calculation_ids |= face.calculation_ids | {"bulk": bulk.id}
    answered = vacancy_document(search, values)
    assert {(each.side, each.surface) for each in answered.extractions} == {
        ("alloy", "Cu3Au, layer -3"), ("metal", "Cu(0 0 1)"),
    }  # fmt: skip
    rows = {row.label: row for row in answered.rows() if row.property == "extraction_energy"}
    assert rows["Cu(0 0 1)"].calculation_ids == ["c", "e", bulk.id]
    assert answered.extraction("metal").energy == 0.2
    assert not [each for each in vacancy_document(search, asking(values, start="interface")).extractions
                if each.side == "alloy"]  # fmt: skip


# The whole study


@pytest.mark.slow
def test_energies_are_those_of_the_structures_and_of_the_bulk(computed, interface):
    document, bulk = computed
    assert all(document.stops[index].minimum for path in document.paths for index in path.stops)
    static, removed = Makers(load_backend("emt")).static(), document.stops[0]
    energies = [static.calculate(stop.structure).energy for stop in document.stops]
    assert [stop.energy for stop in document.stops] == pytest.approx(np.subtract(energies, energies[0]), abs=1e-6)
    assert document.formation_energy == pytest.approx(energies[0] + bulk.energy - interface.energy, abs=1e-6)
    assert 0 < document.formation_energy < 2
    assert (removed.layer, removed.element, document.start_layer) == (-3, "Cu", -3)
    rows = {(row.property, row.label): row for row in document.rows()}
    assert rows["vacancy_energy", "stop 0 (Cu taken out, layer -3)"].value == 0
    assert rows["vacancy_formation_energy", "stop 0 (Cu taken out, layer -3)"].calculation_ids[1:] == [
        interface.calculation_ids["interface"],
        bulk.id,
    ]
    assert all(row.calculation_ids for row in rows.values())
    (taken,) = document.extractions
    assert (taken.side, taken.surface, taken.energy) == ("alloy", "Cu3Au, layer -3", document.formation_energy)
    assert {("vacancy_energy", "path II stop 1 (Au, layer -3)"), ("barrier_reverse", "path II hop 1")} <= set(rows)
    for hop in document.hops:
        if hop.barrier_forward is not None:
            rise = document.stops[hop.final].energy - document.stops[hop.initial].energy
            assert hop.barrier_forward - hop.barrier_reverse == pytest.approx(rise, abs=1e-6)
    assert {"images-near", "little-room"} <= set(codes(document))


@pytest.mark.slow
def test_hop_back_gives_the_energy_back(computed):
    document, _ = computed
    relax, start = Makers(load_backend("emt")).relax(), document.stops[0]
    for path in document.paths:
        stop = document.stops[path.stops[1]]
        hop = next(hop for hop in document.hops if hop.path == path.name and hop.name == "1")
        back = relax.calculate(shaken(hop_into(stop.structure, hop.atom, stop.position)))
        there = relax.calculate(start.structure)
        assert back.energy - there.energy == pytest.approx(0, abs=5e-3)


@pytest.mark.slow
def test_barrier_is_that_of_plain_ase(computed):
    document, _ = computed
    hop = next(hop for hop in document.hops if hop.label == "path II hop 1")
    assert hop.state == "done"
    assert hop.barrier_forward == pytest.approx(plain_neb(hop.images[0], hop.images[-1]), abs=5e-3)


def test_vacancy_between_equal_layers_has_one_energy():
    """In the middle of a Cu slab both sides of the "interface" are mirror images."""
    slab = interface_document(layered(METAL, METAL, a=3.61, spacing=1.80), 3, relax=True)
    document = study(slab, start="interface", steps=1, paths=["I"], barriers=False)
    assert [stop.layer for stop in document.stops] == [-1, 1]
    assert document.stops[1].energy == pytest.approx(0, abs=5e-3)
    (hop,) = document.hops
    assert (hop.state, hop.barrier_forward) == ("left out", None)
    assert document.formation_energy is None


@pytest.mark.slow
def test_hop_over_an_unknown_minimum_is_split_by_the_workflow(interface, monkeypatch):
    """The first hop has a dip of 9 meV beside its end, where atoms around the vacancy rest in another way."""
    monkeypatch.setattr(hops, "DIP", 0.005)
    document = study(interface, steps=1, paths=["I"], images=5)
    whole, first, second = document.hops
    assert (whole.state, whole.split_into) == ("split", [1, 2])
    (path,) = document.paths
    # The second part rises all the way to its end: the intermediate minimum is the stop.
    assert second.barrier_reverse < 0.001
    assert (path.hops, path.end, document.stops[second.final].minimum) == ([1], "", False)
    assert [document.stops[i].layer for i in path.stops] == [-3, None]
    assert [hop.state for hop in (first, second)] == ["done", "done"]
    for hop in (first, second):
        energies = [point.energy for point in hop.profile]
        assert min(energies[1:-1]) > min(energies[0], energies[-1]) - 0.01, "no image lies below both ends"
    for before, after in pairwise(path.hops):
        assert document.hops[before].final == document.hops[after].initial
    assert "path I stop on hop 1" in document.calculation_ids


@pytest.mark.slow
def test_fixed_surface_is_freed_and_one_failure_does_not_take_the_rest_with_it(monkeypatch):
    execute = EmtBackend.execute

    def fail_on_gold(self, request, folder, lock, tell):
        if request.task == "neb":
            moved = [a.distance(b) for a, b in zip(request.images[0], request.images[-1], strict=True)]
            if request.images[0][int(np.argmax(moved))].specie.symbol == "Au":
                raise CalculationError(f"EMT gave up in {folder.path}.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_on_gold)
    held = interface_document(layered(ALLOY, METAL, fixed=1), 3, relax=True)
    document = study(held, steps=1)
    assert document.held_layers == [3]
    assert document.interface_energy < held.energy
    states = {hop.label: hop.state for hop in document.hops}
    assert states["path II hop 1"] == "failed"
    assert set(states.values()) - {"failed"} <= {"done", "split"}
    assert ("hop-failed", "path II hop 1") in caveats(document)
    assert document.paths[1].climb is None
    assert document.favourable is None


@pytest.mark.mlip
def test_sevennet_makes_a_lithium_vacancy_of_some_tenths_of_an_electronvolt():
    """PBE: 0.5 eV in bulk Li; in the middle of a thin slab it is less, and both middle layers are equal."""
    structure = layered(METAL, METAL, a=4.865, spacing=1.72)  # a tetragonal fcc cell: bcc Li
    structure.replace_species({"Cu": "Li"})
    backend = load_backend("mlip")
    relaxed = Makers(backend).relax().calculate(structure)
    slab = interface_document(relaxed.structure, 3, energy=relaxed.energy, calculation_ids={"interface": relaxed.id})
    bulk = Makers(backend).relax(cell=True).calculate(load_structure("Li"))
    maker = VacancyMaker(
        relax=Makers(backend).relax(),
        neb=Makers(backend).neb(),
        input=VacancyInput(paths=["I"], start="interface", steps=1, samples=1, barriers=False),
    )
    document = run(maker.make(slab, bulk))
    assert 0.1 < document.formation_energy < 0.8
    assert [stop.layer for stop in document.stops] == [-1, 1]
    assert document.stops[1].energy == pytest.approx(0, abs=5e-3)
