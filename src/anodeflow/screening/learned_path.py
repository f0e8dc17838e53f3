"""The path of a hop by what a potential learned, where the potential alone has no end states like those of DFT."""

import logging
import tempfile
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.registry import from_recipe
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.guide_learns import learning_folder
from anodeflow.calculations.guide_of import recipe_of
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.learning.data import Pair
from anodeflow.learning.keeping import Learned, model_from
from anodeflow.screening.path import potential_ends
from anodeflow.structures.geometry.transfer import transferred_path
from anodeflow.structures.sites.path_symmetry import PathSymmetry

_LOGGER = logging.getLogger(__name__)


def learned_path(
    maker: Any, images: list[Structure], symmetry: PathSymmetry | None, label: str
) -> tuple[NebDoc, list[CalculationDoc]] | None:
    """Return the path of a hop by the corrected potential, between its own end states, and these.

    It is computed at once: what the potential has learned by now is known here alone.

    Parameters
    ----------
    maker
        Maker of DFT that relaxes a path, with the potential that guides it.
    images, symmetry, label
        As for that Maker.

    Returns
    -------
    tuple or None
        None where no potential learns beside that Maker, where it learned nothing that helps, or has no such end states
        either: DFT relaxes the whole path then.
    """
    guide, recipe = getattr(maker, "guide", None), getattr(maker, "backend", None)
    if not guide or not guide.get("learn") or not isinstance(recipe, dict):
        return None
    try:
        makers = _makers(recipe, recipe_of(guide))
        return None if makers is None else _path(makers, images, symmetry, f"{label} [{guide['name']}, corrected]")
    except Exception as error:  # whatever a potential's package raises: it is a help, not a condition
        _LOGGER.warning("%s: goes on without the path of the corrected potential: %s", label, error)
        return None


def _makers(recipe: dict[str, Any], guide: dict[str, Any]) -> Makers | None:
    """Return the Makers of a potential corrected by what a code taught it; none: it learned nothing that helps."""
    backend, potential = from_recipe(recipe), from_recipe(guide)
    if not (isinstance(potential, InProcessBackend) and potential.cheap_forces):
        return None
    with tempfile.TemporaryDirectory() as folder:
        features = potential.features(potential.calculator_in(Path(folder)))
    learned = Learned(Pair.of(backend, potential, features), learning_folder(backend, potential, features))
    if learned.model is None or not learned.model.helps:
        return None
    return Makers(model_from(learned, potential.name))


def _path(
    makers: Makers, images: list[Structure], symmetry: PathSymmetry | None, label: str
) -> tuple[NebDoc, list[CalculationDoc]] | None:
    ends = [makers.relax().calculate(images[0], f"{label}, first end")]
    if symmetry is None:
        ends.append(makers.relax().calculate(images[-1], f"{label}, last end"))
    found = potential_ends(images, symmetry, ends[0], ends[-1])
    if found is None:
        return None
    path = transferred_path(images, (images[0], images[-1]), found)
    energies = (ends[0].energy, ends[-1].energy)
    return makers.neb().calculate(path, energies, label, symmetry=symmetry), ends
