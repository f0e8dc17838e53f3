"""``anodeflow build``: structures from the catalogue or a file, without any calculation."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from anodeflow.cli import app, completion
from anodeflow.core.errors import InputError
from anodeflow.core.words import sentence

build = typer.Typer(no_args_is_help=True, help="Build slabs and interfaces, look at the catalogue; no calculation.")
app.add_typer(build, name="build")


class Format(StrEnum):
    """How to print."""

    table = "table"
    json = "json"


class Setting(StrEnum):
    """Axes that Miller indices refer to."""

    host = "host"
    conventional = "conventional"
    cell = "cell"


FORCE = typer.Option("--force", help="Replace a file that is there already.")
FORMAT = typer.Option("--format", help="table for people, json for scripts.")


@build.command("list")
def list_structures(format: Annotated[Format, FORMAT] = Format.table) -> None:
    """List the crystals of the catalogue and where they come from.

    Example: anodeflow build list --format json
    """
    from anodeflow.structures.bulk.catalogue import catalogue

    entries = list(catalogue().values())
    if format is Format.json:
        typer.echo(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2, ensure_ascii=False))
        return
    header = ("name", "formula", "space group", "host", "source")
    print_table(
        header, [(e.name, e.formula, e.space_group, e.host.lattice if e.host else "", e.source) for e in entries]
    )


@build.command()
def slab(
    structure: Annotated[
        str,
        typer.Argument(
            metavar="STRUCTURE", help="Name in the catalogue, or a file.", autocompletion=completion.crystals
        ),
    ],
    miller: Annotated[
        tuple[int, int, int], typer.Option(metavar="H K L", help="Miller indices of the face; -1 for a bar.")
    ] = (0, 0, 1),
    setting: Annotated[
        Setting,
        typer.Option(help="Axes of the Miller indices: of the alloy's parent lattice, conventional, or of the cell."),
    ] = Setting.host,
    layers: Annotated[int | None, typer.Option(help="Atomic layers (6 if no thickness is given).")] = None,
    thickness: Annotated[float | None, typer.Option(help="Least thickness instead of layers, Å.")] = None,
    vacuum: Annotated[float, typer.Option(help="Vacuum between the slab and its image, Å.")] = 15.0,
    min_width: Annotated[
        float,
        typer.Option(help="Least distance between an atom and its image in the plane, Å; 0: unit cell."),
    ] = 6.5,
    fixed_layers: Annotated[
        int | None, typer.Option(help="Bottom layers held fixed (default: half, rounded down).")
    ] = None,
    termination: Annotated[str, typer.Option(metavar="N|all", help="Which termination, see --list.")] = "0",
    list_: Annotated[bool, typer.Option("--list", help="List the terminations and write nothing.")] = False,
    sites: Annotated[
        str | None, typer.Option(metavar="ELEMENT", help="Also list the adsorption sites of this element.")
    ] = None,
    format: Annotated[Format, FORMAT] = Format.table,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write: .cif, .vasp, .xyz, .json ...; the suffix decides."),
    ] = None,
    view: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw the face with its numbered sites: .png or .svg; see --sites."),
    ] = None,
    force: Annotated[bool, FORCE] = False,
) -> None:
    """Build the slab of a surface: the studied face on top, periodic in the plane only, bottom layers fixed.

    Examples:

    anodeflow build slab Li --miller 0 0 1 --layers 6 -o li001.cif

    anodeflow build slab Li3Mg7 --miller 0 0 1 --list

    anodeflow build slab Li3Mg7 --termination all --sites Li -o slab.vasp

    anodeflow build slab LiH --sites Li --view sites.png
    """
    from anodeflow.cli.view import check_view, write_view
    from anodeflow.structures.bulk.catalogue import host_lattice, load_crystal
    from anodeflow.structures.bulk.writing import write_structure
    from anodeflow.structures.notes import polar_note, slab_notes, summarise
    from anodeflow.structures.sites.sites import find_sites
    from anodeflow.structures.slab.slabs import build_slab, build_slabs
    from anodeflow.structures.slab.spec import SlabSpec

    spec = checked_spec(
        SlabSpec,
        miller=miller,
        setting=setting.value,
        layers=layers,
        thickness=thickness,
        vacuum=vacuum,
        min_width=min_width,
        fixed_layers=fixed_layers,
        termination=termination if termination == "all" else termination_number(termination),
    )
    _check_element(sites)
    if view:
        if sites is None:
            raise InputError("--view draws the sites of an adsorbate: say of which element, --sites Li.")
        check_view(view, force)
    bulk, notes = load_crystal(structure)
    host = host_lattice(structure)
    slabs = build_slabs(bulk, spec, host) if list_ or termination == "all" else [build_slab(bulk, spec, host)]
    rows, told = [], []
    for cell in slabs:
        row = cell.model_dump(mode="json", exclude={"structure"}) | {
            "atoms": len(cell.structure),
            "file": None,
        }
        odd = slab_notes(cell.thickness, cell.vacuum, cell.layers, cell.fixed_layers)
        polar = polar_note(bulk, cell.structure)
        told += [f"anodeflow: note: termination {cell.number}: {sentence(note)}" for note in [*odd, polar] if note]
        if sites:
            found = find_sites(cell.structure, sites)
            row["sites"] = [site.model_dump(mode="json") for site in found]
            if view:
                picture = view if len(slabs) == 1 else view.with_stem(f"{view.stem}-{cell.number}")
                write_view(cell.structure, found, picture)
                row["view"] = str(picture)
        if output and not list_:
            file = output if len(slabs) == 1 else output.with_stem(f"{output.stem}-{cell.number}")
            for loss in write_structure(cell.structure, file, force):
                typer.echo(f"anodeflow: note: {sentence(loss)}", err=True)
            row["file"] = str(file)
        rows.append(row)
    print_crystals([summarise(structure, bulk, notes)])
    for note in told:
        typer.echo(note, err=True)
    if format is Format.json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _print(rows, sites)


def print_crystals(summaries) -> None:
    """Say on stderr what crystals were read, and what looks odd about them: stdout is for scripts."""
    for summary in summaries:
        typer.echo(summary.line(), err=True)
        for note in summary.notes:
            typer.echo(f"anodeflow: note: {summary.name}: {sentence(note)}", err=True)


def checked_spec(kind, /, **values):
    """Make a model of the options of the command line; what is wrong with it becomes one sentence."""
    from pydantic import ValidationError

    from anodeflow.core.inputs import said

    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-") + ": " if first["loc"] else ""
        raise InputError(f"{option}{said(first)}.") from None


def termination_number(termination: str) -> int:
    if not termination.isdecimal():
        raise InputError(f"--termination takes a number or all, not {termination!r}: see --list for the numbers.")
    return int(termination)


def _check_element(symbol: str | None) -> None:
    from ase.data import atomic_numbers

    if symbol is not None and atomic_numbers.get(symbol, 0) == 0:
        raise InputError(f"--sites takes the symbol of an element, not {symbol!r}: write Li, Na, Mg ...")


def _print(rows: list[dict], adsorbate: str | None) -> None:
    """Print the slabs, and the sites on each of them."""
    miller, inside = (" ".join(map(str, rows[0][key])) for key in ("miller", "oriented_miller"))
    typer.echo(
        f"{rows[0]['bulk_formula']}({miller}) in the setting {rows[0]['setting']}, ({inside}) of its own cell; "
        f"vacuum {rows[0]['vacuum']:g} Å"
    )
    header = ("no.", "termination", "layers", "fixed", "atoms", "thickness (Å)", "image distance (Å)", "file")
    keys = (
        "number",
        "termination",
        "layers",
        "fixed_layers",
        "atoms",
        "thickness",
        "min_image_distance",
        "file",
    )
    print_table(header, [tuple(row[key] for key in keys) for row in rows])
    for row in rows if adsorbate else []:
        typer.echo(f"\nSites of {adsorbate} on termination {row['number']} ({row['termination']})")
        header = ("site", "label", "neighbours", "below", "multiplicity", "x (Å)", "y (Å)", "z (Å)")
        print_table(
            header,
            [
                (
                    site["index"],
                    site["label"],
                    " ".join(f"{element}{n}" for element, n in site["neighbours"].items()),
                    site["below"],
                    site["multiplicity"],
                    *site["position"],
                )
                for site in row["sites"]
            ],
        )


def print_table(header: tuple[str, ...], rows: list[tuple]) -> None:
    """Print a plain table; numbers to the right, with two decimals where they have any."""
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, value in zip(header, rows[0], strict=True):
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if x is None else f"{x:.2f}" if isinstance(x, float) else str(x) for x in row))
    console.print(table)
