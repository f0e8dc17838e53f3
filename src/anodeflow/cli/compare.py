"""The command ``anodeflow compare``: the results of one campaign by several backends, side by side."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from anodeflow.cli import app, completion
from anodeflow.cli.report import EDITION_HELP, tell_editions
from anodeflow.core.errors import InputError

if TYPE_CHECKING:
    from anodeflow.studies.document import StudyDoc


@app.command()
def compare(
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="[CAMPAIGN]",
            help="Name of the campaign; default: the only one that a file holds.",
            autocompletion=completion.campaigns,
        ),
    ] = None,
    backends: Annotated[
        list[str] | None,
        typer.Option(
            "--backend",
            "-b",
            metavar="NAME",
            help="Backend to show, again for each; the first is what others differ from.",
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FILE",
            help="Take the results from a file that anodeflow export wrote, not from the database.",
        ),
    ] = None,
    edition: Annotated[str | None, typer.Option("--edition", metavar="HASH", help=EDITION_HELP)] = None,
    output: Annotated[
        Literal["table", "json", "csv"],
        typer.Option("--format", "-f", help="table for people, json or csv for programs."),
    ] = "table",
) -> None:
    """Print the results of a campaign that was run with several backends in one table, with their differences.

    Without --backend all backends are shown, in the order in which they finished. Adsorption shows each site, not
    only the most stable one. A result that one backend does not have is left blank: another site may be its most
    stable one.

    Examples: [bold]anodeflow compare cross-code[/bold],
    [bold]anodeflow compare --results docs/results/cross-code.json.gz[/bold],
    [bold]anodeflow compare cross-code -b cross-code-gpaw -b cross-code-cp2k --format json[/bold]
    """
    campaign, documents = _documents(campaign, results, edition)
    found = list(dict.fromkeys(document.backend for document in documents))
    for name in backends or []:
        if name not in found:
            raise InputError(f"campaign {campaign} has no results of a backend {name!r}: there is {', '.join(found)}.")
    shown = list(dict.fromkeys(backends or found))
    if len(shown) < 2:
        raise InputError(
            f"campaign {campaign} has results of one backend, {shown[0]}: run it with another one "
            "(anodeflow run FILE --backend B), or name two."
        )
    table = side_by_side(documents, shown)
    if output == "json":
        import json

        print(json.dumps(table, indent=2))
    elif output == "csv":
        _print_csv(table, shown)
    else:
        _print_table(table, shown)


def _documents(campaign: str | None, results: Path | None, edition: str | None) -> "tuple[str, list[StudyDoc]]":
    """Return the name of the campaign and its studies, without variants, from the database or a results file.

    Raises
    ------
    InputError
        If there are none, or it is not clear of which campaign.
    """
    if results is None:
        from anodeflow.database.query import ALL_EDITIONS, of_edition, study_documents

        if campaign is None:
            raise InputError("name a campaign of the database, or a results file with --results.")
        all_editions = study_documents(campaign, edition=ALL_EDITIONS)
        everything, remedy = of_edition(all_editions, edition), "run it first (anodeflow run FILE)"
        if edition is None:
            tell_editions(everything, all_editions)
    else:
        from anodeflow.database.results_file import read_results

        if edition is not None:
            raise InputError("a results file holds one edition: leave out --edition, or --results.")
        everything, _ = read_results(results)
        names = sorted({document.campaign for document in everything})
        if campaign is None and len(names) != 1:
            raise InputError(f"{results} holds several campaigns: name one of {', '.join(names)}.")
        campaign = campaign or names[0]
        remedy = f"there is {', '.join(names)}"
    documents = [document for document in everything if document.campaign == campaign and not document.variant]
    if not documents:
        where = "the database" if results is None else str(results)
        raise InputError(f"{where} holds no result of a campaign {campaign!r}: {remedy}.")
    return campaign, documents


def side_by_side(documents: "list[StudyDoc]", backends: list[str]) -> list[dict[str, Any]]:
    """Return one entry for each system, study, property and label, with the values of all backends.

    Parameters
    ----------
    documents
        Study documents of a campaign, oldest first; of several by one backend the latest counts.
    backends
        Names of the backends; differences are those from the first.

    Returns
    -------
    list of dict
        `system`, `study`, `property`, `label`, `unit`; `values`: backend -> number (none if it has no such result);
        `differences`: each other backend -> its value less that of the first (none if either is missing);
        `document_ids`: backend -> id of its study document; `warnings`: backend -> those of that document.
    """
    from anodeflow.structures.sites.hollow_names import general_name, same_label

    entries: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    latest = {(document.backend, document.system, document.study): document for document in documents}
    for document in latest.values():
        if document.backend not in backends:
            continue
        for row in document.compared_rows():
            # Older documents, and faces that relaxed too far, do not tell fcc hollows from hcp hollows.
            alike = entries.setdefault((row.system, row.study, row.property, general_name(row.label)), [])
            entry = next((each for each in alike if same_label(each["label"], row.label)), None)
            if entry is None:
                names = {"system": row.system, "study": row.study, "property": row.property, "label": row.label}
                unknown = dict.fromkeys(backends)
                entry = {**names, "unit": row.unit, "values": unknown, "document_ids": {}, "warnings": {}}
                alike.append(entry)
            elif entry["label"] == general_name(row.label):
                entry["label"] = row.label
            entry["values"][document.backend] = row.value
            entry["document_ids"][document.backend] = row.document_id
            entry["warnings"][document.backend] = list(row.warnings)
    table = [entry for alike in entries.values() for entry in alike]
    for entry in table:
        first, *others = (entry["values"][name] for name in backends)
        entry["differences"] = {
            name: None if first is None or value is None else value - first
            for name, value in zip(backends[1:], others, strict=True)
        }
    return table


def _print_table(table: list[dict[str, Any]], backends: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("system", "property", "label"):
        shown.add_column(column, overflow="fold", no_wrap=column == "property")
    for name in [*backends, *(f"{name} less {backends[0]}" for name in backends[1:])]:
        shown.add_column(name, justify="right", overflow="fold")
    shown.add_column("unit")
    warned = any(any(entry["warnings"].values()) for entry in table)
    if warned:
        shown.add_column("warnings", justify="right")
    for entry in table:
        digits = 3 if entry["unit"] in ("eV", "e") else 4
        numbers = [entry["values"][name] for name in backends]
        texts = ["" if number is None else f"{number:.{digits}f}" for number in numbers]
        differences = [entry["differences"][name] for name in backends[1:]]
        texts += ["" if number is None else f"{number:+.{digits}f}" for number in differences]
        shown.add_row(
            entry["system"],
            entry["property"],
            entry["label"],
            *texts,
            entry["unit"],
            *([_counts(entry, backends)] if warned else []),
        )
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    console.print(shown)


def _counts(entry: dict[str, Any], backends: list[str]) -> str:
    """How many warnings each backend's study carries: 0, 2."""
    return ", ".join(str(len(entry["warnings"].get(name, []))) for name in backends)


def _told(entry: dict[str, Any], backends: list[str]) -> str:
    """The warnings of all backends, each after the name of its backend."""
    return " | ".join(f"{name}: {text}" for name in backends for text in entry["warnings"].get(name, []))


def _print_csv(table: list[dict[str, Any]], backends: list[str]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    names = ["system", "study", "property", "label", "unit"]
    writer.writerow([*names, *backends, *(f"{name} less {backends[0]}" for name in backends[1:]), "warnings"])
    for entry in table:
        differences = [entry["differences"][name] for name in backends[1:]]
        writer.writerow(
            [entry[name] for name in names]
            + [entry["values"][name] for name in backends]
            + differences
            + [_told(entry, backends)]
        )
