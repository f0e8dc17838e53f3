"""Editions of a campaign: an edited file asks for something else, and its results stand beside those of before."""

from collections.abc import Iterable

from anodeflow.core.address import content_hash, structure_content
from anodeflow.core.inputs import InputModel
from anodeflow.studies.subjects.surfaces import Surfaces


def edition(campaign: InputModel, crystals: Iterable[str], surfaces: Surfaces) -> str:
    """Return the hash of what a campaign asks for (:meth:`anodeflow.campaign.model.Campaign.edition`).

    Parameters
    ----------
    campaign
        The campaign.
    crystals
        Names of the crystals of its surfaces, interfaces and studies.
    surfaces
        Its surfaces, which know its crystals and backends.
    """
    asked = campaign.model_dump(
        mode="json",
        exclude=dict.fromkeys(("name", "description", "reference", "backend"), True) | {"prescreen": {"learn"}},
        exclude_defaults=True,
    )
    contents = {name: structure_content(surfaces.structure(name)) for name in crystals}
    backend, prescreen = surfaces.backend, surfaces.prescreen
    computed = [backend.settings_hash(), backend.path.model_dump(), prescreen and prescreen.settings()]
    return content_hash([asked, computed, contents])
