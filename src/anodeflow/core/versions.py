"""Versions of installed packages, each read once: it stands in a file of text that the standard library reads anew."""

from functools import cache
from importlib import metadata


@cache
def version(distribution: str) -> str:
    """Return the version of an installed package.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If it is not installed.
    """
    return metadata.version(distribution)
