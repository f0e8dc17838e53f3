"""The command ``anodeflow catalogue``: crystals of one's own, which campaigns then know by name."""

from pathlib import Path
from typing import Annotated

import typer

from anodeflow.cli import app
from anodeflow.core.words import sentence

catalogue = typer.Typer(no_args_is_help=True, help="Crystals of your own, by name: add, list, remove.")
app.add_typer(catalogue, name="catalogue")


@catalogue.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CIF, POSCAR or another structure file.")],
    name: Annotated[str | None, typer.Option(help="Name in the catalogue; default: that of the file.")] = None,
    source: Annotated[str, typer.Option(help="Where its numbers come from: a paper, a database.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a crystal of yours that is called so.")] = False,
) -> None:
    """Add a crystal to the catalogue: metals whose bulk studies need as a reference, or alloys.

    It is kept under ANODEFLOW_HOME. The name of a crystal that ships with anodeflow cannot be taken.

    Example: [bold]anodeflow catalogue add Ca.cif --source "Materials Project mp-45"[/bold]
    """
    from anodeflow.structures.bulk.own_catalogue import add_crystal
    from anodeflow.structures.notes import summarise

    entry, structure, notes = add_crystal(file, name, source, force)
    summary = summarise(entry.name, structure, notes)
    typer.echo(summary.line())
    for note in summary.notes:
        typer.echo(f"anodeflow: note: {sentence(note)}", err=True)


@catalogue.command("list")
def list_crystals() -> None:
    """List the crystals that you have added; anodeflow build list shows all."""
    from anodeflow.structures.bulk.own_catalogue import own_crystals

    own = own_crystals()
    if not own:
        typer.echo(
            "No crystal of your own yet: anodeflow catalogue add FILE keeps one; anodeflow build list shows all."
        )
    for entry in own.values():
        typer.echo(f"{entry.name}: {entry.formula}, {entry.space_group}, {entry.source} ({entry.file})")


@catalogue.command()
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a crystal that you have added.")]) -> None:
    """Take a crystal of yours out of the catalogue."""
    from anodeflow.structures.bulk.own_catalogue import remove_crystal

    remove_crystal(name)
