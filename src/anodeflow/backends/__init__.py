"""Backends: a code, its settings and how it computes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anodeflow.backends.base import Availability, Backend
    from anodeflow.backends.registry import available, load_backend

_PUBLIC = {"Availability": "base", "Backend": "base", "available": "registry", "load_backend": "registry"}
__all__ = ["Availability", "Backend", "available", "load_backend"]


def __getattr__(name: str) -> Any:
    # Imported on first use: a driver under MPI needs anodeflow.backends.drivers.driver and nothing else of it.
    if name in _PUBLIC:
        return getattr(import_module(f"anodeflow.backends.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'anodeflow.backends' has no attribute {name!r}")
