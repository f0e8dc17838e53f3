"""Relaxes a path between two minima with ASE's nudged elastic band, image by image on record.

Like :mod:`anodeflow.backends.drivers.driver` it runs inside the job or inside a code's own process, and imports ASE
and numpy alone. Every evaluated image is one line of the steps file. A band that was cut off is run again from its
start: the optimiser is deterministic, so each image on record is answered from there until the first that is not.
Nor does such a replay count: a path that ran out of iterations goes on where it ended.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.optimize import BFGS, FIRE

from anodeflow.backends.drivers.band_images import MirrorCalculator, RecordedCalculator
from anodeflow.backends.drivers.bands import Band, Climber
from anodeflow.backends.drivers.hessian import first_hessian
from anodeflow.backends.drivers.iterations import Iterations
from anodeflow.backends.drivers.recording import Propose
from anodeflow.backends.drivers.saddle_rest import ClimbEnd, SaddleRest
from anodeflow.calculations.folder import append_step, read_steps
from anodeflow.calculations.steps import largest_force

_PATIENCE = 3  # proposals in a row that may fail to lessen the forces
_CALM = 0.8  # of the force threshold: with smaller forces an image stays where it is
_NO_ROUND = -1  # of evaluations that nobody proposed


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
    propose: Propose | None = None,
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
        (eV/Å²), `max_steps` (iterations in this attempt), `curvature` (eV/Å²), `max_displacement` (Å); `symmetry`:
        none, or `rotation`, `translation`, `permutation` (:class:`anodeflow.calculations.neb_document.PathSymmetry`).
        With `tangent` (n, 3), of unit length, there is one image between the ends, which climbs along it from the
        start; the settings may then have `energy_tolerance` and `evaluations`
        (:class:`anodeflow.backends.drivers.saddle_rest.ClimbEnd`).
    steps_file
        Record of evaluated images: read first, then appended to.
    attempt, writes, extra, on_step, propose
        As in :func:`anodeflow.backends.drivers.driver.run_task`.

    Returns
    -------
    dict
        `converged`, `residual` (largest force on the band, eV/Å), `climbing_image`, and `images`: positions (Å),
        energy, free_energy (eV) and forces (eV/Å) of every one; `ended_early` where a climb ended before its forces
        were small, with `over_rest` (eV), which is to be taken off its energy, if it is known.
    """
    settings, symmetry = options["settings"], options["symmetry"]
    computed = computed_images(len(images), symmetry is not None)
    known: dict[int, list[dict[str, Any]]] = {index: [] for index in computed}
    for step in read_steps(steps_file):
        known[step["image"]].append(step)

    earlier = [step for each in known.values() for step in each]
    ways = _Proposals(images, computed, earlier, propose)
    iterations = Iterations(settings["max_steps"], len({step["attempt"] for step in earlier}))

    def keep(step: dict[str, Any]) -> None:
        iterations.evaluates = True
        step |= extra() | {"attempt": attempt} | ways.seen(step)
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
    hessian = None
    if options.get("tangent") is None:
        band = Band(images, symmetry, settings["spring_constant"])
    else:
        band = Climber(images, symmetry, np.array(options["tangent"]))
        band.end = ClimbEnd(SaddleRest.beside(steps_file, images[1]), settings)
        hessian = first_hessian(steps_file, images[1].positions.size, settings["curvature"])
    converged, residual = _relax(band, settings, hessian, ways, iterations)
    energies = [float(image.get_potential_energy()) for image in images]
    early = converged and residual >= settings["force_threshold"]
    return {
        "converged": converged,
        "residual": float(residual),
        **({"ended_early": True, "over_rest": band.end.left} if early and band.end else {}),
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


class _Proposals:
    """Moves the images of a band to where a potential that learns on the way has its path.

    Images that are calm stay, and are not evaluated again. Each evaluation is recorded with the round that it belongs
    to, so that a path that was cut off goes through the same places again.
    """

    def __init__(
        self, images: list[Atoms], computed: list[int], evaluated: list[dict[str, Any]], propose: Propose | None
    ) -> None:
        self.images, self.computed, self.evaluated, self.propose = images, computed, evaluated, propose
        self.round, self.proposed, self.seconds = 0 if propose else _NO_ROUND, True, 0.0

    def seen(self, step: dict[str, Any]) -> dict[str, Any]:
        """Take note of a new evaluation; return what is recorded of it."""
        told: dict[str, Any] = {}
        if self.propose is not None:
            told = {"round": self.round, "proposed": self.proposed, "proposal_seconds": self.seconds}
            self.seconds = 0.0
        self.evaluated.append(step | told)
        return told

    def move(self, restless: set[int]) -> bool:
        """Move the images that are not calm to their places in the next round; return whether anybody knew these."""
        self.round += 1
        here = [step for step in self.evaluated if step.get("round", step["iteration"]) == self.round]
        self.proposed = all(step.get("proposed", True) for step in here)
        if not self.proposed:  # nobody knew: what BFGS did then it does again
            return False
        places = {step["image"]: np.array(step["positions"]) for step in here}
        wanted = restless & set(self.computed)
        if not wanted <= places.keys():
            before = [step for step in self.evaluated if 0 <= step.get("round", step["iteration"]) < self.round]
            asked = time.monotonic()
            found = self.propose(before) if self.propose else None
            self.seconds += time.monotonic() - asked
            if found is None:
                self.proposed = False
                return False
            proposed = zip(self.computed, found[0], strict=True)
            places = {index: np.array(there) for index, there in proposed if index in wanted} | places
        for index, there in places.items():
            self.images[index].set_positions(there, apply_constraint=False)
            mirror = self.images[len(self.images) - 1 - index]
            if isinstance(mirror.calc, MirrorCalculator) and mirror is not self.images[index]:
                mirror.set_positions(mirror.calc.place(mirror), apply_constraint=False)
        return True


def _relax(
    band: "Band", settings: dict[str, Any], hessian: np.ndarray | None, ways: "_Proposals", iterations: Iterations
) -> tuple[bool, float]:
    """Relax the band until it is calm, its highest image climbing from `climb_below` on.

    Proposals go first, for as long as they lessen the forces; BFGS takes a step where there is none, and goes on from
    the calmest band where they fail for the third time.

    `hessian` is what BFGS begins with. For an image that climbs it has the curvatures of the saddle by their amount:
    the force that is turned round along the path makes of the downward one an upward one.

    BFGS is quick on soft surfaces, but its step can be too long for a stiff band. Where the forces have grown to five
    times the least, and above 1 eV/Å, the band goes back to where they were least and FIRE takes over.

    Returns
    -------
    bool, float
        Whether it is calm, and the largest force on it, eV/Å.
    """
    target: Any = band
    residual, least, best = np.inf, np.inf, band.get_positions()
    in_vain, unknown = 0, 0
    between = BFGS(target, logfile=None, alpha=settings["curvature"], maxstep=settings["max_displacement"])
    if hessian is not None:
        between.H0 = hessian
    while ways.propose is not None and iterations.left > 0:
        residual = _residual(band, settings)
        iterations.count()
        if band.rests(residual, settings["force_threshold"]):
            return True, residual
        in_vain = 0 if residual < least else in_vain + 1
        if residual < least:
            least, best = residual, band.get_positions()
        if _PATIENCE in (in_vain, unknown):
            ways.round = _NO_ROUND
            band.set_positions(best)
            break
        if not ways.move(_restless(band, settings)):
            unknown += 1
            between.step()
    least = np.inf
    bfgs = BFGS(target, logfile=None, alpha=settings["curvature"], maxstep=settings["max_displacement"])
    if hessian is not None:
        bfgs.H0 = hessian
    for optimizer in (bfgs, FIRE(target, logfile=None, maxstep=settings["max_displacement"] / 2)):
        for _ in iterations.of(optimizer):
            residual = _residual(band, settings)
            if band.rests(residual, settings["force_threshold"]):
                return True, residual
            if residual < least:
                least, best = residual, band.get_positions()
            elif optimizer is bfgs and residual > max(1.0, 5 * least):
                band.set_positions(best)
                break
    return False, residual


def _residual(band: "Band", settings: dict[str, Any]) -> float:
    """Return the largest force on the band, eV/Å, whose highest image climbs once that is below `climb_below`."""
    residual = largest_force(band.get_forces())
    if not band.climb and residual < settings["climb_below"]:
        band.climb = True
        residual = largest_force(band.get_forces())
    return residual


def _restless(band: "Band", settings: dict[str, Any]) -> set[int]:
    """Return which images have forces on the band that are not well below the threshold, their mirror images, too."""
    forces = band.get_forces().reshape(band.nimages - 2, -1, 3)
    restless = {i for i, each in enumerate(forces, 1) if largest_force(each) > _CALM * settings["force_threshold"]}
    return restless | ({band.nimages - 1 - index for index in restless} if band.symmetry else set())
