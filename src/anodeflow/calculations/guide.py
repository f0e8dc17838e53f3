"""Gives a relaxation, or the search of one saddle, what a cheap potential knows to begin with.

That is its Hessian; and where it learns from DFT (`learn`), a better place to begin: the minimum or saddle of the
potential corrected by what finished calculations taught (:mod:`anodeflow.learning`). Neither is in the address of the
calculation: both change the way, not the result. Whatever fails here is told and done without: it is a help, not a
condition.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from monty.json import MontyEncoder
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.hessian import START, finite_difference_hessian, hessian_file
from anodeflow.backends.features import Features
from anodeflow.calculations.document import LearnedStart
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.core.settings import get_settings
from anodeflow.learning.data import Pair, chosen, keep, lesson_of, lessons
from anodeflow.learning.model import LearnedModel, fit
from anodeflow.learning.start import minimum, path
from anodeflow.learning.surrogate import SURROGATE, Surrogate
from anodeflow.structures.geometry.symmetrise import symmetrised_hessian

if TYPE_CHECKING:
    from anodeflow.backends.inprocess import InProcessBackend

_CERTAIN = 0.03  # eV


@dataclass(frozen=True)
class _Guide:
    """A potential that works here.

    Attributes
    ----------
    potential
        Its backend.
    calculator
        Its ASE calculator.
    features
        In which its error is learned.
    """

    potential: "InProcessBackend"
    calculator: Any
    features: Features

    def potential_features(self, folder: CalculationFolder) -> Features:
        """Return features of a calculator of their own: each image of a path wants one."""
        return self.potential.features(self.potential.calculator_in(folder.path))


def learns(request: Request) -> bool:
    """Whether a calculation is guided by a potential that learns from it."""
    return bool(request.guide.get("learn")) and (_is_guided(request) or request.task == "modes")


def recipe_of(guide: dict[str, Any]) -> dict[str, Any]:
    """Return the potential of a guide as plain data, without what is asked of it besides."""
    return {key: value for key, value in guide.items() if key != "learn"}


def _is_guided(request: Request) -> bool:
    return bool(request.guide) and (request.task == "relax" or _climbs(request) or _learns_path(request))


def _learns_path(request: Request) -> bool:
    """Whether it is a whole path: a Hessian is no help there, another beginning is."""
    return request.task == "neb" and bool(request.guide.get("learn")) and not _climbs(request)


def _climbs(request: Request) -> bool:
    return request.task == "neb" and "tangent" in request.options


def _guide_of(request: Request, folder: CalculationFolder) -> _Guide | None:
    """Return the potential of a request; none if its forces are not cheap."""
    from anodeflow.backends.inprocess import InProcessBackend
    from anodeflow.backends.registry import from_recipe

    potential = from_recipe(recipe_of(request.guide))
    if not (isinstance(potential, InProcessBackend) and potential.cheap_forces):
        return None
    potential.check_available()
    potential.check_elements({site.specie.symbol for site in request.structure})
    calculator = potential.calculator_in(folder.path)
    return _Guide(potential, calculator, potential.features(calculator))


def with_surrogate(request: Request, folder: CalculationFolder, backend: Backend, tell: Any) -> Request:
    """Return a request with what says where it goes next, if its potential learns; as it is, where that does not work.

    Parameters
    ----------
    request
        As it begins (:func:`anodeflow.calculations.guide_files.started`).
    folder
        Its folder, which gets what another process makes the same surrogate of.
    backend
        Who computes it.
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    """
    if not request.guide.get("learn") or not _is_guided(request):
        return request
    begun = request

    def add() -> None:
        nonlocal begun
        guide = _guide_of(request, folder)
        if guide is None:
            return
        model = learned_model(backend, guide.potential, guide.features)
        weights = model.by_label() if model is not None and model.helps else {}
        calculators = [guide.calculator, *([guide.features.corrected(weights)] if weights else [])]
        settings = request.options["settings"] if request.images else backend.relaxation.model_dump()
        surrogate = Surrogate(request, calculators, settings["force_threshold"])
        content = surrogate.plain(guide.potential.recipe(), weights)
        folder.write(folder.path / SURROGATE, json.dumps(content, cls=MontyEncoder))
        begun = replace(request, surrogate=surrogate)

    _tried(add, tell, "goes its way without proposals of the potential")
    return begun


def prepare_guide(request: Request, folder: CalculationFolder, backend: Backend | None, tell: Any) -> None:
    """Put start and Hessian of a request's guide into the folder, where :func:`started` and the driver look for them.

    The Hessian has the symmetry of the geometry it belongs to, which the noise of a potential would break. Nothing
    where there is no guide, the task is neither a relaxation of positions nor the climb of a single image, or the guide
    does not work here: the relaxation then begins where it was told, with one curvature for all directions, and ends at
    the same place.

    Parameters
    ----------
    request
        What is about to be computed; no step of it was.
    folder
        Its folder.
    backend
        Who computes it; none: nothing is learned.
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    """
    file = hessian_file(folder.steps_file)
    file.unlink(missing_ok=True)
    (folder.path / START).unlink(missing_ok=True)
    if not _is_guided(request):
        return

    def prepare() -> None:
        guide = _guide_of(request, folder)
        if guide is None:
            return
        begins = _Beginning(request.images[1] if _climbs(request) else request.structure, guide.calculator)
        if backend is not None and learns(request):
            try:
                begins = _learned_start(request, guide, backend, folder, tell) or begins
            except Exception as error:  # whatever a potential's package raises
                (folder.path / START).unlink(missing_ok=True)
                tell("running", message=f"begins as if {guide.potential.name} had learned nothing: {error}")
        if _learns_path(request):
            return
        atoms = AseAtomsAdaptor.get_atoms(begins.structure, msonable=False)
        hessian = symmetrised_hessian(begins.structure, finite_difference_hessian(atoms, begins.calculator))
        if np.isfinite(hessian).all():
            with file.open("wb") as stream:
                np.save(stream, hessian)

    name = request.guide.get("name", "the potential")
    _tried(prepare, tell, f"begins without the Hessian of {name}")


def _tried(action: Callable[[], None], tell: Any, without: str) -> None:
    """Do what is a help, not a condition: tell what a potential's package raised, whatever that is."""
    try:
        action()
    except Exception as error:
        tell("running", message=f"{without}: {error}")


@dataclass(frozen=True)
class _Beginning:
    """Where a calculation begins, and the calculator of the potential whose Hessian it begins with."""

    structure: Structure
    calculator: Any


def _learned_start(
    request: Request, guide: _Guide, backend: Backend, folder: CalculationFolder, tell: Any
) -> _Beginning | None:
    """Return where a corrected potential lets it begin, which is written down in its folder if it is another place.

    None where nothing was learned that helps, or the model does not know the way to that place well enough.
    """
    model = learned_model(backend, guide.potential, guide.features)
    if model is None or not model.helps:
        return None
    weights = model.by_label()
    corrected = guide.features.corrected(weights)
    if request.task == "neb":
        found = path(request, lambda: guide.potential_features(folder).corrected(weights))
    else:
        found = minimum(request.structure, corrected)
    if found is None:
        return None
    before = request.images[1:-1] or (request.structure,)
    pairs = list(zip(before, found.images, strict=True))
    uncertain = [_uncertainty(model, guide.features, *pair) for pair in pairs]
    if max(uncertain) > _CERTAIN:
        return None
    if not all(error < _matters(*pair, corrected) for pair, error in zip(pairs, uncertain, strict=True)):
        return _Beginning(before[0], corrected)
    assert model.error_after is not None
    note = LearnedStart(
        model=model.id,
        potential=guide.potential.name,
        calculations=len(model.lessons),
        force_error_before=model.error_before,
        force_error_after=model.error_after,
        energy_error=model.energy_error,
        displacement=found.displacement,
    )
    content = note.model_dump() | {"images": [image.cart_coords.tolist() for image in found.images]}
    folder.write(folder.path / START, json.dumps(content))
    goal = "path" if _learns_path(request) else "saddle" if request.task == "neb" else "minimum"
    tell(
        "running",
        message=f"begins {found.displacement:.2f} Å away, where {guide.potential.name} corrected by "
        f"{len(model.lessons)} calculations has its {goal}",
    )
    return _Beginning(found.images[0], corrected)


def _uncertainty(model: LearnedModel, features: Features, before: Structure, after: Structure) -> float:
    """Return how well a model knows the change of energy from one geometry to another, eV.

    What it does not know to within 0.03 eV is not tried. A model that saw clean slabs alone (0.16 eV uncertain) put the
    first adatom where forces were six times larger than before; those that were certain to 0.02 eV lessened them to a
    half, a fourth, a seventh.
    """
    elements = sorted({site.specie.symbol for site in before})
    values = []
    for structure in (before, after):
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        atoms.set_constraint()
        values.append(features.values(atoms, elements))
    return model.uncertainty(features.labels(elements), values[1] - values[0])


def _matters(before: Structure, after: Structure, calculator: Any) -> float:
    """Return how much energy is at stake between two geometries, eV: half of what the force would do along the way.

    To a minimum that is about what the relaxation gains. To a saddle the energy rises along one direction and falls
    along the others, so force and way count by their lengths.
    """
    atoms = AseAtomsAdaptor.get_atoms(before, msonable=False)
    atoms.calc = calculator
    return float(np.linalg.norm(atoms.get_forces()) * np.linalg.norm(after.cart_coords - before.cart_coords)) / 2


def corrected_hessian(request: Request, folder: CalculationFolder, backend: Backend) -> np.ndarray | None:
    """Return the second derivatives (3 n, 3 n) of the corrected potential, eV/Å²; none where none was learned."""
    guide = _guide_of(request, folder) if learns(request) else None
    model = learned_model(backend, guide.potential, guide.features) if guide else None
    if guide is None or model is None or not model.helps:
        return None
    atoms = AseAtomsAdaptor.get_atoms(request.structure, msonable=False)
    hessian = finite_difference_hessian(atoms, guide.features.corrected(model.by_label()))
    return symmetrised_hessian(request.structure, hessian)


def learning_folder(backend: Backend, potential: Backend, features: Features) -> Path:
    """Return the folder of what a DFT code and a potential taught together."""
    return get_settings().home / "learning" / Pair.of(backend, potential, features).id


def learned_model(backend: Backend, potential: Backend, features: Features) -> LearnedModel | None:
    """Return the correction of a potential that all finished calculations of a DFT code teach; none: there are none."""
    return fit(lessons(learning_folder(backend, potential, features)))


def teach(request: Request, folder: CalculationFolder, backend: Backend, tell: Any) -> None:
    """Let the potential learn from a finished calculation that it guided, once."""
    if not learns(request):
        return

    def learn() -> None:
        guide = _guide_of(request, folder)
        if guide is None:
            return
        place = learning_folder(backend, guide.potential, guide.features)
        if (place / f"{folder.path.name}.npz").exists():
            return
        steps = chosen(folder.steps())
        if steps:
            tell("running", message=f"teaches {guide.potential.name}: {len(steps)} geometries")
            atoms = AseAtomsAdaptor.get_atoms(request.structure, msonable=False)
            lesson = lesson_of(folder.path.name, atoms, steps, guide.calculator, guide.features)
            keep(place, lesson, Pair.of(backend, guide.potential, guide.features))

    _tried(learn, tell, f"{request.guide.get('name', 'the potential')} learns nothing from it")
