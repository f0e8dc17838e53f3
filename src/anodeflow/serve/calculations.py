"""Calculations: their numbers, the curves of how they got there, and their structures."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from anodeflow.execution.state import StepStatus
from anodeflow.serve.charts import Chart
from anodeflow.serve.files import json_file, structure_file
from anodeflow.serve.services import Services, missing, polled

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from starlette.requests import Request
    from starlette.responses import Response

_FRAMES = 60
"""Steps of a relaxation that are shown in three dimensions at most."""


class Calculations:
    """Pages and files of calculations."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def show(self, request: "Request") -> "Response":
        """Show one calculation: its document if it has ended, and how it got there."""
        identity = request.path_params["id"]
        folder = self.services.folder(identity)
        document = self.services.calculations([identity]).get(identity)
        step = self._step(identity)
        if folder is None and document is None and step is None:
            return missing(f"There is no calculation {identity} here.")
        from anodeflow.serve.structures import structures

        scene = None if request.headers.get("hx-request") else self._scene(identity, document)
        return polled(
            request, "calculation", id=identity, document=document, step=step,
            charts=charts(self.services, identity, document), scene=scene,
            structures=list(structures(document)) if document is not None else [],
        )  # fmt: skip

    def as_json(self, request: "Request") -> "Response":
        """Hand out the document of a calculation as JSON."""
        identity = request.path_params["id"]
        document = self.services.calculations([identity]).get(identity)
        if document is None:
            return missing(f"The database has no calculation {identity}.")
        return json_file(document, f"calculation-{identity[:12]}")

    def structure(self, request: "Request") -> "Response":
        """Hand out a structure of a calculation as CIF or extended XYZ."""
        identity = request.path_params["id"]
        document = self.services.calculations([identity]).get(identity)
        if document is None:
            return missing(f"The database has no calculation {identity}.")
        return structure_file(document, request.path_params["name"], f"calculation-{identity[:12]}")

    def _step(self, identity: str) -> StepStatus | None:
        states = self.services.states
        steps = (step for name in states.names() for state in states.of(name) for step in state.steps)
        return next((step for step in steps if step.calculation_id == identity), None)

    def _scene(self, identity: str, document: Any) -> Any:
        """Return the way of a relaxation, or the images of a path, in three dimensions; none: nothing is known."""
        from anodeflow.report.view3d.cells import cell_scene

        frames: list[tuple[str, Structure]] = []
        if document is not None and getattr(document, "images", None):
            energies = document.image_energies
            frames = [
                (f"image {n}: {energy - energies[0]:+.3f} eV", image)
                for n, (image, energy) in enumerate(zip(document.images, energies, strict=True))
            ]
        elif document is not None:
            frames = [("as handed in", document.initial_structure), *self._steps(identity, document)]
            frames.append(("at the end", document.structure))
        if not frames:
            return None
        return cell_scene(frames, f"structure-{identity[:12]}", "Structure", "The cell as it was computed.")

    def _steps(self, identity: str, document: Any) -> "list[tuple[str, Structure]]":
        """Return the geometries on record between the first and the last."""
        from pymatgen.core import Lattice, Structure

        folder = self.services.folder(identity)
        every = folder.steps()[1:-1] if folder is not None else []
        species = [site.specie for site in document.structure]
        apart = -(-len(every) // _FRAMES) or 1
        return [
            (
                f"step {number}: {step['energy']:.4f} eV",
                Structure(
                    Lattice(step.get("cell") or document.structure.lattice.matrix, document.structure.lattice.pbc),
                    species, step["positions"], coords_are_cartesian=True,
                ),
            )
            for number, step in list(enumerate(every, 2))[::apart]
            if len(step["positions"]) == len(species)
        ]  # fmt: skip


def charts(services: Services, identity: str, document: Any = None) -> list[Chart]:
    """Return the curves of a calculation; where its folder is elsewhere, what its document alone tells.

    A path that has ended is shown whole, as its document has it: the record knows neither the ends nor the images that
    symmetry gives.
    """
    from anodeflow.backends.scf_log import last_scf  # codes and their units, a second of imports

    found = []
    if whole := getattr(document, "image_energies", None):
        profile = [(number, energy - whole[0]) for number, energy in enumerate(whole)]
        found.append(Chart("Energy of the images over the first (eV)", "image", profile))
    folder = services.folder(identity)
    if folder is None:
        return found
    curves = services.records.curves(folder.steps_file)
    # Codes that run in this process, such as a potential, write no input: their document has the settings.
    asked = folder.read(folder.input) or getattr(document, "settings", None)
    target = (asked.get("relaxation") or {}).get("force_threshold") if isinstance(asked, dict) else None
    scf = last_scf(folder.path)
    if curves.images and not found:
        numbers = sorted(curves.images)
        low = min(curves.images.values())
        found.append(
            Chart("Energy of the images over the lowest (eV)", "image", [(n, curves.images[n] - low) for n in numbers])
        )
    if len(curves.energies) > 1:
        first = curves.energies[0]
        energies = [(n, energy - first) for n, energy in enumerate(curves.energies, 1)]
        forces = list(enumerate(curves.forces, 1))
        found.append(Chart("Energy since the first step (eV)", "ionic step", energies))
        found.append(Chart("Largest force (eV/Å)", "ionic step", forces, target, logarithmic=True))
    changes = [(n, abs(after - before)) for (_, before), (n, after) in pairwise(scf)]
    if changes:
        found.append(Chart("SCF: change of the energy (eV)", "iteration", changes, logarithmic=True))
    if len(curves.scf_cycles) > 1:
        found.append(Chart("SCF cycles of each step", "ionic step", list(enumerate(curves.scf_cycles, 1))))
    return found
