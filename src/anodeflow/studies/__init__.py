"""Studies: a folder each, with input, flow, analysis, document and report.

The Makers of their flows can be imported from here: ``from anodeflow.studies import AdsorptionMaker``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anodeflow.studies.adsorption.flow import AdsorptionMaker
    from anodeflow.studies.charge.flow import ChargeMaker
    from anodeflow.studies.diffusion.flow import DiffusionMaker
    from anodeflow.studies.electrochemistry.flow import ElectrochemistryMaker
    from anodeflow.studies.interdiffusion.flow import InterdiffusionMaker
    from anodeflow.studies.interface.flow import InterfaceMaker
    from anodeflow.studies.orderings.flow import OrderingsMaker
    from anodeflow.studies.surface_energy.flow import SurfaceEnergyMaker
    from anodeflow.studies.vacancy.flow import VacancyMaker
    from anodeflow.studies.work_function.flow import WorkFunctionMaker

__all__ = [
    "AdsorptionMaker",
    "ChargeMaker",
    "DiffusionMaker",
    "ElectrochemistryMaker",
    "InterdiffusionMaker",
    "InterfaceMaker",
    "OrderingsMaker",
    "SurfaceEnergyMaker",
    "VacancyMaker",
    "WorkFunctionMaker",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        folder = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name[:-5]).lstrip("_")
        return getattr(import_module(f"{__name__}.{folder}.flow"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
