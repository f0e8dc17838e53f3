"""States of campaigns that run, or ran, from here: small files under ANODEFLOW_HOME, one for each edition."""

import fcntl
import hashlib
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, Field

from anodeflow.calculations.folder import write_atomically
from anodeflow.core.errors import InputError
from anodeflow.core.settings import Settings

StepState = Literal["planned", "queued", "running", "finished", "reused", "failed", "interrupted", "not needed"]


class StepStatus(BaseModel):
    """One calculation of the campaign."""

    label: str = Field(description="What it is.")
    state: StepState = Field(default="planned", description="As it says; not needed: the run found others.")
    calculation_id: str = Field(default="", description="Content address.")
    ionic_steps: int = Field(default=0, description="Ionic steps so far.")
    energy: float | None = Field(default=None, description="Energy of the last step, eV.")
    max_force: float | None = Field(default=None, description="Largest force of the last step, eV/Å.")
    seconds: float = Field(default=0.0, description="Wall time of this attempt, s.")
    message: str = Field(default="", description="Why it failed.")
    reason: str = Field(default="", description="The same in one word or two: walltime, cancelled, SCF ...")
    worker: str = Field(default="", description="Worker of the queue.")
    queue_id: str = Field(default="", description="Number of the job in the queue of the cluster.")
    queue_state: str = Field(default="", description="State of jobflow-remote.")


class OpenEntry(BaseModel):
    """Calculations to come, of which the run finds how many there are."""

    label: str = Field(description="What they are.")
    task: str = Field(description="What is done: relax, neb ...")
    group: str = Field(description="System that they belong to.")
    prescreen: str = Field(default="", description="Potential that does them; empty: the code.")


class Range(BaseModel):
    """A prediction."""

    value: float = Field(description="Median.")
    low: float = Field(description="One chance in twenty that it is less.")
    high: float = Field(description="One chance in twenty that it is more.")


class Predicted(BaseModel):
    """What calculations of the campaign's code were predicted to take."""

    force_evaluations: Range | None = Field(default=None, description="Their number; none: no history.")
    scf_cycles: Range | None = Field(default=None, description="Their number; none: no history, or no SCF.")
    processor_hours: Range | None = Field(default=None, description="Of all processors together; none: no history.")
    peak_memory: Range | None = Field(default=None, description="The largest, MiB; none: too few calculations tell.")


class Used(BaseModel):
    """What calculations of the campaign's code took, those found finished left out."""

    calculations: int = Field(default=0, description="Calculations that were worked on.")
    force_evaluations: int = Field(default=0, description="Their force evaluations in this run.")
    scf_cycles: int = Field(default=0, description="Their SCF cycles in this run.")
    processor_hours: float = Field(default=0.0, description="Of all processors together.")


class CampaignStatus(BaseModel):
    """What of a campaign is done, running, failed, and why."""

    campaign: str = Field(description="Name of the campaign.")
    file: str = Field(default="", description="Campaign file.")
    backend: str = Field(default="", description="Name of the backend.")
    edition: str = Field(
        default="", description="Edition of the campaign (hash of what its file asks for); empty: not noted then."
    )
    state: Literal["running", "finished", "failed", "interrupted", "budget"] = Field(
        description="State of the whole; budget: it was used up."
    )
    process: int = Field(default=0, description="Process that runs or ran it.")
    started_at: str = Field(default="", description="UTC, ISO 8601.")
    updated_at: str = Field(default="", description="UTC, ISO 8601.")
    steps: list[StepStatus] = Field(default_factory=list, description="Calculations, in order.")
    failures: list[str] = Field(default_factory=list, description="One sentence for each job that failed.")
    project: str = Field(default="", description="Project of jobflow-remote, for a campaign in a queue.")
    worker: str = Field(default="", description="Its worker.")
    open: list[OpenEntry] = Field(default_factory=list, description="What the run finds the number of.")
    planned: int = Field(default=0, description="How many of `steps` were known before the run.")
    predicted: Predicted | None = Field(default=None, description="What this run was predicted to take.")
    used: Used | None = Field(default=None, description="What this run has taken.")
    budget: float | None = Field(default=None, description="Processor hours that this run was given; none: no limit.")
    hint: str = Field(default="", description="What to do for it to go on, where something is.")
    runner: str = Field(default="", description="Whether the project's runner runs: running, stopped, elsewhere.")

    def step(self, label: str) -> StepStatus:
        """Return the step called `label`, new at the end if there is none."""
        for step in self.steps:
            if step.label == label:
                return step
        self.steps.append(StepStatus(label=label))
        return self.steps[-1]

    def progress(self) -> tuple[int, int]:
        """Return how many calculations are done, and of how many: those that turned out not to be needed left out."""
        states = [step.state for step in self.steps if step.state != "not needed"]
        return sum(state in ("finished", "reused") for state in states), len(states)

    def place(self) -> list[str]:
        """Return what tells it from other runs of the campaign: edition, backend, and queue if it is in one."""
        return [self.edition, self.backend, self.project]

    def save(self, folder: Path) -> None:
        """Write the status under `folder`."""
        self.updated_at = now()
        write_atomically(folder / f"{self.campaign}.json", self.model_dump_json(indent=1))


def now() -> str:
    """Return the time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def campaign_lock(settings: Settings, name: str) -> Iterator[IO[str]]:
    """Hold the campaign: one process runs it at a time.

    Raises
    ------
    InputError
        If another process runs it.
    """
    with (settings.campaigns / f"{name}.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(
                f"campaign {name} is running already (process {file.read().strip() or 'unknown'}): "
                f"follow it with `anodeflow status {name}`."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file


def is_running(settings: Settings, name: str) -> bool:
    """Return whether a living process holds the campaign."""
    try:
        with (settings.campaigns / f"{name}.lock").open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def running_campaigns(settings: Settings) -> list[str]:
    """Return the names of the campaigns that living processes hold."""
    return [
        name for name in sorted(file.stem for file in settings.campaigns.glob("*.lock")) if is_running(settings, name)
    ]


def read_status(settings: Settings, name: str) -> CampaignStatus:
    """Return the state of the latest run of a campaign; one whose process is gone without an end is interrupted.

    Raises
    ------
    InputError
        If no such campaign was run from here.
    """
    held = is_running(settings, name)  # before it is read: it may end meanwhile
    try:
        status = _read(settings.campaigns / f"{name}.json")
    except FileNotFoundError:
        known = ", ".join(campaign_names(settings)) or "none was run yet"
        raise InputError(f"no campaign {name!r} under {settings.home}; known: {known}.") from None
    return status if held or is_running(settings, name) else _interrupted(status)


def earlier_editions(settings: Settings, name: str) -> list[CampaignStatus]:
    """Return the states of the editions of a campaign that ran before others took their place, the latest first.

    One of them may have been run again since: then it is the latest run as well (:meth:`CampaignStatus.place`). Of
    one that is damaged a warning says so: those beside it and the latest can be read.
    """
    found = []
    for file in _earlier(settings, name).glob("*.json"):
        try:
            found.append(_state(file))
        except (ValueError, RecursionError):
            warnings.warn(
                f"{file}, the state of an earlier edition of campaign {name}, is damaged: delete it; its results and "
                "calculations are kept elsewhere.",
                stacklevel=2,
            )
    return sorted(found, key=lambda one: one.started_at, reverse=True)


def keep_edition(settings: Settings, status: CampaignStatus) -> None:
    """Keep the state of an edition that is not going to be the latest any more, beside that of the latest."""
    folder = _earlier(settings, status.campaign)
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256(json.dumps(status.place()).encode()).hexdigest()[:20]  # a backend may be a path
    write_atomically(folder / f"{name}.json", _interrupted(status).model_dump_json(indent=1))


def make_way(settings: Settings, following: CampaignStatus) -> None:
    """Keep the state of the campaign's last run if `following`, which begins, is of another edition or backend."""
    try:
        last = _read(settings.campaigns / f"{following.campaign}.json")
    except (FileNotFoundError, InputError):  # damaged: `following` takes its place, as the sentence about it says
        return
    if last.place() != following.place():
        keep_edition(settings, last)


def _earlier(settings: Settings, name: str) -> Path:
    return settings.campaigns / f"{name}.editions"


def _state(file: Path) -> CampaignStatus:
    return CampaignStatus.model_validate(json.loads(file.read_text(encoding="utf-8")))


def _read(file: Path) -> CampaignStatus:
    try:
        return _state(file)
    except (ValueError, RecursionError) as error:  # no text, no JSON, no state
        raise InputError(f"{file} is damaged: delete it and run the campaign again; nothing is lost.") from error


def _interrupted(status: CampaignStatus) -> CampaignStatus:
    """Return the state of a campaign that no process holds."""
    if status.state == "running":
        status.state = "interrupted"
        for step in status.steps:
            if step.state == "running":
                step.state = "interrupted"
    return status


def campaign_names(settings: Settings) -> list[str]:
    """Return the names of all campaigns that were run from here."""
    return sorted(file.stem for file in settings.campaigns.glob("*.json"))
