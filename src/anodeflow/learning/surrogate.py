"""Where a relaxation or a path goes next: the minimum, or the path, of the potential that DFT has set right on the way.

Each evaluation by DFT corrects the potential (:mod:`anodeflow.learning.residual`), and the next one is where the
corrected potential says that the search ends. BFGS knows one Hessian; this knows how bonds soften along the way, too.
What it says is a proposal: the thresholds are those of DFT's own forces, and where proposals lead nowhere BFGS goes on.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms
from ase.optimize import BFGS
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.band_driver import computed_images, run_neb
from anodeflow.backends.drivers.hessian import free_coordinates
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.registry import from_recipe
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force
from anodeflow.learning.corrected import Corrected
from anodeflow.learning.evaluations import KNOWN, best_of, force_of, leads_nowhere, newest_of
from anodeflow.learning.residual import Residual
from anodeflow.structures.geometry.positions import placed, unwrapped
from anodeflow.structures.geometry.symmetrise import symmetrised, with_symmetry_of

SURROGATE = "surrogate.json"
"""File in the folder of a calculation that tells another process what a surrogate is made of."""
_MOST_GEOMETRIES, _MOST_NUMBERS = 16, 4000
"""From how many geometries the correction is made, the newest ones, and from how many energies and forces: a matrix of
their square takes 0.13 GB."""
_RADIUS, _WIDEST, _NARROWEST = 0.3, 0.6, 0.05
"""How far an atom may move from the best geometry, Å: to begin with, after proposals that were right, and wrong."""
_RADIUS_LEARNED, _WIDEST_LEARNED = 0.6, 1.5
"""The same of a potential that learned elsewhere, and is right here, too."""
_RIGHT = 0.25  # of the energy that was gained: a proposal is right that missed it by less
_MOST_STEPS = 150
_CALMER = 0.8  # of the forces at hand: a path that was not found whole is a proposal if its forces are this small
_MOVED = 1e-3  # Å
_FACTOR, _SEEN, _NEAR, _NEAR_LEARNED = 2, 0.7, 0.2, 0.3
"""What is still to be gained is told where the last energy was known (:data:`KNOWN`), the curvature along the last step
within such a factor, so much of the force is along steps that were made, and the minimum is so near, Å. Of a potential
that learned elsewhere, and is right here, too, energy and nearness are enough: on Li3Mg7(001) it was 3 meV off at most
(SevenNet-0 for l3i5) where it told less than 5 meV."""
_FORESEEN = 0.02
"""How well such a potential has to have told the energy of the first evaluation, eV per cell: there it was 15 meV off
at most. A false well beside a saddle of DFT is lower by its depth: 19 of 40 relaxations ended in one after that
evaluation, up to 0.24 eV too high (EMT)."""


class Surrogate:
    """Says where the calculation of a request goes next, from the evaluations on its record.

    Parameters
    ----------
    request
        Relaxation of positions, or path.
    calculators
        ASE calculators of the potential, as it is and with what it learned elsewhere. The evaluations decide between
        them: what clean slabs taught can be wrong of an adatom.
    force_threshold
        Below which the forces shall come, eV/Å.
    tell
        Called with a sentence that says why there is no proposal, where it failed: it is a help, not a condition.
    strict
        Whether what it learned elsewhere is no reason to tell what is left to gain: of a relaxation that is to say
        whether its beginning is near a minimum.
    """

    def __init__(
        self,
        request: Request,
        calculators: Sequence[Any],
        force_threshold: float,
        tell: Callable[[str], None] = print,
        strict: bool = False,
    ) -> None:
        self.request, self.calculators, self.threshold, self.tell = request, calculators, force_threshold, tell
        self.strict = strict
        self.atoms = AseAtomsAdaptor.get_atoms(request.structure, msonable=False)
        self.free = free_coordinates(self.atoms)
        self.evaluated: dict[tuple[int, bytes], tuple[float, np.ndarray]] = {}
        self.busy: Callable[[], None] = lambda: None
        """Called before each evaluation of the potential."""

    def __call__(self, steps: Sequence[dict[str, Any]]) -> tuple[list[Any], float | None] | None:
        """Return the geometry to be evaluated next, or those of the images of a path; none: others shall say.

        With it the free energy that a relaxation still gains, eV; none where that cannot be told: of a path, and where
        what was said of the geometry before was wrong, or the minimum lies far away.

        Parameters
        ----------
        steps
            Evaluations so far: `positions` (n, 3) in Å, `forces` (eV/Å), `free_forces`, `free_energy` (eV); of a path
            the index of each one's `image`, too.
        """
        if not steps:
            return None
        try:
            if not self.request.images:
                return self._minimum(steps)
            found = self._path(steps)
        except Exception as error:  # whatever a potential's package raises
            self.tell(f"goes on without a proposal of the potential: {type(error).__name__}: {error}")
            return None
        return None if found is None else (found, None)

    @classmethod
    def from_plain(cls, content: dict[str, Any], folder: Path, tell: Callable[[str], None] = print) -> Self:
        """Return the surrogate that :meth:`plain` described, which computes in a folder."""
        backend = from_recipe(content["potential"])
        assert isinstance(backend, InProcessBackend)
        request = content["request"]
        images = tuple(Structure.from_dict(image) for image in request["images"])
        structure = Structure.from_dict(request["structure"])
        calculators = [backend.calculator_in(folder)]
        if content["weights"]:
            calculators.append(backend.features(calculators[0]).corrected(content["weights"]))
        asked = Request(request["task"], structure, images, request["options"])
        return cls(asked, calculators, content["threshold"], tell, content.get("strict", False))

    def plain(self, potential: dict[str, Any], weights: dict[str, float]) -> dict[str, Any]:
        """Return what another process makes the same of.

        Parameters
        ----------
        potential
            Recipe of the backend of the potential.
        weights
            What it learned elsewhere (eV, by the label of the feature); empty: nothing.
        """
        request = {
            "task": self.request.task,
            "structure": self.request.structure.as_dict(),
            "images": [image.as_dict() for image in self.request.images],
            "options": self.request.options,
        }
        asked = {"threshold": self.threshold, "strict": self.strict}
        return {"potential": potential, "weights": weights, "request": request, **asked}

    @staticmethod
    def command(folder: Path) -> list[str]:
        """Return the command that answers for the surrogate whose description lies in a folder."""
        return [sys.executable, "-m", "anodeflow.learning.answers", str(folder)]

    def corrected(self, steps: Sequence[dict[str, Any]]) -> "Corrected":
        """Return the calculator of the potential as these evaluations correct it."""
        made = [self._corrected(number, steps) for number in range(len(self.calculators))]
        return max(made, key=lambda each: each.residual.evidence)

    def _corrected(self, number: int, steps: Sequence[dict[str, Any]]) -> "Corrected":
        newest = steps[-max(2, min(_MOST_GEOMETRIES, _MOST_NUMBERS // int(self.free.sum()))) :]
        places = np.array([np.ravel(step["positions"])[self.free] for step in newest])
        lacking = [self._lacking(number, step) for step in newest]
        energies, forces = (np.array([each[part] for each in lacking]) for part in (0, 1))
        residual = Residual.likeliest(places, energies, forces)
        return Corrected(self.calculators[number], residual, self.free, self.busy)

    def _lacking(self, number: int, step: dict[str, Any]) -> tuple[float, np.ndarray]:
        """Return the energy (eV) and the forces on free coordinates (eV/Å) that a potential lacks at a geometry."""
        positions = np.asarray(step["positions"])
        key = (number, positions.tobytes())
        if key not in self.evaluated:
            self.busy()
            there = self.atoms.copy()
            there.set_constraint()
            there.positions = positions
            there.calc = self.calculators[number]
            self.evaluated[key] = there.get_potential_energy(), there.get_forces().ravel()[self.free]
        energy, forces = self.evaluated[key]
        return step["free_energy"] - energy, np.ravel(step["forces"])[self.free] - forces

    def _minimum(self, steps: Sequence[dict[str, Any]]) -> tuple[list[Any], float | None] | None:
        if any(leads_nowhere(steps[:count]) for count in range(1, len(steps) + 1)):
            return None
        best = best_of(steps)
        work = self.atoms.copy()
        work.set_positions(best["positions"], apply_constraint=False)
        work.calc = corrected = self.corrected(steps)
        learned = len(self.calculators) > 1 and corrected.potential is self.calculators[-1]
        level = work.get_potential_energy()
        radii = (_RADIUS_LEARNED, _WIDEST_LEARNED) if learned else (_RADIUS, _WIDEST)
        begins, (radius, foretold, known) = work.get_positions(), self._judged(steps, *radii)
        within, gain = begins, 0.0
        optimizer = BFGS(work, logfile=None, alpha=5.0, maxstep=0.1)
        for _ in optimizer.irun(fmax=self.threshold / 3, steps=_MOST_STEPS):
            if largest_force(work.positions - begins) > radius:
                break
            within, gain = work.get_positions(), level - work.get_potential_energy()
        calm = largest_force(work.get_forces()) < self.threshold / 3
        if largest_force(within - begins) < _MOVED:  # the first step led out of the radius, or there is nowhere to go
            within = work.get_positions()
        found = with_symmetry_of(self.request.structure, within)
        near = min(largest_force(found - np.asarray(step["positions"])) for step in steps)
        if not np.isfinite(found).all() or near <= _MOVED:
            return None
        believed = known or (learned and not self.strict and (foretold or self._foreseen(steps)))
        near = largest_force(found - begins) < (_NEAR_LEARNED if learned else _NEAR)
        told = best is steps[-1] and calm and near and believed and np.isfinite(gain) and gain >= 0
        return [found.tolist()], float(gain) if told else None

    def _foreseen(self, steps: Sequence[dict[str, Any]]) -> bool:
        """Return whether there is one evaluation, of an energy that the potential told by what it learned."""
        return len(steps) == 1 and abs(self._lacking(len(self.calculators) - 1, steps[0])[0]) < _FORESEEN

    def _judged(
        self, steps: Sequence[dict[str, Any]], first: float = _RADIUS, widest: float = _WIDEST
    ) -> tuple[float, bool, bool]:
        """Return how far the next proposal may lie from the best geometry, Å, and how well the last one was foretold.

        `first`, `widest`: how far to begin with, and at most. Then whether the evaluations before it had told its
        energy to a few meV; then whether they had told the curvature on the way there as well, and what force is left
        points along ways that were gone.
        """
        *before, last = steps
        if not before:
            return first, False, False
        best = best_of(before)
        there = self.atoms.copy()
        there.calc = self.corrected(before)
        told, slopes = [], []
        step_made = (np.asarray(last["positions"]) - np.asarray(best["positions"])).ravel()[self.free]
        for step in (best, last):
            there.set_positions(step["positions"], apply_constraint=False)
            told.append(there.get_potential_energy())
            slopes.append(there.get_forces().ravel()[self.free] @ step_made)
        gained = best["free_energy"] - last["free_energy"]
        error = abs(told[0] - told[1] - gained)
        moved = largest_force(np.asarray(last["positions"]) - np.asarray(best["positions"]))
        radius = moved if gained > 0 else moved / 2
        if error < max(_RIGHT * gained, KNOWN):
            radius = max(first, 1.5 * moved)
        expected = slopes[0] - slopes[1]
        found = float((np.ravel(best["forces"]) - np.ravel(last["forces"]))[self.free] @ step_made)
        curved = found > 0 and expected / _FACTOR < found < expected * _FACTOR
        foretold = error < KNOWN
        return min(widest, max(_NARROWEST, radius)), foretold, foretold and curved and self._went_along(steps)

    def _went_along(self, steps: Sequence[dict[str, Any]]) -> bool:
        """Return whether the force that is left points along steps that were made: what lies across nobody has seen."""
        force = np.ravel(steps[-1]["forces"])[self.free]
        places = np.array([np.ravel(step["positions"])[self.free] for step in steps])
        directions, sizes, _ = np.linalg.svd((places[:-1] - places[-1]).T, full_matrices=False)
        seen = directions[:, sizes > _MOVED].T @ force
        return bool(np.linalg.norm(seen) >= _SEEN * np.linalg.norm(force))

    def _path(self, steps: Sequence[dict[str, Any]]) -> list[Any] | None:
        climbs = self.request.climbs
        computed = computed_images(len(self.request.images), self.request.options["symmetry"] is not None)
        latest = {step["image"]: np.asarray(step["positions"]) for step in steps}
        if any(index not in latest for index in computed):
            return None
        images = self._begun(latest)
        settings = self.request.options["settings"] | {
            "max_steps": _MOST_STEPS,
            "force_threshold": self.threshold / (3 if climbs else 2.5),  # soft bands go far for little
        }
        corrected = self.corrected(sorted(steps, key=lambda step: step["iteration"]))
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder) / "steps.jsonl"
            options = self.request.options | {"settings": settings, "energies": self._free_ends(steps)}
            done = run_neb(images, corrected.again, options, record, attempt=0)
        if not (done["converged"] or done["residual"] < _CALMER * max(map(force_of, newest_of(steps, computed)))):
            return None
        found = []
        for index in computed:
            image = placed(self.request.images[index], np.array(done["images"][index]["positions"]))
            positions = (symmetrised(image) if climbs else image).cart_coords
            step = positions - latest[index]
            found.append(latest[index] + step * min(1.0, _RADIUS / max(largest_force(step), _MOVED)))
        moved = max(largest_force(one - latest[index]) for one, index in zip(found, computed, strict=True))
        if not np.isfinite(moved) or moved < _MOVED:
            return None
        return [positions.tolist() for positions in found]

    def _free_ends(self, steps: Sequence[dict[str, Any]]) -> list[float]:
        """Return the ends' energies as far above free energies as the images' are, eV: forces are slopes of these."""
        above = float(np.mean([step["energy"] - step["free_energy"] for step in steps]))
        return [energy - above for energy in self.request.options["energies"]]

    def _begun(self, latest: dict[int, np.ndarray]) -> list[Atoms]:
        """Return the images of the path where they were evaluated last."""
        images = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in self.request.images]
        symmetry, last = self.request.options["symmetry"], len(images) - 1
        for index, image in enumerate(images):
            if index in latest:
                image.set_positions(latest[index], apply_constraint=False)
            elif symmetry is not None and last - index in latest:
                mirrored = latest[last - index][symmetry["permutation"]] @ np.array(symmetry["rotation"]).T
                turned = placed(self.request.images[index], mirrored + np.array(symmetry["translation"]))
                image.set_positions(unwrapped(self.request.images[index], turned).cart_coords, apply_constraint=False)
        return images
