"""The CP2K backend: its input, its data files, what it says when it fails, and real short runs of CP2K."""

import os
from pathlib import Path

import pytest
from ase.units import Bohr, GPa, Hartree
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.cp2k.backend import Cp2kBackend, Cp2kParallel, Cp2kSettings
from anodeflow.backends.cp2k.data import (
    INSTALL,
    entries,
    find_program,
    valence_electrons,
)
from anodeflow.backends.cp2k.input import (
    abort_reason,
    input_text,
    results,
    scf_cycles,
)
from anodeflow.backends.drivers.kpoints import time_reversal_kpoints
from anodeflow.backends.external.code import Job, Run
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.core.errors import (
    BackendUnavailableError,
    CalculationError,
    InputError,
    InterruptedCalculationError,
)
from anodeflow.structures.bulk.atom import isolated_atom
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.testing.backend_conformance import BackendConformance

LITHIUM = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
PROGRAM = pytest.mark.skipif(not Cp2kBackend.availability().works, reason=INSTALL)
# One valence electron: with three, the 1s of lithium wants a grid that costs ten times as much.
COARSE = {
    "basis_set": "DZVP-MOLOPT-PBE-GTH-q1",
    "basis_file": "BASIS_MOLOPT_UZH",
    "potential": "GTH-PBE-q1",
    "potential_file": "POTENTIAL_UZH",
    "cutoff": 1000,
    "relative_cutoff": 200,
    "kpoint_spacing": 0.95,
    "integral_tolerance": 1e-8,
}

COARSE_GRID = {"cutoff": 2500, "relative_cutoff": 350, "kpoint_spacing": 0.95}


def backend(**settings) -> Cp2kBackend:
    return Cp2kBackend(
        name="cp2k-test",
        settings=Cp2kSettings(**(COARSE | settings)),
        relaxation=RelaxationSettings(force_threshold=0.05, stress_threshold=3e-4),
        parallel=Cp2kParallel(ranks=1),
    )


def polar_slab() -> Structure:
    """Three layers of Li, the uppermost too near."""
    lattice = Lattice([[3.44, 0, 0], [0, 3.44, 0], [0, 0, 16]], pbc=(True, True, False))
    heights = [(0, 0, 3.0), (1.72, 1.72, 4.72), (0, 0, 6.1)]
    return Structure(lattice, ["Li"] * 3, heights, coords_are_cartesian=True)


def asked_input(structure: Structure, tmp_path: Path, task: str = "static", tried: int = 0, **settings) -> list[str]:
    code = backend(**settings)
    run = Run(code, Request(task, structure), CalculationFolder(tmp_path), 0, lambda *_, **__: None)
    job = Job(run, AseAtomsAdaptor.get_atoms(structure, msonable=False), "cp2k-1", tried, False)
    electrons = {"Li": 3, "H": 1, "Mg": 10, "Al": 3}
    return [line.strip() for line in input_text(job, code.settings, electrons).splitlines()]


@PROGRAM
@pytest.mark.slow
class TestConformance(BackendConformance):
    element, lattice, lattice_constant = "Li", "bcc", 3.44
    force_tolerance = 0.02
    atom_box = (8.0, 8.4, 8.8)
    small_hop = False

    def make_backend(self) -> Cp2kBackend:
        return backend()


def test_kpoints_are_gamma_centred_and_halved_by_time_reversal():
    assert time_reversal_kpoints([1, 1, 1]) == [(0, 0, 0, 1)]
    points = time_reversal_kpoints([3, 4, 1])
    assert sum(weight for *_, weight in points) == 12
    assert len(points) == 7  # Γ and (0, 1/2) are their own mirror images
    assert (0, 0.5, 0, 1) in points
    assert all(abs(x) <= 0.5 and abs(y) <= 0.5 for x, y, *_ in points)


def test_input_follows_dimensionality_and_spin(tmp_path):
    bulk = asked_input(LITHIUM, tmp_path, "relax_cell")
    assert "STRESS_TENSOR ANALYTICAL" in bulk
    assert sum(line.startswith("KPOINT ") for line in bulk) == 8
    assert "UKS T" not in bulk
    assert "SURFACE_DIPOLE_CORRECTION T" not in bulk
    slab = build_slab(load_structure("Li"), SlabSpec(layers=3, vacuum=8, min_width=0)).structure
    text = asked_input(slab, tmp_path)
    assert "SURFACE_DIPOLE_CORRECTION T" in text
    assert "STRESS_TENSOR NONE" in text
    heights = [float(line.split()[3]) for line in text if line.startswith("Li ")]
    middle = (min(heights) + max(heights)) / 2 % slab.lattice.c
    assert middle == pytest.approx(slab.lattice.c / 2), "the middle of the vacuum is at zero"
    assert sum(line.startswith("KPOINT ") for line in text) == 4
    assert "PERIODIC XYZ" in text
    assert "SURFACE_DIPOLE_CORRECTION T" not in asked_input(slab, tmp_path, dipole_correction=False)
    atom = asked_input(isolated_atom("Li"), tmp_path)
    for line in ("PERIODIC NONE", "PSOLVER MT", "UKS T", "MULTIPLICITY 2", "FIXED_MAGNETIC_MOMENT 1.000000"):
        assert line in atom
    assert not any(line.startswith("KPOINT") for line in atom)
    radical = slab.copy(site_properties={"magmom": [*[0.0] * (len(slab) - 1), 1.0]})
    assert not any("FIXED_MAGNETIC_MOMENT" in line for line in asked_input(radical, tmp_path))
    assert "FIXED_MAGNETIC_MOMENT 1.000000" in asked_input(radical, tmp_path, fixed_moment=True)
    assert not any("FIXED_MAGNETIC_MOMENT" in line for line in asked_input(slab, tmp_path, fixed_moment=True))


def test_kinds_are_told_apart_by_their_moments(tmp_path):
    hydride = Structure(Lattice.cubic(4.0), ["Li", "Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0]])
    hydride.add_site_property("magmom", [1.0, 0.0, 0.0])
    text = asked_input(hydride, tmp_path)
    assert [line for line in text if line.startswith("&KIND")] == ["&KIND Li", "&KIND Li1", "&KIND H"]
    assert text.count("ELEMENT Li") == 2
    assert text.count("MAGNETIZATION 1.000000") == 1
    # 3 + 3 + 1 electrons: one unpaired
    assert "MULTIPLICITY 2" in text
    hydride.add_site_property("magmom", [0.4, 0.0, 0.0])
    assert "MULTIPLICITY 2" in asked_input(hydride, tmp_path)


def test_remedies_change_the_mixing_alone(tmp_path):
    plain = asked_input(LITHIUM, tmp_path)
    for tried in range(1, len(Cp2kBackend.recovery_steps) + 1):
        changed = set(asked_input(LITHIUM, tmp_path, tried=tried)) ^ set(plain)
        allowed = ("METHOD ", "ALPHA ", "BETA ", "NBUFFER ", "MAX_SCF ")
        assert changed
        assert all(line.startswith(allowed) for line in changed)


def test_output_is_read_in_electronvolts_and_angstroms():
    text = """
  Electronic entropic energy:                                  -0.00200000000000
 ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]:              -14.900000000000000

 ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X              Y              Z
      1      1      Li        0.004000000000 0.000000000000 0.000000000000
      2      2      H        -0.004000000000 0.000000000000 0.000000000000
 SUM OF ATOMIC FORCES         0.000000000000 0.000000000000 0.000000000000 0.000000000000

 STRESS| Analytical stress tensor [GPa]
 STRESS|                        x                   y                   z
 STRESS|      x        1.00000000000E+00   4.00000000000E-01   5.00000000000E-01
 STRESS|      y        4.00000000000E-01   2.00000000000E+00   6.00000000000E-01
 STRESS|      z        5.00000000000E-01   6.00000000000E-01   3.00000000000E+00
 # Total charge and spin        2.000000     1.000000    -0.000000     1.000000
"""
    found = results(text, 2, with_stress=True)
    assert found["free_energy"] == pytest.approx(-14.9 * Hartree)
    assert found["energy"] == pytest.approx(-14.899 * Hartree)
    assert found["forces"][0][0] == pytest.approx(0.004 * Hartree / Bohr)
    assert found["stress"] == pytest.approx([-x * GPa for x in (1, 2, 3, 0.6, 0.5, 0.4)])
    assert found["magmom"] == 1.0
    with pytest.raises(ValueError, match="the forces on 2 atoms of 3"):
        results(text, 3, with_stress=True)
    with pytest.raises(ValueError, match="CP2K printed no energy or no forces"):
        results("", 2, with_stress=False)
    assert scf_cycles("     7 Broy./Diag. 0.30E+00    1.2     0.00000692       -14.9481420152 -5.38E-06\n") == 7
    assert scf_cycles("header") is None


def test_words_of_the_code_are_found():
    box = r"""
 *******************************************************************************
 *   ___                                                                       *
 *  /   \                                                                      *
 * [ABORT]                                                                     *
 *  \___/     Incompatible units. Defined as (K) specified in input as (eV).   *
 *    |                        These units are incompatible!                   *
 *  O/|                                                                        *
 * /| |                                                                        *
 * / \                                               input/input_parsing.F:674 *
 *******************************************************************************
"""
    assert abort_reason(box) == (
        "Incompatible units. Defined as (K) specified in input as (eV). These units are incompatible! "
        "input/input_parsing.F:674"
    )
    assert abort_reason("nothing") == ""


def test_names_in_data_files_are_found(tmp_path):
    file = tmp_path / "POTENTIALS"
    file.write_text("# H GTH-NOT\nMg GTH-PBE-q10 GTH-PBE\n 4 6 0 0\n 0.19 2 -20.5 2.8\n #\nMg GTH-PBE-q2\n 2\n")
    found = entries(file)
    assert found == {"Mg": {"GTH-PBE-q10": "GTH-PBE-q10", "GTH-PBE": "GTH-PBE-q10", "GTH-PBE-q2": "GTH-PBE-q2"}}
    assert valence_electrons(found["Mg"]["GTH-PBE"]) == 10
    assert valence_electrons("ALL") is None


@PROGRAM
@pytest.mark.slow
def test_unknown_names_are_refused():
    standard = Cp2kSettings().model_dump()
    with pytest.raises(InputError, match=r"no basis set TZVP-NOT for Li in .*BASIS_MOLOPT: choose another"):
        backend(**standard | {"basis_set": "TZVP-NOT"}).check_elements({"Li"})
    with pytest.raises(InputError, match=r"cannot read CP2K's data file .*NO_FILE"):
        backend(potential_file="NO_FILE").check_elements({"Li"})
    with pytest.raises(InputError, match=r"Mg's pseudopotential GTH-PBE-q2 has 2 valence electrons .* made for 10"):
        backend(**standard | {"potentials": {"Mg": "GTH-PBE-q2"}}).check_elements({"Mg"})
    backend(**standard).check_elements({"Mg", "H", "Li", "Na", "K", "Ag", "Al", "Zn", "Sn"})


def test_missing_program_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found = Cp2kBackend.availability()
    assert not found.works
    assert "apt-get install --no-install-recommends cp2k cp2k-data" in found.remedy
    with pytest.raises(BackendUnavailableError, match="CP2K is not installed; apt-get install"):
        backend().check_available()
    named = backend().model_copy(update={"parallel": Cp2kParallel(command="cp2k.mine")})
    with pytest.raises(BackendUnavailableError, match=r"no cp2k\.mine here"):
        named.check_available()


@PROGRAM
@pytest.mark.slow
def test_forces_on_a_polar_slab_belong_to_its_energy():
    """Three layers without mirror or inversion: the dipole correction changes the energy, and forces know of it."""
    slab = polar_slab()
    with_it, without = (Makers(backend(dipole_correction=wish)).static().calculate(slab) for wish in (True, False))
    assert abs(with_it.energy - without.energy) > 5e-5
    moved = [slab.copy().translate_sites([2], [0, 0, shift], frac_coords=False) for shift in (0.05, -0.05)]
    ahead, behind = (Makers(backend()).static().calculate(each).free_energy for each in moved)
    assert with_it.forces[2][2] == pytest.approx(-(ahead - behind) / 0.1, abs=0.03)


@PROGRAM
@pytest.mark.slow
def test_charge_study_is_refused_before_anything_runs(anodeflow, tmp_path):
    file = tmp_path / "charge.yaml"
    file.write_text(
        "name: t\nbackend: cp2k-demo\nsystems:\n  - {name: Li(001), structure: Li}\n"
        "studies:\n  - charge: {adsorbate: Li}\n"
    )
    outcome = anodeflow("check", file)
    assert outcome.status == 2
    assert "charge_density" in outcome.err or "charge density" in outcome.err
    assert outcome.err.strip().count("\n") == 0


@PROGRAM
@pytest.mark.slow
def test_hopeless_scf_is_an_error_that_names_the_log():
    with pytest.raises(
        CalculationError, match=r"CP2K on Li: the SCF did not converge in \d+ cycles, after all of 3 recovery steps"
    ) as info:
        Makers(backend(max_scf_cycles=1)).static().calculate(LITHIUM)
    assert "cp2k.txt" in str(info.value)
    assert "\n" not in str(info.value)


@PROGRAM
@pytest.mark.slow
def test_stop_of_the_code_gives_its_own_words():
    """Integrals cut off so early that the overlap matrix is none."""
    with pytest.raises(CalculationError, match=r"CP2K on Li ended with status 1: Cholesky decompose failed") as info:
        Makers(backend(**Cp2kSettings().model_dump() | COARSE_GRID | {"integral_tolerance": 1e-6})).static().calculate(
            LITHIUM
        )
    assert "\n" not in str(info.value)


@PROGRAM
@pytest.mark.slow
def test_a_vacuum_too_thin_for_the_dipole_correction_is_told_at_once(tmp_path, monkeypatch):
    """A density converged without the correction is refused by it before its first cycle: no remedy helps."""
    program = tmp_path / "cp2k.psmp"
    program.write_text(
        f"""#!/bin/sh
[ "$1" = --version ] && exec {find_program("auto")} --version
echo run >>{tmp_path}/runs
grep -q "SURFACE_DIPOLE_CORRECTION T" "$2" || {{
    echo "     1 NoMix/Diag. 0.30E+00    3.3     1.97902414       -97.2270111869 -9.72E+01"
    echo "  *** SCF run converged in     1 steps ***"; exit 0; }}
echo " *  \\___/       Dipole correction needs more vacuum space above the surface    *"
exit 1
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(
        CalculationError, match=r"give the slab more vacuum.*or set dipole_correction: false \(log"
    ) as info:
        Makers(backend()).static().calculate(polar_slab())
    assert "\n" not in str(info.value)
    assert (tmp_path / "runs").read_text().split() == ["run"] * 2


@PROGRAM
@pytest.mark.slow
@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_killed_code_is_told_as_such(tmp_path, monkeypatch, signal):
    program = tmp_path / "cp2k.psmp"
    real = find_program("auto")
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec {real} --version\nkill -{signal} $$\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InterruptedCalculationError, match=rf"was killed by SIG{signal}; run again to go on"):
        Makers(backend()).static().calculate(LITHIUM)
