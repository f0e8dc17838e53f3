"""The command ``anodeflow query``: results of the database as a table, JSON or CSV."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anodeflow.cli import app
from anodeflow.cli.report import EDITION_HELP
from anodeflow.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anodeflow.studies.rows import ResultRow


@app.command()
def query(
    filters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE", help="Rows to show; a value may be a pattern; a key given twice: either value."
        ),
    ] = None,
    output: Annotated[
        Literal["table", "json", "csv"],
        typer.Option("--format", "-f", help="table for people, json or csv for programs."),
    ] = "table",
    sort: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Sort by this column, -KEY: falling; may be given again."),
    ] = None,
    edition: Annotated[str | None, typer.Option("--edition", metavar="HASH", help=EDITION_HELP)] = None,
) -> None:
    """Print results from the database, one row per property.

    Keys: campaign, system, study, property, label, part (hop, site) and part_number (its number), value, unit, backend,
    settings_hash, document_id, adsorbate, edition, temperature (K), calculation_ids (part and the last four shown by
    json and csv only), warnings (the table shows their number), warning (the code of one of them: not-converged).
    Without --sort the oldest result comes first.

    Examples: [bold]anodeflow query property=binding_energy 'system=Li*' --sort value[/bold],
    [bold]anodeflow query campaign=quickstart --format json[/bold]
    """
    from anodeflow.cli.progress import at_work
    from anodeflow.database.query import result_rows

    wanted: dict[str, list[str | float]] = {}
    for text in filters or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"cannot read the filter {text!r}: write KEY=VALUE, such as property=binding_energy.")
        wanted.setdefault(key.strip(), []).append(value.strip())
    with at_work("reading the database"):
        found = result_rows(wanted, edition=edition)
    rows = _sorted(found, sort or [])
    if not rows:
        print(f"anodeflow: {_nothing(wanted, edition)}", file=sys.stderr)
    if output == "json":
        _print_json(rows)
    elif output == "csv":
        _print_csv(rows)
    elif rows:
        from anodeflow.cli.tables import print_results

        print_results(rows)


def _nothing(wanted: "Mapping[str, list[str | float]]", edition: str | None) -> str:
    """Say that there is nothing, and which value of a filter no result has, with one that is spelt alike."""
    from difflib import get_close_matches

    from anodeflow.database.query import result_rows

    everything = result_rows({}, edition=edition)
    if not everything:
        return "the database holds no result yet: anodeflow run FILE makes one."
    chosen = " ".join(f"{key}={value}" for key, values in wanted.items() for value in values)
    hints = []
    for key, values in wanted.items():
        known = sorted({str(getattr(row, key, "")) for row in everything})
        close = [match for value in values if str(value) not in known for match in get_close_matches(str(value), known)]
        hints += [f"{key}={close[0]}"] if close else []
    advice = (
        f"did you mean {' '.join(hints)}?" if hints else "run a campaign (anodeflow run FILE), or leave out a filter."
    )
    return f"the database holds no result for {chosen}: {advice}"


def _sorted(rows: "list[ResultRow]", keys: list[str]) -> "list[ResultRow]":
    from anodeflow.database.query import COLUMNS

    for key in reversed(keys):  # sorting is stable, so the first key comes last
        column = key.removeprefix("-")
        if column not in COLUMNS:
            raise InputError(f"results have no column {column!r} to sort by: take one of {', '.join(COLUMNS)}.")
        known = [row for row in rows if getattr(row, column) is not None]
        known.sort(key=lambda row: getattr(row, column), reverse=key.startswith("-"))
        rows = known + [row for row in rows if getattr(row, column) is None]
    return rows


def _print_json(rows: "list[ResultRow]") -> None:
    import json

    print(json.dumps([row.model_dump() for row in rows], indent=2))


def _print_csv(rows: "list[ResultRow]") -> None:
    import csv

    from anodeflow.database.query import COLUMNS
    from anodeflow.studies.rows import csv_cells

    writer = csv.DictWriter(sys.stdout, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(csv_cells(row.model_dump()))
