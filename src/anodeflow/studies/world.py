"""What a study may ask of the campaign that it belongs to."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, cast

from anodeflow.backends.base import Backend
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.studies.convergence.analysis import ConvergenceParameter
from anodeflow.studies.subjects.interfaces import Interface, Interfaces
from anodeflow.studies.subjects.surfaces import Surface, Surfaces
from anodeflow.studies.subjects.varying import (
    OwnSubject,
    OwnValue,
    Subject,
    parameters_not_varied,
    varied_parameters,
)


class StudyLike(Protocol):
    """What of a :class:`anodeflow.studies.base.Study` its neighbours use."""

    @property
    def name(self) -> str: ...
    @property
    def Input(self) -> Any: ...
    @property
    def subject(self) -> str: ...
    @property
    def starts_from(self) -> str | None: ...

    @property
    def subjects(self) -> Callable[..., Sequence[Any]]: ...
    @property
    def flow(self) -> Callable[..., Any]: ...
    @property
    def remarks(self) -> Callable[..., Iterator[tuple[str, str]]]: ...
    @property
    def key(self) -> Callable[..., Hashable]: ...
    @property
    def metals(self) -> Callable[..., Sequence[str]]: ...
    @property
    def crystals(self) -> Callable[..., Sequence[str]]: ...


class Entry(Protocol):
    """One entry of a campaign's `studies`."""

    @property
    def name(self) -> str: ...
    @property
    def input(self) -> Any: ...


@dataclass
class World:
    """The surfaces, interfaces and studies of a campaign.

    Attributes
    ----------
    surfaces, interfaces
        Its surfaces and interfaces, which know the backends.
    entries
        Entries of its `studies`.
    studies
        Name -> study, of all that are installed.
    absent
        Names of backends that do not work here; what they cannot say of elements is no news then.
    open
        What cannot be checked before it runs, a sentence each.
    elsewhere
        Whether it may run on another machine: a code that is missing here is left open then, and no problem.
    """

    surfaces: Surfaces
    interfaces: Interfaces
    entries: Sequence[Entry]
    studies: Mapping[str, StudyLike]
    absent: set[str] = field(default_factory=set)
    open: list[str] = field(default_factory=list)
    elsewhere: bool = False

    @property
    def backend(self) -> Backend:
        """The backend of the campaign."""
        return self.surfaces.backend

    def inputs(self, name: str) -> list[Any]:
        """Return what the campaign tells the study called so, one an entry."""
        return [entry.input for entry in self.entries if entry.name == name]

    def subjects(self, kind: str, input: Any) -> Sequence[Surface | Interface | None]:
        """Return the surfaces or interfaces that an input chooses; one that is none where there is nothing to choose.

        Those of a kind that a package brings are known to its study (:meth:`anodeflow.studies.base.Study.subjects`).
        """
        if kind == "surface":
            return self.surfaces.of(input.wanted)
        return self.interfaces.of(input.wanted) if kind == "interface" else (None,)

    def start(self, study: StudyLike, input: Any, surface: Surface) -> tuple[StudyLike, Any, bool]:
        """Return the study that another one starts from on a surface, its options, and whether the campaign does.

        The campaign's own study of the same adatom if it has one there, else one with defaults.
        """
        first = self.studies[study.starts_from or ""]
        for other in self.inputs(first.name):
            if other.adsorbate == input.adsorbate and includes(other, surface):
                return first, other, True
        return first, first.Input(adsorbate=input.adsorbate), False

    def ask(self, backend: Backend) -> None:
        """Keep what a backend that works here leaves open."""
        try:
            questions = backend.open_questions()
        except InputError:  # a problem, and told as one
            return
        self.open += [question for question in questions if question not in self.open]

    def parameters(self, subject: Subject, convergence: Mapping[str, Any]) -> list[ConvergenceParameter]:
        """Return what a convergence test varies, without the values that the study itself uses.

        Raises
        ------
        InputError
            For a parameter that neither the geometry nor the backend has, or that the subject does not use.
        """
        return list(varied_parameters(self._own_value(subject), subject, convergence))

    def not_varied(self, subject: Subject, varied: Sequence[str]) -> list[str]:
        """Return the parameters that a convergence test could vary and does not, leaving out mere thresholds."""
        return parameters_not_varied(self._own_value(subject), subject, varied)

    def check_geometry(self, subject: Subject) -> None:
        """Raise InputError if the slab, the interface, or a subject of another kind cannot be built."""
        if isinstance(subject, Surface):
            self.surfaces.slab(subject)
        elif isinstance(subject, Interface):
            self.interfaces.cell(subject)
        else:
            cast(OwnSubject, subject).check()

    def _own_value(self, subject: Subject) -> OwnValue:
        if isinstance(subject, Surface):
            return partial(self.surfaces.own_value, subject)
        if isinstance(subject, Interface):
            return partial(self.interfaces.own_value, subject)
        return cast(OwnSubject, subject).own_value

    def check_available(self, backend: Backend) -> None:
        """Raise InputError or BackendUnavailableError for a backend that does not work here; once for each.

        Where the campaign may run elsewhere that is kept as open instead.
        """
        if backend.name in self.absent:
            return
        try:
            backend.check_available()
        except (InputError, BackendUnavailableError) as error:
            self.absent.add(backend.name)
            if not self.elsewhere:
                raise
            self.open.append(f"not on this machine, so which elements it knows is open: {error}")

    def check_elements(self, backend: Backend, elements: set[str]) -> None:
        """Raise InputError for elements that a backend does not know, if it works here."""
        if backend.name not in self.absent:
            backend.check_elements(elements)
            self.ask(backend)

    def check_potential(self, elements: set[str]) -> None:
        """Raise InputError for elements that the prescreen does not know, if there is one that works."""
        if self.surfaces.prescreen is not None:
            self.surfaces.prescreen.check_elements(elements)
            self.ask(self.surfaces.prescreen.backend)


def includes(input: Any, subject: Surface | Interface) -> bool:
    """Whether an input chooses a surface or interface, by the name of its system or of its termination."""
    return input.wanted == "all" or bool({subject.family, subject.system.name} & set(input.wanted))
