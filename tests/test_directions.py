"""Directions in a slab by the indices of the crystal, however its cell was laid."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.bulk.host import crystal_axes, recognise_host
from anodeflow.structures.geometry.directions import crystal_direction
from anodeflow.structures.slab.slabs import build_slabs
from anodeflow.structures.slab.spec import SlabSpec

AXES = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]])
HEXAGONAL = np.array([[3.2, 0.0, 0.0], [-1.6, 1.6 * math.sqrt(3), 0.0], [0.0, 0.0, 5.2]])
small = st.integers(-3, 3)


@given(st.tuples(small, small, small).filter(any), st.floats(-180, 180), st.sampled_from([AXES, HEXAGONAL]))
def test_small_indices_are_found_in_any_frame(indices, angle, axes):
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turned = axes @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]).T
    told = crystal_direction(np.array(indices) @ turned, turned)
    divided = np.array(indices) // math.gcd(*indices)
    sign = 1 if next(index for index in divided if index) > 0 else -1
    assert told == f"[{' '.join(map(str, sign * divided))}]"


def test_what_has_no_small_indices_is_not_given_any():
    assert crystal_direction(np.array([1.0, 0.1234, 0.0]), AXES) == ""


@pytest.mark.parametrize(
    ("crystal", "miller", "across"),
    [
        ("Al", (1, 1, 0), {"[1 -1 0]", "[0 0 1]"}),
        ("Li", (0, 0, 1), {"[1 0 0]", "[0 1 0]"}),
        ("Mg", (0, 0, 1), {"[1 0 0]", "[0 1 0]", "[1 1 0]"}),
        ("Li3Mg7", (0, 0, 1), None),
        ("Li3Mg-Cmcm", (0, 0, 1), None),
    ],
)
@pytest.mark.parametrize("width", [0, 5, 9])
def test_a_slab_knows_how_its_crystal_stands(crystal, miller, across, width):
    """The plane's own indices are those of what is normal to z; the cell of the crystal keeps its shape."""
    bulk = load_structure(crystal)
    for slab in build_slabs(bulk, SlabSpec(miller=miller, layers=4, min_width=width), host_lattice(crystal)):
        axes = np.array(slab.crystal_axes)
        normal = np.linalg.inv(axes) @ np.array(miller)  # along the vector of the reciprocal lattice
        assert normal[:2] == pytest.approx([0, 0], abs=1e-9 + 1e-6 * abs(normal[2]))
        assert np.linalg.det(axes) > 0
        in_axes = slab.structure.lattice.matrix[:2] @ np.linalg.inv(axes)
        assert in_axes @ np.array(miller) == pytest.approx([0, 0], abs=1e-6), "its vectors lie in the plane"
        told_of = crystal_axes(bulk, "host", host_lattice(crystal) or recognise_host(bulk))
        assert axes @ axes.T == pytest.approx(told_of @ told_of.T, abs=1e-6), "the axes keep their lengths and angles"
        for indices in ((1, -1, 0), (0, 0, 1)) if miller == (1, 1, 0) else ((1, 0, 0), (0, 1, 0)):
            if len(bulk.composition) > 1:  # the ordering need not repeat with its host
                continue
            moved = slab.structure.frac_coords + slab.structure.lattice.get_fractional_coords(indices @ axes)
            apart = slab.structure.lattice.get_all_distances(slab.structure.frac_coords, moved)
            assert apart.min(axis=0) == pytest.approx(0, abs=1e-4), "a vector of the crystal leads from atom to atom"
        if across is not None and width == 0:
            told = {crystal_direction(vector, axes) for vector in slab.structure.lattice.matrix[:2]}
            assert told <= across, told
