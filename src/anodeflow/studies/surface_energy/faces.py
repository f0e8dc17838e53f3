"""Slabs whose two faces are alike: only of such a one is the energy of a single face known."""

from dataclasses import replace

import spglib
from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.host import SYMPREC, spglib_cell
from anodeflow.structures.slab.planes import crystal_faces
from anodeflow.studies.subjects.surfaces import Surface, Surfaces


def faces_alike(slab: Structure) -> bool:
    """Whether an operation of symmetry takes one face of a slab (in the plane of a and b) to the other."""
    found = spglib.get_symmetry(spglib_cell(slab), symprec=SYMPREC)
    return found is not None and bool((found["rotations"][:, 2, 2] == -1).any())


def with_faces_alike(surface: Surface, surfaces: Surfaces) -> Surface:
    """Return a surface whose ideal slab ends alike on both sides: itself, or one of a few planes more.

    Where planes of two kinds alternate, an even number of them has two different faces and an odd one has not.

    Raises
    ------
    InputError
        If no number of planes does: no operation of the crystal turns this face over.
    """
    cell = surfaces.slab(surface)
    period = len(crystal_faces(surfaces.structure(surface.structure), cell.oriented_miller)[0].stack.planes)
    for planes in range(cell.layers, cell.layers + period):
        other = surface if planes == cell.layers else _with_planes(surface, planes)
        if faces_alike(surfaces.slab(other).structure):
            return other
    raise InputError(
        f"{surface.name}: no slab of {surface.structure} has this face on both sides, since no symmetry operation of "
        "the crystal turns it over, so its energy alone is not defined by slabs: leave the system out."
    )


def _with_planes(surface: Surface, planes: int) -> Surface:
    # A name that begins with that of the surface, so that plans and progress list the slab with it.
    name = f"{surface.name}: {planes} planes"
    system = surface.system.model_copy(update={"name": name, "layers": planes, "thickness": None})
    return replace(surface, system=system, variant={})
