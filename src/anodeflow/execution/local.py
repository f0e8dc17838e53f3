"""Runs a campaign on this machine, and goes on with it when it was cut off."""

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from anodeflow.calculations.progress import Progress, listen
from anodeflow.core.masking import masked
from anodeflow.core.settings import get_settings
from anodeflow.database.store import open_store
from anodeflow.execution.state import (
    CampaignStatus,
    StepStatus,
    campaign_lock,
    now,
)
from anodeflow.studies.document import StudyDoc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anodeflow.campaign.model import Campaign

_SAVE_EVERY = 1.0  # s between two writes of the status file while nothing but a step number changes


class RunReport(BaseModel):
    """How a run ended."""

    campaign: str = Field(description="Name of the campaign.")
    succeeded: bool = Field(description="Whether every job ended well.")
    failures: list[str] = Field(default_factory=list, description="One sentence for each job that failed.")
    computed: int = Field(description="Calculations done by this run.")
    reused: int = Field(description="Calculations found finished.")
    document_ids: list[str] = Field(default_factory=list, description="Ids of the study documents of this run.")
    seconds: float = Field(description="Wall time of the run, s.")


def run_campaign(
    campaign: "Campaign", listener: Callable[[Progress], None] | None = None, progress: bool = False
) -> RunReport:
    """Run a campaign with jobflow's local manager; what is finished already is found, not run again.

    Parameters
    ----------
    campaign
        A campaign; it is checked first.
    listener
        Called with every message of every calculation.
    progress
        Show how far it is, where there is no listener: in a terminal, a notebook or a log.

    Returns
    -------
    RunReport

    Raises
    ------
    InputError
        If the campaign cannot run; nothing has run then.
    DatabaseError
        If the database cannot be opened.
    """
    from jobflow.managers.local import run_locally

    settings = get_settings().prepare()
    planned = campaign.check()
    if progress and listener is None:
        from rich.console import Console

        from anodeflow.execution.display import RunDisplay

        with RunDisplay([each.label for each in planned if each.number], Console()) as display:
            return run_campaign(campaign, display)
    began = time.monotonic()
    with campaign_lock(settings, campaign.name), open_store(settings) as store:
        status = CampaignStatus(
            campaign=campaign.name,
            file=str(campaign.path or ""),
            backend=campaign.backend,
            state="running",
            process=os.getpid(),
            started_at=now(),
            steps=[StepStatus(label=calculation.label) for calculation in planned if calculation.number],
        )
        status.save(settings.campaigns)
        keeper = _StatusKeeper(status, settings.campaigns)
        scratch = settings.home / "scratch"
        with listen(keeper), listen(listener or (lambda _: None)), _collect_failures(status.failures):
            responses = run_locally(campaign.flow(), store=store, log=False, root_dir=scratch)
        status.state = "failed" if status.failures else "finished"
        status.save(settings.campaigns)
    states = [step.state for step in status.steps]
    return RunReport(
        campaign=campaign.name,
        succeeded=not status.failures,
        failures=status.failures,
        computed=states.count("finished"),
        reused=states.count("reused"),
        document_ids=[
            response.output.document_id
            for indexed in responses.values()
            for response in indexed.values()
            if isinstance(response.output, StudyDoc)
        ],
        seconds=time.monotonic() - began,
    )


class _StatusKeeper:
    """Listens to the calculations and keeps the status file up to date."""

    def __init__(self, status: CampaignStatus, folder: Any) -> None:
        self.status, self.folder, self.saved = status, folder, 0.0

    def __call__(self, message: Progress) -> None:
        step = self.status.step(message.label)
        known = step.state
        step.state = message.state if message.state in ("finished", "reused", "failed") else "running"
        step.calculation_id = message.calculation_id
        step.ionic_steps = message.ionic_step
        step.energy = message.energy if message.energy is not None else step.energy
        step.max_force = message.max_force if message.max_force is not None else step.max_force
        step.seconds = message.elapsed
        step.message = message.message
        if step.state != known or time.monotonic() - self.saved > _SAVE_EVERY:
            self.saved = time.monotonic()
            self.status.save(self.folder)


@contextmanager
def _collect_failures(failures: list[str]) -> "Iterator[None]":
    """Collect why jobs fail: jobflow's local manager logs an exception and goes on with the other jobs."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = sys.exc_info()[1]
            if error is not None:
                name = record.getMessage().split(" failed with exception")[0]
                text = masked(str(error)) or type(error).__name__
                failures.append(text if name in text else f"{name}: {text}")

    logger = logging.getLogger("jobflow.managers.local")
    collector, level, propagate = Collector(), logger.level, logger.propagate
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)
        logger.propagate = propagate
