"""Minima and hops on a surface: the graph, ends mapped by symmetry, what turns a path round, the first path."""

from itertools import pairwise

import numpy as np
import pytest
from ase.build import bcc100, fcc100, fcc110, fcc111
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.core.errors import InputError
from anodeflow.structures.sites.hops import SurfaceNet
from anodeflow.structures.sites.minima import (
    PUSH,
    lowest_curvature,
    push_directions,
    pushed,
)
from anodeflow.structures.sites.path import (
    carried_end,
    check_hop,
    first_path,
    guessed_end,
    path_symmetry,
    turned_round,
)

FACES = {"fcc100": fcc100, "fcc110": fcc110, "fcc111": fcc111, "bcc100": bcc100}


def slab(face="fcc100", size=(3, 3, 4), matrix=None) -> Structure:
    """Ideal slab of `face`, its two lowest layers fixed; `matrix` makes an in-plane supercell."""
    element, lattice = ("Li", 3.44) if face == "bcc100" else ("Cu", 3.61)
    atoms = FACES[face](element, size, a=lattice, vacuum=6.0)
    layers = atoms.get_tags()
    made = Structure(
        Lattice(atoms.cell.array, pbc=(True, True, False)),
        atoms.get_chemical_symbols(),
        atoms.positions,
        coords_are_cartesian=True,
        site_properties={"selective_dynamics": [[bool(layer <= 2)] * 3 for layer in layers]},
    )
    return made if matrix is None else made.make_supercell(matrix, to_unit_cell=True, in_place=False)


def with_adatom(clean: Structure, position, seed=None) -> Structure:
    """Slab with an adatom, the free atoms moved a little at random."""
    made = clean.copy()
    made.append(clean[0].specie, position, coords_are_cartesian=True, properties={"selective_dynamics": [True] * 3})
    if seed is None:
        return made
    free = np.array(made.site_properties["selective_dynamics"], dtype=float)
    moves = np.random.default_rng(seed).normal(scale=0.05, size=free.shape) * free
    moves[-1] = 0
    return Structure(
        made.lattice,
        made.species,
        made.cart_coords + moves,
        coords_are_cartesian=True,
        to_unit_cell=False,
        site_properties=made.site_properties,
    )


def over(clean: Structure, *offset, height=1.7) -> np.ndarray:
    """Place over the face: `offset` in vectors of the (1x1) cell, from the last atom, which is on top."""
    cell = SurfaceNet(clean, [clean[-1].coords]).vectors
    return clean[-1].coords + np.array([*(np.array(offset) @ cell), height])


def test_square_face_has_one_hop_to_four_neighbours():
    clean = slab()
    net = SurfaceNet(clean, [over(clean, 0.5, 0.5)])
    (hop,) = net.hops()
    assert (hop.initial, hop.final, hop.multiplicity) == (0, 0, 4)
    assert np.linalg.norm(hop.displacement) == pytest.approx(3.61 / np.sqrt(2))


def test_hollows_of_a_close_packed_face_are_one_hop_apart():
    clean = slab("fcc111", (3, 3, 3))
    net = SurfaceNet(clean, [over(clean, 1 / 3, 2 / 3), over(clean, 2 / 3, 1 / 3)])
    (hop,) = net.hops()
    assert (hop.initial, hop.final, hop.multiplicity) == (0, 1, 3)
    assert np.linalg.norm(hop.displacement) == pytest.approx(3.61 / np.sqrt(6))


def test_long_and_short_hop_on_a_rectangular_face():
    clean = slab("fcc110", (3, 2, 5))
    hops = SurfaceNet(clean, [over(clean, 0.5, 0.5)]).hops()
    assert [round(float(np.linalg.norm(hop.displacement)), 2) for hop in hops] == [2.55, 3.61]
    assert [hop.multiplicity for hop in hops] == [2, 2]


def test_no_hop_passes_over_another_minimum():
    clean = slab()
    hops = SurfaceNet(clean, [over(clean, 0.5, 0.5), over(clean, 0.5, 0.0)]).hops()
    assert [(hop.initial, hop.final) for hop in hops] == [(0, 1)], "hollow to hollow leads over the bridge"


def test_adatom_near_a_symmetry_element_is_one_minimum_and_far_from_it_several():
    clean = slab()
    cell = over(clean, 0.5, 0.5)
    assert SurfaceNet(clean, [cell + np.array([0.08, 0.05, 0])]).multiplicity(0) == 1
    assert SurfaceNet(clean, [cell + np.array([0.4, 0.0, 0])]).multiplicity(0) == 4


@pytest.mark.parametrize("matrix", [[[2, 0], [0, 2]], [[2, 0], [0, 3]], [[2, 1], [-1, 2]], [[3, 1], [0, 2]]])
def test_hops_do_not_depend_on_the_supercell(matrix):
    """A √5 x √5 cell has no mirrors and a 2 x 3 cell no fourfold axis, but the surface has."""
    matrix = np.pad(np.array(matrix), (0, 1))
    matrix[2, 2] = 1
    primitive = slab("fcc100", (1, 1, 4))
    clean = slab("fcc100", (1, 1, 4), matrix)
    places = [over(primitive, 0.5, 0.5), over(primitive, 0.5, 0.0)]
    for minima in (places[:1], places[1:], places):
        expected = SurfaceNet(primitive, minima)
        found = SurfaceNet(clean, minima)
        assert [found.multiplicity(i) for i in range(len(minima))] == [
            expected.multiplicity(i) for i in range(len(minima))
        ]
        kinds = [
            [(h.initial, h.final, h.multiplicity, round(float(np.linalg.norm(h.displacement)), 3)) for h in net.hops()]
            for net in (expected, found)
        ]
        assert kinds[0] == kinds[1]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(FACES)), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4))
def test_graph_reaches_every_copy_of_every_minimum(face, offsets):
    """From any node, hops reach all nodes of the neighbouring cells: no percolating way can be missed."""
    clean = slab(face, (1, 1, 4))
    minima = []
    for offset in offsets:
        place = over(clean, *offset)
        if not minima or SurfaceNet(clean, minima).node_at(place) is None:
            minima.append(place)
    net = SurfaceNet(clean, minima)
    edges = {edge for hop in net.hops() for way in net.copies(net.edge(hop)) for edge in way}
    assert {(j, i, -m, -n) for i, j, m, n in edges} == edges
    seen, frontier = {(0, 0, 0)}, [(0, 0, 0)]
    while frontier:
        node, m, n = frontier.pop()
        for i, j, dm, dn in edges:
            new = (j, m + dm, n + dn)
            if i == node and new not in seen and max(abs(new[1]), abs(new[2])) <= 4:
                seen.add(new)
                frontier.append(new)
    wanted = {(node, m, n) for node in range(len(net.positions)) for m in (-1, 0, 1) for n in (-1, 0, 1)}
    assert wanted <= seen


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["fcc100", "fcc111", "bcc100"]), st.integers(0, 1000), st.integers(0, 100))
def test_carried_end_is_a_copy_of_the_minimum_atom_by_atom(face, seed, shift):
    """The adatom has the same neighbours and is at its goal; fixed atoms are untouched, no atom is in another image."""
    clean = slab(face, (3, 3, 3))
    offset = (0.5, 0.5) if face != "fcc111" else (1 / 3, 2 / 3)
    initial = with_adatom(clean, over(clean, *offset), seed)
    cells = shift % 3 - 1, shift // 3 % 3 - 1
    initial.translate_sites([len(initial) - 1], [*cells, 0], to_unit_cell=False)
    hop = SurfaceNet(clean, [initial[-1].coords]).hops()[0]
    target = initial[-1].coords[:2] + hop.displacement
    final = carried_end(clean, initial, initial, target)
    assert final is not None
    assert final.species == initial.species
    assert np.linalg.norm(final[-1].coords[:2] - target) < 1e-3
    assert np.abs(final.cart_coords[:-1] - initial.cart_coords[:-1]).max() < 0.6
    fixed = ~np.array(initial.site_properties["selective_dynamics"])
    assert final.cart_coords[fixed] == pytest.approx(initial.cart_coords[fixed], abs=1e-9)
    assert np.sort(final.distance_matrix[-1]) == pytest.approx(np.sort(initial.distance_matrix[-1]), abs=2e-2)
    assert final.site_properties == initial.site_properties


def test_end_that_the_supercell_has_no_operation_for_is_guessed():
    """Bridges along x and along y are equivalent on the surface, but not in a 2 x 3 cell."""
    clean = slab("fcc100", (2, 3, 4))
    initial = with_adatom(clean, over(clean, 0.5, 0.0))
    target = initial[-1].coords[:2] + np.array([-3.61, 3.61]) / np.sqrt(8)
    assert carried_end(clean, initial, initial, target) is None
    guess = guessed_end(clean, initial, initial, target)
    assert guess[-1].coords == pytest.approx([*target, initial[-1].coords[2]])
    assert guess.cart_coords[:-1] == pytest.approx(clean.cart_coords)
    assert guess.site_properties == initial.site_properties


@pytest.mark.slow
@pytest.mark.parametrize(
    ("face", "offset", "size"), [("fcc100", (0.5, 0.5), (2, 2, 4)), ("fcc110", (0.5, 0.5), (3, 2, 5))]
)
def test_symmetric_path_is_turned_into_itself(face, offset, size):
    """Also where the hop is half of the supercell long, where two ways lead to the end."""
    clean = slab(face, size)
    initial = with_adatom(clean, over(clean, *offset))
    hop = SurfaceNet(clean, [initial[-1].coords]).hops()[0]
    final = carried_end(clean, initial, initial, initial[-1].coords[:2] + hop.displacement)
    symmetry = path_symmetry(clean, initial, final)
    assert np.linalg.det(symmetry.rotation) == pytest.approx(-1), "a mirror across the path"
    path = first_path(initial, final, 5, symmetry)
    assert len(path) == 7
    assert path[0] == initial
    for image, other in zip(path, path[::-1], strict=True):
        turned = turned_round(symmetry, image, other)
        assert turned.cart_coords == pytest.approx(other.cart_coords, abs=1e-3)
    steps = [b[-1].coords - a[-1].coords for a, b in pairwise(path)]
    assert np.sum(steps, axis=0)[:2] == pytest.approx(hop.displacement, abs=1e-3)
    assert max(np.linalg.norm(step) for step in steps) < 1.0
    assert path[3][-1].coords[2] > initial[-1].coords[2] + 0.1, "the adatom rises over the bridge"
    fixed = ~np.array(initial.site_properties["selective_dynamics"])
    assert all(image.cart_coords[fixed] == pytest.approx(initial.cart_coords[fixed], abs=1e-9) for image in path)


def test_path_between_unlike_ends_is_turned_round_by_nothing():
    clean = slab("fcc111", (3, 3, 3))
    initial = with_adatom(clean, over(clean, 1 / 3, 2 / 3))
    final = with_adatom(clean, over(clean, 2 / 3, 1 / 3))
    assert path_symmetry(clean, initial, final) is None


def test_ends_that_are_the_same_are_refused():
    clean = slab("fcc100", (2, 2, 4))
    initial = with_adatom(clean, over(clean, 0.5, 0.5))
    with pytest.raises(InputError, match=r"the two ends of the hop are the same \(no atom moves by more than 0.00 Å\)"):
        first_path(initial, initial, 5)
    with pytest.raises(InputError, match="starts and ends at the same place"):
        check_hop(clean, (0.1, 0.1))


def test_hop_to_its_own_periodic_image_asks_for_a_wider_cell():
    clean = slab("fcc100", (1, 3, 4))
    with pytest.raises(InputError, match=r"periodic image of its start, 2.55 Å away.*larger min_width"):
        check_hop(clean, (3.61 / np.sqrt(2), 0.0))
    check_hop(clean, (0.0, 3.61 / np.sqrt(2)))


@pytest.mark.parametrize(
    ("face", "offset", "hollow", "pushes"),
    [
        ("fcc100", (0.5, 0.5), True, 1),
        ("fcc100", (0.0, 0.0), False, 1),
        ("fcc100", (0.5, 0.0), False, 2),
        ("fcc111", (1 / 3, 2 / 3), True, 1),
        ("fcc111", (0.5, 0.0), False, 3),
        ("fcc111", (0.4, 0.2), False, 3),
        ("fcc100", (0.3, 0.1), True, 0),
    ],
)
def test_pushes_are_as_many_as_symmetry_leaves_open(face, offset, hollow, pushes):
    clean = slab(face, (3, 3, 3))
    directions = push_directions(clean, over(clean, *offset), hollow)
    assert len(directions) == pushes
    moving = np.array([d for d in directions if np.any(d)]).reshape(-1, 2)
    assert moving @ moving.T == pytest.approx(np.eye(len(moving)))


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0, np.pi), st.floats(-2, 2), st.floats(-2, 2), st.tuples(st.floats(-0.03, 0.03), st.floats(-0.03, 0.03))
)
def test_curvature_is_the_lowest_eigenvalue_whatever_the_force_at_rest(angle, first, second, rest):
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    hessian = axes.T @ np.diag([first, second]) @ axes
    directions = [np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.zeros(2)]
    forces = [[*(np.array(rest) - PUSH * hessian @ direction), 0.5] for direction in directions]
    assert lowest_curvature(directions, forces) == pytest.approx(min(first, second), abs=1e-9)


def test_push_moves_the_adatom_alone():
    clean = slab()
    structure = with_adatom(clean, over(clean, 0.5, 0.5))
    moved = pushed(structure, [0.6, 0.8])
    assert moved[-1].coords - structure[-1].coords == pytest.approx([0.06, 0.08, 0])
    assert moved.cart_coords[:-1] == pytest.approx(structure.cart_coords[:-1])
    assert AseAtomsAdaptor.get_atoms(moved, msonable=False).constraints
