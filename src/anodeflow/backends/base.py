"""The backend protocol: a code, its settings and how it computes; `calculations.backend_makers` makes jobs of it."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator
from pymatgen.core import Structure

from anodeflow.backends.work import LogFacts, Work, count_work, outer_electrons
from anodeflow.calculations.document import TASKS, Task
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.placement import Resources
from anodeflow.calculations.request import Request
from anodeflow.core.address import content_hash
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.core.inputs import InputModel, said
from anodeflow.structures.bulk.magnetism import kept_moment

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


class OptimizerSettings(InputModel):
    """How geometries, or the images of a path, step towards rest (BFGS, ASE)."""

    max_steps: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="Most steps of one attempt: of the atoms, or of all images of a path.",
        json_schema_extra={"unit": "steps"},
    )
    curvature: float = Field(
        default=5.0,
        ge=0.1,
        le=1000,
        description="Initial curvature of the BFGS Hessian, eV/Å².",
        json_schema_extra={"unit": "eV/Å²"},
    )
    max_displacement: float = Field(
        default=0.2, gt=0, le=2, description="Longest step of one atom, Å.", json_schema_extra={"unit": "Å"}
    )


class RelaxationSettings(OptimizerSettings):
    """When a relaxation ends, and how it steps."""

    force_threshold: float = Field(
        default=0.01,
        gt=0,
        le=2,
        description="Largest force on a free atom at the end, eV/Å.",
        json_schema_extra={"unit": "eV/Å"},
    )
    stress_threshold: float = Field(
        default=2e-4,
        gt=0,
        le=0.1,
        description="Largest stress component at the end, eV/Å³.",
        json_schema_extra={"unit": "eV/Å³"},
    )
    energy_tolerance: float | None = Field(
        default=None,
        gt=0,
        le=0.1,
        description="Ends a relaxation that began with a potential's Hessian as soon as it would gain less than this, "
        "eV per cell; what is left to gain is taken off its energy. None: the forces alone decide.",
        json_schema_extra={"unit": "eV"},
    )

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key != "energy_tolerance" or value is not None}


class NebSettings(OptimizerSettings):
    """When a path is relaxed, and how it steps (ASE's NEB, improved tangent)."""

    force_threshold: float = Field(
        default=0.05,
        gt=0,
        le=2,
        description="Largest force on the band at the end, eV/Å.",
        json_schema_extra={"unit": "eV/Å"},
    )
    climb_below: float = Field(
        default=0.5,
        gt=0,
        le=100,
        description="Force on the band below which it climbs, eV/Å.",
        json_schema_extra={"unit": "eV/Å"},
    )
    spring_constant: float = Field(
        default=0.1,
        gt=0,
        le=100,
        description="Of the springs between images, eV/Å².",
        json_schema_extra={"unit": "eV/Å²"},
    )

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        if self.climb_below < self.force_threshold:
            raise ValueError("climb_below is at least force_threshold, or the band ends before it climbs")
        return self


class SpinSettings(InputModel):
    """Settings of a code that knows spin.

    At their defaults, settings that came later are in no dump, so that addresses and uuids are those of before.
    """

    fixed_moment: bool = Field(
        default=False,
        description="Whether a spin-polarised slab keeps the total moment with which its adatom starts, as an isolated "
        "atom always does; else the SCF finds the moment.",
    )

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value or key not in ("extra", "fixed_moment")}

    def kept_moment(self, structure: Structure) -> float | None:
        """Return the total moment (µB) that a spin-polarised structure must keep; none: the SCF finds it.

        Raises
        ------
        InputError
            If the setting asks it of a structure in which several atoms start with moments.
        """
        return kept_moment(structure, self.fixed_moment)


class CodeSettings(SpinSettings):
    """Settings of a code that takes keywords of its own (`extra`) besides those that have a name here."""

    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Keywords of the code itself, hashed; not those that another setting or the task decides.",
    )


class Backend(InputModel, ABC):
    """A code with its settings: what a file in configs/backends describes.

    A new code is one subclass, one YAML file and a green conformance suite
    (:mod:`anodeflow.testing.backend_conformance`).
    """

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
