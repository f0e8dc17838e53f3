"""An adatom's symmetry is put on the origin, where GPAW sees it: fewer k-points, the same energy and forces."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gpaw")

from ase import Atoms
from ase.build import bcc100
from hypothesis import given, settings
from hypothesis import strategies as st

from anodeflow.backends.gpaw.driver import make_calculator
from anodeflow.backends.gpaw.origin import symmetric_origin
from anodeflow.backends.gpaw.scf import ScfWatch

_TOLERANCE = 1e-4


def with_adatom(width: int, layers: int, off: tuple[float, float], at: str = "hollow") -> Atoms:
    """Return Li(001) with a Li adatom, all of it shifted by `off` (Å) in the plane."""
    slab = bcc100("Li", (width, width, layers), a=3.44, vacuum=5.0)
    top = slab.positions[slab.positions[:, 2].argmax()]
    site = {"hollow": (1.72, 1.72, 1.4), "bridge": (1.72, 0.0, 2.0), "somewhere": (0.7, 0.3, 2.2)}[at]
    slab.append("Li")
    slab.positions[-1] = top + site
    slab.positions[:, :2] += off
    slab.wrap(pbc=(True, True, False))
    slab.pbc = (True, True, False)
    return slab


def operations(atoms: Atoms) -> int:
    """Return how many operations GPAW finds."""
    from gpaw.new.symmetry import create_symmetries_object

    return len(create_symmetries_object(atoms, tolerance=_TOLERANCE))


@pytest.mark.parametrize(("site", "expected"), [("hollow", 8), ("bridge", 4), ("somewhere", 1)])
@given(off=st.tuples(st.floats(0, 10), st.floats(0, 10)))
@settings(max_examples=20, deadline=None)
def test_all_operations_are_seen_wherever_the_slab_stands(site, expected, off):
    atoms = with_adatom(2, 3, off, site)
    at = symmetric_origin(atoms, [0] * len(atoms), _TOLERANCE)
    atoms.positions -= at @ atoms.cell.array
    assert at[2] == 0
    assert operations(atoms) == expected


def test_atoms_told_apart_are_not_each_others_image():
    atoms = with_adatom(2, 3, (0.3, 0.4))
    labels = [0] * len(atoms)
    labels[0] = 7  # one atom of the lowest layer
    atoms.positions -= symmetric_origin(atoms, labels, _TOLERANCE) @ atoms.cell.array
    assert operations(atoms) == 8
    from gpaw.new.symmetry import create_symmetries_object

    assert 1 < len(create_symmetries_object(atoms, tolerance=_TOLERANCE, extra_ids=labels)) < 8


def test_what_is_on_the_origin_stays_there():
    atoms = with_adatom(2, 3, (0.0, 0.0))
    atoms.positions[:, :2] -= atoms.positions[-1, :2]
    assert not symmetric_origin(atoms, [0] * len(atoms), _TOLERANCE).any()
    bulk = Atoms("Li", cell=[3, 3, 3], positions=[[1, 1, 1]], pbc=True)
    assert not symmetric_origin(bulk, [0], _TOLERANCE).any()


@pytest.mark.gpaw
def test_fewer_kpoints_for_the_same_energy_and_forces(tmp_path: Path):
    atoms = with_adatom(1, 3, (0.4, 0.9))
    parameters = {
        "mode": {"name": "pw", "ecut": 200},
        "xc": "PBE",
        "kpts": {"size": (4, 4, 1), "gamma": True},
        "occupations": {"name": "fermi-dirac", "width": 0.1},
        "poissonsolver": {"dipolelayer": "xy"},
        "symmetry": {"tolerance": _TOLERANCE},
    }
    energies, forces, points = [], [], []
    for shift in (True, False):
        atoms.calc = make_calculator(parameters, atoms, tmp_path / f"{shift}.txt", ScfWatch({}), shift=shift)
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
        points.append(len(atoms.calc.inner.dft.ibzwfs.ibz))
    assert points[0] < points[1]
    assert energies[0] == pytest.approx(energies[1], abs=5e-4)
    np.testing.assert_allclose(forces[0], forces[1], atol=3e-3)
    # A moved geometry is shifted by as much as the first.
    atoms.calc = make_calculator(parameters, atoms, tmp_path / "moved.txt", ScfWatch({}))
    atoms.get_potential_energy()
    atoms.positions[-1, 2] += 0.05
    moved = atoms.get_potential_energy()
    assert atoms.get_potential_energy(force_consistent=True) < moved
    atoms.calc = make_calculator(parameters, atoms, tmp_path / "afresh.txt", ScfWatch({}), shift=False)
    assert moved == pytest.approx(atoms.get_potential_energy(), abs=5e-4)
