"""Lowest modes of minima and saddles: against all second derivatives, from products alone, guided and resumed."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc110
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from factories import codes
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.eigenmodes import Modes, lowest_modes, newton_step, updated_hessian
from anodeflow.backends.drivers.hessian import finite_difference_hessian
from anodeflow.backends.drivers.mode_signs import POTENTIAL, SPRINGS, Trust, mode_signs
from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations import displaced, mode_search, modes
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.mode_search import count_negative, most_forces, motions, turns
from anodeflow.calculations.modes_document import ModesDoc, RestRecord
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.geometry.symmetrise import operations, symmetrised_hessian, with_symmetry_of
from anodeflow.structures.sites.sites import add_adsorbate as add_adsorbate_at
from anodeflow.structures.sites.sites import find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

DATA = Path(__file__).parent / "data"


def hessian_of(seed: int, size: int, lowest: list[float]) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = np.concatenate([lowest, random.uniform(0.5, 8.0, size - len(lowest))])
    axes = np.linalg.qr(random.normal(size=(size, size)))[0]
    return (axes * values) @ axes.T


@pytest.mark.parametrize("lowest", [[-0.3, 0.1], [-0.3, -0.1, 0.2], [0.1, 0.15], [-0.5, 0.3, 0.3]])
@pytest.mark.parametrize("seed", range(5))
def test_lowest_modes_are_those_of_the_whole_matrix(seed, lowest):
    hessian = hessian_of(seed, 45, lowest)
    count = 0

    def product(vector):
        nonlocal count
        count += 1
        return hessian @ vector

    noise = np.random.default_rng(seed + 1).normal(size=hessian.shape) * 0.02
    approximate = hessian + noise + noise.T
    starts = [*np.linalg.eigh(approximate)[1].T[:2], motions(approximate, np.ones(45, dtype=bool))[-1]]
    found = lowest_modes(product, starts, approximate, 45)
    exact = np.linalg.eigvalsh(hessian)
    assert found.converged
    assert sum(found.curvatures < 0) == sum(np.array(lowest) < 0)
    assert found.curvatures == pytest.approx(exact[: len(found.curvatures)], abs=0.03)
    assert found.vectors @ found.vectors.T == pytest.approx(np.eye(len(found.vectors)), abs=1e-8)
    assert count < 33


@pytest.mark.parametrize("seed", range(5))
def test_a_negative_mode_that_symmetry_keeps_apart_is_found(seed):
    """The search begins in the modes of one symmetry, which are exact; the other one has a negative mode, too."""
    even, odd = hessian_of(seed, 30, [-0.5, 0.3]), hessian_of(seed + 10, 30, [-0.2, 0.4])
    hessian = np.block([[even, np.zeros((30, 30))], [np.zeros((30, 30)), odd]])
    starts = [np.r_[mode, np.zeros(30)] for mode in np.linalg.eigh(even)[1].T[:2]]
    approximate = np.block([[even, np.zeros((30, 30))], [np.zeros((30, 30)), odd + 0.5 * np.eye(30)]])
    found = lowest_modes(lambda vector: hessian @ vector, starts, approximate, 60)
    assert found.converged
    assert sum(found.curvatures < 0) == 2


@pytest.mark.parametrize(
    ("curvatures", "number"),
    [([0.2], 0), ([-0.005, 0.3], 0), ([-0.03, 0.004], 1), ([-0.5, -0.03, 0.2], 1), ([-0.5, -0.06, 0.2], 2)],
)
def test_a_second_mode_must_be_steeper_than_that_of_a_path_to_count(curvatures, number):
    assert count_negative(curvatures) == number


def probe(hessian: np.ndarray, approximate: np.ndarray, trust: Trust, most: int = 12, starts=()):
    """Return what is found, and the number of products."""
    count = 0

    def product(vector):
        nonlocal count
        count += 1
        return hessian @ vector

    return mode_signs(product, list(starts), approximate, trust, most), count


@pytest.mark.parametrize("lowest", [[-0.3, 0.1], [-0.3, -0.1, 0.2], [0.1, 0.15], [-0.5, 0.3, 0.3], [-0.3, -0.25, -0.2]])
@pytest.mark.parametrize("seed", range(5))
def test_signs_take_few_products_and_are_those_of_the_whole_matrix(seed, lowest):
    hessian = hessian_of(seed, 45, lowest)
    noise = np.random.default_rng(seed + 1).normal(size=hessian.shape) * 0.01
    stiff = hessian_of(seed, 45, [1.4 * value for value in lowest])  # a potential that is off by 40 % where it is soft
    found, count = probe(hessian, stiff + noise + noise.T, POTENTIAL)
    assert found.converged
    assert min(sum(found.curvatures < 0), 2) == min(sum(np.array(lowest) < 0), 2)
    assert count <= 5
    exact = np.linalg.eigvalsh(hessian)
    assert np.all(np.abs(exact[: len(found.curvatures)] - found.curvatures) <= found.uncertainties + 1e-9)


def test_a_potential_that_is_wrong_about_the_second_mode_is_found_out():
    """It calls a saddle of second order one of first, and the other way round."""
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(30, 30)))[0]
    stiff = np.random.default_rng(2).uniform(1.0, 8.0, 28)
    for true, told in ((-0.15, 0.1), (0.15, -0.1), (0.3, -0.4), (-0.3, 0.2)):
        hessian = (axes * np.r_[-0.4, true, stiff]) @ axes.T
        found, count = probe(hessian, (axes * np.r_[-0.6, told, stiff]) @ axes.T, POTENTIAL)
        assert found.converged
        assert sum(found.curvatures < 0) == (2 if true < 0 else 1)
        assert count <= 6


def test_a_coupling_that_makes_the_second_mode_negative_is_seen():
    """On the potential's two modes alone the second curvature is positive; a third direction pulls it below zero."""
    hessian = np.diag([-0.4, 0.2, 1.0, *np.linspace(2, 6, 9)])
    hessian[1, 2] = hessian[2, 1] = 0.6
    found, count = probe(hessian, np.diag([-0.4, 0.2, 1.0, *np.linspace(2, 6, 9)]), POTENTIAL)
    assert found.converged
    assert sum(found.curvatures < 0) == 2
    assert count == 3


def test_a_flat_mode_has_no_sign_and_ends_the_search():
    hessian = hessian_of(4, 30, [-0.3, 0.004, 0.6])
    found, count = probe(hessian, hessian + 0.03 * np.eye(30), POTENTIAL)
    assert not found.converged
    assert count <= 4
    assert found.curvatures[1] == pytest.approx(0.004, abs=0.01)


def test_a_limit_that_is_reached_undecided_is_told():
    hessian = hessian_of(3, 60, [-0.3, -0.1, 0.2])
    found, count = probe(hessian, np.eye(60), SPRINGS, most=4, starts=np.random.default_rng(0).normal(size=(2, 60)))
    assert count == 4
    assert not found.converged


def test_springs_are_trusted_less_and_so_take_more_products():
    hessian = hessian_of(2, 30, [-0.3, 0.3])
    found, count = probe(hessian, 5 * np.eye(30), SPRINGS, most=30)
    assert found.converged
    assert sum(found.curvatures < 0) == 1
    assert count > 5


def test_search_that_ends_too_early_says_so():
    hessian = hessian_of(3, 60, [-0.3, -0.1, 0.2])
    starts = list(np.random.default_rng(0).normal(size=(2, 60)))
    found = lowest_modes(lambda vector: hessian @ vector, starts, np.eye(60), 4)
    assert not found.converged
    assert found.uncertainties.max() > 0.5


def test_known_products_correct_a_hessian_and_lead_to_its_saddle():
    hessian = hessian_of(5, 12, [-0.4, 0.2])
    basis = np.linalg.qr(np.random.default_rng(6).normal(size=(12, 12)))[0].T
    some = updated_hessian(np.eye(12), basis[:5], basis[:5] @ hessian)
    assert some @ basis[:5].T == pytest.approx(hessian @ basis[:5].T)
    assert some == pytest.approx(some.T)
    assert updated_hessian(np.eye(12), basis, basis @ hessian) == pytest.approx(hessian)
    away = np.random.default_rng(7).normal(size=12)
    assert newton_step(hessian, -hessian @ away) == pytest.approx(-away)


@pytest.fixture(scope="module")
def saddle() -> Structure:
    """Al adatom on the bridge of a row of Al(110), left a little beside the saddle."""
    atoms = fcc110("Al", (2, 3, 4), a=3.99, vacuum=6.0)
    add_adsorbate(atoms, "Al", 1.2, "ontop")
    atoms.positions[-1, :2] += [atoms.cell[0, 0] / 4, 0.0]
    atoms.set_constraint([FixAtoms([atom.index for atom in atoms if atom.tag >= 3])])
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=0.03)
    made = AseAtomsAdaptor.get_structure(atoms)
    return Structure(
        Lattice(atoms.cell.array, pbc=(True, True, False)),
        made.species,
        atoms.positions,
        coords_are_cartesian=True,
        site_properties={"selective_dynamics": [[bool(tag < 3)] * 3 for tag in atoms.get_tags()]},
    )


@pytest.mark.slow
def test_few_products_give_the_modes_of_all_second_derivatives(home, saddle):
    maker = Makers(load_backend("emt")).modes()
    few, full = maker.calculate(saddle), maker.calculate(saddle, full=True)
    assert few.negative_modes == full.negative_modes == 1
    assert few.curvatures == pytest.approx(full.curvatures[: len(few.curvatures)], abs=0.03)
    overlap = np.abs(np.vdot(few.modes[0], full.modes[0]))
    assert overlap > 0.95
    free = sum(any(flags) for flags in saddle.site_properties["selective_dynamics"])
    assert full.force_evaluations == 6 * free + 1
    assert few.force_evaluations < 0.7 * full.force_evaluations
    assert len(full.frequencies) == 3 * free
    assert sum(frequency < 0 for frequency in full.frequencies) == 1
    assert max(full.frequencies) < 15, "THz, of aluminium"
    held = ~np.array(saddle.site_properties["selective_dynamics"])
    assert np.abs(np.array(few.modes)[:, held]).max() == 0
    assert few.energy == pytest.approx(Makers(load_backend("emt")).static().calculate(saddle).energy)


def test_saddle_is_walked_up_to_and_keeps_its_symmetry(home, saddle):
    rough = saddle.copy()
    rough.translate_sites([len(rough) - 1], [0.0, 0.0, 0.06], frac_coords=False)
    found = Makers(load_backend("emt")).modes().calculate(rough, refine=True)
    assert found.max_force < 0.01
    start = Makers(load_backend("emt")).modes().calculate(rough)
    assert start.max_force > 0.05
    assert found.energy < start.energy - 1e-3
    atoms = AseAtomsAdaptor.get_atoms(found.structure, msonable=False)
    atoms.calc = EMT()
    assert atoms.get_potential_energy() == pytest.approx(found.energy)
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() == pytest.approx(found.max_force, abs=1e-6)
    assert len(operations(found.structure, 1e-3)) == len(operations(rough, 1e-3))


@pytest.fixture
def costly(monkeypatch):
    """EMT counts as a code whose forces are dear; as a guide it stays a potential."""
    for module in (displaced, modes):
        monkeypatch.setattr(module, "InProcessBackend", type(None))
    monkeypatch.setattr(modes, "_guiding_hessian", lambda *_: (None, None))


def hessian_by_morse(structure: Structure) -> np.ndarray:
    """Return the second derivatives of a pair potential for Al (Girifalco and Weizer 1959), up to thrice too stiff."""
    calculator = MorsePotential(epsilon=0.2703, r0=3.253, rho0=1.1646 * 3.253, rcut1=2.0, rcut2=2.4)
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    return symmetrised_hessian(structure, finite_difference_hessian(atoms, calculator))


@pytest.mark.slow
def test_walk_along_soft_modes_ends_at_rest(home):
    """The largest force rises at first; the walk that shunned this ended at 0.025 eV/Å, 9 meV above the saddle."""
    structure = Structure.from_file(DATA / "vacancy-hop.poscar")
    found = Makers(load_backend("emt")).modes().calculate(structure, refine=True)
    assert "saddle-not-at-rest" not in codes(found)
    assert found.max_force < 0.01 + 1e-6
    atoms = AseAtomsAdaptor.get_atoms(found.structure)
    atoms.calc = EMT()
    assert found.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
    assert found.modes_of == "structure"
    values = np.linalg.eigvalsh(finite_difference_hessian(atoms, EMT()))
    values = values[np.abs(values) > 1e-3]  # shifts of all atoms
    assert found.curvatures[0] == pytest.approx(values[0], abs=0.02)
    assert found.negative_modes == sum(values < mode_search.NEGATIVE) == 1


@pytest.mark.parametrize(
    ("curvatures", "turned"), [([-0.6, 0.5], False), ([-0.6, 0.1], True), ([-0.2, 0.5], True), ([-0.2, 0.1], True)]
)
def test_modes_that_may_have_turned_are_told(curvatures, turned):
    none = np.zeros((0, 3))
    found = Modes(np.array(curvatures), none, np.full(2, 0.01), True, none, none)
    assert mode_search.may_have_turned(found, 0.08) is turned


def test_code_that_is_not_cheap_computes_statics_which_are_found_again(home, saddle, monkeypatch):
    reference = Makers(load_backend("emt")).modes().calculate(saddle, full=True)
    monkeypatch.setenv("ANODEFLOW_HOME", str(home / "costly"))
    for module in (displaced, modes):
        monkeypatch.setattr(module, "InProcessBackend", type(None))
    execute, count = EmtBackend.execute, 0

    def dying(self, request, folder, lock, tell):
        nonlocal count
        if count == 3:
            raise CalculationError("power failure")
        count += 1
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", dying)
    maker = Makers(load_backend("emt")).modes()
    with pytest.raises(CalculationError, match="power failure"):
        maker.calculate(saddle, "saddle")
    monkeypatch.setattr(EmtBackend, "execute", execute)
    found = maker.calculate(saddle, "saddle")
    assert found.negative_modes == reference.negative_modes == 1
    assert found.restarts == 1
    assert len(found.static_ids) == found.force_evaluations == len(set(found.static_ids))
    assert found.force_evaluations <= most_forces(guided=False)
    folders = [home / "costly" / "calculations" / each[:2] / each for each in found.static_ids]
    assert all((folder / "calculation.json").is_file() for folder in folders)
    with pytest.raises(InputError, match="all second derivatives take hundreds of calculations with emt"):
        maker.calculate(saddle, full=True)


@pytest.mark.slow
def test_a_guide_saves_forces_and_changes_no_address(home, saddle, costly, monkeypatch):
    maker = Makers(load_backend("emt")).modes()
    alone = maker.calculate(saddle)
    monkeypatch.setattr(modes, "_guiding_hessian", lambda *_: (hessian_by_morse(saddle), "morse"))
    monkeypatch.setenv("ANODEFLOW_HOME", str(home / "guided"))
    found = maker.calculate(saddle)
    assert found.id == alone.id
    assert found.guide == "morse"
    assert found.negative_modes == alone.negative_modes == 1
    assert found.certain
    assert found.force_evaluations <= 4 < alone.force_evaluations


@pytest.mark.slow
def test_what_the_path_found_at_its_saddle_is_not_computed_again(home, saddle, costly, monkeypatch):
    monkeypatch.setattr(modes, "_guiding_hessian", lambda *_: (hessian_by_morse(saddle), "morse"))
    maker = Makers(load_backend("emt")).modes()
    first = maker.calculate(saddle)
    rest = RestRecord(energy=first.energy, free_energy=first.free_energy, forces=first.forces)
    monkeypatch.setenv("ANODEFLOW_HOME", str(home / "known"))
    found = maker.calculate(saddle, rest=rest)
    assert found.force_evaluations == first.force_evaluations - 1
    assert found.curvatures == pytest.approx(first.curvatures)
    assert (found.energy, found.forces, found.id) == (first.energy, first.forces, first.id)
    again = maker.calculate(saddle)
    assert again == found, "found again, whoever asks"


def test_difference_to_one_side_is_as_good_as_both_where_symmetry_turns_a_mode_round(home, saddle, costly, monkeypatch):
    exact = hessian_by_emt(saddle)
    monkeypatch.setattr(modes, "_guiding_hessian", lambda *_: (exact, "emt"))
    found = Makers(load_backend("emt")).modes().calculate(saddle)
    mode = np.array(found.modes[0]).ravel()
    assert any(sign < 0 for sign, _, _ in turns(saddle, mode))
    assert found.curvatures[0] == pytest.approx(mode @ exact @ mode, abs=0.01)


def hessian_by_emt(structure: Structure) -> np.ndarray:
    return finite_difference_hessian(AseAtomsAdaptor.get_atoms(structure, msonable=False), EMT())


@pytest.mark.parametrize(("kind", "negative"), [("onefold top", 2), ("bridge", 1), ("fourfold hollow", 0)])
def test_number_of_negative_modes_is_that_of_the_whole_hessian(home, costly, monkeypatch, kind, negative):
    """On top of Al(110) a saddle of second order; the potential calls the hollow a saddle of first order."""
    spec = SlabSpec(miller=(1, 1, 0), layers=3, vacuum=8, min_width=5.5, fixed_layers=2)
    slab = build_slab(load_structure("Al"), spec).structure
    site = next(site for site in find_sites(slab, "Al") if site.label == kind)
    start = add_adsorbate_at(slab, site, "Al")
    atoms = AseAtomsAdaptor.get_atoms(start, msonable=False)
    atoms.calc = EMT()
    BFGS(atoms, logfile=None, alpha=5, maxstep=0.1).run(fmax=0.01, steps=80)
    rest = placed(start, with_symmetry_of(start, atoms.positions))
    monkeypatch.setattr(modes, "_guiding_hessian", lambda *_: (hessian_by_morse(rest), "morse"))
    found = Makers(load_backend("emt")).modes().calculate(rest)
    free = np.repeat(np.array(rest.site_properties["selective_dynamics"]).any(axis=1), 3)
    exact = np.linalg.eigvalsh(hessian_by_emt(rest)[np.ix_(free, free)])
    assert min(sum(exact < -0.01), 2) == found.negative_modes == negative
    assert found.certain
    assert found.force_evaluations <= 6


@pytest.mark.slow
def test_a_limit_is_in_the_document(home, saddle, costly, monkeypatch):
    monkeypatch.setattr(modes, "_guiding_hessian", lambda *_: (hessian_by_morse(saddle), "morse"))
    monkeypatch.setitem(mode_search.MOST_DIRECTIONS, "guided", 1)
    found = Makers(load_backend("emt")).modes().calculate(saddle)
    assert found.certain is False
    assert "modes-uncertain" in codes(found)


def test_a_guide_that_does_not_work_is_no_condition(home, saddle, monkeypatch):
    maker = Makers(load_backend("emt")).modes()
    maker.guide = {"code": "no such code", "name": "none"}
    assert maker.calculate(saddle).guide is None


def test_modes_are_found_again_and_read_back(home, saddle):
    maker = Makers(load_backend("emt")).modes()
    first = maker.calculate(saddle, "one")
    again = maker.calculate(saddle, "two")
    assert again == first.model_copy(update={"label": "two"})
    stored = json.loads((Path(first.directory) / "calculation.json").read_text())
    assert stored["@class"] == "ModesDoc"
    assert ModesDoc.model_validate(first.model_dump()) == first


def test_nothing_to_move_is_refused(home, saddle):
    held = saddle.copy()
    held.add_site_property("selective_dynamics", [[False] * 3] * len(held))
    with pytest.raises(InputError, match="no atom is free to move"):
        Makers(load_backend("emt")).modes().calculate(held)
