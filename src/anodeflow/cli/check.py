"""``anodeflow check``: validates a campaign and shows what it would compute."""

from pathlib import Path
from typing import Literal

import typer

from anodeflow.cli import app


@app.command()
def check(
    file: Path = typer.Argument(help="Campaign file (YAML), or the name of a shipped one: quickstart."),
    backend: str | None = typer.Option(
        None, "--backend", "-b", help="Backend instead of the file's: a name in configs/backends, or a YAML file."
    ),
    output: Literal["table", "json"] = typer.Option("table", "--format", "-f", help="table or json."),
) -> None:
    """Validate a campaign; print its job graph and the number of its calculations. Nothing is computed.

    Sites are counted on ideal slabs of the catalogue's bulk; the run counts them on the relaxed ones.

    Example: [bold]anodeflow check workflows/quickstart.yaml[/bold]
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.tree import Tree

    from anodeflow.campaign import Campaign

    campaign = Campaign.from_file(file, backend)
    planned = campaign.check()
    if output == "json":
        calculations = [asdict(calculation) for calculation in planned]
        typer.echo(json.dumps({"campaign": campaign.name, "backend": campaign.backend, "calculations": calculations}))
        return
    console = Console()
    tree = Tree(f"[bold]{campaign.name}[/bold] on {campaign.backend}: {len(planned)} calculations")
    branches: dict[str, Tree] = {}
    for calculation in planned:
        parent = branches.get(calculation.after[0]) if calculation.after else None
        text = f"{calculation.label}  [dim]{calculation.task}, {calculation.atoms} atoms[/dim]"
        branches[calculation.label] = (parent or tree).add(text, highlight=False)
    console.print(tree)
