"""The backend protocol: a code, its settings and how it computes; `calculations.backend_makers` makes jobs of it."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, ValidationError
from pymatgen.core import Structure

# A backend of another package finds here all that it is made of.
from anodeflow.backends.code_settings import CodeSettings as CodeSettings
from anodeflow.backends.code_settings import NebSettings, RelaxationSettings
from anodeflow.backends.code_settings import SpinSettings as SpinSettings
from anodeflow.backends.work import LogFacts, Work, count_work, outer_electrons
from anodeflow.calculations.document import TASKS, Task
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.placement import Resources
from anodeflow.calculations.request import Request
from anodeflow.core.address import content_hash
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.core.inputs import InputModel, said

Capability = str
"""What a code can do. Ours: relax, stress, spin, charge_density, neb, potential (that of a slab, averaged over planes,
with the Fermi level); a study of another package may need one of its own, which a backend then names."""


@dataclass(frozen=True)
class Availability:
    """Whether a code works on this machine, and what to do if not."""

    works: bool
    version: str = ""
    detail: str = ""
    remedy: str = ""


class Backend(InputModel, ABC):
    """A code with its settings: what a file in configs/backends describes.

    A new code is one subclass, one YAML file and a green conformance suite
    (:mod:`anodeflow.testing.backend_conformance`).
    """

    program: ClassVar[str] = ""
    """Name of the program as people write it (Quantum ESPRESSO); empty: that of the code."""
    homepage: ClassVar[str] = ""
    """Address of its page, which publications give; empty: there is none."""
    foreign_runs: ClassVar[str] = ""
    """Function ``module:name`` that yields the finished runs in a folder which were made without anodeflow
    (:data:`anodeflow.backends.foreign.RunsIn`); empty: they are not read."""
    foreign_files: ClassVar[str] = ""
    """By which files it knows them, for people."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"relax", "stress", "neb"})
    tasks: ClassVar[frozenset[Task]] = TASKS
    """What :meth:`execute` can do; a study of another package may need a task of its own, which a backend then has."""
    atom_reference_reliable: ClassVar[bool] = True
    """False where isolated atoms are out of the code's reach (machine-learned potentials)."""
    is_potential: ClassVar[bool] = False
    """Whether it is a machine-learned potential: seconds where DFT takes hours, so a queue has a worker for it."""
    cheap_forces: ClassVar[bool] = False
    """Whether forces cost next to nothing, so that all second derivatives of the energy can be computed."""
    revision: ClassVar[int] = 1
    """Raised when the class makes other numbers of the same settings: earlier results are then not found again."""
    sampling_settings: ClassVar[frozenset[str]] = frozenset()
    """Settings that fit one cell, not all that are compared with each other (k-points): references keep their own."""

    name: str = Field(
        min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f/]+$", description="Name of the backend file."
    )
    code: str = Field(description="Name of the code.")
    description: str = Field(default="", description="What the accuracy is good for.")
    settings: BaseModel = Field(description="Settings that decide the numbers.")
    relaxation: RelaxationSettings = Field(default_factory=RelaxationSettings)
    path: NebSettings = Field(default_factory=NebSettings, description="How paths between minima are relaxed.")
    resources: Resources | None = Field(default=None, description="What a calculation asks of a cluster's queue.")
    placement: dict[str, Any] = Field(default_factory=dict, description="Set by `anodeflow submit`: where it runs.")

    @classmethod
    @abstractmethod
    def availability(cls) -> Availability:
        """Say whether the code works on this machine."""

    @abstractmethod
    def version(self) -> str:
        """Return the version of the code, with that of its data where it has some."""

    @abstractmethod
    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element that the code cannot treat."""

    @abstractmethod
    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Compute: append to the folder's steps and write its outcome.

        Parameters
        ----------
        request
            What is asked for.
        folder
            Locked folder of the calculation; steps of an interrupted attempt may be in it.
        lock
            File descriptor of the lock, to be inherited by child processes.
        tell
            Function that takes `state` and the optional fields of
            :class:`~anodeflow.calculations.progress.Progress`.
        """

    def write_inputs(self, request: Request, folder: Path) -> None:
        """Write the files with which the code begins a calculation, without what a licence protects.

        Parameters
        ----------
        request
            What is computed.
        folder
            A folder that exists.

        Raises
        ------
        InputError
            If the code reads no files, or something for them is missing.
        """
        raise InputError(f"backend {self.name}: {self.code} computes within anodeflow, and reads no input files.")

    def check_available(self) -> None:
        """Raise BackendUnavailableError, with the remedy, if the code does not work here."""
        found = self.availability()
        if not found.works:
            raise BackendUnavailableError(f"backend {self.name}: {found.detail}; {found.remedy}.")

    def complaint(self) -> str:
        """Return what the installed code says of its own keywords (`extra`), nothing if it takes them.

        Nothing is computed. It is asked where a backend file may start programs; what can be said without the code,
        the settings say themselves.
        """
        return ""

    def programs(self) -> list[str]:
        """Return what its file names that is run by being loaded, besides commands and models."""
        return []

    def open_questions(self) -> list[str]:
        """Return a sentence for each thing that cannot be checked before it runs."""
        return []

    def resolved(self, folder: Path) -> Self:
        """Return the backend with the files that it names sought in `folder`, that of the backend file."""
        return self

    def with_settings(self, changes: dict[str, Any]) -> Self:
        """Return the backend with some of its settings changed, under the same name.

        Raises
        ------
        InputError
            For a setting that the code does not have, or a value that it does not allow.
        """
        known = type(self.settings).model_fields
        for key in changes:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise InputError(f"{self.code} has no setting {key!r}; there is {', '.join(known) or 'none'}.{hint}")
        try:
            settings = type(self.settings).model_validate(self.settings.model_dump() | changes)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{self.code}: {'.'.join(map(str, first['loc']))}: {said(first)}.") from error
        return self.model_copy(update={"settings": settings})

    def recipe(self) -> dict[str, Any]:
        """Return the backend as plain data, from which :func:`~anodeflow.backends.registry.from_recipe` makes it."""
        recipe = self.model_dump(mode="json")
        # Unset, they are left out: a job's uuid follows from its content.
        return {key: value for key, value in recipe.items() if value or key not in ("resources", "placement")}

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that decide a result: those of the code and those of relaxations."""
        return self.settings.model_dump(mode="json") | {"relaxation": self.relaxation.model_dump(mode="json")}

    def valence(self, element: str) -> float:
        """Return how many electrons of an element the code treats."""
        return outer_electrons(element)

    def work(self, structure: Structure) -> Work:
        """Return what one force evaluation of a structure has to do, from which its cost is estimated."""
        electrons = sum(self.valence(site.specie.symbol) for site in structure)
        spacing, cutoff = (getattr(self.settings, name, None) for name in ("kpoint_spacing", "cutoff"))
        return count_work(structure, electrons, spacing, cutoff)

    def log_facts(self, folder: Path) -> LogFacts:
        """Return what the code's log in the folder of a calculation says of processors and memory."""
        return LogFacts()

    def settings_hash(self) -> str:
        """Return the hash of code, version and all settings."""
        return content_hash({"code": self.code, "version": self.version(), "settings": self.all_settings()})

    def address(self, request: Request) -> str:
        """Return the content address of a calculation; relaxation settings matter to relaxations only."""
        settings = self.all_settings()
        if not request.task.startswith("relax"):
            del settings["relaxation"]
        return content_hash(
            request.content()
            | {
                "code": self.code,
                "version": self.version(),
                "revision": self.revision,
                "settings": settings,
            }
        )
