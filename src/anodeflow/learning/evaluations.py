"""Reads the evaluations on record of a relaxation or a path: which is best, and whether they lead anywhere."""

from collections.abc import Sequence
from typing import Any

from anodeflow.calculations.steps import largest_force

KNOWN = 0.003
"""How well energies of evaluations agree with their forces, eV."""
_SAME_ENERGY = 0.001  # eV
_PATIENCE, _LESS = 3, 0.9
"""Proposals in a row that may lead nowhere, and by what factor forces are to fall that this is somewhere."""


def best_of(steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the calmest of the evaluations whose energies are the lowest but for what energies and forces disagree."""
    lowest = min(step["free_energy"] for step in steps)
    return min((step for step in steps if step["free_energy"] < lowest + KNOWN), key=force_of)


def newest_of(steps: Sequence[dict[str, Any]], images: Sequence[int]) -> list[dict[str, Any]]:
    """Return the last evaluation of each image."""
    return [[step for step in steps if step["image"] == index][-1] for index in images]


def leads_nowhere(steps: Sequence[dict[str, Any]]) -> bool:
    """Return whether neither the energies nor the forces of the last evaluations are lower than all before."""
    before, last = steps[:-_PATIENCE], steps[-_PATIENCE:]
    if not before:
        return False
    calmer = min(map(force_of, last)) < _LESS * min(map(force_of, before))
    lower = min(step["free_energy"] for step in last) < min(step["free_energy"] for step in before) - _SAME_ENERGY
    return not (calmer or lower)


def force_of(step: dict[str, Any]) -> float:
    """Return the largest force on a free atom, eV/Å."""
    return largest_force(step["free_forces"])
