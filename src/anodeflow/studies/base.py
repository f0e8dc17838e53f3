"""A study as one object: its options, what it needs, how it becomes jobs, a plan, and a section of a report.

A new study is a class of this kind in a folder of its own, and an entry point of the group ``anodeflow.studies``
(docs/studies.md). Nothing else names it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.studies.compared import Compared
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.inputs import AdatomInput as AdatomInput  # a package that brings a study finds all of it here
from anodeflow.studies.inputs import Converged as Converged
from anodeflow.studies.inputs import InterfaceInput as InterfaceInput
from anodeflow.studies.inputs import StudyInput as StudyInput
from anodeflow.studies.inputs import SurfaceInput as SurfaceInput
from anodeflow.studies.subjects.varying import Subject as Subject
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow, Job

    from anodeflow.studies.steps import Steps

Kind = str
"""What studies are made on: one of :data:`KINDS`, or what a package brings."""
KINDS: tuple[Kind, ...] = ("surface", "interface", "alloy", "campaign")
"""Kinds whose subjects a campaign knows; those of alloys and of whole campaigns are none."""
I = TypeVar("I", bound="StudyInput")  # noqa: E741
D = TypeVar("D", bound=StudyDoc)


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with the options of a study.

    Attributes
    ----------
    text
        A sentence: what, and what to do.
    at
        Keys and indices that lead to it below the study's name in the campaign file.
    """

    text: str
    at: tuple[str | int, ...] = ()


def attempted(at: tuple[str | int, ...], action: Callable[..., Any], *arguments: Any) -> Iterator[Problem]:
    """Yield the problem that an action raises as InputError or BackendUnavailableError; nothing if it does not."""
    try:
        action(*arguments)
    except (InputError, BackendUnavailableError) as error:
        yield Problem(str(error), at)


class Study(ABC, Generic[I, D]):
    """One kind of study.

    Class attributes
    ----------------
    name
        Its name in campaign files, results and on the command line.
    summary
        What it finds out, in a few words.
    subject
        What it is made on: surface, interface, alloy (of its own), the campaign as a whole, or a kind that its package
        brings, whose :meth:`subjects` it makes itself. One of a whole campaign that has no `Input` belongs to every
        campaign.
    spec
        Model of the numbers that a convergence test may vary of subjects of a kind of its own; none: those of the
        backend alone. Surfaces and interfaces have theirs.
    Input
        What a campaign file may tell it, its options with defaults, units and descriptions; none: it has no entry in
        campaign files.
    Document
        What it stores.
    needs
        Capabilities of the backend without which it is refused.
    starts_from
        Name of the study of the same adatom on the same surface whose document it begins with.
    place
        Where it stands in a report: lower numbers first, then by name.
    quantities
        Properties that stand in the table of a publication -> what they are called there.
    headlines
        Properties of which a document has several -> the label of the one that publications print.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    subject: ClassVar[Kind]
    spec: ClassVar[type[BaseModel] | None] = None
    Input: ClassVar[type[StudyInput] | None] = None
    Document: ClassVar[type[StudyDoc]]
    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress"})
    starts_from: ClassVar[str | None] = None
    place: ClassVar[int] = 100
    quantities: ClassVar[dict[str, str]] = {}
    headlines: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def flow(self, input: I, subject: Any, steps: "Steps") -> "Flow | Job | None":
        """Return the flow of the study on one subject; its output is the document.

        None, of a study of the whole campaign, where there is nothing to do.
        """

    def subjects(self, input: I, world: World) -> Sequence[Any]:
        """Return what the study is made on as its input chooses; of a kind of its own, what the package makes of it.

        Raises
        ------
        InputError
            If one of them cannot be built, or a choice is not possible.
        """
        return world.subjects(self.subject, input)

    def remarks(self, input: I, subject: Any, world: World) -> Iterator[tuple[str, str]]:
        """Yield what the reader of a plan should know: a sentence without its end, and the surface that ends it."""
        yield from ()

    def problems(self, input: I, subject: Any, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the study on one of its subjects."""
        yield from ()

    def entry_problems(self, input: I, world: World) -> Iterator[Problem]:
        """Yield what is wrong with its options, whatever the subject."""
        yield from ()

    def key(self, input: I, subject: Subject | None, world: World) -> Hashable:
        """Return what is equal for entries of a campaign that ask for the same study on one subject."""
        return "" if self.Input is None else input.model_dump_json(exclude=set(input.choosing))

    def metals(self, input: I) -> Sequence[str]:
        """Return the elements whose bulk it takes from the references or the catalogue."""
        return ()

    def crystals(self, input: I) -> Sequence[str]:
        """Return the crystals that its input itself names, by their names in the catalogue or their files."""
        return ()

    def written(self, document: D, folder: Path, command: str, force: bool) -> list[Path]:
        """Write the crystals that a document keeps into a folder, as campaigns read them; return their files.

        Parameters
        ----------
        document
            The document; most keep none.
        folder
            Folder of crystals, made if need be.
        command
            What made them, for their provenance.
        force
            Whether files that are there already are replaced.
        """
        return []

    def compared(self, document: D, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield numbers and structures of a document beside what its calculations say, for a file may have been edited.

        Parameters
        ----------
        document
            The document.
        of
            Step -> its calculation, of those that are at hand.
        """
        yield from ()

    def section(self, documents: list[D], context: Any) -> Any:
        """Return the section of a report about its documents; none: a table of the rows of each."""
        return None


class AdatomStudy(Study[I, D]):
    """A study of one adatom on surfaces."""

    subject = "surface"

    def entry_problems(self, input: I, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the adatom: the codes do not know it, or its bulk is unknown."""
        from anodeflow.structures.bulk.magnetism import with_moments

        adsorbate = getattr(input, "adsorbate")  # noqa: B009 (an AdatomInput)
        yield from attempted((), world.check_elements, world.backend, {adsorbate})
        yield from attempted((), world.check_potential, {adsorbate})
        found = list(attempted(("adsorbate",), world.surfaces.metal, adsorbate))
        yield from found
        if not found and "spin" in world.backend.capabilities:
            crystal = world.surfaces.structure(world.surfaces.metal(adsorbate))
            yield from attempted(("adsorbate",), with_moments, crystal)

    def metals(self, input: I) -> Sequence[str]:
        """Return the adatom."""
        return (getattr(input, "adsorbate"),)  # noqa: B009
