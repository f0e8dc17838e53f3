"""The two ends of a hop, atom by atom, the symmetry that turns it round, and a first path between them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.mep import NEB
from ase.mep.neb import idpp_interpolate
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from scipy.optimize import linear_sum_assignment

from anodeflow.core.errors import InputError
from anodeflow.structures.geometry.positions import fixed_coordinates, holding_fixed, images_in_plane, placed
from anodeflow.structures.sites.hops import SAME_PLACE
from anodeflow.structures.sites.path_symmetry import PathSymmetry
from anodeflow.structures.slab.symmetry import face_operations

SYMMETRIC = 0.05
"""How far an atom of one end may lie from where the symmetry of the path puts its counterpart, Å."""
_FIXED = 0.1  # Å: how far a symmetry copy may be off where the atoms are fixed
_FORBIDDEN = 1e6  # Å²: what pairing atoms of different elements costs


def check_hop(slab: Structure, displacement: Sequence[float]) -> None:
    """Refuse a hop that ends where it starts, or at a periodic image of it.

    Parameters
    ----------
    slab
        Clean slab, in its supercell.
    displacement
        From start to end of the hop, in the plane (2,), Å.

    Raises
    ------
    InputError
        If no path can be told from standing still.
    """
    length = float(np.linalg.norm(displacement))
    if length < SAME_PLACE:
        raise InputError(f"the hop starts and ends at the same place ({length:.2f} Å apart): nothing hops.")
    if np.linalg.norm(images_in_plane(slab.lattice, np.array([*displacement, 0.0]))) < SAME_PLACE:
        raise InputError(
            f"the hop ends at the periodic image of its start, {length:.2f} Å away, since the slab is one hop wide: "
            "give the system a larger min_width."
        )


def carried_end(slab: Structure, initial: Structure, minimum: Structure, target: Sequence[float]) -> Structure | None:
    """Carry a relaxed minimum by a symmetry operation of the slab to where a hop ends.

    Parameters
    ----------
    slab
        Clean slab (relaxed), in its supercell.
    initial
        Slab with the adatom (its last atom) where the hop starts.
    minimum
        Slab with the adatom, relaxed, in any copy of the minimum where the hop ends.
    target
        Lateral position (2,) of the adatom at the end of the hop, Å, in the image that the hop leads to.

    Returns
    -------
    Structure or None
        The end, its atoms in the order of `initial` and each in the image next to where it starts; fixed atoms have
        the coordinates that they have in `initial`. None if no operation of the supercell takes the minimum there.
    """
    best: tuple[float, Structure] | None = None
    for rotation, translation in face_operations(slab):
        moved = minimum.frac_coords @ rotation.T + translation
        adatom = slab.lattice.get_cartesian_coords(moved[-1])
        if np.linalg.norm(images_in_plane(slab.lattice, np.array([*target[:2], adatom[2]]) - adatom)) > SAME_PLACE:
            continue
        order = _pairing(initial, moved)
        steps = images_in_plane(slab.lattice, slab.lattice.get_cartesian_coords(moved[order]) - initial.cart_coords)
        fixed = fixed_coordinates(initial)
        if np.abs(steps[fixed]).max(initial=0.0) > _FIXED:
            continue
        cost = float(np.sum(steps[:-1] ** 2))
        if best is None or cost < best[0] - 1e-3:
            end = initial.cart_coords + steps
            end[-1] = image_at(slab, adatom, target)
            best = cost, holding_fixed(initial, end)
    return best[1] if best else None


def guessed_end(slab: Structure, initial: Structure, minimum: Structure, target: Sequence[float]) -> Structure:
    """Put the adatom on the clean slab where a hop ends, at the height of that minimum: to be relaxed.

    For ends that the supercell, which may have less symmetry than the surface, has no operation for. Parameters as in
    :func:`carried_end`; the atoms of the slab stand in the same order in `slab` and `initial`.
    """
    positions = np.vstack([slab.cart_coords, [*target[:2], minimum[-1].coords[2]]])
    return holding_fixed(initial, positions)


def relaxed_end(
    initial: Structure, guess: Structure, relaxed: Structure, target: Sequence[float], adatom: int = -1
) -> Structure:
    """Put a relaxed end of a hop into the image that the hop leads to.

    Parameters
    ----------
    initial, guess, relaxed
        Start of the hop, its end as it was guessed and as that was relaxed, the same atoms in the same order.
    target
        Lateral position of the adatom at the end, (2,), Å.
    adatom
        Index of the atom that is the adatom there.

    Returns
    -------
    Structure
        The end, each atom in the image next to where it starts; the adatom beside `target`, and an atom that was the
        adatom next to where it was guessed.
    """
    near = np.array(initial.cart_coords)
    near[-1] = guess[-1].coords
    end = near + images_in_plane(initial.lattice, relaxed.cart_coords - near)
    end[adatom] = image_at(initial, relaxed[adatom].coords, target)
    return holding_fixed(initial, end)


def path_symmetry(
    slab: Structure, initial: Structure, final: Structure, adatom: int = -1, beside: npt.ArrayLike = (0.0, 0.0, 0.0)
) -> PathSymmetry | None:
    """Find the operation of the slab that swaps the two ends of a hop.

    Parameters
    ----------
    slab
        Clean slab (relaxed), in its supercell.
    initial, final
        Ends of the hop, the same atoms in the same order, each in the image next to where it starts.
    adatom
        Index of the atom that is the adatom at the end; at the start it is the last one.
    beside
        From that atom to its copy to which the hop leads, a translation of the slab (3,), Å.

    Returns
    -------
    PathSymmetry or None
        The best operation that takes every atom of either end to within 0.05 Å of one of the other, and the adatom
        of the start to that of the end. A mirror across the path is preferred to a twofold axis: it lets the path bend
        sideways.
    """
    found: list[tuple[bool, float, PathSymmetry]] = []
    ends = initial.cart_coords, final.cart_coords
    for rotation, _ in face_operations(slab):
        turn = _cartesian(slab, rotation)
        # A pure translation leads from an end to the other and on to an image of the first: that turns nothing round.
        if np.allclose(turn, np.eye(3), atol=1e-3) or not np.allclose(turn @ turn, np.eye(3), atol=1e-3):
            continue
        # The adatom alone decides the translation, so that the operation done twice leaves all where it was.
        first, last = ends[0][-1], ends[1][adatom] + np.asarray(beside)
        shift = (last - turn @ first + first - turn @ last) / 2
        off = np.linalg.norm(last - turn @ first - shift)
        if off > SYMMETRIC:
            continue
        moved = slab.lattice.get_fractional_coords(ends[0] @ turn.T + shift)
        order = _pairing(final, moved, adatom)
        residual = max(
            np.linalg.norm(images_in_plane(slab.lattice, before[order] @ turn.T + shift - after), axis=1).max()
            for before, after in (ends, ends[::-1])
        )
        if residual > SYMMETRIC or np.any(order[order] != np.arange(len(order))):
            continue
        symmetry = PathSymmetry(rotation=turn.tolist(), translation=shift.tolist(), permutation=order.tolist())
        found.append((bool(np.linalg.det(turn) > 0), round(float(residual), 3), symmetry))
    return min(found, key=lambda each: each[:2])[2] if found else None


def turned_round(symmetry: PathSymmetry, structure: Structure, near: Structure) -> Structure:
    """Return what the symmetry of a path makes of one of its images, each atom in its image nearest to `near`.

    Fixed atoms keep the coordinates that they have in `near`.
    """
    moved = structure.cart_coords[symmetry.permutation] @ np.array(symmetry.rotation).T + symmetry.translation
    positions = near.cart_coords + images_in_plane(near.lattice, moved - near.cart_coords)
    return holding_fixed(near, positions)


def first_path(
    initial: Structure,
    final: Structure,
    images: int,
    symmetry: PathSymmetry | None = None,
    threshold: float = 0.003,
) -> list[Structure]:
    """Return a first path by the image dependent pair potential.

    S. Smidstrup et al., J. Chem. Phys. 140, 214106 (2014), as ASE implements it.

    Parameters
    ----------
    initial, final
        Relaxed ends: the same atoms in the same order, each in the image next to where it starts (so that a hop over
        half of the supercell goes the way that is meant); equal where atoms are fixed.
    images
        Number of images between the ends.
    symmetry
        Operation that turns the path round: the path obeys it, and the end is the turned start.
    threshold
        Largest force of that potential at the end, eV/Å. ASE's own, 0.1, stops before an adatom has risen over a
        bridge; for an atom that hops straight into a vacancy it will do, and is much quicker.

    Returns
    -------
    list of Structure
        `images` + 2 structures with the site properties of `initial`.

    Raises
    ------
    InputError
        If no atom moves by more than 0.1 Å from end to end, or the ends have other atoms.
    """
    if initial.species != final.species:
        raise InputError("the two ends of the hop have other atoms, or another order of them.")
    longest = float(np.linalg.norm(final.cart_coords - initial.cart_coords, axis=1).max())
    if longest < 0.1:
        raise InputError(f"the two ends of the hop are the same (no atom moves by more than {longest:.2f} Å).")
    if symmetry is not None:
        final = turned_round(symmetry, initial, final)
    band = [_atoms(initial) for _ in range(images + 1)] + [_atoms(final)]
    neb = NEB(band, method="improvedtangent")
    # mic=False: the ends are unwrapped. The fixed atoms are equal in both, so applying the constraint changes nothing.
    neb.interpolate(mic=False, apply_constraint=True)
    idpp_interpolate(neb, traj=None, log=None, mic=True, fmax=threshold, steps=1000)
    path = [placed(initial, atoms.get_positions()) for atoms in band]
    if symmetry is not None:
        for index in range(1, images + 1):
            if index > images + 1 - index:
                path[index] = turned_round(symmetry, path[images + 1 - index], path[index])
            else:
                other = turned_round(symmetry, path[images + 1 - index], path[index])
                path[index] = placed(initial, (path[index].cart_coords + other.cart_coords) / 2)
    return path


def _pairing(structure: Structure, moved: np.ndarray, adatom: int = -1) -> np.ndarray:
    """For each atom of `structure` the one of `moved` (fractional) that it is.

    The adatom, the last of `moved`, is the atom of this number in `structure`, and the other way round. The sum of
    squared distances is the smallest; atoms of different elements are not paired.
    """
    squared = structure.lattice.get_all_distances(structure.frac_coords, moved) ** 2
    numbers = [site.specie.Z for site in structure]
    squared[np.not_equal.outer(numbers, numbers)] = _FORBIDDEN
    known = [-1, adatom]
    squared[known] = squared[:, known] = _FORBIDDEN
    squared[adatom, -1] = squared[-1, adatom] = 0.0
    rows, order = linear_sum_assignment(squared)
    assert np.array_equal(rows, np.arange(len(structure)))
    return np.asarray(order)


def image_at(structure: Structure, position: np.ndarray, target: Sequence[float]) -> np.ndarray:
    """Return the image of a position next to a lateral target (2,), Å."""
    goal = np.array([*target[:2], position[2]])
    return goal + images_in_plane(structure.lattice, position - goal)


def _atoms(structure: Structure) -> Atoms:
    """Return ASE atoms with the constraints of `selective_dynamics`, images kept."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.set_positions(structure.cart_coords, apply_constraint=False)
    return atoms


def _cartesian(structure: Structure, rotation: np.ndarray) -> np.ndarray:
    """Return a rotation of fractional coordinates as one of Cartesian coordinates, made exactly orthogonal."""
    lattice = structure.lattice.matrix.T
    u, _, v = np.linalg.svd(lattice @ rotation @ np.linalg.inv(lattice))
    return u @ v
