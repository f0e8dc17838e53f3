"""All studies that are installed: ours and those of other packages, by the entry points ``anodeflow.studies``."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import InputError
from anodeflow.studies.base import KINDS, Study
from anodeflow.studies.document import StudyDoc

ENTRY_POINTS = "anodeflow.studies"
"""Group under which a package registers its Study classes, each under the study's name."""
CALCULATIONS: Mapping[str, type[CalculationDoc]] = MappingProxyType(
    {kind.__name__: kind for kind in (CalculationDoc, ModesDoc, NebDoc)}
)
"""Class name -> class of every calculation document."""


@cache
def studies() -> Mapping[str, Study[Any, Any]]:
    """Return name -> study of every study that is installed, in the order of a report.

    Raises
    ------
    InputError
        If a package registers something that is no study or has no subjects, or two have one name or one class of
        document.
    """
    found: dict[str, Study[Any, Any]] = {}
    documents: dict[str, str] = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        try:
            kind = point.load()
        except Exception as error:
            raise InputError(
                f"the study {point.name} of {_package(point)} cannot be loaded ({type(error).__name__}: {error}): mend "
                "or remove that package."
            ) from error
        if not (isinstance(kind, type) and issubclass(kind, Study)) or kind.name != point.name:
            raise InputError(
                f"the entry point {point.name} of {_package(point)} is no Study of that name: mend or remove that "
                "package."
            )
        if kind.subject not in KINDS and kind.subjects is Study.subjects:
            raise InputError(
                f"the study {point.name} of {_package(point)} is made on a {kind.subject}, and does not say by "
                f"`subjects` which there are; campaigns know {', '.join(KINDS)}: mend or remove that package."
            )
        study = kind()
        names = _names(study.Document)
        taken = next((name for name in names if name in documents), None)
        if point.name in found or taken is not None:
            other = point.name if taken is None else documents[taken]
            raise InputError(
                f"{_package(point)} registers a study {point.name} with documents {taken or names[0]}, which {other} "
                "has already: remove one of the packages."
            )
        found[point.name] = study
        documents |= dict.fromkeys(names, point.name)
    ordered = sorted(found.values(), key=lambda each: (each.place, each.name))
    return MappingProxyType({study.name: study for study in ordered})


@cache
def document_classes() -> Mapping[str, type[StudyDoc]]:
    """Return class name -> class of every study document; one that was called otherwise stands under both names."""
    kinds = [study.Document for study in studies().values()]
    return MappingProxyType({name: kind for kind in kinds for name in _names(kind)})


def _names(kind: type[StudyDoc]) -> tuple[str, ...]:
    return (kind.__name__, *kind.former)


def _package(point: Any) -> str:
    return point.dist.name if point.dist is not None else point.value
