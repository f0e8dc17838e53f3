"""Which campaigns went to which queue: one small file each under ANODEFLOW_HOME."""

from pydantic import BaseModel, Field, ValidationError

from anodeflow.calculations.folder import write_atomically
from anodeflow.core.errors import InputError
from anodeflow.core.settings import Settings

ACTIVE = ("READY", "CHECKED_OUT", "UPLOADED", "SUBMITTED", "RUNNING", "RUN_FINISHED", "DOWNLOADED")
"""States of jobs that are on their way (jobflow-remote's JobState)."""
STUCK = ("FAILED", "REMOTE_ERROR")
"""States of jobs that need somebody."""


class Submission(BaseModel):
    """A campaign in a queue: one small file under ANODEFLOW_HOME/submissions."""

    campaign: str = Field(description="Name of the campaign.")
    backend: str = Field(description="Name of the backend.")
    edition: str = Field(default="", description="Edition of the campaign; empty: not noted then.")
    file: str = Field(default="", description="Campaign file.")
    backend_option: str | None = Field(default=None, description="Backend instead of the file's.")
    without: list[str] = Field(default=[], description="Studies left out by name.")
    prescreen_option: str | None = Field(default=None, description="Prescreen instead of the file's.")
    project: str = Field(description="Project of jobflow-remote.")
    worker: str = Field(description="Its worker.")
    mlip_worker: str | None = Field(default=None, description="Worker of calculations with machine-learned potentials.")
    flow: str = Field(description="Uuid of the flow.")
    jobs: int = Field(description="Jobs at the start; more come as the run finds them.")
    submitted_at: str = Field(description="UTC, ISO 8601.")

    def save(self, settings: Settings) -> None:
        """Write the note."""
        folder = settings.home / "submissions"
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / f"{self.campaign}@{self.backend}.json", self.model_dump_json(indent=1))


def submissions(settings: Settings, campaign: str | None = None) -> list[Submission]:
    """Return the notes of all submitted campaigns, or of one, oldest first; damaged ones are left out."""
    found = []
    for file in (settings.home / "submissions").glob("*.json"):
        try:
            found.append(Submission.model_validate_json(file.read_text(encoding="utf-8")))
        except (OSError, ValidationError):
            continue
    chosen = [one for one in found if campaign in (None, one.campaign)]
    return sorted(chosen, key=lambda one: (one.submitted_at, one.campaign))


def submitted(settings: Settings, campaign: str, backend: str | None = None, here: str = "") -> list[Submission]:
    """Return the notes of a campaign, with one backend or all, oldest first.

    Parameters
    ----------
    settings
        Whose home is looked at.
    campaign
        Name of the campaign.
    backend
        Name of the backend; none: all.
    here
        What to do with a campaign that ran on this machine, in no queue: the end of a sentence.

    Raises
    ------
    InputError
        If it was not submitted.
    """
    from anodeflow.execution.state import campaign_names

    every = submissions(settings)
    if found := [note for note in every if note.campaign == campaign and backend in (None, note.backend)]:
        return found
    if backends := sorted({note.backend for note in every if note.campaign == campaign}):
        raise InputError(f"campaign {campaign!r} was submitted with {', '.join(backends)}, not with {backend!r}.")
    if here and campaign in campaign_names(settings):
        raise InputError(f"campaign {campaign!r} was run on this machine and is in no queue: {here}.")
    known = ", ".join(sorted({note.campaign for note in every})) or "none"
    raise InputError(
        f"no campaign {campaign!r} was submitted from {settings.home} (there is {known}): anodeflow status lists all."
    )
