"""The plain way: what a user would write today with the parts of ASE and pymatgen, every site and image by GPAW.

Bulk, slab and all sites are relaxed with ASE's BFGS as it comes, each from its generated geometry (sites of pymatgen's
AdsorbateSiteFinder, 2 Å over the surface as it puts them); a hop is five images, IDPP, ASE's climbing band with BFGS.
GPAW's parameters and the thresholds are those of the backend file. Each step leaves `result.json` in a folder of its
own; run again, finished steps are skipped and the others go on from their last geometry.
"""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.io import Trajectory, read
from ase.mep import NEB
from ase.optimize import BFGS
from pymatgen.analysis.adsorption import AdsorbateSiteFinder
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from surroundings import stopwatch

from anodeflow.backends.gpaw.backend import GpawBackend
from anodeflow.structures.bulk.atom import isolated_atom
from anodeflow.structures.bulk.catalogue import elemental_bulk, host_lattice, load_structure
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

_LOSSES = 10  # of symmetry, at most
_IMAGES = 5


class PlainWay:
    """Computes a case step by step.

    Parameters
    ----------
    backend
        Whose GPAW parameters and thresholds are used.
    folder
        Where the steps have their folders.
    settings
        Settings of the backend that differ for the surface and its bulk, not for the references.
    """

    def __init__(self, backend: GpawBackend, folder: Path, settings: dict[str, Any]) -> None:
        self.references, self.backend, self.folder = backend, backend.with_settings(settings), folder
        self.steps: list[Path] = []

    def adsorption(
        self, structure: str, spec: SlabSpec, adsorbate: str, moment: float | None, kinds: Sequence[str]
    ) -> dict[str, Any]:
        """Return the binding energies (eV) of an adatom on the sites of a slab, and the lowest.

        Parameters
        ----------
        structure
            Name of the bulk.
        spec
            The slab.
        adsorbate
            Element of the adatom.
        moment
            Initial magnetic moment of the adatom on the slab, µB; none: without spin.
        kinds
            Which of pymatgen's kinds of sites: ontop, bridge, hollow.
        """
        metal = elemental_bulk(adsorbate)
        reference = self.relax(f"bulk {metal}", load_structure(metal), True, self.references)
        bulk = reference if structure == metal else self.relax(f"bulk {structure}", load_structure(structure), True)
        atom = self.relax(f"atom {adsorbate}", isolated_atom(adsorbate), backend=self.references)
        cell = build_slab(placed(load_structure(structure), bulk), spec, host_lattice(structure))
        slab = self.relax("slab", cell.structure)
        clean = placed(cell.structure, slab)
        found = AdsorbateSiteFinder(clean.copy(site_properties={})).find_adsorption_sites(distance=2.0)
        sites: dict[str, dict[str, Any]] = {}
        for kind in kinds:
            for number, position in enumerate(found[kind]):
                name = f"site {kind} {number}"
                start = with_adatom(clean, position, adsorbate, moment)
                sites[name] = self.relax(name, start) | {"start": np.asarray(position).tolist()}
        per_atom = reference["energy"] / len(reference["positions"])
        energies = {name: site["energy"] - slab["energy"] - atom["energy"] for name, site in sites.items()}
        best = min(energies, key=lambda name: energies[name])
        return {
            "binding_energy": energies[best],
            "binding_energy_bulk": energies[best] + atom["energy"] - per_atom,
            "sites": energies,
            "best": best,
            "cell": cell,
            "clean": clean,
            "relaxed": sites,
        }

    def hop(self, study: dict[str, Any], adsorbate: str, moment: float | None) -> float:
        """Return the barrier (eV) of the hop from the best site to its copy one surface vector away."""
        cell, clean, best = study["cell"], study["clean"], study["relaxed"][study["best"]]
        vector = np.linalg.solve(np.array(cell.supercell), clean.lattice.matrix[:2])[0]
        first = with_adatom(clean, np.array(best["start"]), adsorbate, moment)
        last = with_adatom(clean, np.array(best["start"]) + vector, adsorbate, moment)
        end = self.relax("hop end", last)
        return self.band("band", placed(first, best), placed(last, end), (best["energy"], end["energy"]))

    def relax(
        self, name: str, structure: Structure, cell: bool = False, backend: GpawBackend | None = None
    ) -> dict[str, Any]:
        """Return energy (eV), positions and cell (Å) of the relaxed structure; a single atom is evaluated as it is."""

        def work(folder: Path) -> dict[str, Any]:
            atoms = to_atoms(structure)
            restart(atoms, folder / "relax.traj")
            used = backend or self.backend
            limits = used.relaxation
            target: Any = FrechetCellFilter(atoms) if cell else atoms
            atoms.calc = calculator(used, structure, folder)
            optimizer = BFGS(target, logfile=str(folder / "bfgs.log"), append_trajectory=True)
            optimizer.attach(Trajectory(str(folder / "relax.traj"), "a", atoms))
            for _ in optimizer.irun(fmax=0, steps=limits.max_steps):
                force = np.linalg.norm(atoms.get_forces(), axis=1).max()
                strained = cell and np.abs(atoms.get_stress()).max() >= limits.stress_threshold
                if len(atoms) == 1 or (force < limits.force_threshold and not strained):
                    break
            else:
                raise RuntimeError(f"{name} did not converge")
            energy = float(atoms.get_potential_energy())
            return {"energy": energy, "positions": atoms.positions.tolist(), "cell": atoms.cell.tolist()}

        return self.step(name, work)

    def band(self, name: str, first: Structure, last: Structure, energies: tuple[float, float]) -> float:
        """Return the barrier (eV) of the path between two relaxed ends."""

        def work(folder: Path) -> dict[str, Any]:
            images = [to_atoms(first) for _ in range(_IMAGES + 1)] + [to_atoms(last)]
            path = folder / "band.traj"
            if path.exists():
                for image, known in zip(images, read(path, f"-{_IMAGES + 2}:"), strict=True):
                    image.positions = known.positions
            band = NEB(images, climb=True, method="improvedtangent", k=self.backend.path.spring_constant)
            if not path.exists():
                band.interpolate("idpp", mic=True, apply_constraint=True)
            for image in images:
                image.calc = calculator(self.backend, first, folder)
            optimizer = BFGS(band, logfile=str(folder / "bfgs.log"))
            optimizer.attach(lambda: [Trajectory(str(path), "a", image).write() for image in images])
            if not optimizer.run(fmax=self.backend.path.force_threshold, steps=self.backend.path.max_steps):
                raise RuntimeError("the band did not converge")
            highest = max(image.get_potential_energy() for image in images[1:-1])
            return {"barrier": float(highest - energies[0]), "iterations": optimizer.nsteps + 1}

        return self.step(name, work)["barrier"]

    def step(self, name: str, work: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """Return the result of a step, from its folder if it is there; a lost symmetry is found anew by GPAW."""
        from gpaw.new.symmetry import SymmetryBrokenError

        folder = self.folder / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "result.json"
        self.steps.append(folder)
        if file.exists():
            return json.loads(file.read_text())
        logging.info("plain: %s", name)
        for attempt in range(_LOSSES):
            try:
                with stopwatch(folder / "times.json"):
                    result = work(folder)
                break
            except SymmetryBrokenError:
                if attempt == _LOSSES - 1:
                    raise
        file.write_text(json.dumps(result))
        return result

    def times(self) -> dict[str, float]:
        """Return what the steps took together, all attempts: `wall_time` and `processor_time`, s."""
        each = [json.loads((step / "times.json").read_text()) for step in self.steps]
        return {key: sum(times[key] for times in each) for key in each[0]}


def calculator(backend: GpawBackend, structure: Structure, folder: Path) -> Any:
    """Return GPAW with the backend's parameters for `structure`; its log is appended to `gpaw.txt`."""
    from gpaw import GPAW

    return GPAW(**backend.parameters(structure), txt=(folder / "gpaw.txt").open("a"))


def to_atoms(structure: Structure) -> Atoms:
    """Return a structure as ASE has it, fixed atoms and moments included."""
    return AseAtomsAdaptor.get_atoms(structure, msonable=False)


def restart(atoms: Atoms, trajectory: Path) -> None:
    """Put the atoms where a trajectory ends, if there is one with a step in it."""
    if trajectory.exists() and trajectory.stat().st_size:
        last = read(trajectory, -1)
        atoms.set_cell(last.cell, apply_constraint=False)
        atoms.set_positions(last.positions, apply_constraint=False)


def placed(structure: Structure, result: dict[str, Any]) -> Structure:
    """Return a structure at positions and in the cell of a result."""
    from anodeflow.structures.geometry.positions import placed as at

    return at(structure, result["positions"], result["cell"])


def with_adatom(slab: Structure, position: Any, element: str, moment: float | None) -> Structure:
    """Return a slab with an adatom, free to move, as its last atom."""
    free = [*slab.site_properties["selective_dynamics"], [True] * 3]
    properties = {"selective_dynamics": free}
    if moment is not None:
        properties["magmom"] = [0.0] * len(slab) + [moment]
    positions = [*slab.cart_coords, position]
    species = [*slab.species, element]
    return Structure(slab.lattice, species, positions, coords_are_cartesian=True, site_properties=properties)
