"""Steps of studies that find out on the way what there is to compute."""

from collections.abc import Callable, Mapping
from typing import Any

from jobflow import Flow, Job, JobConfig, OnMissing, Response

from anodeflow.calculations.in_place import settled
from anodeflow.core.errors import AnodeflowError, CalculationError, InputError
from anodeflow.core.jobs import job, named
from anodeflow.core.labels import Label, SystemName


def replaced(jobs: list[Flow | Job], last: Job, name: str) -> Response:
    """Return the response that puts `jobs` in place of the current one, the output being that of the last.

    The last one runs although others failed: what they were for is missing from the document, which says so.
    """
    last.config = JobConfig(on_missing_references=OnMissing.NONE)
    last.name = f"{name}: {last.function.__name__.replace('_', ' ')}"
    flow = Flow(jobs, output=last.output, name=name)
    return Response(replace=settled(flow))


@job
def report_failure(message: str, of_input: bool) -> None:
    """Fail with a message: a step that cannot be done is shown as failed, and the others go on.

    Raises
    ------
    InputError
        If the step was asked for wrongly.
    CalculationError
        If it went wrong.
    """
    raise InputError(message) if of_input else CalculationError(message)


def failure_jobs(failures: Mapping[str, AnodeflowError]) -> list[Job]:
    """Return one job for each step that cannot be done (label -> error); it fails with the step's message.

    A label begins with the name of the system and a colon.
    """
    return [
        named(report_failure(_sentence(label, error), isinstance(error, InputError)), label)
        for label, error in failures.items()
    ]


def followed(
    jobs: list[Flow | Job], failures: Mapping[str, AnodeflowError], last: Callable[[list[Any]], Job], name: str
) -> Response:
    """Return the response that puts `jobs` in place of the current one, and those of what cannot be done beside them.

    Parameters
    ----------
    jobs
        What is computed now.
    failures
        As of :func:`failure_jobs`.
    last
        Makes the job that comes after all of them, of the outputs of those that fail: it is to wait for them.
    name
        As of :func:`replaced`.
    """
    told = failure_jobs(failures)
    made = last([each.output for each in told])
    return replaced([*jobs, *told, made], made, name)


def _sentence(label: str, error: AnodeflowError) -> str:
    """Return the message with what it is about in front, once."""
    base = SystemName.read(Label.read(label).system).base  # errors of one face say which surface it is of
    return str(error) if str(error).startswith(f"{base}:") else f"{label}: {error}"
