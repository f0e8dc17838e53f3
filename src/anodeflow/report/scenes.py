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
- ``surfaces``: name, colour, vertices and faces (base64 of little-endian float32 and uint32).
"""

import base64
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from pymatgen.core import Structure

from anodeflow.report.colours import colour, radius
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Scene, number
from anodeflow.report.view3d.fields import Mesh
from anodeflow.report.view3d.neighbourhood import around_adatom
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.charge.document import ChargeTransferDoc
from anodeflow.studies.charge.figures import difference_surfaces, in_middle
from anodeflow.studies.diffusion.document import Hop, MigrationDoc
from anodeflow.studies.diffusion.paths import path_positions


@drawn_later
def configurations_scene(document: AdsorptionDoc, name: str) -> Scene:
    """Return all configurations of an adsorption study, the most stable one first on show."""
    frames = []
    for site in document.sites:
        rest = site.final_label if site.final_label == site.label else f"{site.label} → {site.final_label}"
        label = f"site {site.site}: {rest}, {number(site.binding_energy, 3)} eV"
        frames.append(_frame(site.structure, label))
    return Scene(
        name,
        f"{document.adsorbate} on {document.system}",
        "Each site at rest; bonds join the adatom to its neighbours. Binding energies against the isolated atom.",
        _scene(frames, "menu", shown=document.most_stable),
    )


@drawn_later
def difference_scene(document: ChargeTransferDoc, name: str) -> Scene:
    """Return the isosurfaces of a charge-density difference with the atoms and the non-nuclear maxima."""
    surfaces = [_surface(title, shade, mesh) for title, shade, mesh in difference_surfaces(document)]
    data = _scene([_frame(document.structure, document.site_label)], "menu") | {"surfaces": surfaces}
    if document.non_nuclear_basins:
        maxima = in_middle(document, np.array([basin.position for basin in document.non_nuclear_basins]))
        data["points"] = {
            "name": "non-nuclear maximum",
            "positions": _rounded(maxima),
            "labels": [f"{basin.electrons:.2f} e" for basin in document.non_nuclear_basins],
        }
    return Scene(
        name,
        f"Charge-density difference, {document.adsorbate} on {document.system}",
        f"Isosurfaces at ±{document.difference.isovalue:.2g} e/Å³: electrons gather in the yellow and leave the blue "
        "one. A click on a name in the legend hides it.",
        data,
    )


@drawn_later
def path_scene(document: MigrationDoc, hop: Hop, name: str) -> Scene:
    """Return the images of a hop, with the adatom of every image as a ghost."""
    middle = (hop.images[0].cart_coords[-1] + path_positions(hop.images)[-1]) / 2
    frames, ghosts = [], path_positions(hop.images)
    for index, (image, place, point) in enumerate(zip(hop.images, ghosts, hop.profile, strict=True)):
        frame = _frame(image, f"image {index}: {number(point.energy, 3)} eV", middle)
        shift = place - np.array(frame["positions"][frame["adatom"]])
        frame["positions"][frame["adatom"]] = _rounded(np.array(frame["positions"][frame["adatom"]]) + shift)
        frames.append(frame)
    saddle = int(np.argmax([point.energy for point in hop.profile]))
    data = _scene(frames, "slider", shown=saddle) | {"ghosts": _rounded(ghosts)}
    return Scene(
        name,
        f"Hop {hop.index} of {document.adsorbate} on {document.system}",
        "The slider goes through the images; ghosts show the adatom in all of them. It opens at the saddle.",
        data,
    )


def _scene(frames: list[dict[str, Any]], control: str, shown: int = 0) -> dict[str, Any]:
    elements = dict.fromkeys(element for frame in frames for element in frame["species"])
    return {
        "elements": {e: {"colour": to_hex(tuple(colour(e))), "radius": round(radius(e), 3)} for e in elements},
        "frames": frames,
        "control": control,
        "shown": shown,
        "cell": frames[shown].pop("cell"),
    }


def _frame(structure: Structure, label: str, middle: NDArray | None = None) -> dict[str, Any]:
    atoms = around_adatom(structure, middle)
    return {
        "label": label,
        "species": atoms.species,
        "positions": _rounded(atoms.positions),
        "bonds": atoms.bonds,
        "adatom": atoms.centre,
        "cell": _rounded(atoms.corners),
    }


def _surface(name: str, shade: str, mesh: Mesh) -> dict[str, Any]:
    return {
        "name": name,
        "colour": shade,
        "vertices": base64.b64encode(mesh.vertices.astype("<f4").tobytes()).decode("ascii"),
        "faces": base64.b64encode(mesh.faces.astype("<u4").tobytes()).decode("ascii"),
    }


def _rounded(points: NDArray) -> list[Any]:
    return np.round(points, 3).tolist()
