"""Relaxations that end by the energy still to be gained, and audit what they expected."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from prescreen_factories import register
from pydantic import ValidationError
from pymatgen.io.ase import AseAtomsAdaptor
from relaxations import copper_slab, relax_copper

from anodeflow.backends.base import NebSettings, RelaxationSettings
from anodeflow.backends.drivers.hessian import finite_difference_hessian, free_coordinates, hessian_file
from anodeflow.backends.drivers.remaining import RemainingEnergy
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.campaign.model import Campaign
from anodeflow.core.address import content_hash


def beside(folder, factor=1.3):
    """Put a Hessian that is not quite right beside the record of a folder; return the record."""
    folder.mkdir()
    file = folder / "steps.jsonl"
    with hessian_file(file).open("wb") as stream:
        np.save(stream, factor * finite_difference_hessian(copper_slab(), EMT()))
    return file


def tolerant(tolerance):
    """Return the EMT backend with an `energy_tolerance` (eV)."""
    return with_relaxation(energy_tolerance=tolerance)


def with_relaxation(**settings):
    emt = load_backend("emt")
    return emt.model_copy(update={"relaxation": emt.relaxation.model_copy(update=settings)})


def computed(backend, guide="emt"):
    relax = replace(Makers(backend).relax(), guide=load_backend(guide).recipe())
    return relax.calculate(AseAtomsAdaptor.get_structure(copper_slab()), "copper", guided=True)


def test_of_a_harmonic_well_it_is_exact():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(12, 12))
    hessian = root @ root.T + 0.2 * np.eye(12)
    free = np.repeat([True, True, True, False], 3)
    place = 0.03 * rng.normal(size=12)
    place[~free] = 0.0
    for proven in (True, False):
        remaining = RemainingEnergy(hessian, free, proven)
        left = remaining.after(place.reshape(4, 3), -(hessian @ place).reshape(4, 3))
        assert left == (pytest.approx(place @ hessian @ place / 2) if proven else None)
        half = place / 2
        left = remaining.after(half.reshape(4, 3), -(hessian @ half).reshape(4, 3))
        assert left == pytest.approx(half @ hessian @ half / 2)


def test_forces_of_new_geometries_correct_a_wrong_hessian():
    """A well whose stiffness the potential has wrong by a factor two: each step makes the rest better known."""
    rng = np.random.default_rng(2)
    root = rng.normal(size=(6, 6))
    hessian, free = root @ root.T + np.eye(6), np.ones(6, dtype=bool)
    remaining, place, errors = RemainingEnergy(2.1 * hessian, free, proven=True), 0.02 * rng.normal(size=6), []
    for number in range(9):
        left = remaining.after(place.reshape(2, 3), -(hessian @ place).reshape(2, 3))
        if number == 1:
            assert left is None  # the first step has shown it to be wrong
        else:
            errors.append(abs(left / (place @ hessian @ place / 2) - 1))
        place = 0.02 * rng.normal(size=6)
    assert errors[0] == pytest.approx(1 - 1 / 2.1)
    assert errors[-1] < 0.1


def test_where_the_well_is_not_harmonic_nothing_is_said():
    free, hessian = np.ones(3, dtype=bool), np.diag([0.5, 1.0, 4.0])
    far = np.array([0.11, 0.0, 0.0])
    assert RemainingEnergy(hessian, free, proven=True).after(far, -(hessian @ far)) is None
    near = np.array([0.05, 0.0, 0.0])
    remaining = RemainingEnergy(hessian, free, proven=True)
    assert remaining.after(near, -(hessian @ near)) is not None
    assert remaining.after(2 * near, -(hessian @ near) + [1e-3, 0, 0]) is None  # downhill, and the slope grows
    assert remaining.after(2.2 * near, [-0.029, 0, 0]) is not None  # and up again


def test_it_ends_sooner_and_takes_off_what_was_left(tmp_path):
    done, whole = relax_copper(beside(tmp_path / "whole"))
    assert done
    done, short = relax_copper(beside(tmp_path / "short"), energy_tolerance=0.005)
    assert done
    assert len(short) < len(whole)
    assert short == [{**step, "seconds": mine["seconds"]} for step, mine in zip(whole, short, strict=False)]
    assert short[-1]["remaining_energy"] < 0.005 <= short[-2]["remaining_energy"]
    left = short[-1]["energy"] - whole[-1]["energy"]
    assert left > 1e-3
    assert short[-1]["remaining_energy"] == pytest.approx(left, rel=0.5)


def test_cut_off_it_ends_where_it_would_have(tmp_path):
    _, whole = relax_copper(beside(tmp_path / "whole"), energy_tolerance=1e-3)
    cut = beside(tmp_path / "cut")
    relax_copper(cut, energy_tolerance=1e-3, max_steps=1)
    done, steps = relax_copper(cut, energy_tolerance=1e-3)
    assert done
    assert len(steps) == len(whole)
    assert steps[-1]["remaining_energy"] == pytest.approx(whole[-1]["remaining_energy"], rel=1e-6)
    done, again = relax_copper(cut, energy_tolerance=1e-3)
    assert done
    assert len(again) == len(steps)


def test_without_a_hessian_the_forces_decide(tmp_path):
    done, steps = relax_copper(tmp_path / "steps.jsonl", energy_tolerance=0.1)
    assert done
    assert "remaining_energy" not in steps[-1]
    assert np.linalg.norm(steps[-1]["free_forces"], axis=1).max() < 0.01


def test_documents_hold_all_three_energies_and_are_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    full = computed(load_backend("emt"))
    assert (full.evaluated_energy, full.warnings) == (None, [])
    short = computed(tolerant(0.005))
    assert short.force_evaluations < full.force_evaluations
    assert short.evaluated_energy - short.remaining_energy == short.energy
    assert short.energy == pytest.approx(full.energy, abs=1.5e-3)
    assert short.free_energy == short.energy  # EMT has no entropy, and none comes of what is taken off
    (caveat,) = short.warnings
    assert caveat.code == "ended-by-energy"
    assert f"{1e3 * short.remaining_energy:.1f} meV" in caveat.text
    again = computed(tolerant(0.005))
    assert again.finished_at == short.finished_at
    assert (again.energy, again.evaluated_energy) == (short.energy, short.evaluated_energy)
    assert len(CalculationFolder(tmp_path / "calculations" / short.id[:2] / short.id).steps()) == short.ionic_steps


@pytest.mark.parametrize("number", [1, 2])
def test_a_few_evaluations_are_the_end_of_it(tmp_path, number):
    _, whole = relax_copper(beside(tmp_path / "whole"))
    done, few = relax_copper(beside(tmp_path / "few"), evaluations=number)
    assert done
    assert [step["positions"] for step in few] == [step["positions"] for step in whole[:number]]
    left = few[-1]["energy"] - whole[-1]["energy"]
    assert left > 1e-3
    assert few[-1]["remaining_energy"] == pytest.approx(left, rel=0.5)  # of the first geometry nothing was said before
    done, again = relax_copper(tmp_path / "few" / "steps.jsonl", evaluations=number)
    assert done
    assert len(again) == number


def test_cut_off_it_makes_as_many_evaluations_in_all(tmp_path):
    file = beside(tmp_path / "cut")
    relax_copper(file, evaluations=3, max_steps=1)
    done, steps = relax_copper(file, evaluations=3)
    assert done
    assert len(steps) == 3
    assert steps[-1]["remaining_energy"] is not None


def test_without_a_hessian_the_number_of_evaluations_is_no_end(tmp_path):
    done, steps = relax_copper(tmp_path / "steps.jsonl", evaluations=1)
    assert done
    assert np.linalg.norm(steps[-1]["free_forces"], axis=1).max() < 0.01


def test_what_is_left_without_proof_follows_no_mode_far():
    soft = RemainingEnergy(np.diag([0.05, 1.0, 4.0]), np.ones(3, dtype=bool))
    assert soft.after(np.zeros(3), [0.1, 0.2, 0.0]) is None
    assert soft.expected == pytest.approx(0.1 * 0.2 - 0.05 * 0.2**2 / 2 + 0.2**2 / 2)


def test_documents_of_few_evaluations_say_so_and_are_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    full, one = computed(load_backend("emt")), computed(with_relaxation(evaluations=1))
    assert one.converged
    assert one.force_evaluations == 1
    assert one.energy == one.evaluated_energy - one.remaining_energy
    assert abs(one.energy - full.energy) < abs(one.evaluated_energy - full.energy) / 2
    (caveat,) = one.warnings
    assert caveat.code == "few-evaluations"
    assert "after 1 evaluation," in caveat.text
    assert f"{1e3 * one.remaining_energy:.1f} meV" in caveat.text
    assert f"{one.max_force:.3f} eV/Å" in caveat.text
    assert computed(with_relaxation(evaluations=1)).finished_at == one.finished_at
    calm = computed(with_relaxation(evaluations=50))
    assert calm.warnings == []
    assert calm.max_force < 0.01


def test_what_was_expected_is_audited(tmp_path, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    document = computed(load_backend("emt"))
    (audit,) = document.gain_audit
    assert 1 <= audit.step < document.ionic_steps
    assert audit.expected < 0.01
    assert audit.gained == pytest.approx(audit.expected, abs=2e-3)
    steps = CalculationFolder(tmp_path / "calculations" / document.id[:2] / document.id).steps()
    left = steps[-1]["remaining_energy"]
    assert audit.gained == pytest.approx(steps[audit.step - 1]["energy"] - steps[-1]["energy"] + left)


@pytest.mark.parametrize("change", [{"remaining_energy": 0.02}, {"evaluated_energy": None}, {"energy": -3.0}])
def test_a_document_that_claims_more_than_it_was_is_computed_again(tmp_path, monkeypatch, change):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    short = computed(tolerant(0.005))
    file = tmp_path / "calculations" / short.id[:2] / short.id / "calculation.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    again = computed(tolerant(0.005))
    assert again.energy == short.energy
    assert again.remaining_energy == short.remaining_energy


def test_addresses_know_it_where_it_is_set_and_only_there():
    later = ("energy_tolerance", "evaluations")
    path = {key: value for key, value in NebSettings().model_dump().items() if key not in later}
    assert NebSettings().model_dump() == path
    assert NebSettings(evaluations=2).model_dump() == path | {"evaluations": 2}
    before = {key: value for key, value in RelaxationSettings().model_dump().items() if key not in later}
    assert with_relaxation(evaluations=1).settings_hash() != load_backend("emt").settings_hash()
    assert content_hash(RelaxationSettings().model_dump()) == content_hash(before)
    assert tolerant(0.005).settings_hash() != load_backend("emt").settings_hash()
    assert tolerant(0.005).settings_hash() != tolerant(0.004).settings_hash()


@pytest.mark.parametrize("wrong", [0.0, -0.01, 0.2, float("nan")])
def test_tolerances_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        RelaxationSettings(energy_tolerance=wrong)


def test_fixed_atoms_have_nothing_to_gain():
    atoms = copper_slab()
    forces = np.zeros((len(atoms), 3))
    free = free_coordinates(atoms)
    forces.reshape(-1)[~free] = 5.0
    assert RemainingEnergy(np.eye(3 * len(atoms)), free, proven=True).after(atoms.positions, forces) == 0.0


@pytest.mark.parametrize("setting", ["energy_tolerance: 0.005", "evaluations: 1"])
@pytest.mark.parametrize(("prescreen", "told"), [("", True), ("prescreen: emt\n", False)])
def test_check_says_that_nothing_uses_it_without_a_potential(tmp_path, monkeypatch, prescreen, told, setting):
    register(monkeypatch, tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    costly = (tmp_path / "costly.yaml").read_text().replace("{force", f"{{{setting}, force", 1)
    (tmp_path / "costly.yaml").write_text(costly)
    file = tmp_path / "campaign.yaml"
    file.write_text(
        f"name: copper\nbackend: costly.yaml\n{prescreen}"
        "systems:\n  - {name: Cu(111), structure: Cu, miller: [1, 1, 1], layers: 3, vacuum: 8, min_width: 5}\n"
        "studies:\n  - adsorption: {adsorbate: Cu}\n"
    )
    campaign = Campaign.from_file(file)
    campaign.check()
    assert any(f"Nothing uses {setting.split(':')[0]} of backend costly" in note for note in campaign.unused()) == told
