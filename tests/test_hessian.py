"""The Hessian of a cheap potential at the start of a costly relaxation."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.io.ase import AseAtomsAdaptor
from relaxations import copper_slab, relax_copper

from anodeflow.backends.drivers.hessian import (
    finite_difference_hessian,
    first_hessian,
    hessian_file,
    positive,
)
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide import prepare_guide
from anodeflow.calculations.progress import now_and_then
from anodeflow.calculations.request import Request


def with_hessian(file):
    with hessian_file(file).open("wb") as stream:
        np.save(stream, 1.3 * finite_difference_hessian(copper_slab(), EMT()))  # a potential that is not quite right


def test_it_tells_how_forces_change():
    atoms = copper_slab()
    hessian = finite_difference_hessian(atoms, EMT())
    assert hessian == pytest.approx(hessian.T)
    fixed = np.repeat(atoms.positions[:, 2] < 7, 3)
    assert fixed.any()
    assert not hessian[fixed].any()
    assert not hessian[:, fixed].any()
    shift = np.where(fixed, 0.0, 1e-3 * np.random.default_rng(0).normal(size=3 * len(atoms)))
    moved = atoms.copy()
    moved.positions += shift.reshape(-1, 3)
    moved.calc, atoms.calc = EMT(), EMT()
    change = (moved.get_forces() - atoms.get_forces()).ravel()
    assert -(hessian @ shift) == pytest.approx(change, abs=3e-4)


def test_a_long_one_says_how_far_it_is():
    said = []
    tell = now_and_then(lambda state, message: said.append((state, message)), "second derivatives", every=0)
    finite_difference_hessian(copper_slab(), EMT(), on_row=tell)
    free = len(said)
    assert free == 3 * int((copper_slab().positions[:, 2] >= 7).sum())
    assert said[0] == ("running", f"second derivatives: 1 of {free}")
    assert said[-1] == ("running", f"second derivatives: {free} of {free}")


def test_no_direction_is_softer_than_the_floor():
    values = np.array([-3.0, 0.1, 0.0, 7.0])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    found = np.linalg.eigvalsh(positive((turn * values) @ turn.T, 1.0))
    assert found == pytest.approx([1.0, 1.0, 3.0, 7.0])


def test_fewer_steps_to_the_same_minimum(tmp_path):
    done, plain = relax_copper(tmp_path / "steps.jsonl")
    assert done
    (tmp_path / "guided").mkdir()
    file = tmp_path / "guided" / "steps.jsonl"
    with_hessian(file)
    done, guided = relax_copper(file)
    assert done
    assert len(guided) <= len(plain) - 2
    assert guided[-1]["energy"] == pytest.approx(plain[-1]["energy"], abs=1e-3)


def test_cut_off_it_goes_on_as_if_nothing_had_been(tmp_path):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        with_hessian(tmp_path / name / "steps.jsonl")
    _, whole = relax_copper(tmp_path / "whole" / "steps.jsonl")
    done, _ = relax_copper(tmp_path / "cut" / "steps.jsonl", max_steps=2)
    assert not done
    done, cut = relax_copper(tmp_path / "cut" / "steps.jsonl")
    assert done
    assert len(cut) == len(whole)
    assert np.abs(np.subtract(cut[-1]["positions"], whole[-1]["positions"])).max() < 1e-8


def test_one_that_does_not_fit_or_is_damaged_is_left_alone(tmp_path):
    file = tmp_path / "steps.jsonl"
    assert first_hessian(file, 36, 5.0) is None
    with_hessian(file)
    assert first_hessian(file, 36, 5.0).shape == (36, 36)
    assert first_hessian(file, 39, 5.0) is None
    hessian_file(file).write_bytes(hessian_file(file).read_bytes()[:200])
    assert first_hessian(file, 36, 5.0) is None


def test_a_guide_changes_the_way_not_the_address(tmp_path, monkeypatch):
    """Al with EMT, guided by EMT itself: the folder is the same, the Hessian lies in it, the steps are fewer."""
    structure = AseAtomsAdaptor.get_structure(copper_slab())
    relax = replace(Makers(load_backend("emt")).relax(), guide=load_backend("emt").recipe())
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "plain"))
    plain = relax.calculate(structure, "plain")
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "guided"))
    guided = relax.calculate(structure, "guided", guided=True)
    assert guided.id == plain.id
    assert guided.energy == pytest.approx(plain.energy, abs=2e-3)
    assert guided.force_evaluations < plain.force_evaluations
    folder = tmp_path / "guided" / "calculations" / guided.id[:2] / guided.id
    assert hessian_file(folder / "steps.jsonl").is_file()
    assert not list((tmp_path / "plain").rglob("hessian.npy"))
    assert "hessian" not in json.dumps(guided.settings)


@pytest.mark.parametrize(("guide", "element"), [("emt", "Li"), ("nowhere", "Cu"), ("gpaw-demo", "Cu"), (None, "Cu")])
def test_a_guide_that_cannot_help_is_done_without(tmp_path, guide, element):
    recipes = {None: {}, "nowhere": {"name": "nowhere", "code": "no such code"}}
    recipe = recipes[guide] if guide in recipes else load_backend(guide).recipe()
    atoms = copper_slab()
    atoms.symbols[:] = element
    folder = CalculationFolder(tmp_path)
    messages = []
    request = Request("relax", AseAtomsAdaptor.get_structure(atoms), guide=recipe)
    prepare_guide(request, folder, None, lambda state, message: messages.append(message))
    assert not hessian_file(folder.steps_file).exists()
    assert bool(messages) == (guide in ("emt", "nowhere"))
    assert all(str(guide) in message for message in messages)
