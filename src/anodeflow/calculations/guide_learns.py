"""What the potential that guides calculations learns from them, and the better places to begin that it then knows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.hessian import START
from anodeflow.backends.features import Features
from anodeflow.calculations.document import LearnedStart
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide_of import NEARBY, WITHIN, Guide, guide_of, learns, learns_path, tried
from anodeflow.calculations.potential_hessian import potential_hessian
from anodeflow.calculations.profile import DIP
from anodeflow.calculations.request import Request
from anodeflow.core.settings import get_settings
from anodeflow.learning.data import Pair, chosen, keep, lesson_of, lessons
from anodeflow.learning.model import LearnedModel, fit
from anodeflow.learning.start import FARTHEST, TOO_FAR, Start, minimum, path

_CERTAIN, _SHALLOW = 0.03, 0.1  # eV, –


@dataclass(frozen=True)
class Beginning:
    """Where a calculation begins, and the calculator of the potential whose Hessian it begins with."""

    structure: Structure
    calculator: Any


def learned_start(
    request: Request, guide: Guide, backend: Backend, folder: CalculationFolder, tell: Any
) -> Beginning | None:
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
        nearby = request.guide.get(NEARBY)
        if nearby is True:
            return Beginning(request.structure, corrected)
        found = minimum(request.structure, corrected, TOO_FAR if nearby == WITHIN else FARTHEST)
        if found is None and nearby == WITHIN:
            return Beginning(request.structure, corrected)
    if found is None:
        return None
    before = request.images[1:-1] or (request.structure,)
    pairs = list(zip(before, found.images, strict=True))
    uncertain = [_uncertainties(model, guide.features, one, [other])[0] for one, other in pairs]
    if found.way:
        believed = leads_down(model, guide.features, request.structure, found)
    else:
        believed = all(error < _matters(*pair, corrected) for pair, error in zip(pairs, uncertain, strict=True))
    if max(uncertain) > _CERTAIN and not (found.way and believed):
        return None
    if not believed:
        return Beginning(before[0], corrected)
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
    goal = "path" if learns_path(request) else "saddle" if request.task == "neb" else "minimum"
    tell(
        "running",
        message=f"begins {found.displacement:.2f} Å away, where {guide.potential.name} corrected by "
        f"{len(model.lessons)} calculations has its {goal}",
    )
    return Beginning(found.images[0], corrected)


def leads_down(model: LearnedModel, features: Features, before: Structure, found: Start) -> bool:
    """Return whether the way to a minimum leads down, by two standard deviations of what a model says.

    The minimum lies lower then than the start, and nothing on the way more than a shallow well higher, which DFT might
    have there: 10 meV, or a tenth of what the way gains. Where that is not certain, the start may be a minimum of DFT.
    To a minimum farther away than 0.5 Å the deviation is that of the regression together with what models got wrong in
    energies that they had not seen. Alone it was too small once a dozen calculations had taught: 0.3 to 3 meV, where
    the energies of the next relaxations were wrong by up to 15 (Li on Li3Mg7(001), SevenNet-0 for l3i5).
    """
    uncertain = _uncertainties(model, features, before, [there for there, _ in found.way])
    bound = [energy + 2 * error for (_, energy), error in zip(found.way, uncertain, strict=True)]
    end = bound[-1]
    if found.displacement > TOO_FAR:
        unseen = np.inf if model.energy_error is None else model.energy_error
        end = found.way[-1][1] + 2 * float(np.hypot(uncertain[-1], unseen))
    return end < 0 and max(bound) < max(DIP, -_SHALLOW * found.way[-1][1])


def _uncertainties(
    model: LearnedModel, features: Features, before: Structure, after: Sequence[Structure]
) -> list[float]:
    """Return how well a model knows the changes of energy from one geometry to others of the same atoms, eV.

    What it does not know to within 0.03 eV is not tried, but for minima to which the way certainly leads down. A model
    that saw clean slabs alone (0.16 eV uncertain) put the first adatom where forces were six times larger than before;
    those that were certain to 0.02 eV lessened them to a half, a fourth, a seventh.
    """
    elements = sorted({site.specie.symbol for site in before})
    values = []
    for structure in (before, *after):
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        atoms.set_constraint()
        values.append(features.values(atoms, elements))
    return [model.uncertainty(features.labels(elements), value - values[0]) for value in values[1:]]


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
    guide = guide_of(request, folder) if learns(request) else None
    model = learned_model(backend, guide.potential, guide.features) if guide else None
    if guide is None or model is None or not model.helps:
        return None
    return potential_hessian(request.structure, guide.features.corrected(model.by_label()))


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
        guide = guide_of(request, folder)
        if guide is None:
            return
        place = learning_folder(backend, guide.potential, guide.features)
        if (place / f"{folder.path.name}.npz").exists():
            return
        steps = chosen(folder.steps())
        if steps:

            def told() -> Iterator[dict[str, Any]]:
                for number, step in enumerate(steps, 1):
                    tell("running", message=f"teaches {guide.potential.name}: geometry {number} of {len(steps)}")
                    yield step

            atoms = AseAtomsAdaptor.get_atoms(request.structure, msonable=False)
            lesson = lesson_of(folder.path.name, atoms, told(), guide.calculator, guide.features)
            keep(place, lesson, Pair.of(backend, guide.potential, guide.features))

    tried(learn, tell, f"{request.guide.get('name', 'the potential')} learns nothing from it")
