"""The command ``anodeflow report``: one HTML page with the results of a campaign, its figures and its tables."""

from pathlib import Path
from typing import Annotated

import typer

from anodeflow.cli import app
from anodeflow.errors import InputError


@app.command()
def report(
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="[CAMPAIGN]", help="Name of the campaign; default: the only one there is."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.")] = Path("report"),
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="DOI|FILE",
            help="Publication to compare with: its DOI, or a *.reference.yaml of your own. Default: every one that "
            "anodeflow ships is searched for the names of the systems.",
        ),
    ] = None,
) -> None:
    """Write the report of a campaign: index.html, figures/ (PNG, SVG) and tables/ (CSV).

    The page needs no network and no other file. Published values stand
    beside ours where the systems have the same names, and every number leads
    to its calculations.

    Example: [bold]anodeflow report quickstart -o report[/bold]
    """
    from anodeflow.database.query import calculation_documents, study_documents
    from anodeflow.report.build import write_report
    from anodeflow.report.provenance import calculation_ids
    from anodeflow.report.reference import load_reference

    chosen = load_reference(reference) if reference else None
    documents = study_documents(campaign)
    names = sorted({document.campaign for document in documents or study_documents()})
    if not documents:
        there = f"there are {', '.join(names)}" if names else "it holds none yet: anodeflow run FILE makes one"
        wanted = f"no results of campaign {campaign!r}" if campaign else "no campaign"
        raise InputError(f"the database has {wanted}; {there}.")
    if len(names) > 1:
        raise InputError(f"the database holds several campaigns: name one of {', '.join(names)}.")
    index = write_report(names[0], documents, calculation_documents(calculation_ids(documents)), output, chosen)
    typer.echo(f"The report of {names[0]} is {index.resolve()}")
