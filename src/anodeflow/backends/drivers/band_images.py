"""Calculators of single images of a band: answered from the record, or from the mirror image on the other half.

This file imports ASE and numpy alone: it runs inside a code's own process.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.geometry import find_mic

from anodeflow.backends.drivers.recording import free_forces
from anodeflow.calculations.steps import check_finite

_SAME = 1e-6  # Å: positions that agree so well are one geometry
_SYMMETRIC = 0.02  # Å: how far a path may lose the symmetry it began with


class RecordedCalculator(Calculator):
    """Answers from the record where it can, and else computes and puts the answer on record.

    Parameters
    ----------
    image
        Index of the image.
    make_calculator
        Returns the calculator that computes; called when it is first needed.
    known
        Recorded evaluations of this image, of earlier attempts.
    keep
        Called with each new evaluation.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (as ASE has it)

    def __init__(
        self,
        image: int,
        make_calculator: Callable[[], Any],
        known: list[dict[str, Any]],
        keep: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__()
        self.image, self.make_calculator, self.known, self.keep = image, make_calculator, known, keep
        self.inner: Any = None
        self.evaluations = len(known)

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Set the results for `atoms` (see :class:`ase.calculators.calculator.Calculator`)."""
        super().calculate(atoms, properties, system_changes)
        positions = atoms.get_positions()
        for step in self.known:
            if np.abs(np.array(step["positions"]) - positions).max() < _SAME:
                self.results = _results(step)
                return
        began = time.monotonic()
        if self.inner is None:
            self.inner = self.make_calculator()
        work = atoms.copy()
        work.calc = self.inner
        energy = float(work.get_potential_energy())
        forces = work.get_forces(apply_constraint=False)
        step = {
            "image": self.image,
            "iteration": self.evaluations,
            "positions": positions.tolist(),
            "cell": work.cell.array.tolist(),
            "energy": energy,
            "free_energy": float(self.inner.results.get("free_energy", energy)),
            "forces": forces.tolist(),
            "free_forces": free_forces(work).tolist(),
            "stress": None,
            "seconds": time.monotonic() - began,
        }
        check_finite(step)
        self.evaluations += 1
        self.keep(step)
        self.known.append(step)
        self.results = _results(step)


class MirrorCalculator(Calculator):
    """Takes energy and forces of an image from its mirror image on the other half of a symmetric path.

    Parameters
    ----------
    partner
        The image that is computed.
    symmetry
        `rotation`, `translation` (Å), `permutation`: what turns the path round.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (as ASE has it)

    def __init__(self, partner: Atoms, symmetry: dict[str, Any]) -> None:
        super().__init__()
        self.partner = partner
        self.rotation = np.array(symmetry["rotation"])
        self.translation = np.array(symmetry["translation"])
        self.permutation = np.array(symmetry["permutation"])

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Set the results for `atoms` (see :class:`ase.calculators.calculator.Calculator`).

        Raises
        ------
        ValueError
            If `atoms` is not the mirror image of the partner.
        """
        super().calculate(atoms, properties, system_changes)
        apart, _ = find_mic(self._expected() - atoms.get_positions(), atoms.cell, atoms.pbc)
        off = float(np.linalg.norm(apart, axis=1).max())
        if off > _SYMMETRIC:
            raise ValueError(
                f"the two halves of a path that symmetry was said to turn round differ by {off:.3f} Å: compute both"
            )
        forces = self.partner.get_forces(apply_constraint=False)[self.permutation] @ self.rotation.T
        energy = self.partner.get_potential_energy()
        self.results = {
            "energy": energy,
            "free_energy": self.partner.calc.results.get("free_energy", energy),
            "forces": forces,
        }

    def place(self, atoms: Any) -> np.ndarray:
        """Return where `atoms` (n, 3), Å, are as the mirror image of the partner, each in the cell it is in."""
        apart, _ = find_mic(self._expected() - atoms.get_positions(), atoms.cell, atoms.pbc)
        return np.asarray(atoms.get_positions() + apart)

    def _expected(self) -> np.ndarray:
        return np.asarray(self.partner.get_positions()[self.permutation] @ self.rotation.T + self.translation)


def _results(step: dict[str, Any]) -> dict[str, Any]:
    return {"energy": step["energy"], "free_energy": step["free_energy"], "forces": np.array(step["forces"])}
