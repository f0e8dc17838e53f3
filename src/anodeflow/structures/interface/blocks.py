"""The two halves of an interface before they are brought together: planes of a crystal below one of its faces."""

from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from anodeflow.structures.bulk.host import HostLattice, plane_in_cell, recognise_host
from anodeflow.structures.slab.planes import Face, crystal_faces
from anodeflow.structures.slab.slabs import cut_planes, termination_labels
from anodeflow.structures.slab.spec import SlabSpec


@dataclass(frozen=True)
class Block:
    """One side before it is deformed: planes of a crystal, that at the interface being number 1.

    Attributes
    ----------
    face
        The termination that meets the other side.
    label
        Its composition.
    vectors
        Primitive lattice vectors in the plane, (2, 2), as rows, of positive handedness, Å.
    elements, positions
        Atoms of the primitive cell; Cartesian (n, 3), Å, with a mean height of 0 in plane 1.
    layer
        Plane of each atom, (n,), 1 at the interface.
    crystal
        The whole crystal in the same frame, its first two lattice vectors in the plane.
    """

    face: Face
    label: str
    vectors: np.ndarray
    elements: list[str]
    positions: np.ndarray
    layer: np.ndarray
    crystal: Structure

    def filled(self, supercell: np.ndarray, deformation: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Return elements, positions (n, 3) and planes (n,) of the atoms in a supercell deformed by (2, 2)."""
        cells = round(abs(np.linalg.det(supercell)))
        # A sublattice whose Hermite normal form is (p, q; 0, r) is filled by p x r translations.
        p = int(np.gcd(*supercell[:, 0]))
        shifts = [(i, j) @ self.vectors for i in range(p) for j in range(cells // p)]
        positions = np.concatenate([self.positions + np.append(shift, 0) for shift in shifts])
        positions[:, :2] = positions[:, :2] @ deformation
        return self.elements * cells, positions, np.tile(self.layer, cells)

    def strained_crystal(self, deformation: np.ndarray) -> Structure:
        """Return the crystal deformed by (2, 2) in the plane and stretched in height so that its volume stays."""
        stretched = np.eye(3)
        stretched[:2, :2], stretched[2, 2] = deformation, 1 / np.linalg.det(deformation)
        lattice = self.crystal.lattice.matrix @ stretched
        return Structure(lattice, self.crystal.species, self.crystal.frac_coords)


def cut_blocks(
    bulk: Structure,
    miller: tuple[int, int, int],
    layers: int,
    setting: str,
    host: HostLattice | None,
    turned: bool,
) -> list[Block]:
    """Return one block for each distinct termination of a plane.

    Parameters
    ----------
    bulk, miller, setting, host
        Crystal and plane; see :func:`anodeflow.structures.slab.slabs.build_slabs`.
    layers
        Number of atomic planes.
    turned
        Whether the block lies over the interface, its face looking down.
    """
    if setting == "host" and host is None:
        host = recognise_host(bulk)
    plane = plane_in_cell(bulk, miller, setting, host)
    faces = crystal_faces(bulk, plane)
    blocks = []
    for face, label in zip(faces, termination_labels([face.plane.formula for face in faces]), strict=True):
        elements, positions, from_below = cut_planes(face, SlabSpec(layers=layers))
        layer = int(from_below.max()) + 1 - from_below
        positions = positions - [0, 0, positions[layer == 1, 2].mean()]
        vectors, crystal = face.stack.vectors[:2, :2], face.stack.crystal
        if turned:  # by half a turn about x: the crystal stays as it is, no mirror image
            positions = positions * [1, -1, -1]
            vectors = vectors * [[1, -1], [-1, 1]]
            crystal = Structure(crystal.lattice.matrix * [1, -1, -1], crystal.species, crystal.frac_coords)
        blocks.append(Block(face, label, vectors, elements, positions, layer, crystal))
    return blocks
