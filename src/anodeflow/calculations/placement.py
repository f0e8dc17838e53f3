"""Where a calculation runs and what it asks the queue for: never part of what it computes."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from jobflow import CURRENT_JOB, Job, OutputReference, Response
from pydantic import Field, field_validator, model_validator

from anodeflow.calculations.rehearsal import rehearsing
from anodeflow.core.errors import BudgetSpentError
from anodeflow.core.inputs import InputModel
from anodeflow.core.jobs import job

_TIME = re.compile(r"(?:(\d+)-)?(\d{1,3}):([0-5]\d):([0-5]\d)")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([MGT])B?", re.IGNORECASE)
_MEGABYTES = {"M": 1, "G": 1024, "T": 1024**2}


def wall_time(time: str | None) -> str | None:
    """Return a wall time, H:MM:SS or D-HH:MM:SS; a validator of fields.

    Raises
    ------
    ValueError
        If it is written otherwise, or nothing.
    """
    if time is None:
        return None
    found = _TIME.fullmatch(time)
    if not found:
        raise ValueError(f"write the time as H:MM:SS or D-HH:MM:SS, such as 12:00:00, not {time!r}")
    if not any(int(part or 0) for part in found.groups()):
        raise ValueError("a wall time of nothing lets no job end: give more")
    return time


class Resources(InputModel):
    """What a calculation asks of the queue of a cluster; it does not change the numbers, so it is not hashed."""

    cores: int | None = Field(
        default=None, ge=1, le=1_000_000, description="MPI ranks, one core each (of all nodes together)."
    )
    nodes: int | None = Field(
        default=None, ge=1, le=100_000, description="Nodes over which the cores are spread evenly."
    )
    time: str | None = Field(default=None, description="Wall time, H:MM:SS or D-HH:MM:SS, in quotes.")
    memory: str | None = Field(default=None, description="Memory of each core: 2G, 500M.")
    queue: str | None = Field(default=None, description="Queue, or partition of Slurm; default: that of the worker.")
    gpus: int | None = Field(default=None, ge=1, le=10_000, description="GPUs of the job.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="More of the scheduler's, in the words of qtoolkit: account, qos, constraint."
    )

    _time = field_validator("time")(wall_time)

    @field_validator("memory")
    @classmethod
    def _memory(cls, memory: str | None) -> str | None:
        if memory is None:
            return None
        found = _MEMORY.fullmatch(memory)
        if not found:
            raise ValueError(f"write the memory of a core with its unit, such as 2G or 500M, not {memory!r}")
        if float(found[1]) == 0:
            raise ValueError("no memory lets no job run: give more")
        return memory

    @model_validator(mode="after")
    def _a_core_each(self) -> "Resources":
        if self.nodes is not None and self.cores is not None and self.nodes > self.cores:
            raise ValueError(f"{self.cores} cores do not spread over {self.nodes} nodes: ask for more, or fewer nodes")
        return self

    @property
    def seconds(self) -> int | None:
        """Wall time, s."""
        found = _TIME.fullmatch(self.time or "")
        if found is None:
            return None
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    @property
    def megabytes(self) -> int | None:
        """Memory of each core, MB."""
        found = _MEMORY.fullmatch(self.memory or "")
        return None if found is None else round(float(found[1]) * _MEGABYTES[found[2].upper()])


def placed_job(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Job]]:
    """As our ``@job``, for a method of a Maker with a `backend` recipe that may say where its jobs run.

    Jobs that are made on a cluster, by other jobs, so go to the worker and ask for the resources that were set
    when the campaign was submitted (``placement`` of the recipe: jobflow-remote's `worker` and `resources`).
    """

    def decorate(method: Callable[..., Any]) -> Callable[..., Job]:
        @wraps(method)
        def held(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except BudgetSpentError:
                # It has no output, which no schema allows, and nothing that comes after it may run without.
                CURRENT_JOB.job.output_schema = cast(Any, None)
                return Response(stop_children=True)

        make = job(held, **options)

        @wraps(make)
        def placed(self: Any, *args: Any, **kwargs: Any) -> Job:
            if rehearsing() and not any(isinstance(each, OutputReference) for each in (*args, *kwargs.values())):
                # Without the Maker, which jobflow copies.
                return Job(function=lambda: method(self, *args, **kwargs), name=self.name)
            made = make(self, *args, **kwargs)
            made.config.manager_config = dict(self.backend.get("placement") or {})
            return made

        placed.original = held  # type: ignore[attr-defined]  # jobflow finds the method itself by it
        return placed

    return decorate
