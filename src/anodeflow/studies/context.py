"""What a study tells the jobs of its flow: whose document they make, and what was asked for."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar, Self, TypeVar, get_type_hints

from monty.json import MSONable

from anodeflow.screening.settings import PrescreenSettings

F = TypeVar("F", bound=Callable[..., Any])
_CLASSES: set[tuple[str, str]] = set()


@dataclass(frozen=True, kw_only=True)
class StudyContext(MSONable):
    """What all studies tell their jobs; a study with options has a class of its own that adds them.

    Class attributes
    ----------------
    unsaid
        Fields that are not written where they are none.

    Attributes
    ----------
    campaign, system
        Names that the document and its rows carry.
    reference
        DOI of the paper to compare with; none: there is none.
    """

    unsaid: ClassVar[tuple[str, ...]] = ()

    campaign: str = ""
    system: str = ""
    reference: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return its fields as a job keeps them."""
        fields = super().as_dict()
        return {name: value for name, value in fields.items() if value is not None or name not in self.unsaid}

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Note the class, so that what is written of it is known for a context."""
        super().__init_subclass__(**keywords)
        _CLASSES.add((cls.__module__, cls.__name__))

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return what a job was told by an anodeflow that kept it as a mapping."""
        return cls(**told)


@dataclass(frozen=True, kw_only=True)
class SubjectContext(StudyContext):
    """What studies of a surface or an interface tell their jobs.

    Attributes
    ----------
    variant
        Parameters in which a convergence test made the study differ.
    prescreen
        The potential that goes before DFT; none: there is none.
    """

    unsaid: ClassVar[tuple[str, ...]] = ("prescreen",)

    variant: dict[str, float] = field(default_factory=dict)
    prescreen: PrescreenSettings | None = None

    def __post_init__(self) -> None:
        """Take the potential as it was written, too."""
        if isinstance(self.prescreen, dict):
            written = PrescreenSettings(**self.prescreen) if self.prescreen else None
            object.__setattr__(self, "prescreen", written)

    def as_dict(self) -> dict[str, Any]:
        """Return its fields as a job keeps them."""
        potential = {} if self.prescreen is None else {"prescreen": self.prescreen.written()}
        return super().as_dict() | potential


@dataclass(frozen=True, kw_only=True)
class AdatomContext(SubjectContext):
    """What studies of an adatom on a surface tell their jobs.

    Attributes
    ----------
    adsorbate
        Element of the adatom.
    """

    adsorbate: str

    @property
    def of_system(self) -> str:
        """The system and the adatom, with which labels begin."""
        return f"{self.system}: {self.adsorbate}"


@dataclass(frozen=True, kw_only=True)
class SlabContext(SubjectContext):
    """What studies of a clean slab tell their jobs.

    Attributes
    ----------
    slab_spec
        Which slab, as documents keep it among their settings.
    """

    slab_spec: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return its fields as a job keeps them; no potential has always been written as an empty one."""
        return {"prescreen": {}} | super().as_dict()


def is_context(written: Mapping[str, Any]) -> bool:
    """Return whether a mapping is a context as a job keeps it."""
    return (written.get("@module"), written.get("@class")) in _CLASSES


def in_context(function: F) -> F:
    """Declare, below ``@job``, that a function takes the context of a study as its argument `study`.

    A job that waits in a queue since before there were contexts has a mapping there, and may still run.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def called(*arguments: Any, **keywords: Any) -> Any:
        bound = signature.bind(*arguments, **keywords)
        if isinstance(bound.arguments["study"], Mapping):
            kind = get_type_hints(function)["study"]
            bound.arguments["study"] = kind.of(bound.arguments["study"])
        return function(*bound.args, **bound.kwargs)

    return called  # type: ignore[return-value]
