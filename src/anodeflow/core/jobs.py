"""Jobs: their arguments and names."""

from collections.abc import Sequence
from typing import Any

from jobflow import Job


def told(one: Job, arguments: Sequence[Any], keywords: dict[str, Any]) -> Job:
    """Return a job that was made without arguments, which jobflow would write out, and has them now."""
    one.function_args, one.function_kwargs = tuple(arguments), keywords
    return one


def named(made: Any, name: str) -> Job:
    """Return the job that a Maker made, under a name."""
    made.name = name
    return made
