"""Backends: a code, its accuracy, and the Makers that the workflows are given."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anodeflow.backends.base import Availability, Backend
    from anodeflow.backends.registry import available, load_backend
    from anodeflow.calculations.makers import CalculationMaker
    from anodeflow.calculations.neb_maker import NebMaker

_PUBLIC = {
    "Availability": "backends.base",
    "Backend": "backends.base",
    "CalculationMaker": "calculations.makers",
    "NebMaker": "calculations.neb_maker",
    "available": "backends.registry",
    "load_backend": "backends.registry",
}
__all__ = ["Availability", "Backend", "CalculationMaker", "NebMaker", "available", "load_backend"]


def __getattr__(name: str) -> Any:
    # Imported on first use: a driver under MPI needs anodeflow.backends.drivers.driver and nothing else of it.
    if name in _PUBLIC:
        from importlib import import_module

        return getattr(import_module(f"anodeflow.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'anodeflow.backends' has no attribute {name!r}")
