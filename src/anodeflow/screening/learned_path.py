"""The path of a hop by what a potential learned, where the potential alone has no end states like those of DFT."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.registry import from_recipe
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import write_once
from anodeflow.calculations.guide_learns import learning_folder
from anodeflow.calculations.guide_of import recipe_of
from anodeflow.core.address import content_hash, structure_content
from anodeflow.core.errors import AnodeflowError
from anodeflow.learning.data import Pair
from anodeflow.learning.keeping import Learned, model_from
from anodeflow.structures.sites.path_symmetry import PathSymmetry

_LOGGER = logging.getLogger(__name__)
_KEPT = "paths"


def corrected_makers(
    maker: Any, images: list[Structure], energies: tuple[float, float], symmetry: PathSymmetry | None, label: str
) -> Makers | None:
    """Return the Makers of the corrected potential that find the path of a hop between its own end states.

    The correction is kept in the folder of what the potential learned, so that DFT begins at the same place when the
    hop is asked for again.

    Parameters
    ----------
    maker
        Maker of DFT that relaxes a path, with the potential that guides it.
    images, energies, symmetry, label
        As for that Maker.

    Returns
    -------
    Makers or None
        None where no potential learns beside that Maker, where it learned nothing that helps, and where the whole path
        was begun by DFT before: DFT relaxes the whole path then.
    """
    guide, recipe = getattr(maker, "guide", None), getattr(maker, "backend", None)
    if not guide or not guide.get("learn") or not isinstance(recipe, dict):
        return None
    try:
        if maker.is_begun(images, energies, symmetry):
            return None
        potential = from_recipe(recipe_of(guide))
        backend = _corrected(from_recipe(recipe), potential, _name(images, symmetry))
    except Exception as error:  # whatever a potential's package raises: it is a help, not a condition
        _LOGGER.warning("%s: goes on without the path of the corrected potential: %s", label, error)
        return None
    if backend is None:
        return None
    return Makers(backend.model_copy(update={"resources": potential.resources, "placement": potential.placement}))


def _name(images: list[Structure], symmetry: PathSymmetry | None) -> str:
    """Return the name of the file in which the correction for a path is kept."""
    content = [structure_content(image) for image in images]
    return f"{content_hash([content, symmetry and symmetry.model_dump()])}.json"


def _corrected(backend: Backend, potential: Backend, name: str) -> Backend | None:
    """Return a potential corrected by what a code had taught it when it was first asked; none: nothing that helps."""
    if not (isinstance(potential, InProcessBackend) and potential.cheap_forces):
        return None
    with tempfile.TemporaryDirectory() as folder:
        features = potential.features(potential.calculator_in(Path(folder)))
    learned = Learned(Pair.of(backend, potential, features), learning_folder(backend, potential, features))
    kept = learned.folder / _KEPT / name
    if kept.is_file():
        try:
            return from_recipe(json.loads(kept.read_text(encoding="utf-8")))
        except (ValueError, AnodeflowError):  # damaged: made anew
            kept.unlink(missing_ok=True)
    if learned.model is None or not learned.model.helps:
        return None
    recipe = model_from(learned, potential.name).recipe()
    kept.parent.mkdir(parents=True, exist_ok=True)
    return from_recipe(json.loads(write_once(kept, json.dumps(recipe))))
