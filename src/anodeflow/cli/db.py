"""``anodeflow db``: the database kept running, looked at, backed up, and carried elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anodeflow.cli import app
from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command

if TYPE_CHECKING:
    from anodeflow.database.place import Place

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

    The password that it asks for is printed by anodeflow db uri. Without
    this command it runs while a command of anodeflow needs it. Its port is
    remembered: it comes back on the same one.

    Example: [bold]anodeflow db start --port 27117[/bold]
    """
    import json

    from anodeflow.database.embedded import ServerFolder
    from anodeflow.database.service import start_service

    folder = _server_folder("start")
    server = start_service(folder, port)
    if output == "json":
        secret = ServerFolder(folder).secret_file
        found = {"uri": server.address, "host": "127.0.0.1", "port": server.port, "pid": server.pid}
        print(json.dumps(found | {"password_file": str(secret)}))
    else:
        typer.echo(server.address)


@db.command()
def uri() -> None:
    """Print the URI of the embedded server with its password, for a program that is to connect to it.

    The server must run: anodeflow db start. Whoever knows this URI can read
    and change all results, and what a cluster's runner will execute.

    Example: [bold]mongosh "$(anodeflow db uri)"[/bold]
    """
    from anodeflow.database.embedded import ServerFolder
    from anodeflow.database.locks import is_locked

    folder = ServerFolder(_server_folder("ask for its password"))
    server = folder.recorded() if folder.path.is_dir() and is_locked(folder.supervisor_lock) else None
    if server is None:
        raise InputError(f"the server of {folder.path} does not run: anodeflow db start.")
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


@db.command()
def status(output: Format = "table") -> None:
    """Say which database is in use, how much it holds, and who is connected.

    Example: [bold]anodeflow db status --format json[/bold]
    """
    from anodeflow.core.settings import get_settings
    from anodeflow.database.overview import overview
    from anodeflow.database.read_only import of_original, original_of, place_to_read

    place = place_to_read(get_settings())
    with of_original(place):
        found = overview(place)
    if (original := original_of(place)) != place.folder:
        found = found.model_copy(update={"place": str(original), "uri": None, "running": False, "kept": False})
    if output == "json":
        print(found.model_dump_json(indent=2))
        return
    state = "running until anodeflow db stop" if found.kept else "running" if found.running else "runs when needed"
    lines = [("database", found.place), ("kind", found.kind)]
    if found.uri:
        lines += [("URI", found.uri), ("server", state)]
    lines += [
        ("size", f"{found.size / 1e6:.1f} MB"),
        ("holds", f"{found.studies} study documents, {found.calculations} calculations"),
        *(("  " + name, f"{count}") for name, count in found.collections.items()),
    ]
    if found.uri:
        lines.append(("used by", ", ".join(found.users) or "nobody else"))
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        typer.echo(f"{name:<{width}}  {value}")


@db.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New file to write.")],
) -> None:
    """Copy the whole database into one file, while others go on using it.

    Example: [bold]anodeflow db backup results-2026-11.zip[/bold]
    """
    from anodeflow.cli.progress import counting
    from anodeflow.core.settings import get_settings
    from anodeflow.database.backup import back_up
    from anodeflow.database.read_only import place_to_read

    with counting("documents") as tell:
        counts = back_up(place_to_read(get_settings()), file, tell)
    typer.echo(f"{file.resolve()}: {_counted(counts)} ({file.stat().st_size / 1e6:.2f} MB)")


@db.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that anodeflow db backup wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a database that is not empty.")] = False,
) -> None:
    """Put a backup in the place of the database, once every document of it has been read back.

    Example: [bold]anodeflow db restore results-2026-11.zip --force[/bold]
    """
    from anodeflow.cli.progress import counting
    from anodeflow.core.settings import get_settings
    from anodeflow.database.restore import restore as put_back
    from anodeflow.execution.state import running_campaigns

    place = _place()
    if running := running_campaigns(get_settings()):
        raise InputError(
            f"the campaign {running[0]} is running and would lose what it stores: wait for its end, or end it, before "
            "the database is replaced."
        )
    with counting("documents") as tell:
        counts = put_back(place, file, force, tell)
    typer.echo(f"{place}: {_counted(counts)} restored, and found complete.")


@db.command()
def rebuild() -> None:
    """Make the rows that anodeflow query reads anew, as after outputs of jobs were deleted by other programs.

    Nothing else ever needs it: rows of new documents are made when they are first asked for.

    Example: [bold]anodeflow db rebuild[/bold]
    """
    from anodeflow.database.query import result_rows
    from anodeflow.database.rows import refresh
    from anodeflow.database.store import open_place

    with open_place(_place()) as store:
        refresh(store, again=True)
        typer.echo(f"{len(result_rows({}, store))} rows.")


def _counted(counts: dict[str, int]) -> str:
    return f"{sum(counts.values())} documents in {len(counts)} collections"


def _place() -> "Place":
    from anodeflow.core.settings import get_settings
    from anodeflow.database.place import find_database

    return find_database(get_settings())


def _server_folder(action: str) -> Path:
    """Folder of the embedded server; an error where the settings name another database."""
    from anodeflow.core.masking import without_password

    place = _place()
    if place.kind == "mongodb":
        raise InputError(
            f"ANODEFLOW_DATABASE names the server {without_password(place.uri)}, which is not ours to {action}: unset "
            "it to use the embedded one."
        )
    if place.kind == "sqlite":
        raise InputError(
            f"the database in {place.folder} is SQLite, which has no server: {install_command('database')}, and set "
            "ANODEFLOW_EMBEDDED=secantusd or another ANODEFLOW_HOME."
        )
    return place.folder
