"""Where a relaxation goes next by a potential that DFT sets right on the way: proposals, their radius, their end."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces
from ase.constraints import FixAtoms
from ase.geometry import find_mic, get_distances
from ase.mep import NEB
from ase.optimize import BFGS
from prescreen_factories import Stretched
from pymatgen.io.ase import AseAtomsAdaptor
from relaxations import RELAXATION, bridge

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.drivers.asked import Asked
from anodeflow.backends.drivers.band_driver import run_neb
from anodeflow.backends.drivers.driver import run_task
from anodeflow.backends.drivers.hessian import START, finite_difference_hessian
from anodeflow.backends.drivers.iterations import Iterations
from anodeflow.backends.gpaw.backend import GpawBackend, GpawParallel, GpawSettings
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.folder import read_steps
from anodeflow.calculations.makers import CalculationMaker
from anodeflow.calculations.request import Request
from anodeflow.learning.evaluations import leads_nowhere
from anodeflow.learning.residual import Residual
from anodeflow.learning.surrogate import SURROGATE, Surrogate
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

THRESHOLD = RELAXATION["force_threshold"]


@pytest.fixture(scope="module")
def request_():
    return Request("relax", bridge())


def costly():
    """Stiffer than EMT, and of another bond length."""
    return Stretched(1.3, 1.01)


def relaxed(file, propose, calculator=None, **options):
    atoms = AseAtomsAdaptor.get_atoms(bridge(), msonable=False)
    converged = run_task(
        atoms,
        calculator or costly(),
        "relax",
        RELAXATION,
        file,
        attempt=len(read_steps(file)),
        propose=propose,
        **options,
    )
    assert converged
    return read_steps(file)


# --- what the potential lacks ---


def test_the_residual_is_what_it_was_told_and_its_forces_are_the_slopes_of_its_energy():
    numbers = np.random.default_rng(0)
    places = numbers.normal(0, 0.3, (4, 6))
    energies, lacking = 3 + np.sum(places**2, axis=1) / 4, -places / 2
    residual = Residual(places, energies, lacking)
    for place, energy, forces in zip(places, energies, lacking, strict=True):
        assert residual.at(place)[0] == pytest.approx(energy, abs=0.02)
        assert residual.at(place)[1] == pytest.approx(forces, abs=0.01)
    place, shift = numbers.normal(0, 0.3, 6), 1e-5
    slopes = [
        (residual.at(place + shift * each)[0] - residual.at(place - shift * each)[0]) / (2 * shift)
        for each in np.eye(6)
    ]
    assert residual.at(place)[1] == pytest.approx(-np.array(slopes), abs=1e-7)
    assert np.abs(residual.at(place + 20)[1]).max() < 1e-9, "far away nothing is known"


def test_a_corrected_potential_has_the_forces_of_dft_where_they_are_known(request_):
    surrogate = Surrogate(request_, [EMT()], THRESHOLD)
    atoms = surrogate.atoms.copy()
    atoms.calc = costly()
    step = {
        "positions": atoms.get_positions().tolist(),
        "forces": atoms.get_forces(apply_constraint=False).tolist(),
        "free_energy": atoms.get_potential_energy(),
    }
    wanted = atoms.get_forces()
    atoms.calc = surrogate.corrected([step])
    assert atoms.get_potential_energy() == pytest.approx(step["free_energy"], abs=0.001)
    assert atoms.get_forces() == pytest.approx(wanted, abs=0.01)
    atoms.rattle(0.02, seed=1)
    last = len(atoms) - 1
    numeric = calculate_numerical_forces(atoms, 1e-4, iatoms=[last])
    assert atoms.get_forces()[last] == pytest.approx(numeric[0], abs=1e-5)


# --- relaxations ---


def test_proposals_lead_to_the_same_minimum_in_half_the_evaluations(tmp_path, request_):
    alone = relaxed(tmp_path / "alone.jsonl", None)
    guided = relaxed(tmp_path / "guided.jsonl", Surrogate(request_, [EMT()], THRESHOLD))
    assert len(guided) <= len(alone) / 2
    assert guided[-1]["energy"] == pytest.approx(alone[-1]["energy"], abs=0.001)
    assert not any("proposal_seconds" in step for step in alone)
    assert all(step["proposal_seconds"] > 0 for step in guided[:-1])


@pytest.mark.slow
def test_what_was_cut_off_goes_on_from_the_record(tmp_path, request_):
    surrogate = Surrogate(request_, [EMT()], THRESHOLD)
    whole = relaxed(tmp_path / "whole.jsonl", surrogate)
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) > 2
    for count in range(1, len(lines)):
        file = tmp_path / f"cut-{count}.jsonl"
        file.write_text("".join(lines[:count]))
        again = relaxed(file, surrogate)
        assert len(again) == len(whole)
        assert again[-1]["positions"] == pytest.approx(np.array(whole[-1]["positions"]), abs=1e-6)


class Misleading:
    """Pulls all atoms aside, whatever they do."""

    def __init__(self):
        self.asked = 0

    def __call__(self, steps):
        self.asked += 1
        there = np.array(steps[-1]["positions"])
        there[-1, 0] += 0.1
        return [there.tolist()], None


@pytest.mark.slow
def test_a_potential_that_knows_nothing_is_left_for_bfgs(tmp_path, request_):
    """Copper's binding is no help to one that is twice as stiff and pulls the other way."""
    wrong = Stretched(-0.5, 0.9)
    surrogate = Surrogate(request_, [wrong], THRESHOLD)
    found = relaxed(tmp_path / "wrong.jsonl", surrogate)
    alone = relaxed(tmp_path / "alone.jsonl", None)
    assert found[-1]["energy"] == pytest.approx(alone[-1]["energy"], abs=0.002)
    assert len(found) < 3 * len(alone)


@pytest.mark.slow
def test_bfgs_goes_on_from_the_best_of_what_was_proposed(tmp_path):
    """And so it does, by the same way, when it was cut off."""
    there = AseAtomsAdaptor.get_atoms(bridge(), msonable=False).get_positions()
    ways = [there.copy(), there.copy()]
    ways[0][-1, 2] -= 0.2
    ways[1][-1, 2] += 1.5

    def propose(steps):
        return ([ways[len(steps) - 1].tolist()], None) if len(steps) < 3 else None

    whole = relaxed(tmp_path / "whole.jsonl", propose)
    assert min(range(3), key=lambda k: whole[k]["free_energy"]) == 1
    assert np.abs(np.array(whole[3]["positions"]) - np.array(whole[1]["positions"])).max() <= 0.2 + 1e-9
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    for count in range(2, len(lines)):
        file = tmp_path / f"cut-{count}.jsonl"
        file.write_text("".join(lines[:count]))
        again = relaxed(file, propose)
        assert [step["energy"] for step in again] == pytest.approx([step["energy"] for step in whole], abs=1e-9)


def test_a_gain_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="remaining energy of a geometry came out as inf or nan"):
        relaxed(tmp_path / "nan.jsonl", lambda steps: ([steps[-1]["positions"]], float("nan")))


def test_proposals_that_are_none_leave_it_to_bfgs(tmp_path):
    alone = relaxed(tmp_path / "alone.jsonl", None)
    asked = []
    found = relaxed(tmp_path / "none.jsonl", lambda steps: asked.append(len(steps)))
    assert asked == [1]
    assert [step["energy"] for step in found] == [step["energy"] for step in alone]


class Failing(EMT):
    """A potential whose package raises from the third evaluation on."""

    calls = 0

    def calculate(self, *arguments, **named):
        self.calls += 1
        if self.calls > 3:
            raise RuntimeError("no such element")
        super().calculate(*arguments, **named)


def test_a_potential_that_fails_is_told_and_done_without(tmp_path, request_):
    told = []
    found = relaxed(tmp_path / "failing.jsonl", Surrogate(request_, [Failing()], THRESHOLD, told.append))
    alone = relaxed(tmp_path / "alone.jsonl", None)
    assert told[0] == "goes on without a proposal of the potential: RuntimeError: no such element"
    assert [step["energy"] for step in found] == [step["energy"] for step in alone]


def test_the_budget_of_steps_counts_proposals(tmp_path):
    atoms = AseAtomsAdaptor.get_atoms(bridge(), msonable=False)
    few = RELAXATION | {"max_steps": 3}
    misleading = Misleading()
    assert not run_task(atoms, costly(), "relax", few, tmp_path / "few.jsonl", attempt=0, propose=misleading)
    assert len(read_steps(tmp_path / "few.jsonl")) == 4, "as ASE counts: one before the steps"
    assert misleading.asked == 3


def steps_of(energies, forces):
    return [
        {"free_energy": energy, "free_forces": [[force, 0, 0]]} for energy, force in zip(energies, forces, strict=True)
    ]


def judged(request_, *shifts):
    """Return how far the next proposal may lie after the adatom was moved down by each of the shifts, Å."""
    steps = []
    for shift in shifts:
        atoms = AseAtomsAdaptor.get_atoms(request_.structure, msonable=False)
        atoms.positions[-1, 2] -= shift
        atoms.calc = costly()
        steps.append(
            {
                "positions": atoms.get_positions().tolist(),
                "forces": atoms.get_forces(apply_constraint=False).tolist(),
                "free_forces": atoms.get_forces().tolist(),
                "free_energy": atoms.get_potential_energy(),
            }
        )
    return Surrogate(request_, [EMT()], THRESHOLD)._judged(steps)[0]


def test_the_radius_grows_with_success_and_shrinks_without(request_):
    assert judged(request_, 0.0) == pytest.approx(0.3)
    assert judged(request_, 0.0, 0.3) == pytest.approx(0.45), "down, and known"
    assert judged(request_, 0.0, 0.1) == pytest.approx(0.3)
    assert judged(request_, 0.0, -1.2) == pytest.approx(0.6), "up, and not known: half of the way"


def test_of_two_potentials_the_evaluations_choose(request_):
    """One that learned elsewhere may know less here than it did before."""
    wrong, right = Stretched(0.3, 0.9), EMT()
    atoms = AseAtomsAdaptor.get_atoms(bridge(), msonable=False)
    atoms.calc = costly()
    step = {
        "positions": atoms.get_positions().tolist(),
        "forces": atoms.get_forces(apply_constraint=False).tolist(),
        "free_energy": atoms.get_potential_energy(),
    }
    for pair in ([wrong, right], [right, wrong]):
        assert Surrogate(request_, pair, THRESHOLD).corrected([step]).potential is right


def test_proposals_end_when_three_of_them_led_nowhere():
    assert not leads_nowhere(steps_of([0, 1, 1], [1, 2, 2]))
    assert leads_nowhere(steps_of([0, 1, 1, 1], [1, 2, 2, 2]))
    assert not leads_nowhere(steps_of([0, 1, 1, -0.1], [1, 2, 2, 2]))
    assert not leads_nowhere(steps_of([0, 1, 1, 1], [1, 2, 2, 0.8]))


def test_what_is_still_to_be_gained_is_what_is_gained(tmp_path, request_):
    """With an energy tolerance less is evaluated, and the energy is that of the minimum."""
    surrogate = Surrogate(request_, [EMT()], THRESHOLD)
    steps = relaxed(tmp_path / "whole.jsonl", surrogate)
    told = [step for step in steps if step.get("remaining_energy") is not None]
    assert told
    for step in told:
        assert step["free_energy"] - step["remaining_energy"] == pytest.approx(steps[-1]["free_energy"], abs=0.003)
    atoms = AseAtomsAdaptor.get_atoms(bridge(), msonable=False)
    early = RELAXATION | {"energy_tolerance": 0.005}
    assert run_task(atoms, costly(), "relax", early, tmp_path / "early.jsonl", attempt=0, propose=surrogate)
    assert len(read_steps(tmp_path / "early.jsonl")) < len(steps)
    assert surrogate(steps[:1])[1] is None, "nothing is told of the first geometry"


class Inconsistent(Stretched):
    """Forces are not quite the slopes of its energies, as on a coarse grid."""

    def calculate(self, atoms=None, properties=None, system_changes=None):
        super().calculate(atoms, properties, system_changes)
        for name in ("energy", "free_energy"):
            self.results[name] += 0.03 * float(atoms.positions[-1].sum())


def test_forces_decide_where_energies_disagree(tmp_path, request_):
    alone = relaxed(tmp_path / "alone.jsonl", None, Inconsistent(1.3, 1.01))
    found = relaxed(tmp_path / "found.jsonl", Surrogate(request_, [EMT()], THRESHOLD), Inconsistent(1.3, 1.01))
    assert len(found) <= len(alone)
    assert np.array(found[-1]["positions"]) == pytest.approx(np.array(alone[-1]["positions"]), abs=0.03)


class FalseMinimum(EMT):
    """A potential with a well where DFT goes over a saddle."""

    def __init__(self, centre):
        super().__init__()
        self.centre = centre

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        apart = atoms.positions[-1, :2] - self.centre
        well = -0.5 * np.exp(-apart @ apart / (2 * 0.5**2))
        self.results["forces"] = self.results["forces"].copy()
        self.results["forces"][-1, :2] += well * apart / 0.5**2
        for name in ("energy", "free_energy"):
            self.results[name] += well


@pytest.mark.slow
def test_a_false_minimum_of_the_potential_is_not_taken_for_the_end(tmp_path):
    """DFT's forces are small beside its saddle, and the potential says that nothing is to be gained."""
    structure = bridge()
    structure.translate_sites([len(structure) - 1], [-0.3, -0.2, 0.0], frac_coords=False)
    centre = structure.cart_coords[-1, :2]
    for number, shift in enumerate([(0.05, 0.02), (0.02, 0.06), (-0.04, 0.05), (0.08, -0.03)]):
        start = structure.copy()
        start.translate_sites([len(start) - 1], [*shift, 0.0], frac_coords=False)
        surrogate = Surrogate(Request("relax", start), [FalseMinimum(centre)], THRESHOLD)
        atoms = AseAtomsAdaptor.get_atoms(start, msonable=False)
        file = tmp_path / f"{number}.jsonl"
        options = RELAXATION | {"energy_tolerance": 0.005}
        assert run_task(atoms, EMT(), "relax", options, file, attempt=0, propose=surrogate)
        last = read_steps(file)[-1]
        end = last["free_energy"] - (last.get("remaining_energy") or 0.0)
        assert run_task(atoms, EMT(), "relax", RELAXATION, file, attempt=len(read_steps(file)))
        assert end == pytest.approx(read_steps(file)[-1]["free_energy"], abs=0.005)


@pytest.mark.parametrize("false", [True, False], ids=["false", "true"])
def test_the_first_evaluation_ends_it_where_its_energy_was_foreseen(tmp_path, false):
    """A false well beside a saddle of DFT is lower than DFT has it; forces there are small, and the Hessian stiff."""
    structure = bridge()
    structure.translate_sites([len(structure) - 1], [-0.3, -0.2, 0.0], frac_coords=False)
    centre = structure.cart_coords[-1, :2] + [0.03, 0.05]
    learned = FalseMinimum(centre) if false else EMT()
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.positions[-1] += [0.03, 0.05, 0.0]
    atoms.calc = learned
    BFGS(atoms, logfile=None).run(fmax=0.01)
    atoms.rattle(0.003, seed=2)
    np.save(tmp_path / "hessian.npy", finite_difference_hessian(atoms, learned))
    (tmp_path / START).write_text("{}")
    begun = Request("relax", placed(structure, atoms.positions))
    surrogate = Surrogate(begun, [Stretched(0.3, 0.9), learned], THRESHOLD)
    for propose in (surrogate, lambda steps: None):
        file, early = tmp_path / "steps.jsonl", RELAXATION | {"energy_tolerance": 0.005}
        atoms = AseAtomsAdaptor.get_atoms(begun.structure, msonable=False)
        assert run_task(atoms, EMT(), "relax", early, file, attempt=0, propose=propose)
        last, count = read_steps(file)[-1], len(read_steps(file))
        assert (count > 1) is (false or propose is not surrogate)
        assert run_task(atoms, EMT(), "relax", RELAXATION, file, attempt=count)
        end = last["free_energy"] - (last.get("remaining_energy") or 0.0)
        assert end == pytest.approx(read_steps(file)[-1]["free_energy"], abs=0.005)
        file.unlink()


# --- another process answers ---


@pytest.mark.slow
def test_another_process_answers_the_same(tmp_path, request_):
    surrogate = Surrogate(request_, [EMT()], THRESHOLD)
    content = surrogate.plain(load_backend("emt").recipe(), {})
    (tmp_path / SURROGATE).write_text(json.dumps(content))
    steps = relaxed(tmp_path / "steps.jsonl", surrogate)
    asked = Asked(Surrogate.command(tmp_path))
    for count in (1, 2):
        (found, gain), (expected, told) = asked(steps[:count]), surrogate(steps[:count])
        assert np.array(found) == pytest.approx(np.array(expected), abs=1e-6)
        assert gain == told or gain == pytest.approx(told, abs=1e-6)
    asked.process.stdin.close()
    assert asked.process.wait(timeout=20) == 0, "it ends with who asks"


@pytest.mark.parametrize(
    "answer",
    ["5", "[]", '{"a": 1}', "NaN", "[[[1, 2]], null]", "[[], null]", "[[[[0, 0, NaN]]], null]", "[[[[0, 0, 0]]], -1]"],
)
def test_answers_that_are_none_are_not_taken(answer, capfd):
    step = {"positions": [[0.0, 0.0, 0.0]]}
    asked = Asked([sys.executable, "-c", f"input(); print('{answer}')"])
    assert asked([step]) is None
    assert "proposals end: ValueError" in capfd.readouterr().out
    right = Asked([sys.executable, "-c", "input(); print('[[[[0, 0, 1]]], 0.5]')"])
    assert right([step]) == ([[[0, 0, 1]]], 0.5)


@pytest.mark.slow
def test_a_long_question_to_somebody_who_does_not_listen_ends(capfd):
    deaf = Asked([sys.executable, "-c", "import time; time.sleep(60)"], patience=0.5)
    assert deaf([{"positions": [[0.0, 0.0, 0.0]] * 10_000}]) is None
    assert "no answer within 0.5 s" in capfd.readouterr().out
    half = Asked([sys.executable, "-c", "print('[[', end='', flush=True); import time; time.sleep(60)"], patience=0.5)
    assert half([]) is None


@pytest.mark.slow
def test_who_says_that_an_answer_is_on_its_way_is_waited_for(tmp_path, capfd):
    told = "import time\nfor _ in range(5): time.sleep(0.3); print('busy', flush=True)\n"
    slow = Asked([sys.executable, "-c", f"input()\n{told}print('[[[[0, 0, 1]]], null]')"], patience=1.2)
    assert slow([{"positions": [[0.0, 0.0, 0.0]]}]) == ([[[0, 0, 1]]], None)
    stuck = Asked([sys.executable, "-c", f"input()\n{told}time.sleep(60)"], patience=1.2)
    assert stuck([{"positions": [[0.0, 0.0, 0.0]]}]) is None
    assert stuck.ended == "TimeoutError: no answer within 1.2 s"


@pytest.mark.slow
def test_the_process_that_answers_says_that_it_is_at_work(tmp_path, request_, monkeypatch, capfd):
    surrogate = Surrogate(request_, [EMT()], THRESHOLD)
    (tmp_path / SURROGATE).write_text(json.dumps(surrogate.plain(load_backend("emt").recipe(), {})))
    steps = relaxed(tmp_path / "steps.jsonl", None)[:1]
    often = "import anodeflow.learning.answers as a, sys, pathlib; a._OFTEN = 0; a.main(pathlib.Path(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-c", often, str(tmp_path)], input=json.dumps(steps) + "\n", capture_output=True, text=True
    )
    *before, last = ended.stdout.splitlines()
    assert set(before) == {"busy"}
    assert len(before) > 5
    assert np.shape(json.loads(last)[0]) == (1, *np.shape(steps[0]["positions"]))


def test_a_process_that_fails_is_asked_no_more(tmp_path, capfd):
    asked = Asked([sys.executable, "-c", "print('hello'); input()"])
    assert asked([]) is None
    assert asked([]) is None
    assert "proposals end" in capfd.readouterr().out
    assert Asked(["/no/such/program"])([]) is None
    slow = Asked([sys.executable, "-c", "import time; time.sleep(60)"], patience=0.2)
    assert slow([]) is None
    assert slow.process.wait(timeout=5) < 0, "it is not left behind"
    assert "no answer within 0.2 s" in capfd.readouterr().out
    answers = []
    share = Asked(["/no/such/program"], asks=False, share=lambda found: answers.append(found) or [[[0.0]], None])
    assert share([]) == ([[0.0]], None)
    assert answers == [None], "a rank that does not ask gets what is shared"


def test_surrogates_are_in_no_address(request_):
    guided = replace(request_, surrogate=Surrogate(request_, [EMT()], THRESHOLD))
    assert guided == request_
    assert guided.content() == request_.content()


# --- paths ---

PATH = {
    "force_threshold": 0.02, "climb_below": 0.5, "spring_constant": 3.0, "max_steps": 100, "curvature": 5.0,
    "max_displacement": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def hop(tmp_path_factory):
    """Path of an adatom over the bridge of Al(001) between minima of the costly code, and what turns it round."""
    atoms = fcc100("Al", (3, 3, 3), vacuum=6.0)
    add_adsorbate(atoms, "Al", 1.7, "hollow")
    atoms.set_constraint(FixAtoms(range(18)))
    atoms.calc = costly()
    BFGS(atoms, logfile=None).run(fmax=0.005)
    edge = atoms.cell.lengths()[0] / 3
    rotation = np.diag([-1.0, 1.0, 1.0])
    translation = np.array([2 * atoms.positions[-1, 0] + edge, 0, 0])
    apart = get_distances(
        fcc100("Al", (3, 3, 3), vacuum=6.0).positions,
        fcc100("Al", (3, 3, 3), vacuum=6.0).positions @ rotation.T + translation,
        cell=atoms.cell,
        pbc=[True, True, False],
    )[1]
    permutation = [*apart.argmin(axis=1).tolist(), len(atoms) - 1]
    end = atoms.copy()
    moved = atoms.positions[permutation] @ rotation.T + translation
    end.set_positions(atoms.positions + find_mic(moved - atoms.positions, atoms.cell, [True, True, False])[0])
    images = [atoms.copy(), atoms.copy(), atoms.copy(), atoms.copy(), end]
    NEB(images, method="improvedtangent").interpolate("idpp", mic=False)
    symmetry = {"rotation": rotation.tolist(), "translation": translation.tolist(), "permutation": permutation}
    return images, {"energies": [atoms.get_potential_energy()] * 2, "settings": PATH, "symmetry": symmetry}


def along(hop, options, file, guided):
    """Relax the path; return what came out, and how many images were evaluated."""
    images = [image.copy() for image in hop]
    structures = tuple(AseAtomsAdaptor.get_structure(image) for image in images)
    for structure, image in zip(structures, images, strict=True):
        structure.add_site_property(
            "selective_dynamics", [[i not in image.constraints[0].index] * 3 for i in range(28)]
        )
    request = Request("neb", structures[0], structures, options)
    surrogate = Surrogate(request, [EMT()], options["settings"]["force_threshold"]) if guided else None
    before = len(read_steps(file))
    done = run_neb(images, costly, options, file, attempt=before, propose=surrogate)
    assert done["converged"]
    return done, len(read_steps(file)) - before


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "half"])
def test_paths_are_found_in_fewer_evaluations(hop, whole, tmp_path):
    images, options = hop
    if whole:
        options = options | {"symmetry": None}
    alone, most = along(images, options, tmp_path / "alone.jsonl", guided=False)
    found, count = along(images, options, tmp_path / "guided.jsonl", guided=True)
    assert count <= 0.7 * most
    assert sum(step["proposal_seconds"] for step in read_steps(tmp_path / "guided.jsonl")) > 0
    assert max(image["energy"] for image in found["images"]) == pytest.approx(
        max(image["energy"] for image in alone["images"]), abs=0.003
    )
    lines = (tmp_path / "guided.jsonl").read_text().splitlines(keepends=True)
    for cut in (1, len(lines) // 2, len(lines) - 1):
        (tmp_path / "cut.jsonl").write_text("".join(lines[:cut]))
        again, rest = along(images, options, tmp_path / "cut.jsonl", guided=True)
        assert rest == count - cut, "nothing is evaluated twice"
        assert again["residual"] == pytest.approx(found["residual"], abs=1e-3)


@pytest.mark.slow
def test_a_path_with_rounds_that_nobody_proposed_resumes_exactly(hop, tmp_path):
    images, options = hop
    options = options | {"symmetry": None}
    structures = tuple(AseAtomsAdaptor.get_structure(image) for image in images)

    def run(file):
        surrogate = Surrogate(Request("neb", structures[0], structures, options), [EMT()], PATH["force_threshold"])
        before = len(read_steps(file))

        def propose(steps):
            return None if max(step["round"] for step in steps) in (0, 1) else surrogate(steps)

        assert run_neb([i.copy() for i in images], costly, options, file, attempt=before, propose=propose)["converged"]
        return len(read_steps(file)) - before

    count = run(tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    for cut in range(1, len(lines)):
        (tmp_path / "cut.jsonl").write_text("".join(lines[:cut]))
        assert run(tmp_path / "cut.jsonl") == count - cut


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 2])
def test_a_guided_path_out_of_iterations_goes_on_when_run_again(hop, tmp_path, most):
    images, options = hop
    structures = tuple(AseAtomsAdaptor.get_structure(image) for image in images)

    def run(file, settings):
        told = options | {"symmetry": None, "settings": settings}
        surrogate = Surrogate(Request("neb", structures[0], structures, told), [EMT()], PATH["force_threshold"])
        before = len(read_steps(file))

        def propose(steps):
            return None if max(step["round"] for step in steps) == 0 else surrogate(steps)

        done = run_neb([i.copy() for i in images], costly, told, file, attempt=before, propose=propose)
        return done["converged"], len(read_steps(file)) - before

    _, count = run(tmp_path / "whole.jsonl", options["settings"])
    counts, converged = [], False
    while not converged:
        converged, new = run(tmp_path / "parts.jsonl", options["settings"] | {"max_steps": most})
        assert new > 0, "it goes on"
        counts.append(new)
    assert len(counts) > 1
    assert sum(counts) == count
    positions = [[step["positions"] for step in read_steps(tmp_path / name)] for name in ("whole.jsonl", "parts.jsonl")]
    assert np.allclose(*positions, atol=1e-6)


@pytest.mark.parametrize(
    ("evaluates", "attempts", "steps"), [(True, 0, 4), (True, 2, 4), (False, 0, 1), (False, 2, 13)]
)
def test_iterations_of_an_attempt_end_even_where_the_record_goes_in_a_circle(evaluates, attempts, steps):
    class Circle:
        def irun(self, fmax, steps):
            yield from range(steps)

    iterations = Iterations(4, attempts)
    iterations.evaluates = evaluates
    assert sum(1 for _ in iterations.of(Circle())) == steps + 1


def test_one_image_climbs_to_the_saddle(hop, tmp_path):
    images, options = hop
    tangent = images[3].positions - images[1].positions
    tangent[:-1] = 0
    climb = options | {"tangent": (tangent / np.linalg.norm(tangent)).tolist(), "symmetry": None}
    beside = images[2].copy()
    beside.positions[-1] += [0.1, 0.15, 0.2]
    alone, most = along([images[0], beside, images[4]], climb, tmp_path / "alone.jsonl", guided=False)
    found, count = along([images[0], beside, images[4]], climb, tmp_path / "guided.jsonl", guided=True)
    assert count <= 0.6 * most
    assert found["images"][1]["energy"] == pytest.approx(alone["images"][1]["energy"], abs=0.002)


def test_a_climb_goes_on_by_proposals_after_a_step_without_one(hop, tmp_path):
    images, options = hop
    tangent = images[3].positions - images[1].positions
    tangent[:-1] = 0
    climb = options | {"tangent": (tangent / np.linalg.norm(tangent)).tolist(), "symmetry": None}
    beside = images[2].copy()
    beside.positions[-1] += [0.1, 0.15, 0.2]
    structures = tuple(AseAtomsAdaptor.get_structure(image) for image in (images[0], beside, images[4]))
    surrogate = Surrogate(Request("neb", structures[0], structures, climb), [EMT()], PATH["force_threshold"])
    asked = []

    def propose(steps):
        asked.append(len(steps))
        return None if len(asked) == 1 else surrogate(steps)

    path = [image.copy() for image in (images[0], beside, images[4])]
    assert run_neb(path, costly, climb, tmp_path / "steps.jsonl", attempt=0, propose=propose)["converged"]
    assert asked[:2] == [1, 2]


# --- GPAW ---


@pytest.mark.slow
def test_gpaw_asks_the_potential_that_works_beside_it(home):
    """Aluminium squeezed together, by GPAW with EMT beside it: two ranks, one of which asks."""
    pytest.importorskip("gpaw")
    slab = build_slab(load_structure("Al"), SlabSpec(layers=2, fixed_layers=1, vacuum=5, min_width=2.5)).structure
    slab.translate_sites([len(slab) - 1], [0, 0, -0.35], frac_coords=False)
    backend = GpawBackend(
        name="gpaw-test",
        settings=GpawSettings(cutoff=200, kpoint_spacing=0.6),
        relaxation=RelaxationSettings(force_threshold=0.02),
        parallel=GpawParallel(ranks=2),
    )
    potential = load_backend("emt").recipe()
    maker = CalculationMaker("relax", "relax", backend.recipe(), guide=potential)
    learning = replace(maker, guide={**potential, "learn": True})
    alone = maker.calculate(slab, guided=True)
    folder = Path(alone.directory)
    assert "surrogate" not in json.loads((folder / "input.json").read_text())
    shutil.move(folder, folder.with_name("alone"))
    found = learning.calculate(slab, guided=True)
    assert json.loads((folder / "input.json").read_text())["surrogate"][-1] == str(folder)
    assert "proposals end" not in (folder / "driver.log").read_text()
    assert found.converged
    assert found.force_evaluations <= alone.force_evaluations
    assert alone.proposal_seconds is None
    assert 0 < found.proposal_seconds < 120
    assert found.energy == pytest.approx(alone.energy, abs=0.002)
    # What EMT proposes after the first geometry is what was evaluated then.
    steps = read_steps(folder / "steps.jsonl")
    surrogate = Surrogate.from_plain(json.loads((folder / SURROGATE).read_text()), folder)
    assert np.array(steps[1]["positions"]) == pytest.approx(np.array(surrogate(steps[:1])[0][0]), abs=1e-6)
