"""``anodeflow db export`` and ``anodeflow db import``: documents carried from one database to another."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from anodeflow.cli.db import db
from anodeflow.core.errors import AnodeflowError, InputError
from anodeflow.core.textfile import bounded_lines
from anodeflow.core.words import counted

if TYPE_CHECKING:
    from anodeflow.calculations.document import CalculationDoc
    from anodeflow.database.exchange import Exchanged


@db.command(name="export")
def export_documents(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="JSON lines to write; *.gz: compressed; -: print them."),
    ] = None,
    ase: Annotated[
        Path | None, typer.Option("--ase", metavar="FILE", help="ASE database to write: *.db (SQLite) or *.json.")
    ] = None,
    campaign: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this campaign and the calculations that it rests on.")
    ] = None,
) -> None:
    """Write all study documents and calculations as JSON lines, and calculations as an ASE database.

    JSON lines go into any other database with anodeflow db import. The ASE
    database has one row per calculation, with energy and forces, and the keys
    campaign, system, study, site, task, backend, settings_hash.

    Examples: [bold]anodeflow db export all.jsonl.gz[/bold],
    [bold]anodeflow db export --ase results.db[/bold], then [bold]ase db results.db study=adsorption[/bold]
    """
    from anodeflow.cli.progress import counting
    from anodeflow.database.ase_database import write_ase_database
    from anodeflow.database.exchange import (
        Exchanged,
        exported,
        to_lines,
        uses,
    )
    from anodeflow.database.read_only import open_to_read

    if file is None and ase is None:
        raise InputError("there is nothing to write: give a FILE for JSON lines (- prints them), --ase FILE, or both.")
    summary = Exchanged()
    with open_to_read() as store, counting("documents") as tell:
        if file is not None:
            with _writing(file) as target:
                for line in to_lines(exported(store, summary, campaign, tell)):
                    target.write(line)
            if str(file) != "-":
                typer.echo(f"{file.resolve()}: {summary.studies} studies, {summary.calculations} calculations")
        if ase is not None:
            summary = Exchanged()
            calculations = _calculations(exported(store, summary, campaign, tell), summary)
            rows = write_ase_database(ase, calculations, uses(store, campaign))
            typer.echo(f"{ase.resolve()}: {rows} calculations")
    if summary.damaged:
        raise AnodeflowError(
            f"{summary.damaged} documents are damaged and not in the export: run their campaigns again, which finds "
            "what was computed and stores it anew."
        )


@db.command(name="import")
def import_documents(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="File of anodeflow db export or of anodeflow export, or an RO-Crate of it; -: what db export prints.",
        ),
    ],
) -> None:
    """Add the documents of a file to the database; those that it has already are passed over.

    A file of anodeflow export (surfaces.json.gz, published beside a paper) has no forces: where the database has the
    same calculation, that one stays. An RO-Crate of anodeflow export --ro-crate, a folder or a ZIP archive, has them.

    Examples: [bold]anodeflow db import all.jsonl.gz[/bold],
    [bold]anodeflow db import docs/results/surfaces.json.gz[/bold]
    """
    from anodeflow.cli.progress import counting
    from anodeflow.database.exchange import import_lines
    from anodeflow.database.store import open_store

    with open_store() as store, counting("documents") as tell, _reading(file) as lines:
        summary = import_lines(store, lines, "standard input" if str(file) == "-" else str(file), tell)
    typer.echo(
        f"imported {counted(summary.studies, 'study')} and {counted(summary.calculations, 'calculation')}; "
        f"{counted(summary.known, 'document')} {'was' if summary.known == 1 else 'were'} there already."
    )
    if summary.other:
        raise AnodeflowError(
            f"{_some(summary.other)} is in the database with other content, and stays there as it is: one of the two "
            "was edited or damaged, or was computed by something else than its id says."
        )
    if summary.lacking:
        raise AnodeflowError(
            f"{_some(summary.lacking)} rests on calculations that neither {file} nor the database holds: export it "
            "anew from where they are."
        )


def _some(names: list[str]) -> str:
    return f"{names[0]} (and {len(names) - 1} more)" if len(names) > 1 else names[0]


def _calculations(entries: "Iterable[dict[str, Any]]", summary: "Exchanged") -> "Iterator[CalculationDoc]":
    """Calculations among the documents; those that cannot be read are counted."""
    from anodeflow.studies.registry import CALCULATIONS

    for entry in entries:
        if entry["@class"] in CALCULATIONS:
            try:
                yield CALCULATIONS[entry["@class"]].model_validate(entry["document"])
            except (ValueError, TypeError):  # pydantic's error is a ValueError
                summary.damaged += 1


@contextmanager
def _writing(file: Path) -> Iterator[IO[str]]:
    """A text file that appears when it is complete; ``-``: standard output."""
    if str(file) == "-":
        yield sys.stdout
        return
    if file.exists():
        raise InputError(f"there is a file {file} already: name another one.")
    draft = file.with_name(f"{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(draft, "wt", encoding="utf-8") as target:
            yield target
        draft.replace(file)
    except OSError as error:
        raise InputError(f"cannot write {file} ({error.strerror}): give another file.") from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _reading(file: Path) -> Iterator[Iterable[str]]:
    from anodeflow.database.published import is_results_file, results_lines
    from anodeflow.interchange.crate_read import crate_lines, is_crate

    if str(file) == "-":
        yield bounded_lines(sys.stdin, "standard input")
        return
    try:
        if file.exists() and is_crate(file):
            yield crate_lines(file)
            return
        if file.exists() and not file.is_file():
            raise InputError(f"{file} is no regular file: give a file, or - for what comes through a pipe.")
        if is_results_file(file):
            yield results_lines(file)
            return
        with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as lines:
            yield bounded_lines(lines, str(file))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {file} ({reason}): write it with anodeflow db export.") from error
