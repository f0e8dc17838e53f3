"""The charge-density difference in three dimensions."""

import numpy as np

from anodeflow.report.later import drawn_later
from anodeflow.report.page import Scene
from anodeflow.report.scenes import frame, rounded, scene_data, surface
from anodeflow.studies.charge.document import ChargeDoc
from anodeflow.studies.charge.figures import difference_surfaces, in_middle


@drawn_later
def difference_scene(document: ChargeDoc, isovalue: float, name: str) -> Scene:
    """Return the isosurfaces of a charge-density difference with the atoms and the non-nuclear maxima."""
    surfaces = [surface(title, shade, mesh) for title, shade, mesh in difference_surfaces(document, isovalue)]
    data = scene_data([frame(document.structure, document.site_label)], "menu") | {"surfaces": surfaces}
    if document.non_nuclear_basins:
        maxima = in_middle(document, np.array([basin.position for basin in document.non_nuclear_basins]))
        data["points"] = {
            "name": "non-nuclear maximum",
            "positions": rounded(maxima),
            "labels": [f"{basin.electrons:.2f} e" for basin in document.non_nuclear_basins],
        }
    return Scene(
        name,
        f"Charge-density difference, {document.adsorbate} on {document.system}",
        f"Isosurfaces at ±{isovalue:.2g} e/Å³: electrons gather in the yellow and leave the blue "
        "one. A click on a name in the legend hides it.",
        data,
    )
