"""``anodeflow cluster``: a project of jobflow-remote, written and checked, and its runner."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anodeflow.cli import app

if TYPE_CHECKING:
    from anodeflow.execution.cluster_check import Check

cluster = typer.Typer(no_args_is_help=True, help="Clusters: set one up, check it, start and stop its runner.")
app.add_typer(cluster, name="cluster")

Project = Annotated[str, typer.Argument(help="Name of the project.")]
Format = Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="table for people, json for scripts.")]


@cluster.command()
def init(
    project: Annotated[str, typer.Option("--project", "-p", help="Name for the project.")],
    kind: Annotated[
        Literal["local", "slurm", "slurm-ssh"],
        typer.Option("--kind", "-k", help="This machine, Slurm on this machine, or Slurm on another one, by ssh."),
    ] = "local",
    partition: Annotated[str | None, typer.Option(help="Slurm: the partition (sinfo lists them).")] = None,
    worker: Annotated[str, typer.Option(help="Name for its worker.")] = "main",
    work_dir: Annotated[
        Path | None, typer.Option(help="Folder in which jobs run; default: jobs/PROJECT in ANODEFLOW_HOME.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="ANODEFLOW_HOME of the jobs, where calculations are kept; default: this one.")
    ] = None,
    python: Annotated[str | None, typer.Option(help="Python of the jobs; default: this one.")] = None,
    setup: Annotated[
        list[str] | None, typer.Option(help="Shell line before each job, such as 'module load openmpi'; again: more.")
    ] = None,
    time: Annotated[str, typer.Option(help="Slurm: wall time of small steps, and the default of others.")] = "01:00:00",
    max_jobs: Annotated[int | None, typer.Option(min=1, help="Most jobs at once (local: 1, Slurm: 50).")] = None,
    poll: Annotated[
        float | None, typer.Option(help="Seconds between two looks at the queue (local: 2, Slurm: 15, ssh: 30).")
    ] = None,
    host: Annotated[str | None, typer.Option(help="slurm-ssh: the other machine.")] = None,
    port: Annotated[int, typer.Option(help="slurm-ssh: its port.")] = 22,
    user: Annotated[str | None, typer.Option(help="slurm-ssh: login there.")] = None,
    key_file: Annotated[str | None, typer.Option(help="slurm-ssh: private key.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a project file that exists.")] = False,
    output: Format = "table",
) -> None:
    """Write a project file for jobflow-remote from a template, and check it.

    Queue and results are in the database that the other commands use: ANODEFLOW_DATABASE, or the embedded server,
    which is then kept running. The file may be edited: docs/clusters.md.

    Examples: [bold]anodeflow cluster init -k slurm -p hpc --partition normal --setup 'module load openmpi'[/bold],
    [bold]anodeflow cluster init -k local -p here[/bold]
    """
    from anodeflow.cli.build import checked_spec
    from anodeflow.execution.cluster import ClusterInput, write_project
    from anodeflow.execution.cluster_check import check_project

    file = write_project(
        checked_spec(
            ClusterInput,
            project=project,
            kind=kind,
            worker=worker,
            work_dir=work_dir,
            home=home,
            python=python,
            partition=partition,
            time=time,
            max_jobs=max_jobs,
            setup=setup or [],
            poll=poll,
            host=host,
            port=port,
            user=user,
            key_file=key_file,
        ),
        overwrite=force,
    )
    if output == "table":
        typer.echo(f"Project {project}: {file}")
    _show(check_project(project), output)


@cluster.command()
def check(project: Project, output: Format = "table") -> None:
    """Check a project: database, runner, and on each worker folders, program, Slurm and its partition.

    Example: [bold]anodeflow cluster check hpc[/bold]
    """
    from anodeflow.execution.cluster_check import check_project

    _show(check_project(project), output)


@cluster.command()
def start(
    project: Project,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Although another machine is said to run it, and is gone.")
    ] = False,
) -> None:
    """Start the runner of a project in the background: it brings jobs to the queue and collects their results.

    After a crash the same command frees what the old runner held. Jobs in the queue go on without a runner.

    Example: [bold]anodeflow cluster start hpc[/bold]
    """
    from anodeflow.execution.runner import start_runner

    _say(start_runner(project, take_over))


@cluster.command()
def stop(project: Project) -> None:
    """Stop the runner of a project; jobs in the queue go on and are collected after the next start.

    Example: [bold]anodeflow cluster stop hpc[/bold]
    """
    from anodeflow.execution.runner import stop_runner

    _say(stop_runner(project))


def _say(sentence: str) -> None:
    typer.echo(f"{sentence[0].upper()}{sentence[1:]}.")


def _show(checks: "list[Check]", output: str) -> None:
    """Print what was found; exit status 1 if jobs would fail."""
    if output == "json":
        typer.echo(json.dumps([one.model_dump() for one in checks]))
    else:
        for one in checks:
            mark = "ok" if one.ok else "WRONG" if one.needed else "note"
            typer.echo(f"{mark:5}  {one.of}: {one.what}: {one.detail}")
    if any(one.needed and not one.ok for one in checks):
        raise typer.Exit(1)
