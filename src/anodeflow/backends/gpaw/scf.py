"""When GPAW's SCF has converged, and when it does not get there."""

import math
from typing import Any

from ase.units import Ha
from gpaw import ConvergenceError
from gpaw.convergence_criteria import Energy
from gpaw.mpi import broadcast_float

_LOOK_BACK = 25  # cycles
_PROGRESS = 0.5  # of the largest error, over its criterion, within so many cycles
_NEAR = 10.0  # times its criterion: an error that was below has all but converged
_LEFT = 50.0  # times its least: an SCF that had all but converged has gone to other states


class TotalEnergy(Energy):
    """Criterion for the total energy of the cell, whatever its number of electrons.

    GPAW's own is per valence electron: on 55 atoms of Li 5e-4 eV are 27 meV in all, and the eigenstates alone decide.

    Parameters
    ----------
    tolerance
        Largest difference among the extrapolated energies of three cycles, eV.
    """

    name = "total energy"
    tablename = "total"

    def __init__(self, tolerance: float) -> None:
        super().__init__(tolerance, relative=False)
        self.tolerance = tolerance  # GPAW writes criteria down by the names of their arguments


def with_criteria(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's parameters with `total_energy` of their convergence criteria as one that GPAW knows.

    A criterion remembers the energies of its own SCF: call this for each calculator.
    """
    criteria = dict(parameters.get("convergence", {}))
    tolerance = criteria.pop("total_energy", None)
    if tolerance is None:
        return parameters
    return parameters | {"convergence": criteria | {"custom": [TotalEnergy(tolerance)]}}


class ScfWatch:
    """Counts SCF cycles, and ends one that gets nowhere: a recovery step helps sooner than 150 cycles of patience.

    Each error is taken relative to its criterion; the largest of them must halve within 25 cycles. Nor may it grow
    fiftyfold once it was within ten times the criterion: an eigensolver that loses an occupied state so late (seen with
    PPCG on Li(001), seven layers: the energy rose by 6 meV) does not find back to it.

    Parameters
    ----------
    criteria
        GPAW's `convergence`, tolerances by name: density (e/valence electron), eigenstates (eV²/valence electron).
    """

    def __init__(self, criteria: dict[str, Any]) -> None:
        self.cycles = 0
        self.criteria = criteria
        self._best: list[float] = []

    def __call__(self, context: Any) -> None:
        """Count a cycle (called by GPAW).

        Raises
        ------
        gpaw.ConvergenceError
            If the SCF stagnates, or has left where it had all but converged.
        """
        self.cycles += 1
        if context.niter == 1:
            self._best = []
        electrons = max(context.wfs.nvalence, 1)
        error = max(
            context.dens.error / electrons / self.criteria.get("density", 1e-4),
            context.wfs.eigensolver.error * Ha**2 / electrons / self.criteria.get("eigenstates", 4e-8),
        )
        error = broadcast_float(float(error), context.wfs.world)  # all ranks decide alike
        if self._best and self._best[-1] < _NEAR and error > _LEFT * max(self._best[-1], 1.0):
            raise ConvergenceError("the SCF had all but converged, and left for other states")
        self._best.append(min(error, self._best[-1] if self._best else math.inf))
        stagnates = len(self._best) > _LOOK_BACK and self._best[-1] > max(1.0, _PROGRESS * self._best[-1 - _LOOK_BACK])
        if stagnates:
            raise ConvergenceError(f"the SCF stagnates: {_LOOK_BACK} cycles did not halve its error")

    def take(self) -> dict[str, Any]:
        """Return the cycles since the last call, as the record of a step wants them."""
        cycles, self.cycles = self.cycles, 0
        return {"scf_cycles": cycles}


def keep_orthonormal() -> None:
    """Let GPAW orthonormalise wave functions that moved with the atoms before it makes a density of them.

    GPAW 26.7 moves the atomic part of each wave function along, which leaves them no longer orthonormal, and sums
    their density as it is: the first SCF cycle of a moved geometry begins with too much or too little charge.
    """
    from gpaw.new.ibzwfs import IBZWaveFunctions

    if getattr(IBZWaveFunctions.move, "orthonormalises", False):
        return
    plain = IBZWaveFunctions.move

    def move(self: Any, relpos_ac: Any, atomdist: Any) -> None:
        plain(self, relpos_ac, atomdist)
        if self.has_wave_functions():
            self.orthonormalize()

    move.orthonormalises = True  # type: ignore[attr-defined]
    IBZWaveFunctions.move = move  # type: ignore[method-assign]
