"""Atoms at other positions: minimum images, fixed atoms, distances; against sums over neighbouring cells."""

import re
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.backends.drivers.kpoints import fixed_atoms
from anodeflow.structures.geometry.positions import (
    fixed_coordinates,
    free_directions,
    holding_fixed,
    images_in_plane,
    is_free,
    largest_distance,
    minimum_images,
    placed,
    unwrapped,
)

SOURCE = Path(__file__).parents[1] / "src" / "anodeflow"
# So oblique that rounding fractional coordinates misses the shortest image of many vectors.
OBLIQUE = Lattice([[3.0, 0, 0], [2.6, 1.8, 0], [0.4, 0.3, 20.0]], pbc=(True, True, False))


@pytest.fixture
def pair() -> Structure:
    return Structure(
        OBLIQUE,
        ["Li", "Mg"],
        [[0.05, 0.05, 0.3], [0.5, 0.4, 0.4]],
        site_properties={"selective_dynamics": [[False, False, True], None], "magmom": [0.0, 1.0]},
    )


@pytest.mark.parametrize("pbc", [(True, True, False), (True, True, True)])
def test_images_in_the_plane_are_the_shortest(pbc):
    lattice = Lattice(OBLIQUE.matrix, pbc=pbc)
    vectors = np.random.default_rng(3).uniform(-9, 9, size=(4, 50, 3))
    cells = np.array([(m, n) for m in range(-8, 9) for n in range(-8, 9)]) @ lattice.matrix[:2]
    expected = np.linalg.norm(vectors[..., None, :] + cells, axis=-1).min(axis=-1)
    found = images_in_plane(lattice, vectors)
    assert found.shape == vectors.shape
    assert np.linalg.norm(found, axis=-1) == pytest.approx(expected)
    whole = (found - vectors) @ np.linalg.inv(lattice.matrix)
    assert whole == pytest.approx(np.rint(whole), abs=1e-9)
    rounded = lattice.get_fractional_coords(vectors)
    rounded[..., :2] -= np.rint(rounded[..., :2])
    assert np.any(np.linalg.norm(lattice.get_cartesian_coords(rounded), axis=-1) > expected + 0.1)


def test_minimum_images_go_by_what_the_structure_is_periodic_in(pair):
    step = OBLIQUE.matrix[2] * 0.9 + OBLIQUE.matrix[0]
    assert minimum_images(pair, step) == pytest.approx(images_in_plane(OBLIQUE, step))
    crystal = Structure(Lattice(OBLIQUE.matrix), pair.species, pair.frac_coords)
    assert np.linalg.norm(minimum_images(crystal, step)) < 3 < np.linalg.norm(minimum_images(pair, step))


def test_what_is_fixed_stays(pair):
    assert fixed_coordinates(pair).tolist() == [[True, True, False], [False] * 3]
    assert [is_free(pair, atom) for atom in (0, 1)] == [False, True]
    moved = holding_fixed(pair, pair.cart_coords + np.array([0.1, 0.2, 0.3]))
    assert moved.cart_coords - pair.cart_coords == pytest.approx(np.array([[0, 0, 0.3], [0.1, 0.2, 0.3]]))
    bare = Structure(pair.lattice, pair.species, pair.frac_coords)
    assert not fixed_coordinates(bare).any()
    assert is_free(bare, 0)


def test_positions_keep_their_images_and_the_structure_its_properties(pair):
    far = pair.cart_coords + np.array([[2], [-1]]) * OBLIQUE.matrix[:2]
    moved = placed(pair, far)
    assert moved.cart_coords == pytest.approx(far)
    assert moved.site_properties == pair.site_properties
    assert moved.lattice.pbc == (True, True, False)
    assert largest_distance(pair, moved) == pytest.approx(0.0, abs=1e-9)
    assert unwrapped(pair, moved).cart_coords == pytest.approx(pair.cart_coords)
    taller = placed(pair, far, OBLIQUE.matrix * [[1], [1], [1.5]])
    assert taller.lattice.c == pytest.approx(1.5 * OBLIQUE.c)
    assert taller.lattice.pbc == (True, True, False)
    assert taller.cart_coords == pytest.approx(far)


def test_fixed_atoms_are_read_in_one_place():
    """By `structures/geometry/positions.py`; a content address, which lies below it, writes them out itself."""
    reads = re.compile(r'(get\(|site_properties\[|properties\[)"selective_dynamics"\]?(?! ?\]? = )')
    found = {str(file.relative_to(SOURCE)) for file in SOURCE.rglob("*.py") if reads.search(file.read_text())}
    assert found == {"core/address.py", "structures/geometry/positions.py"}


def test_minimum_images_are_found_in_one_place():
    """What drivers know are atoms of ASE, and ask ASE."""
    finds = re.compile(r"find_mic|pbc_shortest_vectors|min\(images, key=np\.linalg\.norm\)")
    found = {str(file.relative_to(SOURCE)) for file in SOURCE.rglob("*.py") if finds.search(file.read_text())}
    assert {name for name in found if not name.startswith("backends/drivers/")} == {"structures/geometry/positions.py"}


@pytest.mark.parametrize(
    ("flags", "free"),
    [
        (None, None),
        ([None, [True, False, True]], [[True] * 3, [True, False, True]]),
        ([[0, 0, 0], [1, 1, 1]], [[False] * 3, [True] * 3]),
    ],
)
def test_directions_that_are_free(flags, free):
    structure = Structure(Lattice.cubic(4), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    if flags is not None:
        structure.add_site_property("selective_dynamics", flags)
    found = free_directions(structure)
    assert found == free
    assert fixed_atoms(structure) == [sum(each << bit for bit, each in enumerate(of)) for of in free or [[1] * 3] * 2]
