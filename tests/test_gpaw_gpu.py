"""GPAW on graphics cards: refused where it was built without; what we do on the host agrees with the host.

No card is needed: GPAW's stand-in for CuPy has arrays that refuse to be mixed with NumPy's, as a card's do.
"""

import os
import subprocess
import sys

import pytest

pytest.importorskip("gpaw")

import _gpaw
import numpy as np
from pymatgen.core import Lattice, Structure

from anodeflow.backends.gpaw.backend import GpawBackend, GpawParallel, GpawSettings
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import DENSITY_FILE, CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import BackendUnavailableError
from anodeflow.core.settings import get_settings

LITHIUM = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.52]])


def backend(**parallel) -> GpawBackend:
    return GpawBackend(
        name="cards",
        settings=GpawSettings(cutoff=200, kpoint_spacing=0.8),
        parallel=GpawParallel(**{"ranks": 1} | parallel),
    )


@pytest.mark.skipif(hasattr(_gpaw, "gpaw_gpu_init"), reason="GPAW was built for cards here")
def test_gpaw_without_them_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.delenv("GPAW_CPUPY", raising=False)
    backend().check_available()
    with pytest.raises(BackendUnavailableError, match=r"backend cards: parallel: gpu: .* built without GPU support"):
        backend(gpu=True).check_available()


def test_a_card_changes_no_address_and_is_shared_by_a_few(monkeypatch, tmp_path):
    from anodeflow.backends.gpaw import backend as gpaw

    request = Request("static", LITHIUM)
    assert backend(gpu=True).address(request) == backend().address(request)
    monkeypatch.setattr(gpaw, "usable_ranks", lambda: 64)
    monkeypatch.setattr(gpaw, "has_mpi", lambda: True)
    monkeypatch.setattr(gpaw, "has_scalapack", lambda: True)
    folder = CalculationFolder(tmp_path)
    assert "64" in backend(ranks="auto").command(folder, LITHIUM)
    assert backend(ranks="auto", gpu=True).command(folder, LITHIUM)[:3] == ["mpiexec", "-n", "4"]
    assert "8" in backend(ranks=8, gpu=True).command(folder, LITHIUM)


@pytest.mark.gpaw
def test_energy_forces_and_density_are_those_of_the_host(home, monkeypatch):
    def computed(**parallel):
        document = Makers(backend(**parallel)).static(charge_density=True, grid_spacing=0.3).calculate(LITHIUM)
        folder = CalculationFolder(get_settings().calculation(document.id))
        density = DensityGrid.load(folder.path / DENSITY_FILE).values
        log = (folder.path / "gpaw.txt").read_text(encoding="utf-8")
        folder.document.unlink()
        folder.steps_file.unlink()
        return document, density, log

    host, host_density, _ = computed()
    monkeypatch.setenv("GPAW_CPUPY", "1")
    card, card_density, log = computed(gpu=True)
    assert "cupy" in log, "it was computed on the stand-in"
    assert card.id == host.id
    assert card.energy == pytest.approx(host.energy, abs=1e-4)
    assert np.abs(np.array(host.forces)).max() > 0.05
    assert np.array(card.forces) == pytest.approx(np.array(host.forces), abs=2e-3)
    assert card_density == pytest.approx(host_density, rel=1e-2)


_DIPOLE = """
import numpy as np
from gpaw.core import PWDesc, UGDesc
from gpaw.gpu import cupy
from gpaw.new.pw.poisson import DipoleLayerPWPoissonSolver, PWPoissonSolver
from anodeflow.backends.gpaw.gpu import mend_dipole_layer

grid = UGDesc(cell=[4.0, 4.0, 12.0], size=(8, 8, 24), pbc=(True, True, False))
periodic = grid.new(pbc=(True, True, True))
waves = PWDesc(ecut=6.0, cell=grid.cell, dtype=float)

def solved(mended):
    if mended:
        mend_dipole_layer()
    xp = cupy if mended else np
    rho = periodic.empty()
    rho.data[:] = np.random.default_rng(1).normal(size=rho.data.shape)
    rho.data -= rho.data.mean()
    charge = rho.fft(pw=waves)
    if mended:
        charge = charge.to_xp(cupy)
    potential = waves.empty(xp=xp)
    solver = DipoleLayerPWPoissonSolver(PWPoissonSolver(waves), grid, zero_vacuum=True)
    energy = solver.solve(potential, charge)
    return energy, solver.dipole_layer_correction(), potential.to_xp(np).data

plain, mended = solved(False), solved(True)
assert abs(plain[1]) > 1e-3, plain[1]
assert abs(plain[0] - mended[0]) < 1e-9 and abs(plain[1] - mended[1]) < 1e-9
assert np.abs(plain[2] - mended[2]).max() < 1e-9
"""


@pytest.mark.gpaw
def test_the_dipole_layer_of_a_slab_is_that_of_the_host():
    run = subprocess.run(
        [sys.executable, "-c", _DIPOLE],
        env=os.environ | {"GPAW_CPUPY": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
