"""The sites of an adatom in three dimensions."""

from anodeflow.report.later import drawn_later
from anodeflow.report.page import Scene, number
from anodeflow.report.scenes import frame, scene_data
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.levels import site_words


@drawn_later
def configurations_scene(document: AdsorptionDoc, name: str) -> Scene:
    """Return all configurations of an adsorption study, the most stable one first on show."""
    frames = []
    for site in document.sites:
        label = f"site {site.site}: {site_words(site)}, {number(site.binding_energy, 3)} eV"
        frames.append(frame(site.structure, label))
    return Scene(
        name,
        f"{document.adsorbate} on {document.system}",
        "Each site at rest; bonds join the adatom to its neighbours. Binding energies against the isolated atom.",
        scene_data(frames, "menu", shown=document.most_stable),
    )
