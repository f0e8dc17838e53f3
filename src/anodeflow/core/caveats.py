"""What a reader of a number should know: a sentence, and a code by which programs and queries find it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Subject(BaseModel):
    """What a warning is about: a step of a study, or one of several things that are numbered.

    Examples
    --------
    >>> str(Subject("clean slab")), str(Subject("hop", 3, ", modes of its saddle"))
    ('clean slab', 'hop 3, modes of its saddle')
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="What it is: hop, site, clean slab.")
    number: int | None = Field(default=None, description="Which of them; none: there is one.")
    detail: str = Field(default="", description="What follows the number: ` (hollow)`, `, modes of its saddle`.")

    def __init__(self, name: str | None = None, number: int | None = None, detail: str = "", /, **fields: Any) -> None:
        given = {} if name is None else {"name": name, "number": number, "detail": detail}
        super().__init__(**given, **fields)

    def by(self, potential: str) -> "Subject":
        """Return it as a step that a potential did before the code: `site 3 [mlip]`."""
        return self.model_copy(update={"detail": f"{self.detail} [{potential}]"})

    def __str__(self) -> str:
        """Return the words with which sentences about it begin."""
        return f"{self.name}{'' if self.number is None else f' {self.number}'}{self.detail}"


class Caveat(BaseModel):
    """A warning of a document. All codes are in docs/database.md.

    Two warnings that say the same are equal, though one be of a document that does not tell what it is about.

    Examples
    --------
    >>> Caveat("not-converged", "the relaxation did not converge").under("clean slab").text
    'clean slab: the relaxation did not converge'
    >>> Caveat("hop-failed", "failed: it ends where it starts").of(Subject("hop", 3)).text
    'hop 3 failed: it ends where it starts'
    """

    model_config = ConfigDict(frozen=True)

    code: str = Field(
        pattern="^([a-z0-9]+(-[a-z0-9]+)*)?$",
        description="What kind of warning it is: not-converged; empty: from before there were codes.",
    )
    text: str = Field(description="The sentence; what it is about comes first.")
    about: tuple[Subject, ...] = Field(
        default=(), description="What it is about, the whole before its parts; empty: the document itself, or not told."
    )

    def __init__(self, code: str | None = None, text: str | None = None, /, **fields: Any) -> None:
        given = {name: value for name, value in (("code", code), ("text", text)) if value is not None}
        super().__init__(**given, **fields)

    @model_validator(mode="after")
    def _begins_with_subject(self) -> "Caveat":
        """Hold that the sentence says what the warning is about, so that it can be put anew."""
        if not self.text.startswith(_words(self.about)):
            raise ValueError(f"the warning {self.text!r} does not begin with {_words(self.about)!r}")
        return self

    def __str__(self) -> str:
        """Return the sentence."""
        return self.text

    def __eq__(self, other: object) -> bool:
        """Return whether both say the same."""
        return isinstance(other, Caveat) and (self.code, self.text) == (other.code, other.text)

    def __hash__(self) -> int:
        """Return the hash of what it says."""
        return hash((self.code, self.text))

    def under(self, step: str | Subject) -> "Caveat":
        """Return the warning with what it is about, a step or a site, before its sentence: `hop 3: it is flat`."""
        return self._with(step, ": ")

    def of(self, subject: str | Subject) -> "Caveat":
        """Return the warning with what it is about as the subject of its sentence: `hop 3 is flat`."""
        return self._with(subject, " ")

    def _with(self, subject: str | Subject, link: str) -> "Caveat":
        outer = subject if isinstance(subject, Subject) else Subject(subject)
        if self.about and link != ": ":
            raise ValueError(f"the warning {self.text!r} has a subject already")
        return Caveat(self.code, f"{outer}{link}{self.text}", about=(outer, *self.about))

    def about_instead(self, about: Sequence[Subject]) -> "Caveat":
        """Return the warning with other numbers, say, of what it is about; its sentence says them, too."""
        return Caveat(self.code, _words(about) + self.text.removeprefix(_words(self.about)), about=tuple(about))


def _words(about: Sequence[Subject]) -> str:
    """Return how a sentence about something begins."""
    return ": ".join(map(str, about))


def _told(warning: Any) -> Any:
    """Return a warning of a document that was made before there were codes as one of today."""
    return Caveat("", warning) if isinstance(warning, str) else warning


def told_by(outcome: Mapping[str, Any]) -> list[Caveat]:
    """Return the warnings that a code left with its outcome."""
    return [Caveat("", each) if isinstance(each, str) else Caveat(**each) for each in outcome.get("warnings", [])]


ENDED_EARLY = frozenset({"ended-by-energy", "few-evaluations"})
"""Codes of relaxations that ended before their forces were small: what an energy of theirs goes into says so, too."""
GO_ALONG = ENDED_EARLY | {"began-elsewhere"}
"""Codes of relaxations that whatever rests on them says, too: those, and of one that DFT did not begin where asked."""
NOT_AT_REST = ENDED_EARLY | {"not-converged"}
"""Those codes, and that of relaxations that did not converge at all."""


Caveats = list[Annotated[Caveat, BeforeValidator(_told)]]
"""Type of a document's warnings; plain sentences are taken, too."""
