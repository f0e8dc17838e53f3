"""Lowest modes of minima and saddles: against all second derivatives, from products alone, guided and resumed."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc110
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.eigenmodes import lowest_modes, newton_step, updated_hessian
from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations import displaced, modes
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.geometry.symmetrise import operations


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
    starts = modes._starts(approximate, np.ones(45, dtype=bool), known=True)
    found = lowest_modes(product, starts, approximate, 45)
    exact = np.linalg.eigvalsh(hessian)
    assert found.converged
    assert sum(found.curvatures < 0) == sum(np.array(lowest) < 0)
    assert found.curvatures == pytest.approx(exact[: len(found.curvatures)], abs=0.03)
    assert found.vectors @ found.vectors.T == pytest.approx(np.eye(len(found.vectors)), abs=1e-8)
    assert count < 20


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


def test_few_products_give_the_modes_of_all_second_derivatives(home, saddle):
    maker = Makers(load_backend("emt")).modes()
    few, full = maker.calculate(saddle), maker.calculate(saddle, full=True)
    assert few.negative_modes == full.negative_modes == 1
    assert few.curvatures == pytest.approx(full.curvatures[: len(few.curvatures)], abs=0.03)
    overlap = np.abs(np.vdot(few.modes[0], full.modes[0]))
    assert overlap > 0.95
    free = sum(any(flags) for flags in saddle.site_properties["selective_dynamics"])
    assert full.force_evaluations == 6 * free + 1
    assert few.force_evaluations < 0.6 * full.force_evaluations
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


def test_code_that_is_not_cheap_computes_statics_which_are_found_again(home, saddle, monkeypatch):
    reference = Makers(load_backend("emt")).modes().calculate(saddle)
    monkeypatch.setenv("ANODEFLOW_HOME", str(home / "costly"))
    for module in (displaced, modes):
        monkeypatch.setattr(module, "InProcessBackend", type(None))
    execute, count = EmtBackend.execute, 0

    def dying(self, request, folder, lock, tell):
        nonlocal count
        if count == 6:
            raise CalculationError("power failure")
        count += 1
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", dying)
    maker = Makers(load_backend("emt")).modes()
    with pytest.raises(CalculationError, match="power failure"):
        maker.calculate(saddle, "saddle")
    monkeypatch.setattr(EmtBackend, "execute", execute)
    found = maker.calculate(saddle, "saddle")
    assert found.curvatures == pytest.approx(reference.curvatures, abs=1e-3)
    assert found.restarts == 1
    assert len(found.static_ids) == found.force_evaluations == len(set(found.static_ids))
    folders = [home / "costly" / "calculations" / each[:2] / each for each in found.static_ids]
    assert all((folder / "calculation.json").is_file() for folder in folders)
    with pytest.raises(InputError, match="all second derivatives take hundreds of calculations with emt"):
        maker.calculate(saddle, full=True)


def test_a_guide_saves_forces_and_changes_no_address(home, saddle, monkeypatch):
    alone = Makers(load_backend("emt")).modes()
    guided = Makers(load_backend("emt")).modes()
    guided.guide = load_backend("emt").recipe()
    reference = alone.calculate(saddle)
    monkeypatch.setenv("ANODEFLOW_HOME", str(home / "guided"))
    found = guided.calculate(saddle)
    assert found.id == reference.id
    assert found.guide == "emt"
    assert found.negative_modes == reference.negative_modes
    assert found.force_evaluations <= 11 < reference.force_evaluations
    monkeypatch.setenv("ANODEFLOW_HOME", str(home / "broken"))
    guided.guide = {"code": "no such code", "name": "none"}
    assert guided.calculate(saddle).guide is None


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
