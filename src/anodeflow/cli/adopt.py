"""The command ``anodeflow adopt``: finished calculations of others become calculations of ours."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anodeflow.cli import app, completion
from anodeflow.core.errors import AnodeflowError, InputError

if TYPE_CHECKING:
    from anodeflow.backends.base import Backend
    from anodeflow.interchange.adopt import Adopted


@app.command()
def adopt(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER...", help="Folders with finished runs of VASP or GPAW, subfolders included."),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            "--backend",
            "-b",
            help="Backend whose calculations they may be: a name in configs/backends, or a YAML file; may be given "
            "several times. Default: all that come with anodeflow.",
            autocompletion=completion.backends,
        ),
    ] = None,
    campaign: Annotated[
        Path | None,
        typer.Option(
            "--campaign", metavar="FILE", help="Take the backend of a campaign, with the settings of its systems."
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List what was adopted before.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Say what would become of them, and write nothing.")] = False,
    output: Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="table or json.")] = "table",
) -> None:
    """Take over finished calculations of VASP and GPAW that were made without anodeflow.

    One whose settings are those of a backend, and which began with the same structure, is found by every campaign that
    asks for it, and never run again. Any other is kept in the database, with what differs, and is not reused. What did
    not converge, is damaged or cut short is refused.

    Examples: [bold]anodeflow adopt ~/vasp/Li3Mg --dry-run[/bold],
    [bold]anodeflow adopt ~/vasp/Li3Mg --campaign my.yaml[/bold]
    """
    import json

    from anodeflow.database.store import open_store
    from anodeflow.interchange.adopt import adopt as take_over
    from anodeflow.interchange.adopt import adopted_calculations

    if listed == bool(folders):
        raise InputError("give folders with finished calculations, or --list for what was adopted before.")
    if listed:
        with open_store() as store:
            found = adopted_calculations(store)
    elif dry:
        found = take_over(folders or [], _backends(backend, campaign), dry=True)
    else:
        backends = _backends(backend, campaign)
        with open_store() as store:
            found = take_over(folders or [], backends, store)
    if output == "json":
        typer.echo(json.dumps([each.row() for each in found], default=str))
    else:
        _print(found, "would be " if dry else "")
    if refused := [each for each in found if each.state == "refused"]:
        raise AnodeflowError(f"{len(refused)} of {len(found)} calculations were refused: {refused[0].detail}")


def _backends(names: list[str] | None, campaign: Path | None) -> "list[Backend]":
    from anodeflow.backends.registry import load_backend
    from anodeflow.core.data import shipped_backends

    found = [load_backend(name) for name in names or []]
    if campaign is not None:
        from anodeflow.campaign.model import Campaign

        read = Campaign.from_file(campaign)
        own = read.load_backend()
        changed = [*(each.settings for each in read.systems), *(each.settings for each in read.interfaces)]
        found += [own, *(own.with_settings(settings) for settings in changed if settings)]
    return found or [load_backend(name) for name in shipped_backends()]


def _print(found: "list[Adopted]", would: str) -> None:
    for each in found:
        document = each.calculation
        energy = f", {document.energy:.4f} eV" if document is not None else ""
        typer.echo(f"{each.source}\n  {would}{each.state}{energy}: {each.detail}")
    counted = Counter(each.state for each in found)
    typer.echo(", ".join(f"{number} {would}{state}" for state, number in counted.items()) or "nothing was adopted.")
