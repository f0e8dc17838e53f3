"""Which elements a potential knows, remembered from when it was loaded: a check need not load it again.

Kept under ANODEFLOW_HOME for models that packages bring or fetch under a name of theirs. The versions of the package
and of torch are part of the key; a model file of the user's own is loaded every time.
"""

import json
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from anodeflow.core.address import content_hash
from anodeflow.core.settings import get_settings
from anodeflow.core.versions import version


def key(name: str, arguments: dict[str, Any], package: str) -> str:
    """Return what names a potential: its name, arguments, and the versions of what loads it."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = ""
    return content_hash({"force field": name, "arguments": arguments, "package": package, "torch": torch})


def remember(name: str, elements: set[int] | None) -> None:
    """Keep the atomic numbers that a potential knows (none: it does not tell), where that can be written."""
    with suppress(OSError):
        _folder().mkdir(parents=True, exist_ok=True)
        (_folder() / f"{name}.json").write_text(json.dumps(None if elements is None else sorted(elements)))


def recall(name: str) -> tuple[bool, set[int] | None]:
    """Return whether a potential was loaded before, and what was remembered of it."""
    try:
        found = json.loads((_folder() / f"{name}.json").read_text())
        return True, None if found is None else set(map(int, found))
    except (OSError, ValueError, TypeError):
        return False, None


def _folder() -> Path:
    return get_settings().home / "potentials"
