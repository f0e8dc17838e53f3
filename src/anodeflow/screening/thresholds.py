"""Makers of DFT whose calculations end by other thresholds than those that were asked for."""

from dataclasses import replace
from typing import Any

from jobflow import Maker


def to_the_end(maker: Maker) -> Maker:
    """Return a Maker of DFT that counts no evaluations: what begins beside a minimum or saddle ends by its thresholds.

    The setting `evaluations` is for what begins where the potential is at rest. Elsewhere it would take any place for
    an answer.
    """
    able: Any = maker
    recipe = getattr(maker, "backend", None)
    if not isinstance(recipe, dict):
        return maker
    parts = {part: recipe[part] for part in ("relaxation", "path") if isinstance(recipe.get(part), dict)}
    left = {part: {key: value for key, value in said.items() if key != "evaluations"} for part, said in parts.items()}
    return maker if left == parts else replace(able, backend=recipe | left)


def to_smaller_forces(maker: Maker, factor: float) -> Maker:
    """Return a Maker of paths that relaxes them to `factor` times the force that is asked for; others as they are.

    Forces alone end them then: by the energy that is expected they would end where they did before.
    """
    able: Any = maker
    recipe = getattr(maker, "backend", None)
    said = recipe.get("path") if isinstance(recipe, dict) else None
    if not isinstance(recipe, dict) or not isinstance(said, dict) or "force_threshold" not in said:
        return maker
    kept = {key: value for key, value in said.items() if key != "energy_tolerance"}
    return replace(able, backend=recipe | {"path": kept | {"force_threshold": factor * said["force_threshold"]}})
