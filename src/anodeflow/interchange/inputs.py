"""What a campaign was made of: its file, its backend, its crystals; as files that can be published."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from anodeflow.core.data import data_folder
from anodeflow.core.errors import InputError
from anodeflow.core.settings import get_settings

if TYPE_CHECKING:
    from anodeflow.campaign.model import Campaign


@dataclass
class Inputs:
    """Files of a campaign.

    Attributes
    ----------
    files
        Name in a publication -> file.
    description
        What the campaign is for, in its own words.
    left_out
        Why something is missing, a sentence each.
    """

    files: dict[str, Path] = field(default_factory=dict)
    description: str = ""
    left_out: list[str] = field(default_factory=list)


def campaign_inputs(name: str, editions: set[str], file: Path | None = None) -> Inputs:
    """Return the files that a campaign was made of, as far as they are what its results were computed from.

    Parameters
    ----------
    name
        Name of the campaign.
    editions
        Editions of its results.
    file
        Campaign file; none: the one that it was last run from here with.

    Raises
    ------
    InputError
        If `file` is named, and is not that of the results.
    """
    from anodeflow.campaign.model import Campaign
    from anodeflow.execution.state import read_status

    named = file is not None
    try:
        if file is None:
            file = Path(read_status(get_settings(), name).file or "")
            if not file.is_file():
                raise InputError(f"the file of campaign {name} is not known here: name it with --file.")
        campaign = Campaign.from_file(file)
        if campaign.name != name:
            raise InputError(f"{file} is the campaign {campaign.name}, not {name}: name another file with --file.")
        computed = [campaign.edition(), *_other_backends(campaign, file, name)]
        if not set(computed) & editions and editions != {""}:
            raise InputError(
                f"{file} asks for something else than the results of {name} hold: it was changed since they were made; "
                "name the file of then with --file, or run it."
            )
    except InputError as error:
        if named:
            raise
        return Inputs(left_out=[f"without the campaign file and its structures: {error}"])
    found = Inputs(description=campaign.description)
    found.files["campaign.yaml"] = file
    for place in (*_backend_files(campaign), *_crystals(campaign)):
        folder = "backends" if place.suffix in (".yaml", ".yml") and place.parent.name == "backends" else "structures"
        _add(found, folder, place)
    return found


def _other_backends(campaign: "Campaign", file: Path, name: str) -> list[str]:
    """Return the edition for the backend with which the campaign was last run, if that was another one."""
    from anodeflow.campaign.model import Campaign
    from anodeflow.execution.state import read_status

    try:
        backend = read_status(get_settings(), name).backend
        return [Campaign.from_file(file, backend).edition()] if backend not in ("", campaign.backend) else []
    except InputError:
        return []


def _backend_files(campaign: "Campaign") -> list[Path]:
    name = campaign.backend
    if name.endswith((".yaml", ".yml")):
        beside = campaign.path.parent / name if campaign.path else Path(name)
        return [beside] if beside.is_file() else []
    shipped = data_folder("configs") / "backends" / f"{name}.yaml"
    return [shipped] if shipped.is_file() else []


def _crystals(campaign: "Campaign") -> list[Path]:
    """Return the files of all crystals that the campaign names; those of the catalogue with their provenance."""
    from anodeflow.structures.bulk.catalogue import catalogue

    found = []
    for name in dict.fromkeys([*campaign.crystals, *campaign.references.values()]):
        if name in catalogue():
            cif = catalogue()[name].file
            found += [cif, cif.with_suffix(".yaml")]
        else:
            found.append(Path(campaign.crystal_file(name)))
    return [place for place in found if place.is_file()]


def _add(found: Inputs, folder: str, place: Path) -> None:
    name, number = f"{folder}/{place.name}", 1
    while name in found.files and found.files[name].resolve() != place.resolve():
        number += 1
        name = f"{folder}/{place.stem}-{number}{place.suffix}"
    found.files[name] = place
