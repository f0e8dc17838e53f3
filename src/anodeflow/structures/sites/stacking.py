"""Which of its two kinds a hollow of a close-packed face is: that of the stacking of fcc, or that of hcp."""

from typing import TYPE_CHECKING

import numpy as np

from anodeflow.structures.sites.hollow_names import Stacking

if TYPE_CHECKING:
    from anodeflow.structures.sites.contact import ContactSurface

# Relaxed faces of Li3Mg7 (hcp) have up to 1.06, 0.10 and 0.08 of these, also under an adatom, and atoms no nearer than
# 0.88; (110) of bcc has 1.15 and 0.26, and faces of Li3Mg on bcc more.
_UNEQUAL = 1.12  # longest side of the triangle, in units of the shortest
_ASIDE = 0.15  # how far an atom of the plane below may lie from its place sideways, in units of the sides
_DEEPER = 0.20  # the same along the normal: zinc, whose planes are far apart, has 0.11
_NEAREST = 0.80  # no atom is nearer to a corner: in a compound others stand between those of the plane
_LEANING = 25.0  # degrees between the triangle and the face: terraces of steps, but not the flanks of rows


def hollow_stacking(surface: "ContactSurface", position: np.ndarray) -> Stacking | None:
    """Tell in which hollow of a close-packed face a position is.

    In an hcp hollow an atom of the second plane is straight below: with the three at the corners it makes a
    tetrahedron. In an fcc hollow there is none; three atoms of the second plane make an octahedron with the corners.
    Elements do not matter, so alloys are told, too; the atoms of the third plane do not either, so that the names
    mean the same on fcc(111), on hcp(0001) and on films.

    Parameters
    ----------
    surface
        Face, without the adatom.
    position
        Over the face, Cartesian (3,), Å.

    Returns
    -------
    str or None
        None where the position is not between three atoms, or these and the plane below are not nearly close-packed:
        on bcc(110), on compounds, beside steps and vacancies, on a single layer.
    """
    corners = surface.atoms[surface.around(position)]
    if len(corners) != 3:
        return None
    centre = corners.mean(axis=0)
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    normal /= np.linalg.norm(normal) * (np.sign(normal[2]) or 1)
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    side = sides.mean()
    apart = np.linalg.norm(surface.atoms[:, None] - corners, axis=2)
    if (
        sides.max() > _UNEQUAL * sides.min()
        or normal[2] < np.cos(np.radians(_LEANING))
        or apart[apart > 1e-6].min() < _NEAREST * side
        or (position - centre) @ normal <= 0
    ):
        return None

    def there(place: np.ndarray) -> bool:
        away = surface.atoms - place
        along = away @ normal
        aside = np.linalg.norm(away - along[:, None] * normal, axis=1)
        return bool(np.any((aside < _ASIDE * side) & (abs(along) < _DEEPER * side)))

    below = centre - np.sqrt(2 / 3) * side * normal
    if there(below):
        return "hcp"
    return "fcc" if all(there(below - corner) for corner in corners - centre) else None
