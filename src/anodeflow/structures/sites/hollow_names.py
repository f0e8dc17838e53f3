"""Names of hollows between three atoms: general, or by stacking where that is told. A query imports nothing else."""

from itertools import product
from typing import Literal

Stacking = Literal["fcc", "hcp"]

GENERAL = "threefold hollow"
"""Name of a hollow between three atoms, whatever is below."""
_NAMES: dict[Stacking, str] = {"fcc": "fcc hollow", "hcp": "hcp hollow"}
_MOST_HOLLOWS = 4  # in a label: a hop has two, one beside that of another surface four


def stacked_name(stacking: Stacking) -> str:
    """Return the name of a hollow by its stacking."""
    return _NAMES[stacking]


def general_name(label: str) -> str:
    """Return a label with hollows named by their coordination alone.

    So all were named before they were told apart, and so they are where a relaxed face is no longer close-packed
    enough: by these names labels of different documents and slabs are compared, and sites chosen.
    """
    for name in _NAMES.values():
        label = label.replace(name, GENERAL)
    return label


def same_label(first: str, second: str) -> bool:
    """Whether two labels may mean the same: a threefold hollow may be an fcc or an hcp one."""
    return first == second or (general_name(first) == general_name(second) and general_name(first) in (first, second))


def meant_by(asked: str) -> list[str]:
    """Return the labels that one may stand for, itself first: a threefold hollow is an fcc or an hcp one, too."""
    first, *rest = asked.split(GENERAL)
    if len(rest) > _MOST_HOLLOWS:
        return [asked]
    choices = product((GENERAL, *_NAMES.values()), repeat=len(rest))
    return [first + "".join(f"{name}{part}" for name, part in zip(names, rest, strict=True)) for names in choices]
