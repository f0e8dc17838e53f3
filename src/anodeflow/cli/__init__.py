"""The command line: one thin file a command.

Files of this package import nothing heavy at the top, so that ``anodeflow --help`` answers at once.
"""

import sys
from io import TextIOWrapper

import typer

from anodeflow import __version__
from anodeflow.core.errors import AnodeflowError
from anodeflow.core.masking import masked

app = typer.Typer(
    name="anodeflow",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="First-principles study of protected metal anodes: build structures, run workflows, query and report.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"anodeflow {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Run the command line; an error of ours is one sentence on stderr and its exit status."""
    from anodeflow.cli import commands  # noqa: F401  (registers the commands)
    from anodeflow.core.library_warnings import tell_warnings

    tell_warnings()
    _write_unicode()
    try:
        app()
    except AnodeflowError as error:
        print(f"anodeflow: {masked(str(error))}", file=sys.stderr)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        from anodeflow.cli.unexpected import sentence

        print(f"anodeflow: {sentence(error)}", file=sys.stderr)
        sys.exit(1)


def _write_unicode() -> None:
    """Let output hold Å and tables whatever the locale: as UTF-8 into files and pipes, with ? on a terminal without."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and (stream.encoding or "").lower().replace("-", "") != "utf8":
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8")
