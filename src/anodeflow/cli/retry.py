"""``anodeflow retry``: runs again what failed of a submitted campaign."""

import sys
from typing import TYPE_CHECKING, Literal

import typer

from anodeflow.cli import app, completion

if TYPE_CHECKING:
    from anodeflow.execution.retry import Plan


@app.command()
def retry(
    campaign: str = typer.Argument(help="Name of a submitted campaign.", autocompletion=completion.campaigns),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    dry_run: bool = typer.Option(False, "--dry-run", "-n", help="Say what would be done, and do nothing."),
    time: str | None = typer.Option(None, "--time", help="Wall time for them from now on: 24:00:00."),
    memory: str | None = typer.Option(None, "--memory", help="Memory of each core: 4G."),
    cores: int | None = typer.Option(None, "--cores", help="Cores for them."),
    queue: str | None = typer.Option(None, "--queue", help="Queue or partition for them."),
    output: Literal["table", "json"] = typer.Option("table", "--format", "-f", help="table or json."),
) -> None:
    """Run again what failed of a submitted campaign, and only that, after saying what will be done.

    Calculations go on from their last step; finished ones are found. Jobs for which the runner gave up between two
    states (a queue that was down, a wrong partition) are taken up where they stood.

    Of a campaign that was edited and submitted again this is the latest edition. An earlier one is completed by
    submitting its file again: what is finished is found.

    Examples: [bold]anodeflow retry surfaces[/bold], [bold]anodeflow retry surfaces --time 48:00:00 --yes[/bold]
    """
    import json

    from pydantic import ValidationError

    from anodeflow.calculations.placement import Resources
    from anodeflow.core.errors import InputError
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.project import open_project
    from anodeflow.execution.retry import plan_retry
    from anodeflow.execution.retry import retry as run_again
    from anodeflow.execution.submissions import submitted

    settings = get_settings().prepare()
    notes = submitted(settings, campaign, here="anodeflow run FILE does again what failed, and finds the rest finished")
    try:
        resources = Resources(time=time, memory=memory, cores=cores, queue=queue)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}.") from None
    plans = []
    for note in notes:
        with open_project(note.project) as remote:
            plans.append(plan_retry(remote, note))
    todo = [plan for plan in plans if plan.repairs]
    if output == "json":
        typer.echo(json.dumps(_rows(todo)))
    else:
        for line in _lines(todo) or [f"Nothing of campaign {campaign} failed."]:
            typer.echo(line)
    if dry_run or not todo:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nobody to ask: say --yes, or look only with --dry-run.")
        typer.confirm("Do that?", abort=True)
    changed = resources if resources != Resources() else None
    for plan in todo:
        for line in run_again(plan, changed):
            if output == "table":
                typer.echo(line)


def _rows(plans: "list[Plan]") -> list[dict[str, str]]:
    """Return what would be done, one row a job."""
    return [
        {
            "campaign": plan.note.campaign,
            "backend": plan.note.backend,
            "job": repair.label,
            "reason": repair.reason.kind,
            "detail": repair.reason.detail,
            "action": "submit again" if plan.again else repair.action,
        }
        for plan in plans
        for repair in plan.repairs
    ]


def _lines(plans: "list[Plan]") -> list[str]:
    """Return what would be done, for people."""
    lines = []
    for plan in plans:
        for repair in plan.repairs:
            lines.append(f"{repair.label}: {repair.reason.kind}, {repair.reason.detail or 'no more is known'}")
            if not plan.again:
                lines.append(f"    -> {repair.action}")
        if plan.again:
            lines.append("    -> the whole is submitted again: later steps were made of it; finished ones are found")
    return lines
