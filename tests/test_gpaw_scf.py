"""When an SCF of GPAW has converged, and when it is given up early."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("gpaw")

from ase.build import bcc100
from ase.parallel import world
from ase.units import Ha
from gpaw import ConvergenceError

from anodeflow.backends.gpaw.backend import GpawBackend, GpawSettings
from anodeflow.backends.gpaw.driver import make_calculator
from anodeflow.backends.gpaw.scf import ScfWatch, TotalEnergy, with_criteria


def context(cycle: int, density: float, eigenstates: float = 0.0, electrons: int = 10) -> SimpleNamespace:
    """Return what GPAW tells of a cycle; errors per valence electron, in e and eV²."""
    return SimpleNamespace(
        niter=cycle,
        dens=SimpleNamespace(error=density * electrons),
        wfs=SimpleNamespace(
            nvalence=electrons,
            world=world,
            eigensolver=SimpleNamespace(error=eigenstates * electrons / Ha**2),
        ),
    )


def cycles_until_given_up(errors: list[float]) -> int | None:
    """Return the cycle in which an SCF with these errors of the density is given up; none if it goes on."""
    watch = ScfWatch({"density": 1e-4, "eigenstates": 1e-6})
    for cycle, error in enumerate(errors, 1):
        try:
            watch(context(cycle, error))
        except ConvergenceError:
            return cycle
    return None


def test_stagnation_is_seen_after_25_cycles():
    falling = [np.inf, *(10 ** -(0.1 * n) for n in range(100))]
    assert cycles_until_given_up(falling) is None
    assert cycles_until_given_up([*falling[:10], *[0.1] * 60]) == 9 + 25
    slow_but_steady = [10 ** -(0.015 * n) for n in range(150)]
    assert cycles_until_given_up(slow_but_steady) is None


def test_an_scf_that_leaves_where_it_had_all_but_converged_is_given_up():
    """The largest errors of Li(001), seven layers, in which PPCG lost a state in cycle 24."""
    falling = [10.0 ** -(0.2 * n) for n in range(20)]
    assert cycles_until_given_up([*falling, 1.05e-4, 20e-4, 229e-4, *[10e-4] * 30]) == 23
    assert cycles_until_given_up([*falling, 1.05e-4, 20e-4, 40e-4, *[0.9e-4] * 30]) is None, "a swing comes back"
    assert cycles_until_given_up([1e-1, 1e-2, 9e-1, 1e-1, 1e-2, 1e-3, 0.9e-4]) is None, "it was not near"


def test_what_has_converged_is_left_alone():
    """The energy may need more cycles yet."""
    assert cycles_until_given_up([1e-2, 1e-3, *[0.9e-4] * 60]) is None


def test_eigenstates_that_stagnate_count_too():
    watch = ScfWatch({"density": 1e-4, "eigenstates": 1e-6})
    for cycle in range(1, 26):
        watch(context(cycle, 1e-6, eigenstates=1e-5))
    with pytest.raises(ConvergenceError, match="stagnates"):
        watch(context(26, 1e-6, eigenstates=1e-5))
    assert watch.take() == {"scf_cycles": 26}
    assert watch.take() == {"scf_cycles": 0}


def test_a_new_step_begins_with_patience():
    watch = ScfWatch({"density": 1e-4})
    for step in range(5):
        for cycle in range(1, 20):
            watch(context(cycle, 1e-2 if step else 1.0))


def test_total_energy_is_a_criterion_of_the_cell():
    asked = {"convergence": {"density": 1e-4, "total_energy": 2e-4}, "xc": "PBE"}
    given = with_criteria(asked)["convergence"]
    (criterion,) = given["custom"]
    assert isinstance(criterion, TotalEnergy)
    assert not criterion.relative
    assert criterion.tol == 2e-4
    assert with_criteria(asked)["convergence"]["custom"][0] is not criterion  # it remembers the energies of one SCF
    assert asked["convergence"] == {"density": 1e-4, "total_energy": 2e-4}
    assert with_criteria({"xc": "PBE"}) == {"xc": "PBE"}


def test_criteria_that_came_later_leave_addresses_as_they_were():
    """The hash of these settings before the criteria were there."""
    plain = GpawBackend(name="x", settings=GpawSettings())
    assert set(plain.all_settings()) == {
        "cutoff",
        "density_tolerance",
        "dipole_correction",
        "energy_tolerance",
        "functional",
        "kpoint_spacing",
        "max_scf_cycles",
        "relaxation",
        "setups",
        "smearing_width",
    }
    changed = plain.with_settings({"eigenstate_tolerance": 1e-8})
    assert changed.all_settings()["eigenstate_tolerance"] == 1e-8
    assert changed.settings_hash() != plain.settings_hash()


@pytest.mark.gpaw
def test_moved_wave_functions_make_a_density_with_all_electrons(tmp_path):
    """Without orthonormalisation the first density of a moved geometry has too many or too few electrons."""
    atoms = bcc100("Li", (1, 1, 2), a=3.44, vacuum=4.0)
    atoms.pbc = (True, True, False)
    parameters = {
        "mode": {"name": "pw", "ecut": 150},
        "xc": "PBE",
        "kpts": {"size": (2, 2, 1), "gamma": True},
        "occupations": {"name": "fermi-dirac", "width": 0.1},
        "symmetry": {"point_group": False},
        "convergence": {"energy": 5e-4, "density": 1e-4, "eigenstates": 1e-6, "total_energy": 2e-4},
    }
    log = tmp_path / "gpaw.txt"
    atoms.calc = make_calculator(parameters, atoms, log, ScfWatch(parameters["convergence"]))
    atoms.get_potential_energy()
    assert "[total energy] change in last 3 cyles: 0.0002 eV\n" in log.read_text()
    dft = atoms.calc.inner.dft
    moved = atoms.copy()
    moved.positions[-1] += (0.2, 0.1, 0.3)
    dft.move_atoms(moved)
    charge = dft.density.nt_sR.integrate().sum() + np.sqrt(4 * np.pi) * sum(
        float(q[0]) for q in dft.density.calculate_compensation_charge_coefficients().values()
    )
    assert charge == pytest.approx(0.0, abs=1e-4)
