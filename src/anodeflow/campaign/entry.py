"""One entry of a campaign's `studies`."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import Field, create_model, model_validator

from anodeflow.core.inputs import InputModel
from anodeflow.studies.base import Study, StudyInput
from anodeflow.studies.registry import studies


class StudyEntry(InputModel):
    """One entry of `studies`: the name of the study, and its options. :func:`entry_model` adds the studies."""

    @model_validator(mode="after")
    def _one(self) -> "StudyEntry":
        if len(list(self._given())) != 1 or len(self.model_fields_set) != 1:
            raise ValueError(
                f"each entry names one study with its settings; there is {', '.join(type(self).model_fields)}"
            )
        return self

    @property
    def name(self) -> str:
        """Name of the study."""
        return next(self._given())[0]

    @property
    def input(self) -> Any:
        """The options of the study."""
        return next(self._given())[1]

    @property
    def study(self) -> Study[Any, Any]:
        """The study."""
        return studies()[self.name]

    def _given(self) -> Iterator[tuple[str, StudyInput]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None:
                yield name, value


@cache
def entry_model() -> type[StudyEntry]:
    """Return the model of an entry, with a field for every study that is installed and that campaigns may name."""
    fields: dict[str, Any] = {
        study.name: (study.Input | None, Field(default=None, description=study.summary))
        for study in studies().values()
        if study.Input is not None
    }
    return create_model("StudyEntry", __base__=StudyEntry, **fields)
