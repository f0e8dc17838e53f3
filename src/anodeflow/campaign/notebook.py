"""What a notebook shows of a campaign."""

from collections.abc import Sequence

from anodeflow.campaign.entry import StudyEntry
from anodeflow.core.html import table
from anodeflow.core.inputs import InputModel
from anodeflow.studies.subjects.systems import InterfaceSystem, System


def campaign_table(
    title: str,
    systems: Sequence[System],
    interfaces: Sequence[InterfaceSystem],
    studies: Sequence[StudyEntry],
    description: str,
) -> str:
    """Return the surfaces, interfaces and studies of a campaign as a table in HTML, with its description below."""
    rows = [("surface", each.name, ", ".join(each.structures)) for each in systems]
    rows += [("interface", each.name, f"{each.alloy} on {each.metal}") for each in interfaces]
    rows += [("study", each.name, _asked(each.input)) for each in studies]
    return table(title, ("", "name", ""), rows, filter(None, [description]))


def _asked(given: InputModel) -> str:
    """The options of a study that are not its defaults, as a campaign file says it."""
    said = given.model_dump(mode="json", exclude_unset=True)
    return ", ".join(f"{name}: {value}" for name, value in said.items())
