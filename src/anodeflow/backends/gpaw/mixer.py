"""Density mixing that remembers, from one ionic step to the next, how the density answers.

GPAW carries wave functions and density along with the atoms, but its mixer forgets all it has learnt when they move.
How the outgoing density follows the ingoing one (the Jacobian of the SCF cycle) hardly changes over a small step,
though: the secants of one step serve the next, which saves about a third of the cycles (docs/performance.md). The
converged density is the same within GPAW's criteria, which are not touched.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
from gpaw.dft import MSR1
from gpaw.mixer.msr1 import MSR1Mixer

from anodeflow.backends.gpaw.gpu import HostDensity

_KEPT = 12  # secants
_STEP = 0.3  # of the residual that no secant tells of
_LONGEST = 1.0  # times the residual: the SCF's Jacobian shortens the way to the answer, it does not lengthen it
_DEPENDENT = 1e-2  # smallest eigenvalue of the normalised overlaps of the secants that are used together
_WORSE = 2.0  # times the least residual of the SCF: the memory misleads
_PATIENCE = 8  # cycles of an SCF after which its residual is at most a tenth of the first, or the memory misleads


@dataclass
class Secant:
    """How two ingoing densities and their residuals differ.

    Attributes
    ----------
    density, residual, charge
        On the grid: ingoing pseudo density, its residual, and the residual with its compensation charges.
    matrices, matrix_residual
        The same of the atomic density matrices.
    """

    density: np.ndarray
    matrices: np.ndarray
    residual: np.ndarray
    matrix_residual: np.ndarray
    charge: np.ndarray

    def __sub__(self, other: "Secant") -> "Secant":
        return Secant(*(mine - theirs for mine, theirs in zip(self._parts(), other._parts(), strict=True)))

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.density, self.matrices, self.residual, self.matrix_residual, self.charge


class RememberingMSR1(MSR1):
    """GPAW's parameter `mixer`: MSR1 (its default) until there are secants of an earlier ionic step, then these."""

    def build(self, **kwargs: Any) -> "RememberingMixer":
        """Return the mixer (called by GPAW); it mixes on the host, wherever the density is."""
        mixer = super().build(**kwargs | {"xp": np})
        mixer.__class__ = RememberingMixer
        mixer.begin_memory()
        return mixer


class RememberingMixer(MSR1Mixer):
    """Anderson's mixing (J. ACM 12, 547 (1965)) with secants of earlier ionic steps; MSR1 while there are none.

    Secants of the first SCF come from MSR1's history, those of later ones are added as they come. Where the memory
    misleads (the residual grows, or does not fall), it is dropped and MSR1 takes over.
    """

    def mix(self, density: Any) -> float:
        """Mix a density in place (called by GPAW); return how much charge is not where it belongs, e."""
        if density.nt_sR.xp is np:
            return float(super().mix(density))
        here = HostDensity(density)
        error = float(super().mix(cast(Any, here)))
        here.hand_back()
        return error

    def begin_memory(self) -> None:
        """Begin with nothing remembered."""
        self.secants: list[Secant] = []
        self.forget_state()

    def forget_state(self) -> None:
        """Forget where the current SCF is, not what was learnt."""
        self.ingoing: tuple[np.ndarray, np.ndarray] | None = None
        self.latest: Secant | None = None
        self.errors: list[float] = []

    def move(self, relpos_ac: Any, atomdist: Any) -> None:
        """Follow the atoms (called by GPAW)."""
        self.learn()
        if not np.array_equal(atomdist.rank_a, self.atom_layout.atomdist.rank_a):
            self.secants = []  # the density matrices of the atoms are elsewhere now
        super().move(relpos_ac, atomdist)
        self.forget_state()

    def reset(self) -> None:
        """Begin a new SCF (called by GPAW)."""
        self.learn()
        super().reset()
        self.forget_state()

    def learn(self) -> None:
        """Take the secants of an SCF that MSR1 has mixed."""
        # The last density has no residual yet; the histories of both may be full, so count from the end.
        done = min(self.nt_hsX.nold - 1, self.R_hsX.nold)
        if done < 3 or self.secants:
            return
        densities: Any = self.nt_hsX
        residuals: Any = self.R_hsX
        charges: Any = self.Rc_hsX
        states = [
            Secant(
                densities[-1 - age][0].data.copy(),
                densities[-1 - age][1].copy(),
                residuals[-age][0].data.copy(),
                residuals[-age][1].copy(),
                charges[-age].data.copy(),
            )
            for age in range(done, 0, -1)
        ]
        self.secants = [after - before for before, after in pairwise(states)][-_KEPT:]

    def _mix(self, nt_sX: Any, D_asii: Any, density: Any) -> float:
        if not self.secants:
            return super()._mix(nt_sX, D_asii, density)
        if self.ingoing is None:
            self.ingoing = nt_sX.data.copy(), D_asii.data.copy()
            return np.inf
        before, matrices = self.ingoing
        residual, matrix_residual = nt_sX.data - before, D_asii.data - matrices
        change = nt_sX.copy()
        change.data[:] = residual
        charge: Any = self.add_compensation_charge(change, matrix_residual, density)
        found = np.array([self.calculate_charge_sloshing(charge)])
        self.world.broadcast(found, 0)  # all ranks decide alike
        error = float(found[0])
        state = Secant(before, matrices, residual, matrix_residual, charge.data.copy())
        if self.latest is not None:
            self.secants = [*self.secants, state - self.latest][-_KEPT:]
        self.latest = state
        self.errors.append(error)
        if error == min(self.errors):
            self.best = state
        if self._misleads():
            nt_sX.data[:], D_asii.data[:] = self.best.density, self.best.matrices
            self.secants = []
            self.forget_state()
            super().reset()
            super()._mix(nt_sX, D_asii, density)  # begins anew from the best density so far
            return error
        grid, atoms = _STEP * residual, _STEP * matrix_residual
        for share, secant in zip(self._shares(charge), self.secants, strict=True):
            grid -= share * (secant.density + _STEP * secant.residual)
            atoms -= share * (secant.matrices + _STEP * secant.matrix_residual)
        shortened = min(1.0, _LONGEST * error / self._charge_moved(nt_sX, grid, atoms, density))
        nt_sX.data[:], D_asii.data[:] = before + shortened * grid, matrices + shortened * atoms
        self.ingoing = nt_sX.data.copy(), D_asii.data.copy()
        return error

    def _charge_moved(self, like: Any, grid: np.ndarray, matrices: np.ndarray, density: Any) -> float:
        """Return the integral of the absolute change of the charge, as GPAW has it of a residual."""
        change = like.copy()
        change.data[:] = grid
        charge: Any = self.add_compensation_charge(change, matrices, density)
        moved = np.array([self.calculate_charge_sloshing(charge)])
        self.world.broadcast(moved, 0)
        return float(moved[0])

    def _misleads(self) -> bool:
        slow = len(self.errors) > _PATIENCE and self.errors[-1] > 0.1 * self.errors[0]
        return slow or self.errors[-1] > _WORSE * min(self.errors)

    def _shares(self, charge: Any) -> np.ndarray:
        """Return how much of each secant undoes the residual best, in GPAW's metric; older ones give way to newer."""
        count = len(self.secants)
        changes = self.desc.empty((count, self.ncomponents))
        weighted = self.desc.empty((count, self.ncomponents))
        single = self.desc.empty((1, self.ncomponents))
        for index, secant in enumerate(self.secants):
            changes.data[index] = secant.charge
            weighted.data[index] = self.metric(changes[index]).data
        single.data[0] = charge.data
        overlaps = np.array(changes.matrix_elements(weighted, symmetric=False).data)
        target = np.array(weighted.matrix_elements(single, symmetric=False).data)[:, 0]
        norms = 1 / np.sqrt(np.maximum(np.diag(overlaps), 1e-300))
        overlaps, target = overlaps * norms[:, None] * norms, target * norms
        used: list[int] = []
        for index in reversed(range(count)):
            tried = [*used, index]
            if np.linalg.eigvalsh(overlaps[np.ix_(tried, tried)])[0] > _DEPENDENT:
                used = tried
        shares = np.zeros(count)
        shares[used] = np.linalg.solve(overlaps[np.ix_(used, used)], target[used])
        shares *= norms
        self.world.broadcast(shares, 0)
        return shares
