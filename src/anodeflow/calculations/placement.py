"""Where a calculation runs and what it asks the queue for: never part of what it computes."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from jobflow import Job, job
from pydantic import BaseModel, ConfigDict, Field, field_validator

_TIME = re.compile(r"(?:(\d+)-)?(\d{1,3}):([0-5]\d):([0-5]\d)")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([MGT])B?", re.IGNORECASE)
_MEGABYTES = {"M": 1, "G": 1024, "T": 1024**2}


class Resources(BaseModel):
    """What a calculation asks of the queue of a cluster; it does not change the numbers, so it is not hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: int | None = Field(default=None, ge=1, description="MPI ranks, one core each (of all nodes together).")
    nodes: int | None = Field(default=None, ge=1, description="Nodes over which the cores are spread evenly.")
    time: str | None = Field(default=None, description="Wall time, H:MM:SS or D-HH:MM:SS, in quotes.")
    memory: str | None = Field(default=None, description="Memory of each core: 2G, 500M.")
    queue: str | None = Field(default=None, description="Queue, or partition of Slurm; default: that of the worker.")
    gpus: int | None = Field(default=None, ge=1, description="GPUs of the job.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="More of the scheduler's, in the words of qtoolkit: account, qos, constraint."
    )

    @field_validator("time")
    @classmethod
    def _time(cls, time: str | None) -> str | None:
        if time is not None and not _TIME.fullmatch(time):
            raise ValueError(f"write the time as H:MM:SS or D-HH:MM:SS, such as 12:00:00, not {time!r}")
        return time

    @field_validator("memory")
    @classmethod
    def _memory(cls, memory: str | None) -> str | None:
        if memory is not None and not _MEMORY.fullmatch(memory):
            raise ValueError(f"write the memory of a core with its unit, such as 2G or 500M, not {memory!r}")
        return memory

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
    """As jobflow's ``@job``, for a method of a Maker with a `backend` recipe that may say where its jobs run.

    Jobs that are made on a cluster, by other jobs, so go to the worker and ask for the resources that were set
    when the campaign was submitted (``placement`` of the recipe: jobflow-remote's `worker` and `resources`).
    """

    def decorate(method: Callable[..., Any]) -> Callable[..., Job]:
        make = job(method, **options)

        @wraps(make)
        def placed(self: Any, *args: Any, **kwargs: Any) -> Job:
            made = make(self, *args, **kwargs)
            made.config.manager_config = dict(self.backend.get("placement") or {})
            return made

        placed.original = method  # type: ignore[attr-defined]  # jobflow finds the method itself by it
        return placed

    return decorate
