"""``anodeflow new``: writes a first campaign file, with comments, that passes ``anodeflow check``."""

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from anodeflow.cli import app
from anodeflow.core.errors import BackendUnavailableError, InputError

_CRYSTALS = {"surface": "Li", "interface": "Li3Mg7", "sei": "LiH", "alloy": "Li3Mg7"}
"""Kind -> what its question about the crystal proposes."""


@app.command()
def new(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="surface, interface, sei or alloy; none: it is asked for.")
    ] = None,
    structure: Annotated[
        str | None, typer.Option("--structure", "-s", help="Crystal: a name in the catalogue, or a file (CIF, POSCAR).")
    ] = None,
    metal: Annotated[
        str | None, typer.Option("--metal", "-m", help="Metal that is plated; default: found in the crystal.")
    ] = None,
    miller: Annotated[tuple[int, int, int], typer.Option(metavar="H K L", help="Face of the crystal.")] = (0, 0, 1),
    backend: Annotated[
        str, typer.Option("--backend", "-b", help="Name of a backend, or a YAML file.")
    ] = "gpaw-surfaces",
    name: Annotated[str | None, typer.Option("--name", "-n", help="Name of the campaign; default: made up.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; default: the campaign's name.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a first campaign file, with comments, and check it. On a terminal it asks for what was not said.

    surface: an adatom on a metal. interface: an alloy and a metal. sei: an adatom on an insulator of the
    solid-electrolyte interphase. alloy: a crystal of your own beside the metal that is plated on it.

    Example: [bold]anodeflow new alloy --structure mine.cif --metal Na -o mine.yaml[/bold]
    """
    from anodeflow.backends.trust import only_looking
    from anodeflow.campaign.model import Campaign
    from anodeflow.campaign.start import Start, campaign_text, kinds

    asks = sys.stdin.isatty()
    if kind is None:
        if not asks:
            raise InputError(f"which kind of campaign? Take one of {', '.join(kinds())}: anodeflow new surface.")
        kind = typer.prompt(f"Kind of campaign ({', '.join(kinds())})", default="surface")
    if kind not in kinds():
        raise InputError(f"there is no kind of campaign {kind!r}: take one of {', '.join(kinds())}.")
    if structure is None:
        proposed = _CRYSTALS.get(kind, "Li")
        structure = typer.prompt("Crystal (catalogue name or file)", default=proposed) if asks else proposed
    start = Start(kind, structure, metal, miller, backend, name)
    file = output or Path(f"{name or f'{kind}-{Path(structure).stem}'}.yaml")
    if file.exists() and not force:
        raise InputError(f"{file} exists already: choose another name with -o, or replace it with --force.")
    text = campaign_text(start, file)
    before = file.read_bytes() if file.exists() else None
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {file} ({error.strerror}): choose another place with -o.") from error
    try:
        with only_looking():
            Campaign.from_file(file).plan()
    except BackendUnavailableError as error:
        typer.echo(f"anodeflow: note: {error}", err=True)
    except InputError:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)
        raise
    typer.echo(f"Wrote {file}. Next: anodeflow check {quote(str(file))}")
