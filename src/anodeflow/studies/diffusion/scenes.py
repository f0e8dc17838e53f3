"""The images of a hop in three dimensions."""

import numpy as np

from anodeflow.report.later import drawn_later
from anodeflow.report.page import Scene, number
from anodeflow.report.scenes import frame, rounded, scene_data
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.hop_document import Hop
from anodeflow.studies.diffusion.paths import exchange_positions, path_positions


@drawn_later
def path_scene(document: DiffusionDoc, hop: Hop, name: str) -> Scene:
    """Return the images of a hop, with the adatom of every image as a ghost."""
    middle = (hop.images[0].cart_coords[-1] + path_positions(hop.images)[-1]) / 2
    frames, ghosts = [], path_positions(hop.images)
    for index, (image, place, point) in enumerate(zip(hop.images, ghosts, hop.profile, strict=True)):
        one = frame(image, f"image {index}: {number(point.energy, 3)} eV", middle)
        shift = place - np.array(one["positions"][one["adatom"]])
        one["positions"][one["adatom"]] = rounded(np.array(one["positions"][one["adatom"]]) + shift)
        frames.append(one)
    if hop.exchanged_with is not None:
        ghosts = np.concatenate([ghosts, exchange_positions(hop)])
    other = " and the atom whose place it takes" if hop.is_exchange else ""
    saddle = hop.saddle_image
    data = scene_data(frames, "slider", shown=saddle) | {"ghosts": rounded(ghosts)}
    return Scene(
        name,
        f"Hop {hop.index} of {document.adsorbate} on {document.system}",
        f"The slider goes through the images; ghosts show the adatom{other} in all of them. It opens at the saddle.",
        data,
    )
