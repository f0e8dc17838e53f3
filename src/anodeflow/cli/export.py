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
) -> None:
    """Write the results of a campaign to a small file (gzipped JSON): studies, settings and calculations.

    It holds no forces and no folders of this machine, so that it can be kept beside a paper or in a repository;
    anodeflow report --results FILE makes the report of it.

    Example: [bold]anodeflow export surfaces -o surfaces.json.gz[/bold]
    """
    from anodeflow.cli.report import campaign_documents
    from anodeflow.database.results_file import write_results

    name, documents, calculations = campaign_documents(campaign, None)
    file = write_results(documents, calculations, output or Path(f"{name}.json.gz"))
    size = file.stat().st_size / 1e6
    typer.echo(
        f"{file.resolve()}: {len(documents)} studies and {len(calculations)} calculations of {name} ({size:.1f} MB)"
    )
