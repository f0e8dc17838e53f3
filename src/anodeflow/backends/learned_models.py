"""Where learned models lie, and how they are named: ``learned:NAME`` is a backend file of this home."""

from pathlib import Path

from anodeflow.core.errors import InputError
from anodeflow.core.settings import get_settings

PREFIX = "learned:"
"""With which the name of a learned model begins where a backend is named."""


def models_folder() -> Path:
    """Return the folder of the models of this home."""
    return get_settings().home / "learning" / "models"


def model_file(name: str) -> Path:
    """Return the file of a model, of ``learned:NAME``.

    Raises
    ------
    InputError
        If there is none, or the name is no name of a file.
    """
    plain = name.removeprefix(PREFIX)
    file = models_folder() / f"{plain}.yaml"
    if Path(plain).name != plain or not plain or not file.is_file():
        known = ", ".join(sorted(each.stem for each in models_folder().glob("*.yaml"))) or "none"
        raise InputError(
            f"there is no learned model {plain!r} in {models_folder()} (there is {known}): anodeflow learn NAME makes "
            "one."
        )
    return file
