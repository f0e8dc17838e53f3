"""The sites of an adatom in three dimensions."""

from anodeflow.report.later import drawn_later
from anodeflow.report.page import Scene, number
from anodeflow.report.scenes import frame, scene_data
from anodeflow.studies.adsorption.document import AdsorptionDoc


@drawn_later
def configurations_scene(document: AdsorptionDoc, name: str) -> Scene:
    """Return all configurations of an adsorption study, the most stable one first on show."""
    frames = []
    for site in document.sites:
        rest = site.final_label if site.final_label == site.label else f"{site.label} → {site.final_label}"
        label = f"site {site.site}: {rest}, {number(site.binding_energy, 3)} eV"
        frames.append(frame(site.structure, label))
    return Scene(
        name,
        f"{document.adsorbate} on {document.system}",
        "Each site at rest; bonds join the adatom to its neighbours. Binding energies against the isolated atom.",
        scene_data(frames, "menu", shown=document.most_stable),
    )
