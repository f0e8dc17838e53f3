"""What a reader of a number should know: a sentence, and a code by which programs and queries find it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Caveat(BaseModel):
    """A warning of a document. All codes are in docs/database.md.

    Examples
    --------
    >>> Caveat("not-converged", "the relaxation did not converge").under("clean slab").text
    'clean slab: the relaxation did not converge'
    """

    model_config = ConfigDict(frozen=True)

    code: str = Field(
        pattern="^([a-z0-9]+(-[a-z0-9]+)*)?$",
        description="What kind of warning it is: not-converged; empty: from before there were codes.",
    )
    text: str = Field(description="The sentence.")

    def __init__(self, code: str | None = None, text: str | None = None, /, **fields: Any) -> None:
        given = {name: value for name, value in (("code", code), ("text", text)) if value is not None}
        super().__init__(**given, **fields)

    def __str__(self) -> str:
        """Return the sentence."""
        return self.text

    def under(self, step: str) -> "Caveat":
        """Return the warning with what it is about, a step or a site, before its sentence."""
        return Caveat(self.code, f"{step}: {self.text}")


def _told(warning: Any) -> Any:
    """Return a warning of a document that was made before there were codes as one of today."""
    return Caveat("", warning) if isinstance(warning, str) else warning


def told_by(outcome: Mapping[str, Any]) -> list[Caveat]:
    """Return the warnings that a code left with its outcome."""
    return [Caveat("", each) if isinstance(each, str) else Caveat(**each) for each in outcome.get("warnings", [])]


Caveats = list[Annotated[Caveat, BeforeValidator(_told)]]
"""Type of a document's warnings; plain sentences are taken, too."""
