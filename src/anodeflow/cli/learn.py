"""``anodeflow learn``: what potentials learned from DFT here, and models of it that can be kept and used."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from anodeflow.cli import app

if TYPE_CHECKING:
    from anodeflow.learning.keeping import Learned


@app.command()
def learn(
    name: str | None = typer.Argument(None, help="Name of the model to be made; none: list what was learned."),
    pair: str | None = typer.Option(
        None, "--pair", help="First letters of the pair to learn from, if there are several."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write it here, not into ANODEFLOW_HOME."),
    force: bool = typer.Option(False, "--force", help="Replace a model of this name."),
    format_: str = typer.Option("table", "--format", "-f", help="table or json."),
) -> None:
    """Make a model of what a potential learned from your DFT calculations, or list what was learned.

    Campaigns with [bold]prescreen: {backend: mlip, learn: true}[/bold] keep what their calculations teach. A model is a
    backend file: campaigns name it [bold]learned:NAME[/bold], as their backend or their prescreen.

    Example: [bold]anodeflow learn[/bold]   then   [bold]anodeflow learn li-mg[/bold]   then   [bold]anodeflow run
    surfaces --backend learned:li-mg[/bold]
    """
    from anodeflow.core.errors import InputError
    from anodeflow.core.settings import get_settings

    if format_ not in ("table", "json"):
        raise InputError(f"--format is table or json, not {format_!r}.")
    settings = get_settings()
    writes_there = name is not None and output is None
    folder = (settings.prepare() if writes_there else settings.prepare_to_read()).home / "learning"
    if name is None and format_ == "table" and not any(folder.glob("*/pair.json")):
        typer.echo(
            "Nothing was learned yet. A campaign with prescreen: {backend: mlip, learn: true} keeps what its DFT "
            "calculations teach."
        )
        return
    from anodeflow.learning.keeping import learned_pairs, model_from, write_model  # pymatgen: seconds

    found = learned_pairs(folder)
    if name is None:
        if format_ == "json":
            typer.echo(json.dumps([each.summary() for each in found], indent=1))
        else:
            _print(found)
        return
    chosen = [each for each in found if each.id.startswith(pair or "")]
    if not found:
        raise InputError("nothing was learned yet that a model could be made of: run a campaign that learns first.")
    if len(chosen) != 1:
        known = ", ".join(f"{each.id} ({each.pair.code}, {each.pair.potential['name']})" for each in found) or "none"
        what = "nothing was learned that could be kept" if not chosen else "several pairs learned"
        raise InputError(f"{what}; there is {known}: name one with --pair.")
    file = write_model(model_from(chosen[0], name), name, output, force)
    typer.echo(f"{file}: {chosen[0].said()} Use it as backend: {f'learned:{name}' if output is None else file}.")


def _print(found: "list[Learned]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("pair", "code", "potential", "calculations", "geometries", "error, eV/Å", "learned", "used"):
        table.add_column(column, justify="right" if column in ("calculations", "geometries") else "left")
    for each in found:
        known = each.summary()
        errors = [
            "" if known[key] is None else f"{known[key]:.3f}" for key in ("force_error_before", "force_error_after")
        ]
        table.add_row(
            *(known["pair"], known["code"], known["potential"], str(known["calculations"]), str(known["geometries"])),
            *(*errors, "yes" if known["used"] else "no"),
        )
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    console.print(table)
