"""Nudged elastic bands with VASP and the VTST code, all images in one run of VASP.

The band first relaxes without climbing down to `climb_below`, then its highest image climbs. How calm it is, is judged
with ASE's forces on a band of improved tangents, as for every other code; VASP's own word counts too. VTST computes all
images, also of a path that symmetry turns round.
"""

from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.mep import NEB
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.vasp.inputs import (
    band_tags,
    electronic_tags,
    in_vasp_order,
    write_band_inputs,
)
from anodeflow.backends.vasp.outputs import (
    REACHED,
    Frame,
    read_contcar,
    read_image,
)
from anodeflow.backends.vasp.runs import VaspRuns
from anodeflow.calculations.steps import largest_force
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.structures.geometry.positions import placed

_CLIMBING = "LCLIMB"


class VaspBand(VaspRuns):
    """Relaxes one path."""

    def execute(self) -> dict[str, Any]:
        """Compute what is left to be computed, and return the outcome.

        Raises
        ------
        CalculationError
            If VASP fails, or has no VTST.
        """
        self.frames = [Frame(image) for image in self.request.images]
        path = self.backend.path
        for run in self.runs():
            self.harvest(run)
        climbing = any(_climbs(run) for run in self.runs())
        if self.folder.steps():
            self.tell("resumed", ionic_step=len(self.bands()))
        left, reached, done = path.max_steps, False, len(self.bands())
        while True:
            if not climbing and (reached or self.residual(climb=False) < path.climb_below):
                climbing, reached = True, False
            if climbing and (reached or self.residual(climb=True) < path.force_threshold):
                return self.result(converged=True)
            if left <= 0:
                return self.result(converged=False)
            reached = self._run(climbing, left)
            left -= max(len(self.bands()) - done, 1)
            done = len(self.bands())

    def bands(self) -> list[list[dict[str, Any]]]:
        """Return the iterations on record, each the steps of all images between the ends."""
        images: dict[int, list[dict[str, Any]]] = {index: [] for index in range(1, len(self.request.images) - 1)}
        for step in self.folder.steps():
            images[step["image"]].append(step)
        return [list(band) for band in zip(*images.values(), strict=False)]

    def harvest(self, run: Path) -> None:
        """Put the whole iterations of a run on record."""
        images = [
            read_image(run / f"{index:02}" / "OUTCAR", self.frames[index]) for index in range(1, len(self.frames) - 1)
        ]
        known = {step["run"] for step in self.folder.steps()} - {run.name}
        first = sum(1 for band in self.bands() if band[0]["run"] in known)
        steps = [
            step | {"image": index, "iteration": first + number}
            for number, band in enumerate(zip(*images, strict=False))
            for index, step in enumerate(band, start=1)
        ]
        self.record(run, steps)

    def residual(self, climb: bool) -> float:
        """Return the largest force on the band of the last iteration, eV/Å; infinite before the first."""
        bands = self.bands()
        if not bands:
            return float("inf")
        atoms = []
        for image, result in zip(self.request.images, self._results(bands[-1]), strict=True):
            one = AseAtomsAdaptor.get_atoms(placed(image, result["positions"]), msonable=False)
            one.calc = SinglePointCalculator(one, energy=result["energy"], forces=np.array(result["forces"]))
            atoms.append(one)
        band = NEB(atoms, k=self.backend.path.spring_constant, climb=climb, method="improvedtangent")
        return largest_force(band.get_forces())

    def result(self, converged: bool) -> dict[str, Any]:
        """Return the outcome of a band, as :func:`anodeflow.backends.drivers.band_driver.run_neb` does."""
        images = self._results(self.bands()[-1])
        residual = self.residual(climb=True)
        warnings = []
        if converged and residual >= self.backend.path.force_threshold:
            warnings.append(
                Caveat(
                    "band-not-relaxed",
                    f"VASP called the band relaxed; by ASE's measure the largest force is {residual:.3f} eV/Å",
                )
            )
        return self.outcome(
            converged=converged,
            residual=residual,
            climbing_image=int(np.argmax([image["energy"] for image in images[1:-1]])) + 1,
            images=images,
            computed_images=len(images) - 2,
            warnings=warnings,
        )

    def _results(self, band: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return positions, energies and forces of all images: those of the ends are known."""
        ends = [
            {
                "positions": image.cart_coords.tolist(),
                "energy": energy,
                "free_energy": energy,
                "forces": np.zeros((len(image), 3)).tolist(),
            }
            for image, energy in zip(
                (self.request.images[0], self.request.images[-1]), self.request.options["energies"], strict=True
            )
        ]
        keys = ("positions", "energy", "free_energy", "forces")
        return [ends[0], *({key: step[key] for key in keys} for step in band), ends[1]]

    def _run(self, climb: bool, iterations: int) -> bool:
        """Run VASP once; return whether it called the band relaxed."""
        backend, earlier = self.backend, self.bands()
        images = [in_vasp_order(image) for image in self._next_images()]
        # VTST compares the free energies of the images with the ends': add what these lack of one.
        smeared = float(np.mean([step["free_energy"] - step["energy"] for step in earlier[-1]])) if earlier else 0.0
        ends = [round(energy + smeared, 8) for energy in self.request.options["energies"]]
        run = self.next_run()
        tags = electronic_tags(images[0], backend.settings, backend.parallel)
        tags |= band_tags(len(images) - 2, backend.path, climb, iterations, ends)
        write_band_inputs(run, images, tags, backend.settings)
        self.compute(run, self.harvest)
        text = (run / "01" / "OUTCAR").read_text(errors="replace")
        self.version = text.split("vasp.", 1)[-1].split(maxsplit=1)[0] if "vasp." in text[:200] else ""
        if "VTST" not in text:
            raise CalculationError(
                f"{self.what}: this VASP has no VTST code, which a nudged elastic band needs: build VASP with it "
                f"(theory.cm.utexas.edu/vtsttools) and set VASP_CMD to that one (log: {run / '01' / 'OUTCAR'})."
            )
        if len(self.bands()) == len(earlier):
            raise CalculationError(f"{self.what} ended without one whole iteration of the band (logs in {run}).")
        return REACHED in text

    def _next_images(self) -> list[Structure]:
        """Return the path where the last run got to: its CONTCARs, else its last iteration, else what was asked for."""
        bands, runs, images = self.bands(), self.runs(), list(self.request.images)
        if not bands:
            return images
        found = [
            read_contcar(runs[-1] / f"{index:02}" / "CONTCAR", frame) for index, frame in enumerate(self.frames[:-1])
        ][1:]
        inner = [one for one in found if one is not None]
        if len(inner) < len(found):
            inner = [placed(image, step["positions"]) for image, step in zip(images[1:-1], bands[-1], strict=True)]
        return [images[0], *inner, images[-1]]


def _climbs(run: Path) -> bool:
    """Return whether the highest image climbed in a run."""
    from pymatgen.io.vasp import Incar

    try:
        return bool(Incar.from_file(run / "INCAR").get(_CLIMBING, False))
    except FileNotFoundError:
        return False
