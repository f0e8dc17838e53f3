"""What a study of an interface tells its jobs."""

from dataclasses import dataclass
from typing import Any

from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.studies.context import SubjectContext


@dataclass(frozen=True, kw_only=True)
class InterfaceContext(SubjectContext):
    """What is asked of one interface.

    Attributes
    ----------
    alloy, metal
        Names of both crystals.
    spec
        Which interface, as documents keep it among their settings.
    """

    alloy: str
    metal: str
    spec: dict[str, Any]

    @property
    def interface_spec(self) -> InterfaceSpec:
        """Which interface."""
        return InterfaceSpec.model_validate(self.spec)
