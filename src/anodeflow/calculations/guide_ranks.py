"""How a potential that learned ranks candidates and saddles, and how well it knows that.

What a calculation finds does not depend on it, but which ones are done does. So an answer that was once given stays:
the same candidates are ranked alike when a campaign is run again, though the potential has learned more since.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.features import Features
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.folder import write_once
from anodeflow.calculations.guide_learns import learned_model, learning_folder
from anodeflow.calculations.guide_of import recipe_of, tried
from anodeflow.calculations.progress import Progress, State, report
from anodeflow.core.address import content_hash, structure_content

_RANKINGS, _RISES = "rankings", "rises"
_NOTHING = "null"
"""Kept where nothing was learned when the question was asked: it is not asked again once something was."""


class LearnedEnergies(BaseModel):
    """What a potential corrected by what it learned says of energies, and how well it knows them."""

    model: str = Field(description="Content address of the correction: what it learned from, and how.")
    calculations: int = Field(ge=1, description="Number of calculations that it learned from.")


class LearnedRanking(LearnedEnergies):
    """Energies of candidates over the lowest of them."""

    energies: dict[str, FiniteFloat] = Field(description="Step of a candidate -> energy over the lowest, eV.")
    uncertainties: dict[str, FiniteFloat] = Field(
        description="Step of a candidate -> standard deviation of that energy, eV."
    )


class LearnedRises(LearnedEnergies):
    """How far geometries lie above others."""

    energies: dict[str, FiniteFloat] = Field(description="Name of a pair -> energy of the second over the first, eV.")
    uncertainties: dict[str, FiniteFloat] = Field(
        description="Name of a pair -> standard deviation of that energy, eV."
    )


Answer = TypeVar("Answer", LearnedRanking, LearnedRises)


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
    if len(found) < 2:
        return None
    key = sorted(each.id for each in found.values())
    return _remembered(
        maker,
        _RANKINGS,
        key,
        set(found),
        LearnedRanking,
        next((each.label, each.id) for each in found.values()),
        lambda code, by, features: _ranked(code, by, features, found),
    )


def learned_rises(
    maker: Any, pairs: Mapping[str, tuple[Structure, Structure]], known: Iterable[str], about: tuple[str, str]
) -> LearnedRises | None:
    """Return how far geometries lie above others by the corrected potential; none where nothing was learned that helps.

    Where that fails, it is told and done without.

    Parameters
    ----------
    maker
        Maker of DFT whose calculations are guided by the potential, and teach it.
    pairs
        Name -> two geometries of the same atoms: a minimum, and the saddle of a hop from there.
    known
        What the search has from DFT by now, ids of calculations: once more of it is known, the question is a new one.
    about
        Label and id of a calculation beside which a failure is told.
    """
    content = {name: [structure_content(each) for each in pair] for name, pair in pairs.items()}
    return _remembered(
        maker,
        _RISES,
        [content, sorted(known)],
        set(pairs),
        LearnedRises,
        about,
        lambda code, by, features: _risen(code, by, features, pairs),
    )


def _remembered(
    maker: Any,
    kind: str,
    question: Any,
    names: set[str],
    read: type[Answer],
    about: tuple[str, str],
    ask: Callable[[Backend, Backend, Features], Answer | None],
) -> Answer | None:
    """Return the answer that was given to a question before, or a new one; none: nothing was learned then.

    Either is kept: a campaign that is run again chooses as it did.
    """
    found: Answer | None = None

    def answer() -> None:
        nonlocal found
        found = _answer(maker, kind, question, names, read, ask)

    def tell(state: State, message: str) -> None:
        report(Progress(*about, state, message=message))

    tried(answer, tell, "ranked without what the potential learned")
    return found


def _answer(
    maker: Any,
    kind: str,
    question: Any,
    names: set[str],
    read: type[Answer],
    ask: Callable[[Backend, Backend, Features], Answer | None],
) -> Answer | None:
    from anodeflow.backends.inprocess import InProcessBackend
    from anodeflow.backends.registry import from_recipe

    guide, recipe = getattr(maker, "guide", None) or {}, getattr(maker, "backend", None)
    if not guide.get("learn") or not recipe:
        return None
    backend, potential = from_recipe(recipe), from_recipe(recipe_of(guide))
    if not (isinstance(potential, InProcessBackend) and potential.cheap_forces):
        return None
    potential.check_available()
    features = potential.features(potential.calculator())
    folder = learning_folder(backend, potential, features) / kind
    file = folder / f"{content_hash(question)[:20]}.json"
    if file.exists():
        text = file.read_text(encoding="utf-8")
        if text == _NOTHING:
            return None
        try:
            kept = read.model_validate_json(text)
            if set(kept.energies) == names:
                return kept
        except ValueError:  # damaged: asked anew
            pass
        file.unlink(missing_ok=True)
    found = ask(backend, potential, features)
    folder.mkdir(parents=True, exist_ok=True)
    kept_text = write_once(file, _NOTHING if found is None else json.dumps(found.model_dump()))
    return None if kept_text == _NOTHING else read.model_validate_json(kept_text)


def _ranked(
    backend: Backend, potential: Backend, features: Features, found: Mapping[str, CalculationDoc]
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


def _risen(
    backend: Backend, potential: Backend, features: Features, pairs: Mapping[str, tuple[Structure, Structure]]
) -> LearnedRises | None:
    model = learned_model(backend, potential, features)
    if model is None or not model.helps:
        return None
    corrected = features.corrected(model.by_label())
    unseen = model.energy_error or 0.0
    energies, doubts = {}, {}
    for name, pair in pairs.items():
        elements = sorted({site.specie.symbol for site in pair[0]})
        levels, values = [], []
        for structure in pair:
            atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
            atoms.set_constraint()
            values.append(features.values(atoms, elements))
            atoms.calc = corrected
            levels.append(float(atoms.get_potential_energy()))
        energies[name] = levels[1] - levels[0]
        spread = model.uncertainty(features.labels(elements), values[1] - values[0])
        doubts[name] = float(np.hypot(spread, unseen))
    if not np.isfinite([*doubts.values(), *energies.values()]).all():
        return None
    return LearnedRises(model=model.id, calculations=len(model.lessons), energies=energies, uncertainties=doubts)
