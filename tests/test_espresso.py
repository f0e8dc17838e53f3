"""The Quantum ESPRESSO backend: its input, its settings, what it says when it fails, and real short runs of pw.x."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.espresso.backend import (
    INSTALL,
    EspressoBackend,
    EspressoParallel,
    EspressoSettings,
)
from anodeflow.backends.espresso.input import (
    error_reason,
    input_text,
    results,
    scf_cycles,
    valence_electrons,
)
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
FOLDER = Path("/usr/share/espresso/pseudo")
FILE = "Li.pbesol-s-kjpaw_psl.0.2.1.UPF"
DATA = pytest.mark.skipif(
    not (FOLDER / FILE).is_file(), reason="apt-get install --no-install-recommends quantum-espresso-data"
)
PROGRAM = pytest.mark.skipif(shutil.which("pw.x") is None, reason=INSTALL)


def backend(**settings) -> EspressoBackend:
    asked = {"pseudopotential_folder": FOLDER, "pseudopotentials": {"Li": FILE}, "cutoff": 200, "kpoint_spacing": 0.87}
    return EspressoBackend(
        name="espresso-test",
        settings=EspressoSettings(**(asked | settings)),
        relaxation=RelaxationSettings(force_threshold=0.05, stress_threshold=2e-4),
        parallel=EspressoParallel(ranks=1),
    )


def asked_input(structure: Structure, tmp_path: Path, task: str = "static", **settings) -> str:
    code = backend(**settings)
    run = Run(code, Request(task, structure), CalculationFolder(tmp_path), 0, lambda *_, **__: None)
    from pymatgen.io.ase import AseAtomsAdaptor

    job = Job(run, AseAtomsAdaptor.get_atoms(structure, msonable=False), "espresso-1", 0, False)
    return input_text(job, code.settings, {"Li": code.pseudopotential("Li")})


@DATA
@PROGRAM
@pytest.mark.slow
class TestConformance(BackendConformance):
    element, lattice, lattice_constant = "Li", "bcc", 3.40
    force_tolerance = 0.02
    atom_box = (6.0, 6.4, 6.8)
    small_hop = False

    def make_backend(self) -> EspressoBackend:
        return backend(cutoff=680)  # below 500 eV the stress is that of the incomplete basis


@DATA
def test_input_follows_dimensionality_and_spin(tmp_path):
    bulk = asked_input(LITHIUM, tmp_path, "relax_cell")
    assert "K_POINTS automatic\n3 3 3  0 0 0" in bulk
    assert "tstress          = .true." in bulk
    assert "dipfield" not in bulk
    assert "nspin" not in bulk
    slab = build_slab(load_structure("Li"), SlabSpec(layers=3, vacuum=8, min_width=0)).structure
    text = asked_input(slab, tmp_path)
    assert "dipfield         = .true." in text
    assert "edir             = 3" in text
    assert "K_POINTS automatic\n3 3 1  0 0 0" in text
    assert "if_pos" not in text
    assert "dipfield" not in asked_input(slab, tmp_path, dipole_correction=False)
    atom = asked_input(isolated_atom("Li"), tmp_path)
    assert "K_POINTS gamma" in atom
    assert "tot_magnetization = 1.0" in atom
    assert f"starting_magnetization(1) = {1 / valence_electrons(FOLDER / FILE)}"[:30] in atom
    radical = slab.copy(site_properties={"magmom": [*[0.0] * (len(slab) - 1), 1.0]})
    assert "tot_magnetization" not in asked_input(radical, tmp_path)
    assert "tot_magnetization = 1.0" in asked_input(radical, tmp_path, fixed_moment=True)
    assert "tot_magnetization" not in asked_input(slab, tmp_path, fixed_moment=True)


@DATA
def test_sawtooth_falls_in_the_middle_of_the_vacuum(tmp_path):
    slab = build_slab(load_structure("Li"), SlabSpec(layers=3, vacuum=8, min_width=0)).structure
    for shift in (0.0, 0.4):
        moved = slab.copy().translate_sites(range(len(slab)), [0, 0, shift])
        line = next(line for line in asked_input(moved, tmp_path).splitlines() if "emaxpos" in line)
        fall = float(line.split("=")[1]) + 0.025
        apart = (moved.frac_coords[:, 2] - fall + 0.5) % 1.0 - 0.5
        assert np.abs(apart).min() * slab.lattice.c == pytest.approx(4.0, abs=0.1)


@DATA
def test_files_are_hashed_and_their_folder_is_not(tmp_path):
    elsewhere = tmp_path / "pseudo"
    elsewhere.mkdir()
    shutil.copy(FOLDER / FILE, elsewhere / FILE)
    here, there = backend(), backend(pseudopotential_folder=elsewhere)
    assert here.settings_hash() == there.settings_hash()
    assert len(here.all_settings()["pseudopotential_hashes"]["Li"]) == 16
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / FILE).write_text((FOLDER / FILE).read_text() + "\n")
    assert backend(pseudopotential_folder=changed).settings_hash() != here.settings_hash()


def test_missing_pseudopotentials_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no pseudopotential is named for Mg: add it"):
        backend().check_elements({"Mg"})
    with pytest.raises(InputError, match=rf"there is no pseudopotential {tmp_path}/{FILE}: put it there"):
        backend(pseudopotential_folder=tmp_path).check_elements({"Li"})


def test_missing_program_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found = EspressoBackend.availability()
    assert not found.works
    assert "apt-get install --no-install-recommends quantum-espresso" in found.remedy
    with pytest.raises(BackendUnavailableError, match=r"no pw\.x here; apt-get install"):
        backend().check_available()


def test_output_without_a_result_is_an_error():
    with pytest.raises(ValueError, match=r"pw\.x printed no energy or no forces"):
        results("     Program PWSCF v.6.7 starts\n", with_stress=False)
    headless = (
        "     Program PWSCF v.7.4 starts\n     celldm(1)=   7.3\n!    total energy              =     -22.66 Ry\n"
    )
    with pytest.raises(ValueError, match=r"what pw\.x printed cannot be read"):
        results(headless, with_stress=False)


@DATA
@PROGRAM
@pytest.mark.slow
def test_extrapolated_energy_depends_little_on_smearing():
    """The free energy falls with the square of the width, the extrapolated one with a higher power."""
    narrow, wide = (
        Makers(backend(kpoint_spacing=0.3, smearing_width=width)).static().calculate(LITHIUM) for width in (0.1, 0.2)
    )
    assert narrow.free_energy - wide.free_energy > 0.02
    assert abs(narrow.energy - wide.energy) < 0.2 * (narrow.free_energy - wide.free_energy)


def test_words_of_the_code_are_found():
    line = f"\n {'%' * 80}\n"
    box = f"{line}     Error in routine  cdiaghg (12):\n      S matrix not positive definite{line}"
    assert error_reason(box) == "Error in routine cdiaghg (12): S matrix not positive definite"
    assert error_reason("nothing") == ""
    assert scf_cycles("     iteration #  9     ecut=    50.00 Ry     beta= 0.70\n") == 9
    assert scf_cycles("header") is None


@DATA
@PROGRAM
@pytest.mark.slow
def test_forces_on_a_polar_slab_belong_to_its_energy():
    """Three layers without mirror or inversion: the dipole correction changes the energy, and forces know of it."""
    lattice = Lattice([[3.44, 0, 0], [0, 3.44, 0], [0, 0, 12]], pbc=(True, True, False))
    heights = [(0, 0, 3.0), (1.72, 1.72, 4.72), (0, 0, 6.1)]
    slab = Structure(lattice, ["Li"] * 3, heights, coords_are_cartesian=True)
    with_it, without = (Makers(backend(dipole_correction=wish)).static().calculate(slab) for wish in (True, False))
    assert abs(with_it.energy - without.energy) > 5e-5
    moved = [slab.copy().translate_sites([2], [0, 0, shift], frac_coords=False) for shift in (0.05, -0.05)]
    ahead, behind = (Makers(backend()).static().calculate(each).free_energy for each in moved)
    assert with_it.forces[2][2] == pytest.approx(-(ahead - behind) / 0.1, abs=0.03)


@DATA
@PROGRAM
@pytest.mark.slow
def test_remedies_are_recorded_and_do_not_change_the_energy():
    easy = Makers(backend(scf_tolerance=1e-6)).static().calculate(LITHIUM)
    assert easy.remedies == []
    hard = Makers(backend(scf_tolerance=1e-6, max_scf_cycles=3)).static().calculate(LITHIUM)
    assert hard.remedies == [name for name, _ in EspressoBackend.recovery_steps[: len(hard.remedies)]]
    assert hard.remedies
    assert hard.free_energy == pytest.approx(easy.free_energy, abs=1e-4)
    assert hard.scf_cycles > easy.scf_cycles


@DATA
@PROGRAM
@pytest.mark.slow
def test_hopeless_scf_is_an_error_that_names_the_log():
    with pytest.raises(
        CalculationError, match=r"the SCF did not converge in \d+ cycles, after all of 3 recovery steps"
    ) as info:
        Makers(backend(max_scf_cycles=1, scf_tolerance=1e-14)).static().calculate(LITHIUM)
    assert "espresso.txt" in str(info.value)
    assert "\n" not in str(info.value)


@DATA
@PROGRAM
@pytest.mark.slow
def test_stop_of_the_code_gives_its_own_words(tmp_path):
    tmp_path.joinpath("Li.UPF").write_text("no pseudopotential\n")
    broken = backend(pseudopotential_folder=tmp_path, pseudopotentials={"Li": "Li.UPF"})
    with pytest.raises(CalculationError, match=r"Quantum ESPRESSO on Li .*: Error in routine \w+") as info:
        Makers(broken).static().calculate(LITHIUM)
    assert "\n" not in str(info.value)


@DATA
@pytest.mark.parametrize(("signal", "words"), [("KILL", "was killed by SIGKILL"), ("TERM", "was killed by SIGTERM")])
def test_killed_code_is_told_as_such(tmp_path, monkeypatch, signal, words):
    program = tmp_path / "pw.x"
    program.write_text(
        f"#!/bin/sh\necho '     Program PWSCF v.6.7 starts'\n[ \"$2\" = /dev/null ] || kill -{signal} $$\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InterruptedCalculationError, match=rf"{words}; run again to go on"):
        Makers(backend()).static().calculate(LITHIUM)
