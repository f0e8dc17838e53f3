"""The command ``anodeflow report``: one HTML page with the results of a campaign, its figures and its tables."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anodeflow.cli import app, completion
from anodeflow.core.errors import InputError

if TYPE_CHECKING:
    from anodeflow.calculations.document import CalculationDoc
    from anodeflow.studies.document import StudyDoc

EDITION_HELP = "Edition of the campaign: the beginning of its hash, or all; default: the latest of each backend."
_PATIENCE = 3.0  # s after which a report says what it is at


@app.command()
def report(
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="[CAMPAIGN]",
            help="Name of the campaign; default: the only one there is.",
            autocompletion=completion.campaigns,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.")] = Path("report"),
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="DOI|FILE",
            help="Publication to compare with: its DOI, or a *.reference.yaml of your own. Default: the one that the "
            "campaign names, if it names one.",
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the results from a file that anodeflow export wrote."),
    ] = None,
    edition: Annotated[str | None, typer.Option("--edition", metavar="HASH", help=EDITION_HELP)] = None,
    pictures: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=0,
            help="Studies of each kind whose pictures are drawn. Default: all of a report of at most 40 studies, 10 of "
            "each kind of a larger one, whose drawing would take long.",
        ),
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Show this system or interface only; may be given several times."),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Write each figure as PDF, too: for one column of a journal and for two.")
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="Summary, its figure, results and warnings only.")] = False,
    latest: Annotated[
        bool, typer.Option("--latest", help="Of several campaigns, take the one that finished a study last.")
    ] = False,
) -> None:
    """Write the report of a campaign: index.html, figures/ (PNG, SVG) and tables/ (CSV).

    The page needs no network and no other file: it can be sent by itself.
    Published values stand beside ours where a paper is named, and every number
    leads to its calculations.

    Examples: [bold]anodeflow report quickstart -o report[/bold],
    [bold]anodeflow report --results surfaces.json.gz[/bold]
    """
    from anodeflow.report.build import write_report
    from anodeflow.report.reference import load_reference

    if latest:
        campaign = _latest_campaign(campaign, results)

    chosen = load_reference(reference) if reference else None
    name, documents, calculations = campaign_documents(campaign, results, edition)
    if system:
        documents = _of_systems(documents, system)
    narrowed = f"{', '.join(system)} only" if system else ""
    with _Progress() as tell:
        index = write_report(name, documents, calculations, output, chosen, tell, pictures, short, narrowed, pdf)
    typer.echo(f"The report of {name} is {index.resolve()}")


def _of_systems(documents: "list[StudyDoc]", names: list[str]) -> "list[StudyDoc]":
    """Return the studies of the systems named: with an ordering or termination of one, or all of them."""
    from anodeflow.core.labels import SystemName
    from anodeflow.report.reference import base_name

    def keys(document: "StudyDoc") -> tuple[str, str]:
        own = SystemName.read(document.system).own  # a variant belongs to its system
        return own, base_name(own)

    there = dict.fromkeys(name for document in documents for name in keys(document))
    if unknown := [name for name in names if name not in there]:
        raise InputError(f"no results of system {unknown[0]!r}; there are {', '.join(there)}.")
    return [document for document in documents if not set(keys(document)).isdisjoint(names)]


def _latest_campaign(campaign: str | None, results: Path | None) -> str:
    """Return the name of the campaign that finished a study last."""
    from anodeflow.database.query import study_documents

    if campaign is not None or results is not None:
        raise InputError("--latest chooses the campaign: leave it out, or the campaign's name and --results.")
    documents = study_documents()
    if not documents:
        raise InputError("the database has no campaign; it holds none yet: anodeflow run FILE makes one.")
    return documents[-1].campaign


def campaign_documents(
    campaign: str | None, results: Path | None, edition: str | None = None
) -> "tuple[str, list[StudyDoc], dict[str, CalculationDoc]]":
    """Return the name of a campaign, its studies, and their calculations.

    Parameters
    ----------
    campaign
        Name of the campaign; None: the only one there is.
    results
        Results file; None: the database.
    edition
        Edition of the campaign in the database; None: the latest of each backend.

    Raises
    ------
    InputError
        If there is no such campaign, or there are several and none was named.
    """
    from anodeflow.cli.progress import at_work

    if results is None:
        from anodeflow.database.query import (
            ALL_EDITIONS,
            calculation_documents,
            of_edition,
            study_documents,
        )
        from anodeflow.report.provenance import calculation_ids

        with at_work("reading studies from the database"):
            all_editions = study_documents(campaign, edition=ALL_EDITIONS)
            documents = of_edition(all_editions, edition)
            names = sorted({document.campaign for document in documents or study_documents()})
        where = "the database"
    else:
        from anodeflow.database.results_file import read_results

        if edition is not None:
            raise InputError("a results file holds one edition: leave out --edition, or --results.")
        everything, calculations = read_results(results)
        documents = [document for document in everything if campaign in (None, document.campaign)]
        names = sorted({document.campaign for document in documents or everything})
        where = str(results)
    if not documents:
        there = f"there are {', '.join(names)}" if names else "it holds none yet: anodeflow run FILE makes one"
        wanted = f"no results of campaign {campaign!r}" if campaign else "no campaign"
        raise InputError(f"{where} has {wanted}; {there}.")
    if len(names) > 1:
        raise InputError(f"{where} holds several campaigns: name one of {', '.join(names)}.")
    if results is None:
        with at_work("reading calculations from the database"):
            calculations = calculation_documents(calculation_ids(documents))
        if edition is None:
            tell_editions(documents, all_editions)
    return names[0], documents, calculations


def tell_editions(shown: "Sequence[StudyDoc]", there: "Sequence[StudyDoc]") -> None:
    """Say on stderr that a campaign has earlier editions, which are not shown."""
    taken, all_of_them = ({document.edition[:8] or "none" for document in some} for some in (shown, there))
    if others := sorted(all_of_them - taken):
        typer.echo(
            f"Edition {', '.join(sorted(taken))}, which ran last; there is also {', '.join(others)} (--edition).",
            err=True,
        )


class _Progress:
    """Says on stderr what is being drawn, once that takes more than a few seconds."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)
        self.status = self.console.status("drawing")
        self.began = self.said = time.monotonic()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.status.stop()

    def __call__(self, words: str) -> None:
        """Take what is drawn next."""
        now = time.monotonic()
        if now - self.began < _PATIENCE:
            return
        if self.console.is_terminal:
            self.status.update(f"drawing {words}")
            self.status.start()
        elif now - self.said > _PATIENCE:
            self.said = now
            self.console.print(f"drawing {words}", markup=False, soft_wrap=True)
