"""Runs a campaign on this machine, and goes on with it when it was cut off."""

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from anodeflow.calculations.admission import guarded
from anodeflow.calculations.progress import Progress, listen
from anodeflow.core.errors import BudgetSpentError
from anodeflow.core.jobs import in_sequence
from anodeflow.core.library_warnings import known_left_out
from anodeflow.core.masking import masked
from anodeflow.core.settings import get_settings
from anodeflow.database.store import open_store
from anodeflow.execution.cost.budget import Budget
from anodeflow.execution.cost.estimate import Estimator, open_entry
from anodeflow.execution.cost.meter import Meter
from anodeflow.execution.cost.order import in_order, study_ranks
from anodeflow.execution.state import (
    CampaignStatus,
    Predicted,
    StepStatus,
    Used,
    campaign_lock,
    make_way,
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
    succeeded: bool = Field(description="Whether every job ended well, and none was left for want of budget.")
    failures: list[str] = Field(default_factory=list, description="One sentence for each job that failed.")
    predicted: Predicted | None = Field(default=None, description="What its code was predicted to take.")
    used: Used = Field(default_factory=Used, description="What its code took.")
    left: dict[str, float | None] = Field(
        default_factory=dict, description="What the budget did not hold -> its processor hours; none: not predicted."
    )
    computed: int = Field(description="Calculations done by this run.")
    reused: int = Field(description="Calculations found finished.")
    document_ids: list[str] = Field(default_factory=list, description="Ids of the study documents of this run.")
    seconds: float = Field(description="Wall time of the run, s.")


def run_campaign(
    campaign: "Campaign",
    listener: Callable[[Progress], None] | None = None,
    progress: bool = False,
    budget: float | None = None,
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
    budget
        Processor hours that calculations of the campaign's code may use in this run; none: no limit. What does not fit
        is left (`left`), cheap studies come before dear ones, and saddles after minima.

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
    plan = campaign.plan()
    planned = list(plan.calculations.values())
    if progress and listener is None:
        from rich.console import Console

        from anodeflow.execution.display import RunDisplay

        with RunDisplay([each.label for each in planned if each.number], Console()) as display:
            return run_campaign(campaign, display, budget=budget)
    began = time.monotonic()
    with campaign_lock(settings, campaign.name), open_store(settings) as store:
        backend, prescreen = campaign.load_backend(), campaign.load_prescreen()
        estimator = Estimator.of(settings, backend, None if prescreen is None else prescreen.backend)
        meter = Meter(backend.code)
        limit = None if budget is None else Budget(budget, meter, estimator)
        known = [calculation for calculation in planned if calculation.number]
        status = CampaignStatus(
            campaign=campaign.name,
            file=str(campaign.path.resolve()) if campaign.path else "",
            backend=campaign.backend,
            edition=campaign.edition(),
            state="running",
            process=os.getpid(),
            started_at=now(),
            steps=[StepStatus(label=calculation.label) for calculation in known],
            planned=len(known),
            open=[open_entry(calculation) for calculation in planned if not calculation.number],
            predicted=estimator.cost(planned).total,
            budget=budget,
        )
        make_way(settings, status)
        status.save(settings.campaigns)
        keeper = _StatusKeeper(status, settings.campaigns, meter)
        flow, keys = campaign.flow_with_keys()
        if limit is None:
            flow = in_sequence(flow)
        else:
            expected = estimator.expectations(planned)
            flow = in_order(flow, keys, study_ranks(plan, expected, estimator.hours(expected)))
        with ExitStack() as stack:
            for heard in (meter, keeper, listener, limit):  # the limit last: it may end a calculation
                if heard is not None:
                    stack.enter_context(listen(heard))
            if limit is not None:
                stack.enter_context(guarded(limit.admit))
            stack.enter_context(guarded(meter.admit))
            stack.enter_context(_collect_failures(status.failures))
            stack.enter_context(known_left_out())
            responses = run_locally(flow, store=store, log=False, root_dir=settings.home / "scratch")
        meter.look_at_all()
        left = {} if limit is None else limit.left
        for step in status.steps:
            step.state = "interrupted" if step.state == "running" else step.state
        status.used = meter.used
        status.state = "failed" if status.failures else "budget" if left else "finished"
        if status.state == "finished":  # sites of a relaxed slab may be others than those planned
            for step in status.steps:
                step.state = "not needed" if step.state == "planned" else step.state
        status.save(settings.campaigns)
    states = [step.state for step in status.steps]
    return RunReport(
        campaign=campaign.name,
        succeeded=not status.failures and not left,
        failures=status.failures,
        predicted=status.predicted,
        used=meter.used,
        left=left,
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

    def __init__(self, status: CampaignStatus, folder: Any, meter: Meter) -> None:
        self.status, self.folder, self.meter, self.saved = status, folder, meter, 0.0

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
            self.status.used = self.meter.used
            self.status.save(self.folder)


@contextmanager
def _collect_failures(failures: list[str]) -> "Iterator[None]":
    """Collect why jobs fail: jobflow's local manager logs an exception and goes on with the other jobs."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = sys.exc_info()[1]
            if error is not None and not isinstance(error, BudgetSpentError):
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
