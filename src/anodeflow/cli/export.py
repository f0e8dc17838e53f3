"""The command ``anodeflow export``: the results of a campaign in one file."""

from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anodeflow.cli import app, completion
from anodeflow.core.words import counted

if TYPE_CHECKING:
    from anodeflow.calculations.document import CalculationDoc
    from anodeflow.studies.document import StudyDoc


@app.command()
def export(
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="[CAMPAIGN]",
            help="Name of the campaign; default: the only one there is.",
            autocompletion=completion.campaigns,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; default: CAMPAIGN.json.gz.")
    ] = None,
    orderings: Annotated[
        Path | None,
        typer.Option(
            "--orderings",
            metavar="FOLDER",
            help="Write the orderings that the campaign kept instead: CIF files with their provenance, for campaigns.",
        ),
    ] = None,
    ro_crate: Annotated[
        Path | None,
        typer.Option(
            "--ro-crate",
            metavar="DIR|ZIP",
            help="Write an RO-Crate instead: results, documents, inputs, settings and programs, for an archive.",
        ),
    ] = None,
    optimade: Annotated[
        Path | None,
        typer.Option(
            "--optimade",
            metavar="DIR",
            help="Write the structures instead, as an archive that optimade-maker converts and serves.",
        ),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="SPDX", help="Licence of the crate: CC-BY-4.0; default: it has none.")
    ] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[, ORCID]", help="Author of the crate; may be given several times. Default: none."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="FILE", help="Campaign file for the crate; default: that of its last run from here."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
) -> None:
    """Write the results of a campaign to a small file (gzipped JSON): studies, settings and calculations.

    It holds no forces and no folders of this machine, so that it can be kept beside a paper or in a repository;
    anodeflow report --results FILE makes the report of it. A crate holds forces, too, and the inputs.

    Examples: [bold]anodeflow export surfaces -o surfaces.json.gz[/bold],
    [bold]anodeflow export surfaces --ro-crate surfaces.zip --licence CC-BY-4.0 --author 'Ada Lovelace'[/bold]
    """
    from anodeflow.cli.report import campaign_documents
    from anodeflow.core.errors import InputError
    from anodeflow.database.results_file import write_results
    from anodeflow.studies.registry import studies

    if ro_crate is None and (licence or author or file):
        raise InputError("--licence, --author and --file belong to --ro-crate: give that too.")
    name, documents, calculations = campaign_documents(campaign, None)
    if optimade is not None:
        _optimade(optimade, name, force)
        return
    if ro_crate is not None:
        _crate(ro_crate, name, documents, calculations, licence, author or [], file, force)
        return
    if orderings is not None:
        command = f"anodeflow export {name} --orderings"
        files = [
            file
            for document in documents
            if document.study in studies()
            for file in studies()[document.study].written(document, orderings, command, force)
        ]
        if not files:
            raise InputError(f"campaign {name} has no finished study of orderings: add one and run it.")
        for file in files:
            typer.echo(str(file.resolve()))
        return
    target = output or Path(f"{name}.json.gz")
    if target.suffix.lower() in (".db", ".zip", ".html", ".csv", ".cif"):
        raise InputError(
            f"{target} would hold gzipped JSON under the name of another format: call it NAME.json.gz; for an ASE "
            "database there is anodeflow db export --ase FILE."
        )
    if target.exists() and not force:
        raise InputError(f"there is a file {target} already: name another one with -o, or replace it (--force).")
    file = write_results(documents, calculations, target)
    size = file.stat().st_size
    shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"
    typer.echo(f"{file.resolve()}: {_counts(documents, calculations)} of {name} ({shown})")


def _crate(
    target: Path,
    name: str,
    documents: "list[StudyDoc]",
    calculations: "dict[str, CalculationDoc]",
    licence: str | None,
    authors: list[str],
    file: Path | None,
    force: bool,
) -> None:
    from anodeflow.cli.progress import counting
    from anodeflow.database.exchange import Exchanged, exported
    from anodeflow.database.read_only import open_to_read
    from anodeflow.interchange.crate import author, write_crate
    from anodeflow.interchange.crate import licence as spdx
    from anodeflow.interchange.inputs import campaign_inputs

    people, terms = [author(each) for each in authors], spdx(licence) if licence else None
    inputs = campaign_inputs(name, {document.edition for document in documents}, file)
    wanted = {document.document_id for document in documents} | calculations.keys()
    with open_to_read() as store, counting("documents") as tell:
        everything = exported(store, Exchanged(), name, tell)
        mine = (
            each for each in everything if each["document"].get("document_id", each["document"].get("id")) in wanted
        )
        write_crate(target, name, documents, calculations, mine, inputs, spdx=terms, authors=people, force=force)
    typer.echo(f"{target.resolve()}: {_counts(documents, calculations)} of {name}")
    without = [*inputs.left_out]
    if terms is None:
        without.append(
            "without a licence: nobody may use it before one is given, and RO-Crate requires one (--licence CC-BY-4.0)"
        )
    if not people:
        without.append("without authors: name them (--author 'Name, ORCID')")
    for words in without:
        typer.echo(f"  {words.rstrip('.')}.")


def _optimade(target: Path, name: str, force: bool) -> None:
    from anodeflow.database.read_only import open_to_read
    from anodeflow.interchange.optimade_entries import database_entries, needs_optimade
    from anodeflow.interchange.optimade_export import write_archive

    needs_optimade()
    with open_to_read() as store:
        number = write_archive(target, name, database_entries(store, name), force)
    typer.echo(f"{target.resolve()}: {number} structures of {name}; optimade-maker serves them.")


def _counts(documents: Sized, calculations: Sized) -> str:
    return f"{counted(len(documents), 'study')} and {counted(len(calculations), 'calculation')}"
