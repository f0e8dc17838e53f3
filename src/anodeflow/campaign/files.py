"""Files that a campaign names: those of the catalogue by their names, all others beside its own file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.core.data import shipped_campaigns
from anodeflow.core.errors import InputError
from anodeflow.core.yamlfile import YamlFile
from anodeflow.structures.bulk.catalogue import catalogue
from anodeflow.structures.bulk.online import kept_crystal, online

if TYPE_CHECKING:
    from anodeflow.backends.base import Backend

_BACKEND_FILES = (".yaml", ".yml")


def campaign_file(path: Path) -> Path:
    """Return a campaign file as it is given, or the one that comes with anodeflow under that name.

    Raises
    ------
    InputError
        If there is neither.
    """
    if path.exists() or path.is_symlink():
        return path
    shipped = shipped_campaigns()
    if str(path) in shipped:
        return shipped[str(path)]
    raise InputError(
        f"there is no file {path}; campaigns that come with anodeflow are named alone ({', '.join(shipped)}), and "
        "anodeflow new writes one of your own."
    )


def beside(campaign: Path | None, name: str) -> str:
    """Return a backend file that a campaign names as one that can be opened; the name of a backend as it is.

    Parameters
    ----------
    campaign
        Campaign file; none: the campaign was made in Python.
    name
        What it says.
    """
    path = Path(name).expanduser()
    if campaign is None or path.suffix not in _BACKEND_FILES or path.is_absolute():
        return name
    return str(campaign.parent / path)


def backend_of(campaign: YamlFile | None, name: str, *key: str) -> "Backend":
    """Return a backend that a campaign names.

    Parameters
    ----------
    campaign
        Campaign file; none: the campaign was made in Python.
    name
        Name or file of the backend.
    key
        Where it stands in the campaign file, unless the command line names it.

    Raises
    ------
    InputError
        If there is no such backend, with the line that names it; if its file is wrong, with the line there.
    """
    from anodeflow.backends.registry import load_backend

    found = beside(campaign.path if campaign else None, name)
    try:
        return load_backend(found)
    except InputError as error:
        told: Any = campaign.content if campaign else None
        for part in key:
            told = told.get(part) if isinstance(told, dict) else told  # prescreen: emt, or {backend: emt}
        if campaign is None or told != name or str(error).startswith(str(found)):
            raise
        raise InputError(f"{campaign.where(*key)}: {error}") from error


def of_the_caller(name: str | None) -> str | None:
    """Return a backend file that the command line names as it can be found from everywhere; other names as they are."""
    if name and Path(name).suffix in _BACKEND_FILES and Path(name).is_file():
        return str(Path(name).absolute())
    return name


def named_crystals(systems: Any, interfaces: Any, studies: Any) -> list[str]:
    """Return the crystals of a campaign's surfaces, interfaces and studies as its file names them, each once."""
    names = [name for system in systems for name in system.structures]
    names += [name for system in interfaces for name in (system.alloy, system.metal)]
    names += [name for entry in studies for name in entry.study.crystals(entry.input)]
    return list(dict.fromkeys(names))


def crystal_file(campaign: Path | None, name: str) -> str:
    """Return a catalogue name as it is; any other name is the file of that name beside the campaign file.

    A crystal of a provider is the file in which it is kept, in `crystals` there.

    Raises
    ------
    InputError
        If a crystal of a provider cannot be fetched, or was changed.
    """
    path = Path(name).expanduser()
    if campaign is None or path.is_absolute() or name in catalogue() or "://" in name or not name.strip():
        return name
    if (crystal := online(name)) is not None:
        return str(kept_crystal(crystal, campaign.absolute().parent))
    return str(campaign.parent / path)


def shadowed(campaign: Path | None, name: str) -> str:
    """Return a note on a file beside the campaign file that is called like a crystal of the catalogue; empty: none."""
    if campaign is None or name not in catalogue() or not (campaign.parent / name).is_file():
        return ""
    return f"Structure {name} is the catalogue's: the file {name} beside the campaign is called ./{name}."
