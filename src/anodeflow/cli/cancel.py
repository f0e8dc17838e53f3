"""``anodeflow cancel``: takes a submitted campaign out of the queue."""

import sys
from shlex import quote

import typer

from anodeflow.cli import app, completion


@app.command()
def cancel(
    campaign: str = typer.Argument(help="Name of a submitted campaign.", autocompletion=completion.campaigns),
    backend: str | None = typer.Option(None, "--backend", "-b", help="With this backend only."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
) -> None:
    """End the jobs of a submitted campaign: those that wait, are in the queue, or run.

    What was computed stays. Submitted again, the campaign finds it, and goes on from the last step of what was ended.
    A campaign that runs here is ended with Ctrl-C.

    Example: [bold]anodeflow cancel surfaces[/bold]
    """
    from anodeflow.core.errors import InputError
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.cancel import active_jobs
    from anodeflow.execution.cancel import cancel as end
    from anodeflow.execution.submissions import submitted

    settings = get_settings().prepare()
    notes = submitted(settings, campaign, backend, here="Ctrl-C ends it where it runs")
    todo = [(note, jobs) for note in notes if (jobs := active_jobs(note))]
    if not todo:
        typer.echo(f"Nothing of campaign {campaign} waits or runs.")
        return
    for note, jobs in todo:
        typer.echo(f"{note.campaign} on {note.backend}, project {note.project}: {len(jobs)} jobs wait or run.")
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nobody to ask: say --yes.")
        typer.confirm("End them?", abort=True)
    for note, _ in todo:
        for line in end(note):
            typer.echo(line)
        if note.file:
            again = f"anodeflow submit {quote(note.file)} --project {note.project} --worker {note.worker}"
            typer.echo(f"Cancelled. To go on later: {again}")
