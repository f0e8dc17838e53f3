"""Runs one calculation with GPAW: ``[mpiexec -n N] gpaw python driver.py FOLDER``.

Reads input.json, appends to steps.jsonl, writes gpaw.txt, outcome.json and the density files that are asked for.
Started again in the same folder, it goes on from the last recorded step.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ase.io.jsonio import decode
from ase.parallel import broadcast, world

from anodeflow.backends.drivers.asked import Asked
from anodeflow.backends.drivers.band_driver import run_neb
from anodeflow.backends.drivers.driver import run_task
from anodeflow.backends.drivers.usage import Usage
from anodeflow.backends.gpaw.gpu import mend_dipole_layer, on_host
from anodeflow.backends.gpaw.origin import FromOrigin
from anodeflow.backends.gpaw.recovery import RECOVERY_STEPS, parameters_at
from anodeflow.backends.gpaw.scf import ScfWatch, keep_orthonormal, with_criteria
from anodeflow.calculations.folder import read_steps, write_atomically
from anodeflow.core.caveats import Caveat
from anodeflow.core.density import DensityGrid

_MIXER_KNOWS = "26.7."
_DIPOLE_EDGE = 1.0  # Å
_MOST_SYMMETRIES = 10  # a geometry has fewer steps of symmetry to lose


def main(folder: Path) -> int:
    """Run what the folder's input asks for; return the exit status."""
    from gpaw import ConvergenceError
    from gpaw.new.symmetry import SymmetryBrokenError

    request = decode((folder / "input.json").read_text(encoding="utf-8"))
    steps_file = folder / "steps.jsonl"
    attempt = len(read_steps(steps_file))
    counter = ScfWatch(request["parameters"].get("convergence", {}))
    world.barrier()
    propose = proposals(request)
    tried, anew = 0, 0
    while tried <= len(RECOVERY_STEPS):
        remedies = [name for name, _ in RECOVERY_STEPS[:tried]]
        try:
            outcome = compute(request, parameters_at(tried, request["parameters"]), folder, attempt, counter, propose)
        except ConvergenceError as error:
            if world.rank == 0:
                print(f"after {tried} recovery steps: {type(error).__name__}: {error}", flush=True)
            world.barrier()
            tried += 1
            continue
        except SymmetryBrokenError:
            # Rounding grew until the geometry lost the symmetry it began with: begin again with what is left.
            anew += 1
            if anew > _MOST_SYMMETRIES:
                raise
            world.barrier()
            continue
        warnings = []
        if anew:
            lost = f"GPAW lost the symmetry it had found and found it anew {anew} times"
            warnings.append(Caveat("symmetry-lost", lost))
        if propose is not None and propose.ended:
            why = f"went on without proposals of the potential that learns: {propose.ended}"
            warnings.append(Caveat("proposals-ended", why))
        finish(folder, outcome | {"remedies": remedies, "warnings": [each.model_dump() for each in warnings]})
        return 0
    finish(
        folder,
        {
            "converged": False,
            "remedies": [name for name, _ in RECOVERY_STEPS],
            "error": f"the SCF did not converge, not even after all of {len(RECOVERY_STEPS)} recovery steps",
        },
    )
    return 3


def compute(
    request: dict[str, Any],
    parameters: dict[str, Any],
    folder: Path,
    attempt: int,
    counter: "ScfWatch",
    propose: Asked | None,
) -> dict[str, Any]:
    """Do the task with one set of GPAW parameters; return its outcome."""
    steps_file, log = folder / "steps.jsonl", folder / "gpaw.txt"
    writes = world.rank == 0
    usage = Usage(world.size)
    if request["task"] == "neb":
        images = [image.copy() for image in request["images"]]

        def next_calculator() -> Any:
            return make_calculator(parameters, images[0], log, counter)

        return run_neb(
            images,
            next_calculator,
            request["options"],
            steps_file,
            attempt=attempt,
            writes=writes,
            extra=lambda: counter.take() | usage.take(),
            propose=propose,
        )
    atoms = request["atoms"]
    # Densities are subtracted from each other: each stays where its atoms are.
    calculator = make_calculator(parameters, atoms, log, counter, shift="densities" not in request)

    def extra() -> dict[str, Any]:
        # On record with its step: a calculation that was cut off after it does not converge again.
        asked = request["options"].get("potential")
        return (
            counter.take()
            | usage.take()
            | ({"potential": planar_potential(calculator, atoms, parameters)} if asked else {})
        )

    converged = run_task(
        atoms,
        calculator,
        request["task"],
        request["relaxation"],
        steps_file,
        attempt=attempt,
        writes=writes,
        extra=extra,
        propose=propose,
    )
    for name, spacing in request.get("densities", {}).items():
        write_density(calculator, atoms, spacing, folder / name)
    return {"converged": converged}


def proposals(request: dict[str, Any]) -> Asked | None:
    """Return what says where the calculation goes next; none: the optimiser does."""
    command = request.get("surrogate")
    return Asked(command, world.rank == 0, lambda found: broadcast(found, comm=world)) if command else None


def planar_potential(calculator: Any, atoms: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the electrostatic potential of a slab, averaged over planes, as plain data (PlanarPotential).

    GPAW's potential is that of the pseudo charge, which is the true one outside of the atoms' spheres. Its dipole layer
    makes the potential jump within half an Å of the cell's ends; plane waves ring beyond.
    """
    gpaw = calculator.inner
    return {
        "values": on_host(gpaw.get_electrostatic_potential()).mean(axis=(0, 1)).tolist(),
        "height": float(atoms.cell[2, 2]),
        "fermi_level": float(gpaw.get_fermi_level()),
        "edge": _DIPOLE_EDGE if "poissonsolver" in parameters else 0.0,
    }


def write_density(calculator: Any, atoms: Any, spacing: float, file: Path) -> None:
    """Write GPAW's all-electron density, both spins together, on a grid of about `spacing` (Å).

    GPAW cannot go below the grid of its plane waves: a grid that would be coarser becomes that one.
    """
    densities = calculator.inner.dft.densities()
    densities.nt_sR, densities.D_asii = densities.nt_sR.to_xp(np), densities.D_asii.to_xp(np)  # from a card, if on one
    try:
        density = densities.all_electron_densities(grid_spacing=spacing)
    except ValueError:
        density = densities.all_electron_densities(grid_refinement=1)
    values = density.gather()
    if world.rank == 0:
        grid = DensityGrid(
            values.data[: min(2, len(values.data))].sum(axis=0), atoms.cell.array, atoms.positions, atoms.numbers
        )
        grid.save(file)
    world.barrier()


def mixing() -> dict[str, Any]:
    """Return the mixer that remembers, for the GPAW whose insides it knows; empty for another one: GPAW's own."""
    import gpaw

    if not gpaw.__version__.startswith(_MIXER_KNOWS):
        return {}
    from anodeflow.backends.gpaw.mixer import RememberingMSR1

    return {"mixer": RememberingMSR1()}


def make_calculator(
    parameters: dict[str, Any], atoms: Any, log: Path, counter: ScfWatch, shift: bool = True
) -> FromOrigin:
    """Return a GPAW calculator; with `hot_start`, one that begins from a converged hotter state.

    `shift`: whether it may shift the atoms so that their symmetry is about the origin.
    """
    from gpaw import GPAW

    parameters = mixing() | parameters
    hot = parameters.pop("hot_start", None)
    text = log.open("a", encoding="utf-8") if world.rank == 0 else None
    symmetry = parameters.get("symmetry", {})
    labels = symmetry.get("extra_ids", [0] * len(atoms))
    tolerance = symmetry.get("tolerance", 1e-5) if shift and symmetry.get("point_group", True) else None

    def from_origin(calculator: Any) -> FromOrigin:
        return FromOrigin(calculator, labels, tolerance)

    keep_orthonormal()
    if parameters.get("parallel", {}).get("gpu"):
        mend_dipole_layer()
    calculator = GPAW(**with_criteria(parameters), txt=text)
    if hot:
        asked = calculator.params
        occupations = parameters["occupations"] | {"width": parameters["occupations"]["width"] * hot}
        calculator = GPAW(**with_criteria(parameters | {"occupations": occupations}), txt=text)
        calculator.hooks["scf_step"] = counter
        hot_atoms = atoms.copy()
        hot_atoms.calc = from_origin(calculator)
        hot_atoms.get_potential_energy()
        # GPAW 26.7 ignores `occupations` when it starts from a file: cool the living calculator down instead.
        calculator.dft.scf_loop.occ_calc.occ._width /= hot
        calculator.dft.results.clear()
        calculator.params = asked
    calculator.hooks["scf_step"] = counter
    return from_origin(calculator)


def finish(folder: Path, outcome: dict[str, Any]) -> None:
    """Write the outcome, on one rank."""
    if world.rank == 0:
        write_atomically(folder / "outcome.json", json.dumps(outcome))
    world.barrier()


if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # a rank ends with its launcher
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(Path(sys.argv[-1])))
