"""``anodeflow submit``: hands a campaign to jobflow-remote."""

from pathlib import Path
from typing import Any

import typer

from anodeflow.cli import app, completion


@app.command()
def submit(
    file: Path = typer.Argument(
        help="Campaign file (YAML), or the name of a shipped one: quickstart.", autocompletion=completion.campaign_files
    ),
    project: str = typer.Option(..., "--project", "-p", help="Project, as made by anodeflow cluster init."),
    worker: str = typer.Option("main", "--worker", help="Worker of the project on which jobs run."),
    mlip_worker: str | None = typer.Option(
        None, "--mlip-worker", help="Another worker for calculations with machine-learned potentials."
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
    again: bool = typer.Option(False, "--again", help="Put a campaign that failed into the queue anew, as a whole."),
) -> None:
    """Hand a campaign to a cluster; this command ends at once, and the jobs go on.

    Each calculation asks the queue for what `resources` in its backend file says. What was computed before is found,
    not computed again. The runner of the project must run: anodeflow cluster start P.

    Example: [bold]anodeflow submit workflows/quickstart.yaml --project hpc --worker main[/bold]
    """
    from anodeflow.campaign.model import Campaign
    from anodeflow.execution.project import open_project
    from anodeflow.execution.runner import runner_state
    from anodeflow.execution.submit import submit_campaign

    backend, prescreen = (_whole_path(name) for name in (backend, prescreen))
    campaign = Campaign.from_file(file, backend, without, prescreen)
    with open_project(project) as remote:  # its errors first: checking a campaign takes a while
        remote.worker(worker)
        _, sentence = runner_state(remote)
    given: dict[str, Any] = {"backend": backend, "without": without, "prescreen": prescreen, "again": again}
    note = submit_campaign(campaign, project, worker, mlip_worker, **given)
    for remark in campaign.notes:
        typer.echo(remark)
    typer.echo(f"Campaign {note.campaign}, backend {note.backend}: {note.jobs} jobs in the queue of project {project}.")
    typer.echo(f"{sentence[0].upper()}{sentence[1:]}. Next: anodeflow status {note.campaign}")


def _whole_path(name: str | None) -> str | None:
    """Return a backend as it can be found from another folder, where a retry may be asked for."""
    if name and Path(name).suffix and Path(name).is_file():
        return str(Path(name).resolve())
    return name
