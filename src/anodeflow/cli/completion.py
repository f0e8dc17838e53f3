"""What the Tab key completes beside commands and options: names of campaigns, backends and crystals, and their files.

Nothing heavy is imported, and no database is asked: a shell calls these while somebody types.
"""

from collections.abc import Iterable
from pathlib import Path

_YAML = (".yaml", ".yml")
_CRYSTALS = (".cif", ".vasp", ".xyz", ".json")


def campaigns(incomplete: str) -> list[str]:
    """Return the names of campaigns that were run or submitted from here."""
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.state import campaign_names
    from anodeflow.execution.submissions import submissions

    settings = get_settings()
    return _beginning(incomplete, {*campaign_names(settings), *(note.campaign for note in submissions(settings))})


def campaign_files(incomplete: str) -> list[str]:
    """Return the names of campaigns that come with anodeflow, and YAML files."""
    from anodeflow.core.data import shipped_campaigns

    return _beginning(incomplete, shipped_campaigns()) + _files(incomplete, _YAML)


def backends(incomplete: str) -> list[str]:
    """Return the names of backends that come with anodeflow, and YAML files."""
    from anodeflow.core.data import shipped_backends

    return _beginning(incomplete, shipped_backends()) + _files(incomplete, _YAML)


def crystals(incomplete: str) -> list[str]:
    """Return the names in the catalogue, the user's own among them, and structure files."""
    from anodeflow.core.data import data_folder
    from anodeflow.core.settings import get_settings

    folders = (data_folder("structures"), get_settings().home / "structures")
    return _beginning(incomplete, (file.stem for folder in folders for file in folder.glob("*.yaml"))) + _files(
        incomplete, _CRYSTALS
    )


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


def _files(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    """Return folders, with a slash, and files of such endings that begin as what was typed."""
    typed = Path(incomplete or ".").expanduser()
    folder = typed if not incomplete or incomplete.endswith("/") else typed.parent
    before = incomplete[: incomplete.rfind("/") + 1]
    try:
        there = sorted(folder.iterdir())
    except OSError:
        return []
    shown = [file for file in there if not file.name.startswith(".") or incomplete.rpartition("/")[2].startswith(".")]
    names = [before + file.name + "/" * file.is_dir() for file in shown if file.is_dir() or file.suffix in endings]
    return [name for name in names if name.startswith(incomplete)]
