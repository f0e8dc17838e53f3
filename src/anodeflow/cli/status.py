"""``anodeflow status``: what is done, running, failed and why."""

from typing import Literal

import typer

from anodeflow.cli import app


@app.command()
def status(
    campaign: str | None = typer.Argument(None, help="Name of a campaign; none: an overview of all."),
    output: Literal["table", "json"] = typer.Option("table", "--format", "-f", help="table or json."),
) -> None:
    """Show what of a campaign is done, running, failed and why; of a submitted one, queue and results together.

    Example: [bold]anodeflow status quickstart[/bold]
    """
    import json

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from anodeflow.core.settings import get_settings
    from anodeflow.execution.display import clock
    from anodeflow.execution.state import campaign_names, read_status
    from anodeflow.execution.submissions import submissions

    settings = get_settings().prepare()
    notes = submissions(settings, campaign)
    here = campaign_names(settings)
    # A campaign that is only in a queue was never run from here; one that is nowhere is an error of read_status.
    names = here if campaign is None else [campaign] if campaign in here or not notes else []
    found = [read_status(settings, name) for name in names]
    if notes:
        from anodeflow.execution.queue import queue_status

        found += [queue_status(note) for note in notes]
    if output == "json":
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found]))
        return
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    if not found:
        console.print(f"No campaign was run from {settings.home} yet: anodeflow run FILE", soft_wrap=True)
    for one in found:
        done = sum(step.state in ("finished", "reused") for step in one.steps)
        where = f" in project {one.project}" if one.project else ""
        table = Table(title=f"{one.campaign} on {one.backend}{where}: {one.state}, {done} of {len(one.steps)} done")
        table.title_justify = "left"
        for name, justify in (
            ("job" if one.project else "calculation", "left"),
            ("state", "left"),
            *((("worker, number", "left"),) if one.project else ()),
            ("steps", "right"),
            ("E / eV", "right"),
            ("max force / eV/Å", "right"),
            ("time", "right"),
        ):
            table.add_column(name, justify=justify)
        for step in one.steps if campaign else []:
            table.add_row(
                Text(step.label),  # "[layers 6]" is no markup
                step.state,
                *((f"{step.worker} {step.queue_id}".strip(),) if one.project else ()),
                str(step.ionic_steps or ""),
                "" if step.energy is None else f"{step.energy:.4f}",
                "" if step.max_force is None else f"{step.max_force:.3f}",
                clock(step.seconds) if step.seconds else "",
            )
        console.print(table if campaign else table.title)
        for failure in one.failures:
            console.print(f"  failed: {failure}", markup=False, soft_wrap=True)
        for step in one.steps if one.project else []:
            if step.message and step.state != "failed":
                console.print(f"  {step.label} is {step.state}: {step.message}", markup=False, soft_wrap=True)
        if one.hint:
            console.print(f"  {one.hint}", markup=False, soft_wrap=True)
        if one.state == "interrupted" and not one.project:
            console.print(f"  interrupted: anodeflow run {one.file} goes on from its last step", soft_wrap=True)
