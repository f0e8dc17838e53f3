"""``anodeflow doctor``: tries every part on this machine and says what to do about those that do not work."""

import json
from dataclasses import asdict
from typing import Literal

import typer

from anodeflow.cli import app
from anodeflow.cli.doctor_trials import TELLING, Check, all_checks, computed

_OTHERS = ("Python", "home", "EMT", "ase", "database", "report", "jobflow-remote")  # all that is no backend for metals


@app.command()
def doctor(
    run: bool = typer.Option(
        False, "--run", help="Also compute bulk Li with GPAW, SevenNet, CP2K and Quantum ESPRESSO (a minute)."
    ),
    format: Literal["table", "json"] = typer.Option("table", "--format", help="table for people, json for scripts."),
) -> None:
    """Say what works on this machine, and what to do about what does not.

    Every part is tried, not looked up: GPAW is imported and started under MPI, an energy is computed, the
    database is opened. Exit status 0: the home folder, the database and a backend for metals work; 1: not so.

    Example: anodeflow doctor --run --format json
    """
    with TELLING:
        checks = all_checks()
        if run:
            checks = [computed(check) for check in checks]
    works = _core_works(checks)
    if format == "json":
        print(json.dumps({"works": works, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        _print_table(checks, works)
    if not works:
        raise typer.Exit(1)


def _core_works(checks: list[Check]) -> bool:
    """Tell whether a study can be computed and kept. EMT does not count: it knows no Li, Na, K, Mg or Zn."""
    works = {check.name: check.works for check in checks}
    return works["home"] and works["database"] and any(works[name] for name in works.keys() - set(_OTHERS))


def _print_table(checks: list[Check], works: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "part", box=None, pad_edge=False)
    table.add_column("found", overflow="fold")  # a path that is cut leads nowhere
    for check in checks:
        sign = "[green]✓[/]" if check.works else "[red]✗[/]"
        table.add_row(sign, check.name, escape(check.detail))
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    console.print(table)
    if todo := [check for check in checks if check.remedy]:
        console.print("\nWhat to do:")
    for check in todo:  # a line each, however long: a command that is broken in a column cannot be copied
        console.print(f"  {check.name}: {check.remedy}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        "\nReady: a study can be computed and kept here."
        if works
        else "\nNot ready: the home folder, the database and one backend besides EMT must work."
    )
