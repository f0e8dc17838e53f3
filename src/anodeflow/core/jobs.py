"""Names of jobs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobflow import Job


def named(made: Any, name: str) -> "Job":
    """Return the job that a Maker made, under a name."""
    made.name = name
    return made
