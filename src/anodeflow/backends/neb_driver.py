"""Relaxes a path between two minima with ASE's nudged elastic band, image by image on record.

Like :mod:`anodeflow.backends.driver` it runs inside the job or inside a code's own process, and imports ASE and numpy
alone. Every evaluated image is one line of the steps file. A band that was cut off is run again from its start: the
optimiser is deterministic, so each image that is on record is answered from there until the first that is not.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.mep import NEB
from ase.optimize import BFGS, FIRE

from anodeflow.backends.driver import free_forces, largest_force
from anodeflow.backends.folder import append_step, read_steps

_SAME = 1e-6  # Å: positions that agree so well are one geometry
_SYMMETRIC = 0.02  # Å: how far a path may lose the symmetry it began with


def computed_images(count: int, symmetric: bool) -> list[int]:
    """Return the indices of the images of a path of `count` that are computed: the interior ones, or half of them."""
    return [i for i in range(1, count - 1) if not symmetric or i <= count - 1 - i]


def run_neb(
    images: list[Atoms],
    make_calculator: Callable[[], Any],
    options: dict[str, Any],
    steps_file: Path,
    *,
    attempt: int,
    writes: bool = True,
    extra: Callable[[], dict[str, Any]] = dict,
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Relax a path, going on from the images already on record.

    Parameters
    ----------
    images
        Initial path with its constraints, relaxed ends included; ends at the relaxed path.
    make_calculator
        Returns a new ASE calculator: each image has its own, made when it is first needed.
    options
        `energies` of the two ends (eV); `settings`: `force_threshold`, `climb_below` (eV/Å), `spring_constant`
        (eV/Å²), `max_steps` (iterations of the band), `curvature` (eV/Å²), `max_displacement` (Å); `symmetry`: none, or
        `rotation`, `translation`, `permutation` (:class:`anodeflow.schemas.neb.PathSymmetry`). With `tangent` (n, 3),
        of unit length, there is one image between the ends, which climbs along it from the start.
    steps_file
        Record of evaluated images: read first, then appended to.
    attempt, writes, extra, on_step
        As in :func:`anodeflow.backends.driver.run_task`.

    Returns
    -------
    dict
        `converged`, `residual` (largest force on the band, eV/Å), `climbing_image`, and `images`: positions (Å),
        energy, free_energy (eV) and forces (eV/Å) of every one.
    """
    settings, symmetry = options["settings"], options["symmetry"]
    computed = computed_images(len(images), symmetry is not None)
    known: dict[int, list[dict[str, Any]]] = {index: [] for index in computed}
    for step in read_steps(steps_file):
        known[step["image"]].append(step)

    def keep(step: dict[str, Any]) -> None:
        step |= extra() | {"attempt": attempt}
        if writes:
            append_step(steps_file, step)
        if on_step:
            on_step(step)

    for index, image in enumerate(images):
        if index in computed:
            image.calc = RecordedCalculator(index, make_calculator, known[index], keep)
        elif index in (0, len(images) - 1):
            energy = options["energies"][0 if index == 0 else 1]
            image.calc = SinglePointCalculator(image, energy=energy, forces=np.zeros((len(image), 3)))
        else:
            image.calc = MirrorCalculator(images[len(images) - 1 - index], symmetry)
    if options.get("tangent") is None:
        band = _Band(images, symmetry, settings["spring_constant"])
    else:
        band = _Climber(images, symmetry, np.array(options["tangent"]))
    converged, residual = _relax(band, settings)
    energies = [float(image.get_potential_energy()) for image in images]
    return {
        "converged": converged,
        "residual": float(residual),
        "climbing_image": int(np.argmax(energies[1:-1])) + 1,
        "images": [
            {
                "positions": image.get_positions().tolist(),
                "energy": energy,
                "free_energy": float(image.calc.results.get("free_energy", energy)),
                "forces": image.get_forces(apply_constraint=False).tolist(),
            }
            for image, energy in zip(images, energies, strict=True)
        ],
    }


def _relax(band: "_Band", settings: dict[str, Any]) -> tuple[bool, float]:
    """Relax the band until it is calm, its highest image climbing from `climb_below` on.

    BFGS is quick on soft surfaces, but its step can be too long for a stiff band. Where the forces have grown to five
    times the least, and above 1 eV/Å, the band goes back to where they were least and FIRE takes over.

    Returns
    -------
    bool, float
        Whether it is calm, and the largest force on it, eV/Å.
    """
    target: Any = band
    left, residual, least, best = settings["max_steps"], np.inf, np.inf, band.get_positions()
    bfgs = BFGS(target, logfile=None, alpha=settings["curvature"], maxstep=settings["max_displacement"])
    for optimizer in (bfgs, FIRE(target, logfile=None, maxstep=settings["max_displacement"] / 2)):
        for _ in optimizer.irun(fmax=0.0, steps=left):
            residual = largest_force(band.get_forces())
            if not band.climb and residual < settings["climb_below"]:
                band.climb = True
                residual = largest_force(band.get_forces())
            if band.climb and residual < settings["force_threshold"]:
                return True, residual
            if residual < least:
                least, best = residual, band.get_positions()
            elif optimizer is bfgs and residual > max(1.0, 5 * least):
                band.set_positions(best)
                break
        left -= optimizer.nsteps
    return False, residual


class _Band(NEB):
    """A band whose forces obey the symmetry that turns it round, if it has one.

    Without this, a path with two equal saddles would lose its symmetry: only one of them climbs.
    """

    def __init__(self, images: list[Atoms], symmetry: dict[str, Any] | None, spring_constant: float) -> None:
        super().__init__(images, k=spring_constant, climb=False, method="improvedtangent")
        self.symmetry = symmetry

    def get_forces(self) -> np.ndarray:
        """Return the forces (interior images * atoms, 3), eV/Å, those of the climbing half taken over to the other."""
        forces = super().get_forces().reshape(self.nimages - 2, self.natoms, 3)
        if self.symmetry is None:
            return forces.reshape(-1, 3)
        rotation, permutation = np.array(self.symmetry["rotation"]), self.symmetry["permutation"]
        turned = forces[::-1, permutation] @ rotation.T
        half = len(forces) // 2
        if self.imax - 1 < len(forces) - half:
            forces[len(forces) - half :] = turned[len(forces) - half :]
        else:
            forces[:half] = turned[:half]
        if len(forces) % 2:
            forces[half] = (forces[half] + turned[half]) / 2
        return forces.reshape(-1, 3)


class _Climber(_Band):
    """One image that climbs along a fixed direction, down in all others: to a saddle that is nearly known.

    The force along the direction is turned round. What vanishes then is the whole force, so the direction decides
    whether the image gets to the saddle, not where the saddle is.
    """

    def __init__(self, images: list[Atoms], symmetry: dict[str, Any] | None, tangent: np.ndarray) -> None:
        if len(images) != 3:
            raise ValueError(f"one image climbs along a given direction, not {len(images) - 2}")
        super().__init__(images, symmetry, 0.0)
        self.climb, self.tangent = True, tangent

    def get_forces(self) -> np.ndarray:
        """Return the forces (atoms, 3), eV/Å, that lead to the saddle; with a symmetry, those that keep to it."""
        image = self.images[1]
        forces = image.get_forces(apply_constraint=True)
        self.emax = image.get_potential_energy()  # ASE's optimisers ask the band for it
        forces = forces - 2 * np.vdot(forces, self.tangent) * self.tangent
        if self.symmetry is None:
            return forces
        rotation, permutation = np.array(self.symmetry["rotation"]), self.symmetry["permutation"]
        return (forces + forces[permutation] @ rotation.T) / 2


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
        self.evaluations += 1
        self.keep(step)
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
        expected = self.partner.get_positions()[self.permutation] @ self.rotation.T + self.translation
        apart, _ = find_mic(expected - atoms.get_positions(), atoms.cell, atoms.pbc)
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


def _results(step: dict[str, Any]) -> dict[str, Any]:
    return {"energy": step["energy"], "free_energy": step["free_energy"], "forces": np.array(step["forces"])}
