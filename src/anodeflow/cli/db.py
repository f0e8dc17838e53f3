"""``anodeflow db``: the database kept running, looked at, backed up, and carried elsewhere."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anodeflow.cli import app
from anodeflow.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

db = typer.Typer(no_args_is_help=True, help="The database: keep its server running, back it up, export and import.")
app.add_typer(db, name="db")

Format = Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="table for people, json for scripts.")]


@db.command()
def start(
    port: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="Port on 127.0.0.1; default: the one it had last, else a free one."),
    ] = None,
    output: Format = "table",
) -> None:
    """Keep the embedded server running for other programs, jobflow-remote for one, and print its URI.

    Without this it runs while a command of anodeflow needs it. Its port is
    remembered: it comes back on the same one.

    Example: [bold]anodeflow db start --port 27117[/bold]
    """
    import json

    from anodeflow.database.service import start_service

    folder = _server_folder("start")
    server = start_service(folder, port)
    if output == "json":
        print(json.dumps({"uri": server.uri, "host": "127.0.0.1", "port": server.port, "pid": server.pid}))
    else:
        typer.echo(server.uri)


@db.command()
def stop(
    force: Annotated[bool, typer.Option("--force", help="Even while programs use it.")] = False,
) -> None:
    """Stop the embedded server; a command that needs it starts it again for as long as it runs.

    Example: [bold]anodeflow db stop[/bold]
    """
    from anodeflow.database.service import stop_service

    folder = _server_folder("stop")
    stopped = stop_service(folder, force)
    typer.echo(f"The server of {folder} {'has stopped' if stopped else 'was not running'}.")


def _server_folder(action: str) -> "Path":
    """Folder of the embedded server; an error where the settings name another database."""
    from anodeflow.database.store import find_database, without_password
    from anodeflow.settings import get_settings

    place = find_database(get_settings())
    if place.kind == "mongodb":
        raise InputError(
            f"ANODEFLOW_DATABASE names the server {without_password(place.uri)}, which is not ours to {action}: unset "
            "it to use the embedded one."
        )
    if place.kind == "sqlite":
        raise InputError(
            f"the database in {place.folder} is SQLite, which has no server: pip install secantusdb, and set "
            "ANODEFLOW_EMBEDDED=secantusd or another ANODEFLOW_HOME."
        )
    return place.folder
