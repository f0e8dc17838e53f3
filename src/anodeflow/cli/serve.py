"""The command ``anodeflow serve``: a live view in the browser."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from anodeflow.cli import app


@app.command()
def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; default: a free one, another each time.")
    ] = 0,
    browser: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open it in the browser; default: on a terminal with a screen."),
    ] = None,
) -> None:
    """Show campaigns, results and documents in the browser, live and read-only, until Ctrl-C.

    Only this machine can reach it, and only by the address that is printed: it holds a token, new for each run.
    Campaigns that run here or in a queue are followed as they run; results can be filtered, sorted and downloaded;
    structures turn in three dimensions; the report of a campaign is made on request.

    From elsewhere: [bold]ssh -L 8765:127.0.0.1:8765 HOST[/bold], there [bold]anodeflow serve --port 8765[/bold], and
    open the address here (the same port on both sides).

    Examples: [bold]anodeflow serve[/bold], [bold]anodeflow serve --port 8765 --no-open[/bold]
    """
    from anodeflow.core.settings import get_settings
    from anodeflow.serve.server import run_server

    home = get_settings().prepare_to_read().home
    wanted = browser if browser is not None else sys.stdout.isatty() and _has_screen()
    with ExitStack() as stack:

        def ready(address: str) -> None:
            if not os.access(home, os.W_OK):
                typer.echo(f"{home} may not be written to: results are those of now, later ones want a new start.")
            typer.echo(f"{address}\nOnly this machine can open it. Ctrl-C ends it.")
            if wanted:
                stack.enter_context(_opened(address, home))

        run_server(port, ready)


def _has_screen() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def _opened(address: str, home: Path) -> Iterator[None]:
    """Open an address in the browser, by way of a file: other users of the machine see what commands are given."""
    import webbrowser

    file = (home if os.access(home, os.W_OK) else Path(tempfile.mkdtemp())) / f"serve-{os.getpid()}.html"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(
                f'<!DOCTYPE html><title>anodeflow</title><meta http-equiv="refresh" content="0; url={address}">'
            )
        webbrowser.open(file.as_uri())
        yield
    finally:
        file.unlink(missing_ok=True)
        if file.parent != home:
            file.parent.rmdir()
