"""A campaign: a YAML file, validated, becomes one flow of jobs.

The file says which surfaces, interfaces and alloys are studied, how, and with which backend; docs/campaigns.md lists
every key. What it may say of surfaces and interfaces stands in `studies/subjects/systems.py`; what of a study, and how
that becomes jobs and a plan, in the folder of the study.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr, field_validator

from anodeflow.campaign.entry import StudyEntry, entry_model
from anodeflow.campaign.files import (
    backend_of,
    campaign_file,
    crystal_file,
    named_crystals,
    of_the_caller,
    shadowed,
)
from anodeflow.campaign.overrides import (
    with_prescreen,
    without_foreign_settings,
    without_own_prescreen,
    without_studies,
)
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import PLAIN_NAME, InputModel, by_element
from anodeflow.core.words import counted
from anodeflow.core.yamlfile import YamlFile
from anodeflow.screening.campaign import CampaignPrescreen, PrescreenInput
from anodeflow.studies.subjects.systems import LONGEST_NAME, InterfaceSystem, System

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.backends.base import Backend
    from anodeflow.campaign.describe import Described
    from anodeflow.studies.plan import Plan, PlannedCalculation
    from anodeflow.studies.subjects.surfaces import Surfaces
    from anodeflow.studies.world import World

    Entry = StudyEntry
else:
    Entry = entry_model()


class Campaign(InputModel):
    """Surfaces, interfaces, studies and a backend, under one name.

    What runs campaigns lies above: :class:`anodeflow.api.campaign.Campaign` can be run.
    """

    name: str = Field(pattern=PLAIN_NAME, max_length=LONGEST_NAME, description="Name of the campaign, in all results.")
    description: str = Field(default="", description="What it is for.")
    reference: str | None = Field(default=None, description="DOI of the paper whose values are printed beside ours.")
    backend: str = Field(description="Name of a file in configs/backends, or path of one.")
    prescreen: PrescreenInput | None = Field(
        default=None, description="Potential that goes before the backend: its name, or a mapping."
    )
    references: dict[str, str] = Field(
        default={},
        description="Element -> its bulk, a catalogue name or a structure file (relative to the campaign file), where "
        "the catalogue has none or another one is meant.",
    )
    systems: list[System] = Field(default=[], description="Surfaces.")
    interfaces: list[InterfaceSystem] = Field(default=[], description="Interfaces of an alloy and a metal.")
    studies: list[Entry] = Field(min_length=1, description="Studies.")

    _file: YamlFile | None = PrivateAttr(default=None)
    _built: dict[tuple[Any, ...], Any] = PrivateAttr(default_factory=dict)
    _notes: list[str] = PrivateAttr(default_factory=list)
    _kept: list[int] | None = PrivateAttr(default=None)

    @field_validator("prescreen", mode="before")
    @classmethod
    def _by_name(cls, prescreen: Any) -> Any:
        return {"backend": prescreen} if isinstance(prescreen, str) else prescreen

    _elements = field_validator("references")(by_element)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        backend: str | None = None,
        without: Sequence[str] = (),
        prescreen: str | None = None,
    ) -> "Campaign":
        """Read a campaign file.

        Parameters
        ----------
        path
            YAML file, or the name of a campaign that comes with anodeflow (quickstart).
        backend
            Backend instead of the one that the file names. Settings of systems and parameters of convergence tests
            that it does not have are left out; `notes` says which.
        without
            Names of studies that are left out.
        prescreen
            Backend that goes before, instead of the file's (whose other settings stay); none: no backend does. Where
            `backend` is the file's prescreen itself, there is none, and `notes` says so.

        Raises
        ------
        InputError
            A sentence, with its line, for each thing that is wrong with the form of the file.
        """
        file = YamlFile.read(campaign_file(Path(path)))
        campaign = file.validate(cls)
        campaign._file = file
        backend, prescreen = (of_the_caller(name) for name in (backend, prescreen))
        if without:
            kept, notes = without_studies(campaign.name, campaign.studies, without)
            campaign = campaign._changed({"studies": [campaign.studies[index] for index in kept]}, notes)
            campaign._kept = kept
        if backend is not None:
            campaign = campaign.model_copy(update={"backend": backend})
            systems: dict[str, Any] = {"systems": campaign.systems, "interfaces": campaign.interfaces}
            changes = without_foreign_settings(systems, campaign.studies, campaign.load_backend())
            campaign = campaign._changed(*changes)
        if prescreen is not None:
            campaign = campaign._changed(with_prescreen(campaign.prescreen, prescreen), [])
        elif backend is not None:
            campaign = campaign._changed(*without_own_prescreen(campaign.load_prescreen(), campaign.load_backend()))
        return campaign

    @property
    def notes(self) -> list[str]:
        """What was left out of the file, and what :meth:`check` could not check, one sentence each."""
        return list(self._notes)

    @property
    def path(self) -> Path | None:
        """Path of the campaign file; none for a campaign made in Python."""
        return self._file.path if self._file else None

    @property
    def crystals(self) -> list[str]:
        """Crystals of its surfaces, interfaces and studies as the file names them, each once."""
        return named_crystals(self.systems, self.interfaces, self.studies)

    def load_backend(self) -> "Backend":
        """Return the backend of the campaign (paths are relative to the campaign file).

        Raises
        ------
        InputError
            If there is no such backend file, or it is wrong.
        """
        return backend_of(self._file, self.backend, "backend")

    def load_prescreen(self) -> "CampaignPrescreen | None":
        """Return the potential that goes before the backend; none if there is none.

        Raises
        ------
        InputError
            If there is no such backend file, or it is wrong.
        """
        if self.prescreen is None:
            return None
        return CampaignPrescreen(self.prescreen, backend_of(self._file, self.prescreen.backend, "prescreen", "backend"))

    def check(self) -> "list[PlannedCalculation]":
        """Check everything that can be checked before anything runs, and return the calculations to come.

        Raises
        ------
        InputError
            A sentence, with its line, for each thing that is wrong: unknown structures, impossible slabs, elements
            that the backend does not know, studies that it cannot do, a code that is not installed.
        """
        return list(self.plan().calculations.values())

    def plan(self, elsewhere: bool = False) -> "Plan":
        """Check the campaign as :meth:`check` does, and return the calculations to come with remarks on them.

        Parameters
        ----------
        elsewhere
            It is going to run on another machine: a code that is missing here is a note then, and no error.
        """
        from anodeflow.campaign.check import CampaignCheck
        from anodeflow.campaign.plan import plan_campaign

        world = self._world()
        world.elsewhere = elsewhere
        if problems := CampaignCheck(world, self._where).check(self.studies):
            raise InputError("\n".join(problems))
        self._notes += [question for question in world.open if question not in self._notes]
        return plan_campaign(world)

    def described(self) -> "list[Described]":
        """Return a line on every crystal, slab and interface of the campaign, with notes on what looks odd.

        Raises
        ------
        InputError
            If one of them cannot be read or built.
        """
        from anodeflow.campaign.describe import describe

        return describe(self._world())

    def unused(self) -> list[str]:
        """Return a sentence for each system, interface or reference that no study uses."""
        from anodeflow.campaign.describe import unused

        return unused(self._world())

    def flow(self) -> "Flow":
        """Return the flow of the whole campaign, whose studies share steps; built again, its jobs keep their uuids."""
        return self.flow_with_keys()[0]

    def flow_with_keys(self) -> "tuple[Flow, list[tuple[Any, ...]]]":
        """Return the flow, and what each of its parts is: the key that a plan has of a study, too."""
        from anodeflow.campaign.flow import campaign_flow

        return campaign_flow(self._world(), self.name, self.reference, self.edition())

    def edition(self) -> str:
        """Return the hash of what the campaign asks for: an edited file is another edition, whose results stand beside
        those of the earlier ones.

        What is for people only does not count (description, reference), nor what stands for a default, nor whether a
        potential learns, which changes no result. Files of structures count with what they hold.
        """
        from anodeflow.campaign.edition import edition

        return edition(self, self.crystals, self._surfaces())

    def __repr__(self) -> str:
        parts = {"surface": len(self.systems), "interface": len(self.interfaces), "study": len(self.studies)}
        told = ", ".join(counted(number, name) for name, number in parts.items())
        return f"<Campaign {self.name}: {told} by {self.backend}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from anodeflow.campaign.notebook import campaign_table

        title = f"Campaign {self.name} ({self.backend})"
        return campaign_table(title, self.systems, self.interfaces, self.studies, self.description)

    def _changed(self, changes: dict[str, Any], notes: list[str]) -> "Campaign":
        """Return the campaign with some fields changed and with notes on that."""
        other = self.model_copy(update=changes)
        other._notes = self.notes + notes
        # A copy shares what was built of the systems, which may have changed.
        other._built = {}
        return other

    def _world(self) -> "World":
        from anodeflow.studies.registry import studies
        from anodeflow.studies.subjects.interfaces import Interfaces
        from anodeflow.studies.world import World

        surfaces = self._surfaces()
        return World(surfaces, Interfaces(self.interfaces, surfaces), self.studies, studies())

    def _surfaces(self) -> "Surfaces":
        from anodeflow.studies.subjects.surfaces import Surfaces

        return Surfaces(
            self.systems, self.load_backend(), self.crystal_file, self._built, self.load_prescreen(), self.references
        )

    def crystal_file(self, name: str) -> str:
        """Return a catalogue name as it is; any other name is the file of that name beside the campaign file.

        A crystal of a provider is the file in which it is kept, in `crystals` there.
        """
        note = shadowed(self.path, name)
        self._notes += [note] * (bool(note) and note not in self._notes)
        return crystal_file(self.path, name)

    def _where(self, *location: Any) -> str:
        if self._file is None:
            return f"campaign {self.name}"
        if self._kept is not None and location[0] == "studies":
            location = ("studies", self._kept[location[1]], *location[2:])
        return self._file.where(*location)
