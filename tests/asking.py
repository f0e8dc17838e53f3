"""Short words for what a test asks of a study: options go into its input, names into its context."""

from dataclasses import replace
from typing import Any

from jobflow import Maker

from anodeflow.studies.context import StudyContext, SubjectContext
from anodeflow.studies.inputs import Converged, StudyInput

_NAMES = {"campaign", "system", "reference", "variant"}


def told(kind: type[StudyInput], **fields: Any) -> dict[str, Any]:
    """Return the fields of a study's Maker: `input` and `about` of those that are theirs, and the others."""
    options = {name: each for name, each in fields.items() if name in kind.model_fields and not isinstance(each, Maker)}
    names = {name: each for name, each in fields.items() if name in _NAMES}
    about = SubjectContext if issubclass(kind, Converged) else StudyContext
    others = {name: each for name, each in fields.items() if name not in options and name not in names}
    return {"input": kind(**options), "about": about(**names), **others}


def asking(study: Any, **options: Any) -> Any:
    """Return the context of a study with other options."""
    return replace(study, input=type(study.input)(**(study.input.model_dump() | options)))
