"""``anodeflow run``: runs a campaign here."""

from pathlib import Path

import typer

from anodeflow.cli import app, completion


@app.command()
def run(
    file: Path = typer.Argument(
        help="Campaign file (YAML), or the name of a shipped one: quickstart.", autocompletion=completion.campaign_files
    ),
    backend: str | None = typer.Option(
        None,
        "--backend",
        "-b",
        help="Backend instead of the file's: a name in configs/backends, or a YAML file.",
        autocompletion=completion.backends,
    ),
    without: list[str] = typer.Option(
        [], "--without", "-w", help="Study to leave out, by name (charge); may be given several times."
    ),
    prescreen: str | None = typer.Option(
        None,
        "--prescreen",
        help="Potential that ranks and relaxes before the backend, instead of the file's: mlip; none: no prescreen.",
        autocompletion=completion.backends,
    ),
    budget: str | None = typer.Option(
        None,
        "--budget",
        help="Processor time that the code may use in this run: 90m, 6h, 3d. What tells most goes first; what does not "
        "fit is left for the next run, and the exit status is 3.",
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show no progress, only the table at the end."),
) -> None:
    """Run a campaign here, with progress, and print its results.

    The same command again goes on where it was cut off: finished calculations are found, an interrupted relaxation
    continues from its last step.

    At the end it says what the code was predicted to take and what it took. With --budget no calculation is begun that
    is predicted not to fit; one that is running when the budget is used up ends with its next recorded step. What
    earlier runs have finished does not count.

    Example: [bold]anodeflow run workflows/quickstart.yaml --backend mlip[/bold]
    """
    from contextlib import nullcontext

    from rich.console import Console

    from anodeflow.campaign.model import Campaign
    from anodeflow.cli.tables import print_results
    from anodeflow.core.errors import BudgetSpentError
    from anodeflow.core.masking import without_password
    from anodeflow.core.settings import get_settings
    from anodeflow.database.query import result_rows
    from anodeflow.execution.cost.budget import budget_hours, left_sentence
    from anodeflow.execution.cost.words import predicted_against_used
    from anodeflow.execution.display import RunDisplay, clock
    from anodeflow.execution.local import run_campaign

    console = Console()
    hours = None if budget is None else budget_hours(budget)
    campaign = Campaign.from_file(file, backend, without, prescreen)
    planned = [calculation for calculation in campaign.check() if calculation.number]
    cheap = sum(bool(calculation.prescreen) for calculation in planned)
    before = f", {cheap} of them by {campaign.prescreen.backend} before it" if campaign.prescreen else ""
    settings = get_settings()
    kept = without_password(settings.database) if settings.database else settings.home / "database"
    if not quiet:
        console.print(
            f"Campaign {campaign.name}, backend {campaign.backend}: {len(planned)} calculations{before}, "
            f"kept in {settings.home}",
            highlight=False,
            soft_wrap=True,
        )
        for note in campaign.notes:
            console.print(note, highlight=False, markup=False, soft_wrap=True)
    display = RunDisplay([calculation.label for calculation in planned], console)
    try:
        with nullcontext() if quiet else display:
            report = run_campaign(campaign, None if quiet else display, budget=hours)
    except KeyboardInterrupt:
        typer.echo("anodeflow: interrupted; the same command goes on from the last step.", err=True)
        raise typer.Exit(1) from None
    if report.document_ids:
        print_results(result_rows({"campaign": campaign.name, "document_id": report.document_ids}))
    console.print(
        predicted_against_used(campaign.load_backend().code, report.predicted, report.used, hours),
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"{report.computed} calculations done, {report.reused} found finished, {clock(report.seconds)}. "
        f"Database: {kept}. "
        f"Next: anodeflow report {campaign.name} -o report",
        highlight=False,
        soft_wrap=True,
    )
    if report.failures:
        for failure in report.failures:
            typer.echo(f"anodeflow: {failure}", err=True)
        typer.echo(f"anodeflow: {len(report.failures)} jobs failed; the same command tries them again.", err=True)
        raise typer.Exit(1)
    if report.left:
        raise BudgetSpentError(left_sentence(campaign.name, report.left, report.used.processor_hours, str(budget)))
