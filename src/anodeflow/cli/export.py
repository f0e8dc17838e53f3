"""The command ``anodeflow export``: the results of a campaign in one file."""

from pathlib import Path
from typing import Annotated

import typer

from anodeflow.cli import app


@app.command()
def export(
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="[CAMPAIGN]", help="Name of the campaign; default: the only one there is."),
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
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
) -> None:
    """Write the results of a campaign to a small file (gzipped JSON): studies, settings and calculations.

    It holds no forces and no folders of this machine, so that it can be kept beside a paper or in a repository;
    anodeflow report --results FILE makes the report of it.

    Example: [bold]anodeflow export surfaces -o surfaces.json.gz[/bold]
    """
    from anodeflow.cli.report import campaign_documents
    from anodeflow.core.errors import InputError
    from anodeflow.database.results_file import write_results
    from anodeflow.studies.registry import studies

    name, documents, calculations = campaign_documents(campaign, None)
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
    size = file.stat().st_size / 1e6
    typer.echo(
        f"{file.resolve()}: {len(documents)} studies and {len(calculations)} calculations of {name} ({size:.1f} MB)"
    )
