"""Whether the symmetry operations of a CIF file are any, fit its cell and belong together."""

import re
from collections.abc import Sequence

import numpy as np
from pymatgen.core import Lattice

_TERM = re.compile(r"([+-]?)(?:(\d+)/(\d+)|(\d+\.\d*|\.\d+|\d+)|([xyz]))")
_STRAIN = 0.01  # of the product of two edges: what the digits of a cell may lack of its symmetry
_SAME = 0.01  # fraction of a cell's edge within which two translations are one
_MOST = 192  # operations of a conventional cell

Operation = tuple[np.ndarray, np.ndarray]
"""Rotation (3, 3), integers, and translation (3,), fractions of the cell."""


def parsed_operation(text: str) -> Operation:
    """Return an operation as a CIF file writes it: ``-y,x-y,z+1/2``.

    Raises
    ------
    ValueError
        If it is none.
    """
    parts = re.sub(r"[\s'\"]", "", text).lower().split(",")
    rotation, translation = np.zeros((3, 3)), np.zeros(3)
    for row, part in enumerate(parts):
        place = 0
        while row < len(rotation) and (term := _TERM.match(part, place)) and (place == 0 or term[1]):
            sign = -1 if term[1] == "-" else 1
            if term[5]:
                rotation[row, "xyz".index(term[5])] += sign
            else:
                translation[row] += sign * (int(term[2]) / max(int(term[3]), 1) if term[2] else float(term[4]))
            place = term.end()
        if place != len(part) or not part:
            break
    else:
        if len(parts) == len(rotation) and abs(abs(np.linalg.det(rotation)) - 1) < _SAME:
            return rotation, translation
    raise ValueError(f"its symmetry operation {text.strip()[:40]!r} is none: write it like -y,x-y,z+1/2")


def fits_cell(operation: Operation, cell: Sequence[float]) -> bool:
    """Whether an operation keeps lengths and angles of a cell (three lengths, Å, three angles, degrees)."""
    metric = Lattice.from_parameters(*cell).metric_tensor
    turned = operation[0].T @ metric @ operation[0]
    edges = np.sqrt(np.diag(metric))  # each pair by its own size: a long edge must not hide that two short ones differ
    return bool((np.abs(turned - metric) < _STRAIN * np.outer(edges, edges)).all())


def check_operations(listed: Sequence[str], cell: Sequence[float], named: bool) -> None:
    """Refuse operations that a file lists although its crystal cannot have them.

    Parameters
    ----------
    listed
        The operations, as text.
    cell
        Lengths, Å, and angles, degrees.
    named
        Whether the file names its space group, too: then it may list but a part of its operations.

    Raises
    ------
    ValueError
        If one is none, does not fit the cell, or they are not all that follow from each other.
    """
    operations = [parsed_operation(text) for text in listed]
    for text, operation in zip(listed, operations, strict=True):
        if not fits_cell(operation, cell):
            raise ValueError(f"its symmetry operation {text.strip()[:40]!r} does not fit its cell: correct one of them")
    if named or len(operations) > _MOST:
        return
    for one in operations:
        for other in operations:
            made = one[0] @ other[0], one[0] @ other[1] + one[1]
            if not any(_same(made, each) for each in operations):
                raise ValueError(
                    f"its {len(listed)} symmetry operations are not all: what two of them make together is missing"
                )


def _same(one: Operation, other: Operation) -> bool:
    apart = one[1] - other[1]
    return np.array_equal(one[0], other[0]) and bool(np.abs(apart - np.rint(apart)).max() < _SAME)
