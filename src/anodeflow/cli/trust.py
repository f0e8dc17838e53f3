"""``anodeflow trust``: says of a backend file, or of a model, that what it names may be started and loaded."""

from pathlib import Path

import typer

from anodeflow.cli import app


@app.command()
def trust(
    file: Path = typer.Argument(help="Backend file (YAML) whose commands and models you know, or a model's file."),
) -> None:
    """Let check start the programs and load the models that a backend file names, as it is now.

    A backend file is a program. Those that come with anodeflow are trusted;
    run and submit start the programs of any that they are given. A model that
    holds more than numbers is loaded by none of them before it is trusted.

    Example: [bold]anodeflow trust my-gpaw.yaml[/bold]
    """
    from anodeflow.backends import trust as backends
    from anodeflow.backends.registry import load_backend
    from anodeflow.core.errors import InputError

    if not file.is_file():
        raise InputError(f"there is no backend file and no model {file}: give the path of one.")
    backend = load_backend(file) if file.suffix in (".yaml", ".yml") else None
    names = backends.trust(file, backend)
    typer.echo(f"{file.resolve()} is trusted; it names {', '.join(names) or 'no program and no model of its own'}.")
