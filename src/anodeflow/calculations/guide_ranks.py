"""How a potential that learned ranks candidates, and how well it knows that.

What a calculation finds does not depend on it, but which ones are done does. So an answer that was once given stays:
the same candidates are ranked alike when a campaign is run again, though the potential has learned more since.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.folder import write_atomically
from anodeflow.calculations.guide_learns import learned_model, learning_folder
from anodeflow.calculations.guide_of import recipe_of, tried
from anodeflow.calculations.progress import Progress, State, report
from anodeflow.core.address import content_hash

_WRITTEN = "rankings"


class LearnedRanking(BaseModel):
    """Energies of candidates by a potential corrected by what it learned, over the lowest of them."""

    model: str = Field(description="Content address of the correction: what it learned from, and how.")
    calculations: int = Field(ge=1, description="Number of calculations that it learned from.")
    energies: dict[str, FiniteFloat] = Field(description="Step of a candidate -> energy over the lowest, eV.")
    uncertainties: dict[str, FiniteFloat] = Field(
        description="Step of a candidate -> standard deviation of that energy, eV."
    )


def learned_ranking(maker: Any, found: Mapping[str, CalculationDoc]) -> LearnedRanking | None:
    """Return how the corrected potential ranks its own minima; none where nothing was learned that helps.

    Where that fails, it is told and done without.

    Parameters
    ----------
    maker
        Maker of DFT whose calculations are guided by the potential, and teach it.
    found
        Step of each candidate -> its relaxation by the potential.
    """
    ranking: LearnedRanking | None = None

    def rank() -> None:
        nonlocal ranking
        ranking = _known_ranking(maker, found)

    def tell(state: State, message: str) -> None:
        for each in list(found.values())[:1]:
            report(Progress(each.label, each.id, state, message=message))

    tried(rank, tell, "ranked without what the potential learned")
    return ranking


def _known_ranking(maker: Any, found: Mapping[str, CalculationDoc]) -> LearnedRanking | None:
    """Return the ranking that was given before, or a new one, which is kept."""
    from anodeflow.backends.inprocess import InProcessBackend
    from anodeflow.backends.registry import from_recipe

    guide, recipe = getattr(maker, "guide", None) or {}, getattr(maker, "backend", None)
    if len(found) < 2 or not guide.get("learn") or not recipe:
        return None
    backend, potential = from_recipe(recipe), from_recipe(recipe_of(guide))
    if not (isinstance(potential, InProcessBackend) and potential.cheap_forces):
        return None
    potential.check_available()
    features = potential.features(potential.calculator())
    folder = learning_folder(backend, potential, features) / _WRITTEN
    file = folder / f"{content_hash(sorted(each.id for each in found.values()))[:20]}.json"
    if file.exists():
        try:
            ranking = LearnedRanking.model_validate_json(file.read_text(encoding="utf-8"))
            if set(ranking.energies) == set(found):
                return ranking
        except ValueError:  # damaged: ranked anew
            pass
    ranked = _ranked(backend, potential, features, found)
    if ranked is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(ranked.model_dump()))
    return ranked


def _ranked(
    backend: Backend, potential: Backend, features: Any, found: Mapping[str, CalculationDoc]
) -> LearnedRanking | None:
    model = learned_model(backend, potential, features)
    if model is None or not model.helps:
        return None
    values, energies = {}, {}
    weights = model.by_label()
    for step, each in found.items():
        elements = sorted({site.specie.symbol for site in each.structure})
        atoms = AseAtomsAdaptor.get_atoms(each.structure, msonable=False)
        atoms.set_constraint()
        labels = features.labels(elements)
        values[step] = labels, features.values(atoms, elements)
        known = np.array([weights.get(label, 0.0) for label in labels])
        energies[step] = each.energy + float(known @ values[step][1])
    lowest = min(energies, key=lambda step: energies[step])
    unseen = model.energy_error or 0.0  # what models that had not seen a relaxation got wrong along it
    doubts = {
        step: 0.0 if step == lowest else float(np.hypot(model.uncertainty(labels, value - values[lowest][1]), unseen))
        for step, (labels, value) in values.items()
    }
    if not np.isfinite([*doubts.values(), *energies.values()]).all():
        return None
    return LearnedRanking(
        model=model.id,
        calculations=len(model.lessons),
        energies={step: energy - energies[lowest] for step, energy in energies.items()},
        uncertainties=doubts,
    )
