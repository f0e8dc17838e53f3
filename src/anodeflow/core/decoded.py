"""What all documents do before they are read: see that nothing in them names a program."""

from functools import cache
from typing import Any

from pydantic import BaseModel, model_validator

from anodeflow.core.decoding import foreign_module


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)  # which is the default, and goes past this cache


class DecodedModel(BaseModel):
    """A document whose data may come from a file or a database of somebody else."""

    @classmethod
    def model_json_schema(cls, *arguments: Any, **keywords: Any) -> dict[str, Any]:
        """Return the schema, made once: jobflow asks for it whenever a job refers to a field of a document."""
        return _schema(cls) if not arguments and not keywords else super().model_json_schema(*arguments, **keywords)

    @model_validator(mode="before")
    @classmethod
    def _names_no_program(cls, data: Any) -> Any:
        module = foreign_module(data)
        if module is not None:
            raise ValueError(f"it names the Python module {module!r}, which no document of anodeflow holds")
        return data
