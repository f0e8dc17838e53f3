"""What the interactive pictures are drawn from: atoms, bonds, cell and surfaces as plain numbers.

The script ``templates/scenes.js`` makes spheres and traces of them in the reader's browser, so that the page holds
positions only. A scene's data has

- ``elements``: element -> colour and radius (Å) of its spheres,
- ``frames``: what the slider or the menu goes through, each with a label, species, positions (Å), bonds (pairs of
  indices), and the index of the adatom,
- ``control``: "menu" or "slider",
- ``cell``: corners of the cell's base, Å,
- ``ghosts``: positions of the adatom in all images of a path, Å,
- ``points``: named points, such as non-nuclear maxima,
- ``zoom``: how large it is drawn, where 2.9 is not right,
- ``surfaces``: name, colour, vertices and faces (base64 of little-endian float32 and uint32).
"""

import base64
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from pymatgen.core import Structure

from anodeflow.report.colours import colour, radius
from anodeflow.report.view3d.fields import Mesh
from anodeflow.report.view3d.neighbourhood import around_adatom


def scene_data(frames: list[dict[str, Any]], control: str, shown: int = 0) -> dict[str, Any]:
    """Return the data of a scene.

    Parameters
    ----------
    frames
        What :func:`frame` returns, in order.
    control
        What goes through them: "menu" or "slider".
    shown
        Index of the one that is on show first; its cell is drawn.
    """
    elements = dict.fromkeys(element for frame in frames for element in frame["species"])
    return {
        "elements": {e: {"colour": to_hex(tuple(colour(e))), "radius": round(radius(e), 3)} for e in elements},
        "frames": frames,
        "control": control,
        "shown": shown,
        "cell": frames[shown].pop("cell"),
    }


def frame(structure: Structure, label: str, middle: NDArray | None = None) -> dict[str, Any]:
    """Return a slab around its adatom, the last atom, as a frame; `middle`: another point to look at, Å."""
    atoms = around_adatom(structure, middle)
    return {
        "label": label,
        "species": atoms.species,
        "positions": rounded(atoms.positions),
        "bonds": atoms.bonds,
        "adatom": atoms.centre,
        "cell": rounded(atoms.corners),
    }


def surface(name: str, shade: str, mesh: Mesh) -> dict[str, Any]:
    """Return an isosurface as a scene holds it."""
    return {
        "name": name,
        "colour": shade,
        "vertices": base64.b64encode(mesh.vertices.astype("<f4").tobytes()).decode("ascii"),
        "faces": base64.b64encode(mesh.faces.astype("<u4").tobytes()).decode("ascii"),
    }


def rounded(points: NDArray) -> list[Any]:
    """Return positions in Å to the last digit that shows."""
    return np.round(points, 3).tolist()
