"""``anodeflow status``: what is done, running, failed and why."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal

import typer

from anodeflow.cli import app, completion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anodeflow.execution.state import CampaignStatus


@app.command()
def status(
    campaign: str | None = typer.Argument(
        None, help="Name of a campaign; none: an overview of all.", autocompletion=completion.campaigns
    ),
    output: Literal["table", "json"] = typer.Option("table", "--format", "-f", help="table or json."),
    watch: bool = typer.Option(False, "--watch", "-w", help="Show it again and again until nothing runs any more."),
    every: float = typer.Option(5.0, "--every", min=0.2, help="Seconds between looks of --watch."),
    edition: str | None = typer.Option(
        None,
        "--edition",
        metavar="HASH",
        help="Show the calculations of this edition: the beginning of its hash, none (it has none), or all. Default: "
        "those of the latest, and a line for each other one.",
    ),
) -> None:
    """Show what of a campaign is done, running, failed and why; of a submitted one, queue and results together.

    A campaign whose file was edited has several editions. The latest stands first.

    Examples: [bold]anodeflow status quickstart[/bold], [bold]anodeflow status quickstart --watch[/bold]
    """
    import time

    found = _of_edition(_states(campaign), edition)
    _show(found, campaign, output, edition)
    before = found
    while watch and any(one.state == "running" for one in found):
        try:
            time.sleep(every)
        except KeyboardInterrupt:
            return
        found = _of_edition(_states(campaign), edition)
        if found != before:  # a pipe gets what changed only
            _show(found, campaign, output, edition, anew=True)
        before = found


def _states(campaign: str | None) -> "list[CampaignStatus]":
    """Return the states of a campaign here and in queues, or those of all; of each, the latest edition first."""
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.state import campaign_names, earlier_editions, read_status
    from anodeflow.execution.submissions import submissions

    settings = get_settings().prepare_to_read()
    notes = submissions(settings, campaign)
    here = campaign_names(settings)
    # A campaign that is only in a queue was never run from here; one that is nowhere is an error of read_status.
    names = here if campaign is None else [campaign] if campaign in here or not notes else []
    found = [read_status(settings, name) for name in names]
    if notes:
        from anodeflow.execution.queue import queue_status

        found += [queue_status(note) for note in notes]
    latest = {(one.campaign, *one.place()) for one in found}
    for name in dict.fromkeys(one.campaign for one in found):
        found += [one for one in earlier_editions(settings, name) if (name, *one.place()) not in latest]
    found.sort(key=lambda one: one.started_at, reverse=True)
    return sorted(found, key=lambda one: one.campaign)


def _of_edition(found: "list[CampaignStatus]", edition: str | None) -> "list[CampaignStatus]":
    """Return the states of an edition, all of them if none is named."""
    if edition is None:
        return found
    from anodeflow.database.query import chosen_editions

    there = [{"campaign": one.campaign, "backend": one.backend, "edition": one.edition} for one in reversed(found)]
    chosen = chosen_editions(there, edition)
    return [one for one in found if (one.campaign, one.backend, one.edition) in chosen]


def _show(
    found: "list[CampaignStatus]", campaign: str | None, output: str, edition: str | None = None, anew: bool = False
) -> None:
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
    newest: dict[tuple[str, str], str] = {}
    for one in found:
        is_earlier = newest.setdefault((one.campaign, one.backend), one.edition) != one.edition
        whole = campaign is not None and (edition is not None or not is_earlier)
        table = Table(title=_title(one, is_earlier))
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
        for step in one.steps if whole else []:
            table.add_row(
                Text(step.label),  # "[layers 6]" is no markup
                step.state,
                *((f"{step.worker} {step.queue_id}".strip(),) if one.project else ()),
                str(step.ionic_steps or ""),
                "" if step.energy is None else f"{step.energy:.4f}",
                "" if step.max_force is None else f"{step.max_force:.3f}",
                clock(step.seconds) if step.seconds else "",
            )
        console.print(table if whole else table.title, soft_wrap=not whole)
        for failure in one.failures:
            console.print(f"  failed: {failure}", markup=False, soft_wrap=True)
        for step in one.steps if one.project else []:
            if step.message and step.state != "failed":
                console.print(f"  {step.label} is {step.state}: {step.message}", markup=False, soft_wrap=True)
        for line in _closing(one, is_earlier):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _title(one: "CampaignStatus", is_earlier: bool) -> str:
    """Return which run it is, and how far it came."""
    done, of = one.progress()
    which = f", edition {one.edition[:8]}" if one.edition else ""
    if is_earlier:
        began = one.started_at[:16].replace("T", " ")
        which = f", edition {one.edition[:8] or 'none'}, earlier: began {began} UTC"
    where = f" in project {one.project}" if one.project else ""
    return f"{one.campaign} on {one.backend}{where}{which}: {one.state}, {done} of {of} done"


def _closing(one: "CampaignStatus", is_earlier: bool) -> "Iterator[str]":
    """Yield what stands below the calculations of a campaign: what it took, and what to do for it to go on."""
    from anodeflow.execution.cost.words import predicted_against_used

    if one.used is not None:
        yield predicted_against_used(one.backend, one.predicted, one.used, one.budget)
    if is_earlier:
        return  # its file asks for something else now
    if one.hint:
        yield one.hint
    if one.state == "budget":
        yield f"its budget left something: anodeflow run {_typed(one.file)} goes on"
    if one.state == "interrupted" and not one.project:
        yield f"interrupted: anodeflow run {_typed(one.file)} goes on from its last step"


def _typed(file: str) -> str:
    """Return a file as one types it here: by its name below this folder, else by its whole path."""
    here, path = Path.cwd(), Path(file)
    return quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
