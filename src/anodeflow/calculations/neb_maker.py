"""The Maker of nudged elastic bands, and the document made of what a code recorded."""

from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.band_driver import computed_images
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.makers import compute
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.placement import placed_job
from anodeflow.calculations.recorded import common_fields
from anodeflow.calculations.request import Request
from anodeflow.calculations.saddle_rest import energy_over_rest
from anodeflow.calculations.screening_document import BandRecord
from anodeflow.core.caveats import Caveat, told_by
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.core.settings import get_settings
from anodeflow.structures.geometry.positions import largest_distance, placed
from anodeflow.structures.sites.path_symmetry import PathSymmetry

_MATTERS = 0.005  # eV
FAR = 0.6
"""How far an atom may move from the potential's saddle to that of the code before it is doubted, Å."""


@dataclass
class NebMaker(Maker):
    """Makes the job that relaxes one path, or finds it relaxed.

    Attributes
    ----------
    name
        Name of the job.
    backend
        The backend as plain data (it travels to the cluster with the job).
    guide
        A potential as plain data: the climb of a single image from its saddle begins with its Hessian. Empty: none.
    """

    name: str = "neb"
    backend: dict[str, Any] = field(default_factory=dict)
    guide: dict[str, Any] = field(default_factory=dict)

    @placed_job(output_schema=NebDoc, data=NebDoc.large_parts())
    def make(
        self,
        images: list[Structure],
        energies: tuple[float, float],
        label: str = "",
        symmetry: PathSymmetry | None = None,
        band: BandRecord | None = None,
        tangent: list[list[float]] | None = None,
    ) -> NebDoc:
        """Relax a path, or one saddle.

        Parameters
        ----------
        images
            Initial path, its two relaxed ends included: the same atoms in the same order, with their
            `selective_dynamics` (and `magmom`); interior images lie near the path that is looked for.
        energies
            Energies of the two ends, extrapolated to zero smearing, eV; they are not computed again.
        label
            What it is, for people: shown in progress, status and report.
        symmetry
            Operation that turns the path round: only half of the images is then computed.
        band
            Path of a potential that `images` come from, for the document.
        tangent
            Direction of the path (n, 3) at the only image between the ends, of unit length: the image climbs along it
            from the start. Without it, the direction follows from the three images.

        Returns
        -------
        NebDoc

        Raises
        ------
        InputError
            If the images do not make a path.
        CalculationError
            If the code fails; the message names its log.
        """
        document = self.calculate(images, energies, label, symmetry, tangent)
        return document if band is None else with_band(document, band)

    def calculate(
        self,
        images: list[Structure],
        energies: tuple[float, float],
        label: str = "",
        symmetry: PathSymmetry | None = None,
        tangent: list[list[float]] | None = None,
    ) -> NebDoc:
        """Do at once, outside a workflow, what the job of :meth:`make` does."""
        from anodeflow.backends.registry import from_recipe

        backend = from_recipe(self.backend)
        label = label or f"neb {images[0].composition.reduced_formula}"
        _check_path(images, label)
        request = self._request(backend, images, energies, symmetry, tangent)
        return compute(backend, request, label, NebDoc, _neb_document)

    def is_begun(
        self, images: list[Structure], energies: tuple[float, float], symmetry: PathSymmetry | None = None
    ) -> bool:
        """Return whether a path was computed, or begun, in this home; parameters as of :meth:`make`."""
        from anodeflow.backends.registry import from_recipe

        backend = from_recipe(self.backend)
        address = backend.address(self._request(backend, images, energies, symmetry))
        return bool(CalculationFolder(get_settings().calculation(address)).steps())

    def _request(
        self,
        backend: Backend,
        images: list[Structure],
        energies: tuple[float, float],
        symmetry: PathSymmetry | None,
        tangent: list[list[float]] | None = None,
    ) -> Request:
        options: dict[str, Any] = {
            "energies": [float(energy) for energy in energies],
            "settings": backend.path.model_dump(),
            "symmetry": symmetry and symmetry.model_dump(),
        }
        if tangent is not None:
            options["tangent"] = tangent
        return Request("neb", images[0], tuple(images), options, self.guide)


def with_band(document: NebDoc, band: BandRecord) -> NebDoc:
    """Return the document of a path with the potential's path it started from, and warnings on what became of it."""
    warnings = list(document.warnings)
    if band.mode == "saddle":
        if document.energy < max(document.image_energies[0], document.image_energies[-1]):
            warnings.append(
                Caveat("saddle-below-end", "the saddle lies below an end: compute the whole path (paths: band)")
            )
        away = largest_distance(document.initial_images[1], document.images[1])
        if away > FAR:
            warnings.append(
                Caveat(
                    "saddle-moved",
                    f"the saddle lies {away:.2f} Å from where {band.backend} has it: it may be another one; compute "
                    "the whole path (paths: band)",
                )
            )
    return document.model_copy(update={"potential_path": band, "warnings": warnings})


def _check_path(images: list[Structure], label: str) -> None:
    """Raise InputError unless the images are the same atoms in the same order and cell, and the ends differ."""
    if len(images) < 3:
        raise InputError(f"{label}: a path needs its two ends and at least one image between them.")
    first = images[0]
    for number, image in enumerate(images):
        if image.species != first.species:
            raise InputError(f"{label}: image {number} has other atoms, or another order of them, than image 0.")
        if abs(image.lattice.matrix - first.lattice.matrix).max() > 1e-6:
            raise InputError(f"{label}: image {number} has another cell than image 0.")
    moved = max(a.distance(b) for a, b in zip(first, images[-1], strict=True))
    if moved < 0.1:
        raise InputError(f"{label}: the two ends are the same (no atom moves more than {moved:.2f} Å): nothing hops.")


def _neb_document(backend: Backend, request: Request, folder: CalculationFolder, address: str, label: str) -> NebDoc:
    """Put the document together from the recorded images and the outcome."""
    steps, outcome = folder.steps(), folder.read(folder.outcome)
    if outcome is None or "images" not in outcome:
        raise CalculationError(f"{label}: {backend.code} left no result in {folder.path}; see the logs there.")
    images = [placed(start, image["positions"]) for start, image in zip(request.images, outcome["images"], strict=True)]
    climbing = outcome["climbing_image"]
    saddle = outcome["images"][climbing]
    symmetry = request.options["symmetry"]
    computed = computed_images(len(images), symmetry is not None)
    iterations = max((sum(step["image"] == index for step in steps) for index in computed), default=0)
    warnings = told_by(outcome)
    if not outcome["converged"]:
        warnings.append(
            Caveat(
                "not-converged",
                f"not converged after {iterations} iterations: largest force on the band {outcome['residual']:.3f} "
                "eV/Å; run it again to go on",
            )
        )
    left = energy_over_rest(request, folder, steps)
    early, taken = bool(outcome.get("ended_early")), outcome.get("over_rest")
    name = request.guide.get("name", "the potential")
    if early:
        warnings.append(_early(backend, len(steps), taken, outcome["residual"], name))
    elif left is not None and outcome["converged"] and abs(left) > _MATTERS:
        warnings.append(
            Caveat(
                "saddle-force-left",
                f"a force of {outcome['residual']:.3f} eV/Å is left at the saddle: by the second derivatives of {name} "
                f"it would come to rest {abs(left):.3f} eV {'lower' if left > 0 else 'higher'}",
            )
        )
    energies = [image["energy"] - (taken or 0.0) * (i == climbing) for i, image in enumerate(outcome["images"])]
    return NebDoc(
        **common_fields(backend, request, folder, address, label, steps)
        | {"settings": backend.all_settings() | {"path": backend.path.model_dump()}},
        structure=images[climbing],
        energy=energies[climbing],
        free_energy=saddle["free_energy"] - (taken or 0.0),
        evaluated_energy=None if taken is None else saddle["energy"],
        remaining_energy=taken,
        forces=saddle["forces"],
        max_force=outcome["residual"],
        converged=outcome["converged"],
        ionic_steps=iterations,
        remedies=outcome.get("remedies", []),
        warnings=warnings,
        images=images,
        initial_images=list(request.images),
        image_energies=energies,
        image_forces=[image["forces"] for image in outcome["images"]],
        symmetry=symmetry,
        climbing_image=climbing,
        energy_over_rest=None if early else left,
        computed_images=outcome.get("computed_images", len(computed)),
    )


def _early(backend: Backend, count: int, taken: float | None, force: float, name: str) -> Caveat:
    """Return the caveat of a climb that ended before its forces (eV/Å) were small; `taken`: eV, off its energy."""
    asked = backend.path
    if asked.energy_tolerance is not None and taken is not None and abs(taken) < asked.energy_tolerance:
        text = (
            f"ended by its energy: by what {name} knows the saddle comes to rest {1e3 * abs(taken):.1f} meV "
            f"{'lower' if taken > 0 else 'higher'}, which is taken into account; largest force {force:.3f} eV/Å"
        )
        return Caveat("ended-by-energy", text)
    times = "1 evaluation" if count == 1 else f"{count} evaluations"
    if taken is None:
        left = f"how far it is from its saddle the second derivatives of {name} do not say"
    else:
        left = (
            f"by the second derivatives of {name}, an estimate, it comes to rest {1e3 * abs(taken):.1f} meV "
            f"{'lower' if taken > 0 else 'higher'}, which is taken into account"
        )
    return Caveat("few-evaluations", f"ended after {times}, as asked: {left}; largest force {force:.3f} eV/Å")
