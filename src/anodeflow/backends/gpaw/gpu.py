"""GPAW on graphics cards: whether this build has them, and what of GPAW 26.7 our slabs need mended for them.

Two parts of GPAW are host code and fail on arrays of a card: the dipole layer of slabs, and mixing with compensation
charges. Both are small beside the wave functions: they are done on the host, and their results handed back.
"""

import os
from typing import Any

import numpy as np

_FAKE = "GPAW_CPUPY"
"""GPAW's own variable: arrays of a card are played by the host, which is slow and for tests."""


def missing_for_gpu() -> str:
    """Return what this GPAW lacks for graphics cards, as the rest of a sentence; empty if nothing."""
    import _gpaw

    if os.environ.get(_FAKE, "0") not in ("", "0"):
        return ""
    if not hasattr(_gpaw, "gpaw_gpu_init"):
        return "this GPAW was built without GPU support (gpaw info: GPU enabled)"
    from gpaw.gpu import cupy_is_fake

    return "CuPy is not installed, or sees no card" if cupy_is_fake else ""


def mend_dipole_layer() -> None:
    """Let GPAW's dipole layer work on arrays of a card: moments and the sawtooth are NumPy's in GPAW 26.7."""
    from gpaw.new.pw.poisson import DipoleLayerPWPoissonSolver

    plain = DipoleLayerPWPoissonSolver.solve
    if getattr(plain, "on_any_device", False):
        return

    def solve(self: Any, potential: Any, charge: Any) -> float:
        if charge.xp is np:
            return float(plain(self, potential, charge))
        on_card, self.ps = self.ps, _Solved(self.ps, potential, charge)
        try:
            on_host = potential.to_xp(np)
            energy = plain(self, on_host, charge.to_xp(np))
        finally:
            self.ps = on_card
        potential.data[:] = potential.xp.asarray(on_host.data)
        return float(energy)

    solve.on_any_device = True  # type: ignore[attr-defined]
    DipoleLayerPWPoissonSolver.solve = solve  # type: ignore[assignment, method-assign]


class _Solved:
    """A Poisson solver that works on the card and gives the host what comes out."""

    def __init__(self, solver: Any, potential: Any, charge: Any) -> None:
        self.solver, self.potential, self.charge = solver, potential, charge

    def __getattr__(self, name: str) -> Any:
        return getattr(self.solver, name)

    def solve(self, on_host: Any, charge: Any) -> float:
        """Solve for the charge on the card; `charge` is its copy on the host."""
        energy = self.solver.solve(self.potential, self.charge)
        on_host.data[:] = self.potential.to_xp(np).data
        return float(energy)


class HostDensity:
    """What a mixer needs of a GPAW density that lives on a card, copied to the host.

    Attributes
    ----------
    nt_sR, D_asii
        Pseudo density on the grid and atomic density matrices, NumPy's.
    delta_aiiL, delta0_a
        Compensation charges of the atoms, NumPy's.
    """

    def __init__(self, density: Any) -> None:
        self._on_card = density
        self.nt_sR = density.nt_sR.to_xp(np)
        self.D_asii = density.D_asii.to_xp(np)
        self.delta_aiiL = [on_host(delta) for delta in density.delta_aiiL]
        self.delta0_a = density.delta0_a

    def hand_back(self) -> None:
        """Write what was mixed into the density on the card."""
        for mine, its in ((self.nt_sR, self._on_card.nt_sR), (self.D_asii, self._on_card.D_asii)):
            its.data[:] = self._on_card.nt_sR.xp.asarray(mine.data)


def on_host(array: Any) -> np.ndarray:
    """Return an array of the host or of a card as NumPy's."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.get())
