"""Where a relaxation begins once the potential learned: how far the way down may lead, and how certain it must be."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from prescreen_factories import register
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.registry import load_backend
from anodeflow.calculations import guide_learns, makers
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide_learns import leads_down, learned_start
from anodeflow.calculations.guide_of import NEARBY, WITHIN, recipe_of
from anodeflow.calculations.profile import DIP
from anodeflow.calculations.request import Request
from anodeflow.learning.start import FARTHEST, TOO_FAR, Start, minimum
from anodeflow.studies.vacancy.search import VacancySearch


@pytest.fixture(scope="module")
def off_top():
    """Al a little off the top of an atom of Al(001), from where it rolls into a hollow."""
    atoms = fcc100("Al", (3, 3, 3), vacuum=6)
    add_adsorbate(atoms, "Al", 2.2, "ontop")
    atoms.positions[-1, :2] += (0.3, 0.25)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 3]))
    return AseAtomsAdaptor.get_structure(atoms)


def test_the_way_down_is_followed_as_far_as_it_leads(off_top):
    found = minimum(off_top, EMT())
    moved = np.linalg.norm(found.images[0][-1].coords - off_top[-1].coords)
    assert TOO_FAR < moved <= found.displacement < FARTHEST
    *way, (last, depth) = found.way
    assert last.cart_coords == pytest.approx(found.images[0].cart_coords)
    energies = [energy for _, energy in way]
    assert energies == sorted(energies, reverse=True), "BFGS goes down"
    assert depth < energies[-1] < 0
    atoms = AseAtomsAdaptor.get_atoms(last, msonable=False)
    atoms.calc = EMT()
    assert np.abs(atoms.get_forces()).max() < 0.01


def start(structure, *energies: float, away: float = 1.0) -> Start:
    """A way down, so far (Å), that lies at these energies over its beginning, eV."""
    return Start((structure,), away, tuple((structure, energy) for energy in energies))


class Uncertain:
    """A model that is as uncertain as the features say, and was as wrong in what it had not seen, eV."""

    def __init__(self, energy_error: float | None = 0.0) -> None:
        self.energy_error = energy_error

    def uncertainty(self, labels: object, change: np.ndarray) -> float:
        return float(np.abs(change).sum())


def features(*places: float) -> SimpleNamespace:
    """Features that say how far a geometry is from the first, one evaluation after the other."""
    values = iter([0.0, *places])
    return SimpleNamespace(labels=lambda elements: ("any",), values=lambda atoms, elements: np.array([next(values)]))


@pytest.mark.parametrize(
    ("energies", "deviation", "down"),
    [
        ([-0.02, -0.26], 0.004, True),
        ([-0.02, -0.26], 0.2, False),  # it may lie higher than the start
        ([DIP / 2, -0.26], 0.001, True),  # over a well that is too shallow to count
        ([2 * DIP, -0.26], 0.001, True),  # as it is beside what the way gains
        ([2 * DIP, -0.1], 0.001, False),
        ([-0.02, -0.06, -0.26], 0.045, False),  # there may be a well on the way
    ],
)
def test_it_is_believed_where_the_way_leads_down_by_two_standard_deviations(off_top, energies, deviation, down):
    asked = features(*[deviation] * len(energies))  # of the beginning once: nothing is left for a second time
    assert leads_down(Uncertain(), asked, off_top, start(off_top, *energies)) is down


@pytest.mark.parametrize(
    ("away", "energy_error", "down"),
    [
        (1.0, 0.01, True),
        (1.0, 0.02, False),  # the regression is certain, but such regressions were wrong by 20 meV before
        (1.0, None, False),  # nothing to judge it by
        (0.4, 0.02, True),  # it is the same well
    ],
)
def test_far_away_what_models_got_wrong_before_counts_too(off_top, away, energy_error, down):
    way = start(off_top, -0.02, -0.035, away=away)
    assert leads_down(Uncertain(energy_error), features(0.001, 0.001), off_top, way) is down


@pytest.mark.slow
def test_a_relaxation_that_began_elsewhere_says_so_and_so_does_what_rests_on_it(off_top, monkeypatch, tmp_path, home):
    """DFT may have a shallow minimum where it would have begun: nobody looks there."""
    register(monkeypatch, tmp_path)
    model = SimpleNamespace(
        helps=True, by_label=dict, uncertainty=lambda *_: 0.0, energy_error=0.0, error_before=0.1, error_after=0.05,
        id="model", lessons=("one", "two"),
    )  # fmt: skip
    monkeypatch.setattr(guide_learns, "learned_model", lambda *_: model)
    maker = Makers(load_backend(tmp_path / "costly.yaml")).relax()
    maker.guide = load_backend("emt").recipe() | {"learn": True}
    found = maker.calculate(off_top, "far", guided=True)
    assert found.learned.displacement > TOO_FAR
    (told,) = found.warnings
    assert told.code == "began-elsewhere"
    assert told.text.startswith(
        f"it began {found.learned.displacement:.2f} Å away, at the minimum of emt corrected by 2 "
    )
    near = maker.calculate(found.structure, "near", guided=True)
    assert near.warnings == []
    search = VacancySearch.model_construct(calculation_ids={}, warnings=[], audit=None)
    search.note("minimum on hop 2", found)
    assert [each.text[:26] for each in search.warnings] == ["minimum on hop 2: it began"]


@pytest.mark.parametrize("nearby", [True, WITHIN])
def test_what_is_to_tell_whether_it_is_a_minimum_begins_where_it_is(off_top, monkeypatch, tmp_path, nearby):
    model = SimpleNamespace(helps=True, by_label=dict)
    guide = SimpleNamespace(potential=None, features=SimpleNamespace(corrected=lambda weights: EMT()))
    monkeypatch.setattr(guide_learns, "learned_model", lambda *_: model)
    request = Request("relax", off_top, guide={"learn": True, NEARBY: nearby})
    begun = learned_start(request, guide, None, CalculationFolder(tmp_path), print)
    assert begun.structure is off_top
    assert isinstance(begun.calculator, EMT)
    assert not list(tmp_path.iterdir()), "it says nothing of a start"


def test_relaxations_without_the_potentials_before_them_tell_whether_they_stay(off_top, monkeypatch):
    guides = []
    maker = Makers(load_backend("emt")).relax()
    monkeypatch.setattr(makers, "compute", lambda backend, request, *_: guides.append(request.guide))
    recipe = {"code": "emt", "learn": True}
    for guide, options in (
        (recipe, {"guided": True, "nearby": True}),
        (recipe, {"guided": True}),
        ({}, {"guided": True}),
    ):
        maker.guide = guide
        maker.calculate(off_top, "x", **options)
    assert guides == [recipe | {NEARBY: True}, recipe, {}]
    assert recipe_of(guides[0]) == {"code": "emt"}
    maker.guide = recipe
    maker.make.original(maker, off_top, guided=True)
    assert guides[-1] == recipe | {NEARBY: True}
