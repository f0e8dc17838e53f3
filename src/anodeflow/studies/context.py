"""What a study tells the jobs of its flow: whose document they make, and what was asked for.

The options of a study are declared once, in its `Input`. Its context carries that; where a job keeps a context, the
options stand beside the names, as they did when a context was a mapping.
"""

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, wraps
from typing import Any, ClassVar, Self, TypeVar, cast, get_type_hints

from monty.json import MontyDecoder, MSONable

from anodeflow.calculations.identity import written_flat
from anodeflow.screening.settings import PrescreenSettings
from anodeflow.studies.inputs import AdatomInput, StudyInput

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class StudyContext(MSONable):
    """What all studies tell their jobs; that of a study with options has them as `input`.

    Class attributes
    ----------------
    unsaid
        Fields that are not written where they are none.
    uncounted
        Options by which neither jobs nor settings of documents differ: they stand in the Makers that jobs are handed.

    Attributes
    ----------
    campaign, system
        Names that the document and its rows carry.
    reference
        DOI of the paper to compare with; none: there is none.
    """

    unsaid: ClassVar[tuple[str, ...]] = ()
    uncounted: ClassVar[frozenset[str]] = frozenset()

    campaign: str = ""
    system: str = ""
    reference: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return its fields as a job keeps them, the options among them."""
        written = super().as_dict()
        if "input" in written:
            del written["input"]
            written |= self.written(getattr(self, "input"))  # noqa: B009 (of a study with options)
        return {name: value for name, value in written.items() if value is not None or name not in self.unsaid}

    @property
    def asked(self) -> dict[str, Any]:
        """What documents keep of the options among their settings."""
        written = self.written(getattr(self, "input"))  # noqa: B009
        return {
            name: value
            for name, value in written.items()
            if name not in self.uncounted and (value is not None or name not in self.unsaid)
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Self:
        """Return what :meth:`as_dict` wrote."""
        decoder = MontyDecoder()
        return cls.of({name: decoder.process_decoded(value) for name, value in d.items() if not name.startswith("@")})

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Declare the class, so that jobs keep the uuids that they had when a context was a mapping."""
        super().__init_subclass__(**keywords)
        written_flat(cls.__module__, cls.__name__, cls.uncounted)

    @classmethod
    def told(cls, about: "StudyContext", **more: Any) -> Self:
        """Return the context of a study with the names of another one, and what this one has `more`."""
        names = {each.name: getattr(about, each.name) for each in fields(about)}
        return cls(**(names | more))

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return what a job keeps, with the options beside the names; so did an anodeflow that knew mappings only."""
        names = {each.name for each in fields(cls)}
        if "input" not in names or "input" in told:
            return cls(**told)
        options = {name: value for name, value in told.items() if name not in names}
        rest = {name: value for name, value in told.items() if name in names}
        return cls(**(rest | {"input": cls.read(options)}))

    @classmethod
    def written(cls, input: StudyInput) -> dict[str, Any]:
        """Return options as a job keeps them."""
        return input.options()

    @classmethod
    def read(cls, options: dict[str, Any]) -> StudyInput:
        """Return the options that a job keeps."""
        return _input_of(cast(Hashable, cls)).model_validate(options)


@cache
def _input_of(context: Any) -> type[StudyInput]:
    model: type[StudyInput] = get_type_hints(context)["input"]
    return model


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

    @property
    def by_potential(self) -> str:
        """Name of the potential that goes before DFT; empty: there is none."""
        return "" if self.prescreen is None else self.prescreen.backend

    def as_dict(self) -> dict[str, Any]:
        """Return its fields as a job keeps them."""
        potential = {} if self.prescreen is None else {"prescreen": self.prescreen.written()}
        return super().as_dict() | potential


@dataclass(frozen=True, kw_only=True)
class AdatomContext(SubjectContext):
    """What studies of an adatom on a surface tell their jobs.

    Attributes
    ----------
    input
        What was asked for.
    """

    input: AdatomInput

    @property
    def adsorbate(self) -> str:
        """Element of the adatom."""
        return self.input.adsorbate

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
