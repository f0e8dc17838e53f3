"""The lowest modes of the saddles of a vacancy: against ASE's finite differences, followed down, and told."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from factories import codes
from pymatgen.io.ase import AseAtomsAdaptor
from test_vacancy import ALLOY, METAL, STUDY, answer, band, run, search_of, told
from vacancy_factories import interface_document, layered

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.guide_of import NEARBY, WITHIN
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import InputError
from anodeflow.database.consistent import check_agreement
from anodeflow.screening.makers import Prescreen, PrescreenedNebMaker, PrescreenedRelaxMaker
from anodeflow.screening.path import band_record
from anodeflow.screening.thresholds import to_smaller_forces
from anodeflow.structures.geometry.positions import placed
from anodeflow.studies.shared import hop_rounds
from anodeflow.studies.shared.hop_rounds import review_paths, split_hop
from anodeflow.studies.shared.hops import NOT_COMPUTED
from anodeflow.studies.shared.once_more import SMALLER, once_more
from anodeflow.studies.shared.saddles import review_modes
from anodeflow.studies.shared.tops import take_tops
from anodeflow.studies.vacancy.analysis import vacancy_document
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import VacancyDoc
from anodeflow.studies.vacancy.flow import VacancyMaker
from anodeflow.studies.vacancy.hops import landed, record_band
from anodeflow.studies.vacancy.input import VacancyInput
from anodeflow.studies.vacancy.search import VacancySearch
from anodeflow.studies.vacancy.stops import settle


@pytest.fixture(scope="module")
def computed(tmp_path_factory) -> VacancyDoc:
    """Two hops a path through Cu3Au(001)/Cu(001), nothing held, and the lowest modes of their saddles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("vacancy")))
        makers, interface = Makers(load_backend("emt")), interface_document(layered(ALLOY, METAL), 3, relax=True)
        fields = told(VacancyInput, element="Cu", helper="Au", images=3, steps=2)
        return run(VacancyMaker(makers.relax(), makers.neb(), makers.modes(), **fields).make(interface))


def negative_curvatures(structure) -> list[float]:
    """Negative eigenvalues of the Hessian of all free atoms by ASE's forces alone, eV/Å²."""
    atoms = AseAtomsAdaptor.get_atoms(structure)
    atoms.calc = EMT()
    free = [atom for atom in range(len(atoms)) if not any(atom in each.get_indices() for each in atoms.constraints)]
    rows = []
    for atom in free:
        for axis in range(3):
            forces = []
            for sign in (1, -1):
                atoms.positions[atom, axis] += sign * 0.01
                forces.append(atoms.get_forces(apply_constraint=False)[free].ravel())
                atoms.positions[atom, axis] -= sign * 0.01
            rows.append((forces[1] - forces[0]) / 0.02)
    hessian = np.array(rows)
    values = np.linalg.eigvalsh((hessian + hessian.T) / 2)
    return [value for value in values if value < -0.05]


@pytest.mark.slow
def test_saddles_are_of_the_order_that_ases_forces_give(computed):
    looked_at = [hop for hop in computed.hops if hop.negative_modes is not None and not hop.merged_from]
    assert [hop.label for hop in looked_at] == ["path II hop 1", "path I hop 2"]
    for hop in looked_at:
        found = negative_curvatures(hop.images[hop.saddle_image])
        assert hop.negative_modes == len(found) == 1
        assert hop.curvatures[0] == pytest.approx(found[0], abs=0.1), "of a geometry nearby"
    rows = {row.label: row for row in computed.rows() if row.property == "negative_modes"}
    assert {row.value for row in rows.values()} == {1}
    assert set(rows) == {"path II hop 1", "path I hop 1+2"}, "a hop made of two has the modes of its higher saddle"
    assert all(path.climb is not None for path in computed.paths)
    assert "modes-not-computed" not in codes(computed)


@pytest.mark.slow
def test_barrier_rows_name_the_modes_among_their_calculations(computed):
    hop = next(hop for hop in computed.hops if hop.negative_modes is not None and hop.state == "done")
    assert f"modes of {hop.label}" in computed.calculation_ids
    row = next(row for row in computed.rows() if row.label == hop.label and row.property == "barrier_forward")
    assert computed.calculation_ids[f"modes of {hop.label}"] in row.calculation_ids


@pytest.mark.slow
def test_orders_and_barriers_of_hops_made_of_two_are_compared_with_their_calculations(computed, tmp_path_factory):
    files = [json.loads(file.read_text()) for file in tmp_path_factory.getbasetemp().glob("*/**/calculation.json")]
    kinds = {"neb": NebDoc, "modes": ModesDoc}
    known = {each["id"]: kinds.get(each["task"], CalculationDoc).model_validate(each) for each in files}
    calculations = {known[each].id: known[each] for each in computed.calculation_ids.values()}
    check_agreement("x", [computed], calculations)
    made = next(hop.index for hop in computed.hops if hop.merged_from)
    for name, other in (("barrier_forward", 0.2), ("barrier_reverse", 0.2), ("negative_modes", 2)):
        edited = computed.model_copy(deep=True)
        setattr(edited.hops[made], name, other)
        with pytest.raises(InputError, match=f"hops.{made}.{name} of vacancy"):
            check_agreement("x", [edited], calculations)


def with_path() -> tuple[VacancySearch, VacancyContext]:
    """A search whose first hop of path I has a path over the point halfway, 0.3 eV high."""
    search, context = search_of(interface_document(layered(ALLOY, METAL), 3), steps=1, paths=["I"])
    settle(search, {str(i): answer(search.trial_structure(i), 1.2) for i in search.waiting_trials()}, context)
    start, end = (search.stops[search.hops[0].initial].structure, search.stops[search.hops[0].final].structure)
    middle = placed(start, (start.cart_coords + end.cart_coords) / 2)
    search.waiting = [0]
    record_band(search, 0, band([start, middle, end], [1.0, 1.3, 1.2]))
    return search, context


def modes_of(search: VacancySearch, *curvatures: float) -> ModesDoc:
    """Modes in which the atom that hops alone moves, along the hop and across it."""
    hop = search.hops[0]
    saddle, step = hop.images[1], (hop.images[2].cart_coords - hop.images[0].cart_coords)[hop.atom]
    along = step / np.linalg.norm(step)
    across = np.cross(along, [0.3, 0.5, 0.8])
    shapes = np.zeros((len(curvatures), len(saddle), 3))
    for shape, direction in zip(shapes, (along, across / np.linalg.norm(across)), strict=False):
        shape[hop.atom] = direction
    fields = answer(saddle, 1.3).model_dump(exclude={"id", "task"}) | {"structure": saddle, "initial_structure": saddle}
    return ModesDoc(
        **fields, id="modes", task="modes", curvatures=curvatures, uncertainties=[0.0] * len(curvatures),
        modes=shapes.tolist(), negative_modes=sum(value < 0 for value in curvatures),
    )  # fmt: skip


def test_a_saddle_of_second_order_is_followed_down_and_its_barrier_counts_nowhere():
    search, context = with_path()
    hop = search.hops[0]
    for times in (1, 2):
        assert search.saddles == [0]
        review_modes(search, {"0": modes_of(search, -0.8, -0.3)})
        assert (hop.state, search.waiting) == ("second order", [0])
        assert f"path I hop 1, second order {times}" in search.calculation_ids
        route = once_more(Makers(load_backend("emt")).neb(), search, 0)
        assert route.energies == pytest.approx((1.0, 1.2))
        pushed = route.images[1].cart_coords - hop.images[1].cart_coords
        assert np.abs(pushed).max() == pytest.approx(0.25, rel=0.5)
        record_band(search, 0, band(route.images, [1.0, 1.28, 1.2]))
    review_modes(search, {"0": modes_of(search, -0.8, -0.3)})
    assert (hop.state, search.waiting) == ("second order", [])
    document = vacancy_document(search, context)
    assert (document.paths[0].climb, document.paths[0].limiting_hop) == (None, None)
    assert "hop-left-out" in codes(document)
    labels = {row.label for row in document.rows() if row.property == "barrier_forward"}
    assert labels == {"path I hop 1, second order"}


@pytest.mark.parametrize(("second", "told"), [(-0.03, True), (0.01, False)])
def test_a_second_mode_that_is_flat_and_does_not_count_is_told(second, told):
    search, context = with_path()
    found = modes_of(search, -0.8, second).model_copy(update={"negative_modes": 1})
    review_modes(search, {"0": found})
    assert search.hops[0].state == "done"
    warnings = [each.text for each in vacancy_document(search, context).warnings if each.code == "flat-mode"]
    assert [text.partition(" (")[2].partition(")")[0] for text in warnings] == ["-0.030 eV/Å²"] * told
    assert all(text.startswith("path I hop 1, modes of its saddle: flat modes") for text in warnings)


def test_a_potential_that_goes_first_relaxes_the_pushed_path_and_may_find_a_minimum_on_it():
    search, context = with_path()
    hop = search.hops[0]
    search.warnings = [Caveat("saddle-force-left", "a force is left").under(hop.subject)]
    review_modes(search, {"0": modes_of(search, -0.8, -0.3)})
    pushed = search.downhill["0"]
    makers = Makers(load_backend("emt"))
    screen = Prescreen(makers.relax(), makers.relax(cell=True), makers.static(), makers.neb(), backend="emt")
    maker = PrescreenedNebMaker(screen, makers.neb())
    route = once_more(maker, search, 0)
    assert (route.maker, route.options, len(route.images)) == (maker, {}, 7)
    assert [route.images[at] for at in (0, 3, 6)] == pushed
    quarter = (2 * pushed[0].cart_coords + pushed[1].cart_coords) / 3
    assert route.images[1].cart_coords == pytest.approx(quarter)
    by_potential = band(route.images, [1.0, 1.2, 1.1, 0.9, 1.1, 1.25, 1.2], by_potential=True)
    assert record_band(search, 0, by_potential) == 3
    assert (hop.state, hop.message, hop.profile, hop.barrier_forward) == ("failed", NOT_COMPUTED, [], None)
    assert (hop.negative_modes, hop.curvatures, search.warnings) == (None, [], [])
    assert not {"path I hop 1", "modes of path I hop 1"} & set(search.calculation_ids)
    assert search.rests == {}
    assert search.calculation_ids["path I hop 1, second order 1"] == "calc band"
    assert vacancy_document(search, context).paths[0].climb is None


def test_a_relaxation_that_is_to_say_whether_a_minimum_lies_on_a_path_begins_there(monkeypatch):
    """A potential that learned would take it to another minimum, at which the hop would be split."""
    search, context = with_path()
    search.audit = PrescreenAudit(backend="emt", keep=3, window=0.15, paths="saddle")
    makers = Makers(load_backend("emt"))
    screen = Prescreen(makers.relax(), makers.relax(cell=True), makers.static(), makers.neb(), learn=True)
    made, hop = [], search.hops[0]
    monkeypatch.setattr(hop_rounds, "replaced", lambda jobs, *_: made.extend(jobs))
    for found in ([1.0, 1.3, 0.9, 1.3, 1.2], [1.0, 1.2, 1.1, 0.9, 1.1, 1.25, 1.2]):
        path = [hop.images[0], *[hop.images[1]] * (len(found) - 2), hop.images[-1]]
        by_potential = band(path, found, by_potential=True)
        maker = PrescreenedRelaxMaker(screen, makers.relax())
        review_paths(maker, search, {"0": by_potential}, context, record_band, lambda *_: None)
    guides = [flow.jobs[1].function_args[0].guide for flow in made if flow is not None]
    assert guides == [makers.relax().backend | {"learn": True, NEARBY: WITHIN}] * 2
    other = search.relaxation(PrescreenedRelaxMaker(screen, makers.relax()), hop.images[1], "x")
    assert NEARBY not in other.jobs[1].function_args[0].guide


def test_a_minimum_that_the_potential_alone_has_on_a_pushed_path_does_not_end_the_way_down():
    """DFT relaxes the whole path then, from which it is pushed again: all of it is relaxed by DFT that time."""
    search, _ = with_path()
    hop = search.hops[0]
    search.audit = PrescreenAudit(backend="emt", keep=3, window=0.15, paths="saddle")
    makers = Makers(load_backend("emt"))
    screen = Prescreen(makers.relax(), makers.relax(cell=True), makers.static(), makers.neb(), backend="emt")
    maker, options = PrescreenedNebMaker(screen, makers.neb()), []
    for _ in range(2):
        review_modes(search, {"0": modes_of(search, -0.8, -0.3)})
        route = once_more(maker, search, 0)
        options.append(route.options)
        if route.options:
            break
        found = band(route.images, [1.0, 1.2, 1.1, 0.9, 1.1, 1.25, 1.2], by_potential=True)
        found = found.model_copy(update={"potential_path": band_record(found, [], "saddle")})
        assert record_band(search, 0, found) == 3
        split_hop(search, 0, 3, answer(hop.images[0], 1.0), landed)
        assert (search.waiting, search.whole) == ([0], [0])
        record_band(search, 0, band([hop.images[0], route.images[3], hop.images[-1]], [1.0, 1.3, 1.2]))
    assert options == [{}, {"whole": True}]


def test_rows_of_a_hop_whose_way_down_failed_rest_on_its_saddle_of_second_order():
    search, context = with_path()
    review_modes(search, {"0": modes_of(search, -0.8, -0.3)})
    search.waiting = []  # its path could not be computed
    rows = [row for row in vacancy_document(search, context).rows() if row.part == "hop"]
    assert {row.property: row.calculation_ids for row in rows} == {
        "barrier_forward": ["calc band", "modes"],
        "barrier_reverse": ["calc band", "modes"],
        "negative_modes": ["modes"],
    }


def test_a_path_pushed_off_a_saddle_of_second_order_has_not_the_modes_of_that():
    search, _ = with_path()
    hop = search.hops[0]
    review_modes(search, {"0": modes_of(search, -0.8, -0.3)})
    record_band(search, 0, band(hop.images, [1.0, 1.1, 1.2]))  # rises to its end
    assert (hop.negative_modes, search.saddles) == (None, [])
    assert "modes of path I hop 1" not in search.calculation_ids
    assert search.calculation_ids["modes of path I hop 1, second order 1"] == "modes"


def test_a_path_whose_highest_point_is_no_saddle_is_relaxed_to_smaller_forces_once():
    search, context = with_path()
    hop = search.hops[0]
    search.warnings = [Caveat("saddle-force-left", "a force is left").under(hop.subject)]
    review_modes(search, {"0": modes_of(search, 0.01, 0.4)})
    assert (hop.state, hop.negative_modes, search.waiting) == ("no saddle", 0, [0])
    assert vacancy_document(search, context).paths[0].climb is None
    assert "saddle-force-left" in codes(search), "as long as there is no other path"
    maker = Makers(load_backend("emt")).neb()
    route = once_more(maker, search, 0)
    assert route.images == hop.images
    assert route.maker.backend["path"] == maker.backend["path"] | {
        "force_threshold": SMALLER * maker.backend["path"]["force_threshold"]
    }
    early = maker.backend["path"] | {"energy_tolerance": 0.005}
    finer = to_smaller_forces(replace(maker, backend=maker.backend | {"path": early}), SMALLER)
    assert finer.backend == route.maker.backend, "its energy would end it where it ended before"
    record_band(search, 0, band(route.images, [1.0, 1.31, 1.2]))
    assert (hop.state, search.saddles, codes(search)) == ("done", [0], [])
    review_modes(search, {"0": modes_of(search, 0.2, 0.4)})
    assert (hop.state, search.waiting) == ("no saddle", []), "not a third time"
    assert "after the path was relaxed to smaller forces" in hop.message
    assert search.calculation_ids["modes of path I hop 1, no saddle"] == "modes"


def test_a_hop_whose_highest_point_is_a_minimum_is_split_there():
    search, _ = with_path()
    hop = search.hops[0]
    review_modes(search, {"0": modes_of(search, 0.2, 0.4)})
    assert (hop.state, search.tops, search.waiting) == ("no saddle", {"0": 1}, [])
    split_hop(search, 0, 1, answer(hop.images[1], 1.3), landed)
    take_tops(search)
    assert (hop.state, search.tops, search.refined) == ("split", {}, [])
    assert len(search.waiting) == 2, "its parts"
    again, _ = with_path()
    review_modes(again, {"0": modes_of(again, 0.2, 0.4)})
    split_hop(again, 0, 1, answer(again.hops[0].images[0], 1.0), landed)
    take_tops(again)
    assert (again.hops[0].state, again.waiting, again.refined) == ("no saddle", [0], [0]), "it rolled to an end"


def test_modes_that_could_not_be_computed_are_told_and_the_barrier_stays():
    search, context = with_path()
    review_modes(search, {"0": None})
    document = vacancy_document(search, context)
    assert document.paths[0].climb == pytest.approx(0.3)
    assert {"modes-missing", "modes-not-computed"} <= set(codes(document))


def test_jobs_are_those_of_before_whether_saddles_are_looked_at_or_not():
    fields = {"input": VacancyInput(element="Cu", helper="Au")}
    maker = Makers(load_backend("emt"))
    plain, looking = VacancyContext(**fields), VacancyContext(**fields, modes_maker=maker.modes())
    assert "modes" not in plain.as_dict()
    assert {k: v for k, v in looking.as_dict().items() if k != "modes_maker"} == plain.as_dict()
    assert VacancyContext.from_dict(looking.as_dict()) == looking
    without = VacancyContext(input=VacancyInput(element="Cu", helper="Au", modes=False))
    assert without.as_dict()["modes"] is False
    assert VacancyContext.from_dict(without.as_dict()).input.modes is False
    assert "modes" not in STUDY.asked
