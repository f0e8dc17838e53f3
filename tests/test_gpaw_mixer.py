"""Mixing with the secants of earlier ionic steps: fewer SCF cycles, the same numbers."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gpaw")

from ase import Atoms
from ase.build import bcc100
from gpaw import GPAW

from anodeflow.backends.gpaw.driver import make_calculator, mixing
from anodeflow.backends.gpaw.mixer import RememberingMixer, RememberingMSR1
from anodeflow.backends.gpaw.scf import ScfWatch

pytestmark = pytest.mark.gpaw

_MOVES = (0.0, 0.06, 0.03, -0.05)  # Å, of the top atom


def slab() -> Atoms:
    """Three layers of Li(001) in the primitive surface cell."""
    atoms = bcc100("Li", (1, 1, 3), a=3.44, vacuum=5.0)
    atoms.pbc = (True, True, False)
    return atoms


def parameters(**changes: Any) -> dict[str, Any]:
    """GPAW's parameters, coarse; the SCF ends at GPAW's own criteria."""
    return {
        "mode": {"name": "pw", "ecut": 200},
        "xc": "PBE",
        "kpts": {"size": (2, 2, 1), "gamma": True},
        "occupations": {"name": "fermi-dirac", "width": 0.1},
        "poissonsolver": {"dipolelayer": "xy"},
        "symmetry": {"point_group": False},  # the moves break it
    } | changes


def walk(atoms: Atoms, log: Path) -> tuple[list[float], list[float], list[int]]:
    """Move the top atom up and down; return energies (eV), largest forces (eV/Å) and SCF cycles so far."""
    energies, forces, cycles = [], [], []
    for move in _MOVES:
        atoms.positions[-1, 2] += move
        energies.append(atoms.get_potential_energy())
        forces.append(float(np.abs(atoms.get_forces()).max()))
        cycles.append(len(re.findall(r"^\W*iter:", log.read_text(), re.MULTILINE)))
    return energies, forces, cycles


def test_fewer_cycles_for_the_same_numbers(tmp_path):
    forgetful, remembering = slab(), slab()
    forgetful.calc = GPAW(**parameters(), txt=tmp_path / "forgetful.txt")
    counter = ScfWatch({})
    remembering.calc = make_calculator(parameters(), remembering, tmp_path / "remembering.txt", counter)
    energies, forces, cycles = walk(forgetful, tmp_path / "forgetful.txt")
    ours, our_forces, our_cycles = walk(remembering, tmp_path / "remembering.txt")
    assert ours == pytest.approx(energies, abs=1e-4)
    assert our_forces == pytest.approx(forces, abs=2e-3)
    assert our_cycles[0] == cycles[0]  # there is nothing to remember yet
    saved = 1 - (our_cycles[-1] - our_cycles[0]) / (cycles[-1] - cycles[0])
    assert saved > 0.1
    assert counter.take()["scf_cycles"] == our_cycles[-1]


def test_a_memory_that_misleads_is_dropped(tmp_path):
    atoms = slab()
    log = tmp_path / "gpaw.txt"
    atoms.calc = make_calculator(parameters(), atoms, log, ScfWatch({}))
    atoms.get_potential_energy()
    mixer = atoms.calc.inner.dft.scf_loop.mixer
    assert isinstance(mixer, RememberingMixer)
    mixer.learn()
    wrong = list(mixer.secants)
    assert len(wrong) > 2
    for secant in wrong:
        secant.density *= -4
    atoms.positions[-1, 2] += 0.05
    energy = atoms.get_potential_energy()
    assert not any(secant is known for secant in mixer.secants for known in wrong)
    fresh = slab()
    fresh.positions[-1, 2] += 0.05
    fresh.calc = GPAW(**parameters(), txt=None)
    assert energy == pytest.approx(fresh.get_potential_energy(), abs=1e-4)


def test_spin_is_mixed_too(tmp_path):
    """An Li atom beside a slab keeps its moment through moves."""
    energies = []
    for name in ("forgetful", "remembering"):
        atoms = Atoms("Li2", positions=[[2.5, 2.5, 2.0], [2.5, 2.5, 6.0]], cell=[5, 5, 9], pbc=True, magmoms=[1, 1])
        log = tmp_path / f"{name}.txt"
        given = parameters(kpts={"size": (1, 1, 1)})
        del given["poissonsolver"]
        atoms.calc = (
            make_calculator(given, atoms, log, ScfWatch({})) if name == "remembering" else GPAW(**given, txt=log)
        )
        found, _, cycles = walk(atoms, log)
        energies.append(found)
        assert atoms.get_magnetic_moment() == pytest.approx(2.0, abs=0.3)
        assert cycles[-1] < 80
    assert energies[1] == pytest.approx(energies[0], abs=1e-4)


def test_another_gpaw_mixes_as_it_likes(monkeypatch):
    import gpaw

    assert isinstance(mixing()["mixer"], RememberingMSR1)
    monkeypatch.setattr(gpaw, "__version__", "27.1.0")
    assert mixing() == {}
