"""The command ``anodeflow delete``: takes the results of a campaign, or of one of its editions, out of the database."""

import sys
from typing import Annotated

import typer

from anodeflow.cli import app, completion
from anodeflow.core.words import counted


@app.command()
def delete(
    campaign: Annotated[
        str, typer.Argument(metavar="CAMPAIGN", help="Name of the campaign.", autocompletion=completion.campaigns)
    ],
    edition: Annotated[
        str | None,
        typer.Option(
            "--edition",
            metavar="HASH",
            help="Only this edition: the beginning of its hash; none: from before there were any.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take the results of a campaign out of the database: all of its editions, or one.

    The calculations themselves stay in their folders: running the campaign
    again finds them, and the results are back in seconds.

    Examples: [bold]anodeflow delete quickstart[/bold],
    [bold]anodeflow delete quickstart --edition 1f3c[/bold]
    """
    from anodeflow.core.settings import get_settings
    from anodeflow.database.delete import delete_campaign, found_editions
    from anodeflow.database.store import open_store
    from anodeflow.execution.state import campaign_lock

    settings = get_settings().prepare()
    with campaign_lock(settings, campaign), open_store(settings) as store:
        editions = found_editions(store, campaign, edition)
        what = ", ".join(f"{found['edition'][:8] or 'none'} ({found['backend']})" for found in editions)
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete the results of {campaign}, edition {what}?", abort=True)
        number = delete_campaign(store, campaign, editions)
    typer.echo(
        f"{counted(number, 'document')} of {campaign} deleted: edition {what}. Their calculations stay in "
        f"{settings.calculations}."
    )
