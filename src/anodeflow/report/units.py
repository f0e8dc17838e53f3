"""Units of settings, as the models that files are read into declare them."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from anodeflow.backends.base import NebSettings, RelaxationSettings
from anodeflow.backends.registry import backend_class, codes
from anodeflow.screening.campaign import PrescreenInput
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import studies

_PARTS: dict[str, type[BaseModel]] = {
    "relaxation": RelaxationSettings,
    "path": NebSettings,
    "slab": SlabSpec,
    "interface": InterfaceSpec,
    "prescreen": PrescreenInput,
}
"""Part of the settings of a document -> what declares it."""


def units_of(document: StudyDoc) -> Callable[[str], str]:
    """Return the function from a setting of a document, by its dotted key, to its unit; empty: it has none."""
    study = studies().get(document.study)
    own = declared(study.Input if study is not None else None)
    others = declared(*(each.Input for each in studies().values()))

    def unit(key: str) -> str:
        *parts, name = key.split(".")
        inner = next((part for part in reversed(parts) if part in _PARTS or part == "calculation"), None)
        part = _code_settings(document.code) if inner == "calculation" else _PARTS.get(inner or "")
        # A study that nobody asks for by name repeats the options of another one: its units are that one's.
        known = (declared(part), own, declared(_code_settings(document.code)), others)
        return next((units[name] for units in known if name in units), "")

    return unit


def _code_settings(code: str) -> type[BaseModel] | None:
    name = code.partition(" ")[0]
    if name not in codes():
        return None
    kind: Any = backend_class(name).model_fields["settings"].annotation
    return kind


def declared(*kinds: type[BaseModel] | None) -> dict[str, str]:
    """Return the units that the fields of models declare, by name."""
    fields = [item for kind in kinds if kind is not None for item in kind.model_fields.items()]
    extras = {name: field.json_schema_extra for name, field in fields}
    return {name: str(extra["unit"]) for name, extra in extras.items() if isinstance(extra, dict) and extra.get("unit")}
