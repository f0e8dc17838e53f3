"""Modules of earlier versions that documents, results files and queued jobs still name, and where they are now."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "anodeflow.analysis.convergence": "anodeflow.studies.convergence.analysis",
    "anodeflow.backends.calculation": "anodeflow.calculations.makers",
    "anodeflow.backends.displaced": "anodeflow.calculations.displaced",
    "anodeflow.backends.modes": "anodeflow.calculations.modes",
    "anodeflow.backends.neb": "anodeflow.calculations.neb_maker",
    "anodeflow.density": "anodeflow.core.density",
    "anodeflow.schemas.adsorption": "anodeflow.studies.adsorption.document",
    "anodeflow.schemas.calculation": "anodeflow.calculations.document",
    "anodeflow.schemas.charge": "anodeflow.studies.charge.document",
    "anodeflow.schemas.convergence": "anodeflow.studies.convergence.document",
    "anodeflow.schemas.decoded": "anodeflow.core.decoded",
    "anodeflow.schemas.diffusion": "anodeflow.studies.diffusion.document",
    "anodeflow.schemas.electrochemistry": "anodeflow.studies.electrochemistry.document",
    "anodeflow.schemas.interdiffusion": "anodeflow.studies.interdiffusion.document",
    "anodeflow.schemas.interface": "anodeflow.studies.interface.document",
    "anodeflow.schemas.metal_reference": "anodeflow.studies.metal_reference.document",
    "anodeflow.schemas.modes": "anodeflow.calculations.modes_document",
    "anodeflow.schemas.neb": "anodeflow.calculations.neb_document",
    "anodeflow.schemas.orderings": "anodeflow.studies.orderings.document",
    "anodeflow.schemas.potentials": "anodeflow.studies.potentials",
    "anodeflow.schemas.prescreen": "anodeflow.calculations.screening_document",
    "anodeflow.schemas.rows": "anodeflow.studies.rows",
    "anodeflow.schemas.study": "anodeflow.studies.document",
    "anodeflow.schemas.vacancy": "anodeflow.studies.vacancy.document",
    "anodeflow.schemas.version": "anodeflow.core.version",
    "anodeflow.structures.interface_spec": "anodeflow.structures.interface.interface_spec",
    "anodeflow.structures.site_choice": "anodeflow.structures.sites.site_choice",
    "anodeflow.structures.spec": "anodeflow.structures.slab.spec",
    "anodeflow.workflows.adsorption": "anodeflow.studies.adsorption.flow",
    "anodeflow.workflows.charge": "anodeflow.studies.charge.flow",
    "anodeflow.workflows.convergence": "anodeflow.studies.convergence.flow",
    "anodeflow.workflows.diffusion": "anodeflow.studies.diffusion.flow",
    "anodeflow.workflows.diffusion_checks": "anodeflow.studies.diffusion.checks",
    "anodeflow.workflows.dilute_limit": "anodeflow.studies.interdiffusion.dilute_flow",
    "anodeflow.workflows.electrochemistry": "anodeflow.studies.electrochemistry.flow",
    "anodeflow.workflows.identity": "anodeflow.calculations.identity",
    "anodeflow.workflows.interdiffusion": "anodeflow.studies.interdiffusion.flow",
    "anodeflow.workflows.interface": "anodeflow.studies.interface.flow",
    "anodeflow.workflows.metal_face": "anodeflow.studies.vacancy.metal_face_flow",
    "anodeflow.workflows.metal_reference": "anodeflow.studies.metal_reference.flow",
    "anodeflow.workflows.orderings": "anodeflow.studies.orderings.flow",
    "anodeflow.workflows.prescreen": "anodeflow.screening.makers",
    "anodeflow.workflows.references": "anodeflow.studies.shared.references",
    "anodeflow.workflows.steps": "anodeflow.studies.shared.steps",
    "anodeflow.workflows.vacancy": "anodeflow.studies.vacancy.flow",
}
"""Module of anodeflow up to 0.1 -> module that holds its classes and functions now."""
_DIVIDED = {
    "anodeflow.schemas.diffusion": ["anodeflow.calculations.profile"],
    "anodeflow.workflows.diffusion": ["anodeflow.studies.diffusion.rounds"],
    "anodeflow.workflows.diffusion_checks": ["anodeflow.studies.shared.saddles"],
    "anodeflow.workflows.vacancy": ["anodeflow.studies.vacancy.rounds"],
}
"""Module of anodeflow up to 0.1 -> modules that hold the rest of it."""
_FORMER_PACKAGES = ("anodeflow.schemas", "anodeflow.workflows", "anodeflow.analysis")


class _Moved(MetaPathFinder, Loader):
    """Finds a former module by importing the present one under both names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in MOVED:
            return ModuleSpec(fullname, self)
        return ModuleSpec(fullname, self, is_package=True) if fullname in _FORMER_PACKAGES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return ModuleType(spec.name) if spec.name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ in MOVED:
            for name in [*_DIVIDED.get(module.__name__, ()), MOVED[module.__name__]]:
                present = vars(import_module(name))
                module.__dict__.update({key: value for key, value in present.items() if not key.startswith("__")})


def install() -> None:
    """Let former modules be imported, as monty does when it decodes what an earlier version stored."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
