"""What all documents do before they are read: see that nothing in them names a program."""

from typing import Any

from pydantic import BaseModel, model_validator

from anodeflow.core.decoding import foreign_module


class DecodedModel(BaseModel):
    """A document whose data may come from a file or a database of somebody else."""

    @model_validator(mode="before")
    @classmethod
    def _names_no_program(cls, data: Any) -> Any:
        module = foreign_module(data)
        if module is not None:
            raise ValueError(f"it names the Python module {module!r}, which no document of anodeflow holds")
        return data
