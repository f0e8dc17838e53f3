"""The GPAW backend: k-points, parameters, remedies, what it says when it fails."""

import json
import threading
import time
from pathlib import Path

import pytest
from factories import codes
from processes import processes_naming
from pymatgen.core import Lattice, Structure

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.gpaw.backend import (
    GpawBackend,
    GpawParallel,
    GpawSettings,
    kpoint_grid,
    scf_iteration,
)
from anodeflow.backends.gpaw.recovery import RECOVERY_STEPS, parameters_at
from anodeflow.backends.registry import from_recipe
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.core.errors import CalculationError, InterruptedCalculationError
from anodeflow.structures.bulk.atom import isolated_atom
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

LITHIUM = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def backend(**settings) -> GpawBackend:
    return GpawBackend(
        name="gpaw-test",
        settings=GpawSettings(**({"cutoff": 200, "kpoint_spacing": 0.8} | settings)),
        relaxation=RelaxationSettings(max_steps=3),
        parallel=GpawParallel(ranks=1),
    )


def test_kpoint_grid_has_the_spacing_asked_for():
    for spacing in (0.2, 0.35, 0.5):
        grid = kpoint_grid(LITHIUM, spacing)
        length = LITHIUM.lattice.reciprocal_lattice.a
        assert length / grid[0] <= spacing + 1e-6 < length / (grid[0] - 1)
    slab = build_slab(load_structure("Li"), SlabSpec(layers=3)).structure
    assert kpoint_grid(slab, 0.3)[2] == 1
    assert kpoint_grid(isolated_atom("Li"), 0.1) == [1, 1, 1]


def test_parameters_follow_dimensionality():
    slab = build_slab(load_structure("Li"), SlabSpec(layers=3)).structure
    assert backend().parameters(slab)["poissonsolver"] == {"dipolelayer": "xy"}
    assert "poissonsolver" not in backend(dipole_correction=False).parameters(slab)
    assert "poissonsolver" not in backend().parameters(LITHIUM)
    assert backend().parameters(isolated_atom("Li"))["occupations"]["fixmagmom"]
    assert "fixmagmom" not in backend().parameters(LITHIUM)["occupations"]
    magnetic = slab.copy(site_properties={"magmom": [*[0.0] * (len(slab) - 1), 1.0]})
    assert "fixmagmom" not in backend().parameters(magnetic)["occupations"]
    assert "nbands" not in backend().parameters(LITHIUM), "GPAW's own number"
    many = LITHIUM * (5, 2, 1)
    assert "nbands" not in backend().parameters(LITHIUM * (3, 3, 1)), "18 atoms"
    assert backend().parameters(many)["nbands"] == "160%"
    assert backend(extra={"nbands": "200%"}).parameters(many)["nbands"] == "200%"
    assert backend(fixed_moment=True).parameters(magnetic)["occupations"]["fixmagmom"]
    assert "fixmagmom" not in backend(fixed_moment=True).parameters(slab)["occupations"]


def test_fixed_moment_is_in_no_address_before_it_is_asked_for():
    plain = backend()
    assert "fixed_moment" not in plain.all_settings()
    assert "fixed_moment" not in plain.recipe()["settings"]
    assert backend(fixed_moment=False).address(Request("static", LITHIUM)) == plain.address(Request("static", LITHIUM))
    assert backend(fixed_moment=True).address(Request("static", LITHIUM)) != plain.address(Request("static", LITHIUM))
    assert from_recipe(backend(fixed_moment=True).recipe()).settings.fixed_moment


@pytest.mark.gpaw
def test_moment_of_a_half_filled_band_is_kept_where_it_is_asked_for(home):
    """Hydrogen atoms 1.5 Å apart in a square: their band is too wide for one unpaired electron an atom."""
    lattice = Lattice([[1.5, 0, 0], [0, 1.5, 0], [0, 0, 6]], pbc=(True, True, False))
    layer = Structure(lattice, ["H"], [[0.5, 0.5, 0.5]], site_properties={"magmom": [1.0]})
    smeared, kept = (
        Makers(backend(kpoint_spacing=1.5, smearing_width=1.0, dipole_correction=False, fixed_moment=fixed))
        .static()
        .calculate(layer)
        for fixed in (False, True)
    )
    assert abs(smeared.magnetic_moment) < 0.9
    assert kept.magnetic_moment == pytest.approx(1.0, abs=1e-3)
    assert kept.free_energy > smeared.free_energy, "a constraint never lowers it"


def test_recovery_steps_give_more_cycles_and_keeps_the_physics():
    asked = backend().parameters(LITHIUM)
    for tried in range(len(RECOVERY_STEPS) + 1):
        parameters = parameters_at(tried, asked)
        assert parameters["maxiter"] == asked["maxiter"] * (1 + tried)
        for key in ("mode", "xc", "kpts", "occupations"):
            assert parameters[key] == asked[key]
    assert parameters_at(0, asked) == asked


@pytest.mark.parametrize(
    ("asked", "more"),
    [("160%", "240%"), ("300%", "450%"), (5, 8), (-3, -5), (0, -4), ("nao", "nao"), (None, -30)],
)
def test_the_rung_of_bands_never_takes_any_away(asked, more):
    (tried,) = [number for number, (name, _) in enumerate(RECOVERY_STEPS, 1) if name.startswith("bands")]
    given = {"maxiter": 10} | ({} if asked is None else {"nbands": asked})
    assert parameters_at(tried, given)["nbands"] == more
    assert parameters_at(len(RECOVERY_STEPS), given)["nbands"] == more
    assert parameters_at(tried - 1, given).get("nbands") == asked


def test_ranks_are_capped_by_kpoints_where_there_is_no_scalapack(monkeypatch, tmp_path):
    from anodeflow.backends.gpaw import backend as gpaw

    monkeypatch.setattr(gpaw, "has_mpi", lambda: True)
    monkeypatch.setattr(gpaw, "usable_ranks", lambda: 64)
    many = GpawBackend(name="many", settings=GpawSettings(kpoint_spacing=0.3))
    folder = CalculationFolder(tmp_path)
    monkeypatch.setattr(gpaw, "has_scalapack", lambda: True)
    assert many.command(folder, LITHIUM)[:3] == ["mpiexec", "-n", "64"]
    monkeypatch.setattr(gpaw, "has_scalapack", lambda: False)
    # Γ-centred 7 x 7 x 7 of a cubic crystal: 0 <= x <= y <= z <= 3 leaves 20 points
    assert many.command(folder, LITHIUM)[:3] == ["mpiexec", "-n", "20"]
    assert many.command(folder, isolated_atom("Li"))[:3] == ["mpiexec", "-n", "2"]
    assert many.command(folder, isolated_atom("Mg"))[0] != "mpiexec"


def test_scf_iteration_is_read_from_the_log(tmp_path):
    log = tmp_path / "gpaw.txt"
    assert scf_iteration(log) is None
    log.write_text("header\niter:   1 12:00:00 -1.0\niter:  12 12:00:01 -1.1\niter: \n")
    assert scf_iteration(log) == 12
    log.write_text("|iter:   1| 12:00:00 | -1.0 | -0.1 |       |\n|iter:  13| 12:00:01 | -1.1c| -7.1c| -4.2c|\n")
    assert scf_iteration(log) == 13  # as GPAW 26.7 has it


@pytest.mark.gpaw
def test_slab_that_only_looks_like_its_mirror_image_relaxes():
    """Three layers, the bottom one fixed: symmetric at the start, not after the first step."""
    slab = build_slab(load_structure("Li"), SlabSpec(layers=3, fixed_layers=1, vacuum=7, min_width=0)).structure
    assert len(set(backend().parameters(slab)["symmetry"]["extra_ids"])) == 2
    data = backend(kpoint_spacing=0.9).recipe()
    data["relaxation"] |= {"force_threshold": 0.01, "max_steps": 3}
    document = Makers(GpawBackend.model_validate(data)).relax().calculate(slab)
    assert document.ionic_steps > 1, "it has moved"
    assert document.warnings == [] or codes(document)[0] == "not-converged"
    assert document.structure[0].coords == pytest.approx(slab[0].coords, abs=1e-9)


@pytest.mark.gpaw
def test_lost_symmetry_is_found_anew_and_told(monkeypatch):
    """GPAW takes the fixed slab for its mirror image: after the first step it must begin again, with less symmetry."""
    from anodeflow.backends.gpaw import backend as gpaw

    slab = build_slab(load_structure("Li"), SlabSpec(layers=3, fixed_layers=1, vacuum=7, min_width=0)).structure
    data = backend(kpoint_spacing=0.9).recipe()
    data["relaxation"] |= {"force_threshold": 0.01, "max_steps": 2}
    maker = Makers(GpawBackend.model_validate(data)).relax()
    monkeypatch.setattr(gpaw, "fixed_atoms", lambda structure: [7] * len(structure))
    document = maker.calculate(slab)
    assert document.ionic_steps > 1
    assert "symmetry-lost" in codes(document)


@pytest.mark.gpaw
@pytest.mark.slow
def test_remedies_are_recorded_and_do_not_change_the_energy():
    """So few SCF cycles are allowed that every recovery step is tried; the energy is that of an easy run."""
    easy = Makers(backend(cutoff=250, kpoint_spacing=0.6)).static().calculate(LITHIUM)
    assert easy.remedies == []
    hard = Makers(backend(cutoff=250, kpoint_spacing=0.6, max_scf_cycles=2)).static().calculate(LITHIUM)
    assert hard.remedies == [name for name, _ in RECOVERY_STEPS]
    assert hard.energy == pytest.approx(easy.energy, abs=1e-4)
    assert hard.scf_cycles > easy.scf_cycles


@pytest.mark.gpaw
def test_hopeless_scf_is_an_error_that_names_the_logs():
    with pytest.raises(
        CalculationError, match=r"the SCF did not converge, not even after all of 4 recovery steps"
    ) as info:
        Makers(backend(max_scf_cycles=1)).static().calculate(LITHIUM)
    assert "gpaw.txt" in str(info.value)
    assert "\n" not in str(info.value)


@pytest.mark.gpaw
def test_killed_code_is_told_as_such(home):
    """GPAW's process gets SIGKILL while it works: the error says so, and the next call goes on."""
    job = Makers(
        GpawBackend(
            name="gpaw-test",
            settings=GpawSettings(cutoff=250, kpoint_spacing=0.5),
            relaxation=RelaxationSettings(force_threshold=0.01),
            parallel=GpawParallel(ranks=1),
        )
    ).relax()
    structure = LITHIUM * (1, 1, 2)
    structure.translate_sites([0], [0.2, 0.1, 0.15], frac_coords=False)

    def kill_in_the_middle():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for steps in home.glob("calculations/*/*/steps.jsonl"):
                if steps.read_text().count("\n") >= 2:
                    (process,) = processes_naming(steps.parent)
                    process.kill()
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    with pytest.raises(InterruptedCalculationError, match="was killed by SIGKILL; run again to go on"):
        job.calculate(structure)
    killer.join()
    document = job.calculate(structure)
    assert document.converged
    assert document.restarts == 1
    steps = [json.loads(line) for line in (Path(document.directory) / "steps.jsonl").read_text().splitlines()]
    assert steps[0]["attempt"] == 0
    assert len({step["attempt"] for step in steps}) == 2


@pytest.mark.gpaw
def test_crash_of_the_driver_names_its_log(monkeypatch):
    broken = backend()
    monkeypatch.setattr(GpawBackend, "parameters", lambda self, structure: {"mode": "nonsense", "maxiter": 5})
    with pytest.raises(CalculationError, match=r"GPAW on Li ended with status \d+: .*driver.log"):
        Makers(broken).static().calculate(LITHIUM)
