"""``anodeflow status``: what is done, running, failed and why."""

from typing import TYPE_CHECKING, Literal

import typer

from anodeflow.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anodeflow.execution.state import CampaignStatus


@app.command()
def status(
    campaign: str | None = typer.Argument(None, help="Name of a campaign; none: an overview of all."),
    output: Literal["table", "json"] = typer.Option("table", "--format", "-f", help="table or json."),
    watch: bool = typer.Option(False, "--watch", "-w", help="Show it again and again until nothing runs any more."),
    every: float = typer.Option(5.0, "--every", min=0.2, help="Seconds between looks of --watch."),
) -> None:
    """Show what of a campaign is done, running, failed and why; of a submitted one, queue and results together.

    Examples: [bold]anodeflow status quickstart[/bold], [bold]anodeflow status quickstart --watch[/bold]
    """
    import time

    found = _states(campaign)
    _show(found, campaign, output)
    before = found
    while watch and any(one.state == "running" for one in found):
        try:
            time.sleep(every)
        except KeyboardInterrupt:
            return
        found = _states(campaign)
        if found != before:  # a pipe gets what changed only
            _show(found, campaign, output, anew=True)
        before = found


def _states(campaign: str | None) -> "list[CampaignStatus]":
    """Return the states of a campaign here and in queues, or those of all."""
    from anodeflow.core.settings import get_settings
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
    return found


def _show(found: "list[CampaignStatus]", campaign: str | None, output: str, anew: bool = False) -> None:
    """Print states, on a terminal in the place of those before."""
    import json

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from anodeflow.core.settings import get_settings
    from anodeflow.execution.display import clock

    if output == "json":
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found]))
        return
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    if anew and console.is_terminal:
        console.clear()
    if not found:
        console.print(f"No campaign was run from {get_settings().home} yet: anodeflow run FILE", soft_wrap=True)
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
        for line in _closing(one):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _closing(one: "CampaignStatus") -> "Iterator[str]":
    """Yield what stands below the calculations of a campaign: what it took, and what to do for it to go on."""
    from anodeflow.execution.cost.words import predicted_against_used

    if one.used is not None:
        yield predicted_against_used(one.backend, one.predicted, one.used, one.budget)
    if one.hint:
        yield one.hint
    if one.state == "budget":
        yield f"its budget left something: anodeflow run {one.file} goes on"
    if one.state == "interrupted" and not one.project:
        yield f"interrupted: anodeflow run {one.file} goes on from its last step"
