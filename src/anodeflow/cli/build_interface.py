"""``anodeflow build interface``: coherent interfaces, without any calculation."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anodeflow.cli import completion
from anodeflow.cli.build import (
    FORCE,
    FORMAT,
    Format,
    Setting,
    build,
    checked_spec,
    print_crystals,
    print_table,
    termination_number,
)
from anodeflow.core.words import sentence

if TYPE_CHECKING:
    from anodeflow.structures.interface.candidate import InterfaceCandidate

# What of an interface is too long for the terminal.
_LARGE = {"structure", "alloy_crystal", "metal_crystal", "side", "layer"}


class FixedSide(StrEnum):
    """Side whose free face is held."""

    alloy = "alloy"
    metal = "metal"


class Strained(StrEnum):
    """Which side of an interface takes the strain."""

    metal = "metal"
    alloy = "alloy"
    shared = "shared"


@build.command()
def interface(
    alloy: Annotated[
        str,
        typer.Argument(metavar="ALLOY", help="Name in the catalogue, or a file.", autocompletion=completion.crystals),
    ],
    metal: Annotated[
        str,
        typer.Argument(metavar="METAL", help="Name in the catalogue, or a file.", autocompletion=completion.crystals),
    ],
    alloy_miller: Annotated[
        tuple[int, int, int], typer.Option(metavar="H K L", help="Miller indices of the alloy's face.")
    ] = (0, 0, 1),
    metal_miller: Annotated[
        tuple[int, int, int], typer.Option(metavar="H K L", help="Miller indices of the metal's face.")
    ] = (0, 0, 1),
    setting: Annotated[
        Setting,
        typer.Option(help="Axes of the Miller indices: of the parent lattices, conventional, or of the cells."),
    ] = Setting.host,
    alloy_layers: Annotated[int, typer.Option(help="Atomic planes of the alloy.")] = 4,
    metal_layers: Annotated[int, typer.Option(help="Atomic planes of the metal.")] = 8,
    max_atoms: Annotated[int, typer.Option(help="Most atoms of the cell.")] = 150,
    max_strain: Annotated[float, typer.Option(help="Largest von Mises strain; 0.05 is 5 %.")] = 0.05,
    min_width: Annotated[
        float, typer.Option(help="Least distance between an atom and its image in the plane, Å.")
    ] = 6.5,
    strained: Annotated[Strained, typer.Option(help="Which side takes the strain.")] = Strained.metal,
    vacuum: Annotated[float, typer.Option(help="Vacuum between the free faces, Å.")] = 12.0,
    gap: Annotated[
        float | None, typer.Option(help="Distance of the planes that meet, Å (default: mean of both spacings).")
    ] = None,
    termination: Annotated[str, typer.Option(metavar="N|all", help="Which termination, see --list.")] = "0",
    fixed_layers: Annotated[int, typer.Option(help="Planes held fixed at the free face of one side.")] = 1,
    fixed_side: Annotated[FixedSide, typer.Option(help="Which side they are of.")] = FixedSide.alloy,
    list_: Annotated[bool, typer.Option("--list", help="List the terminations and cells and write nothing.")] = False,
    format: Annotated[Format, FORMAT] = Format.table,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write: .cif, .vasp, .xyz, .json ...; the suffix decides."),
    ] = None,
    force: Annotated[bool, FORCE] = False,
) -> None:
    """Build the coherent interface of an alloy and a metal: alloy below, metal on top, nothing relaxed.

    Examples:

    anodeflow build interface Li3Mg7 Li --max-atoms 150 --list

    anodeflow build interface Li3Mg Li --metal-layers 8 -o interface.vasp
    """
    from anodeflow.structures.bulk.catalogue import host_lattice, load_crystal
    from anodeflow.structures.bulk.writing import write_structure
    from anodeflow.structures.interface.interface_spec import InterfaceSpec
    from anodeflow.structures.interface.interfaces import build_interface, enumerate_interfaces
    from anodeflow.structures.notes import summarise

    spec = checked_spec(
        InterfaceSpec,
        alloy_miller=alloy_miller,
        metal_miller=metal_miller,
        setting=setting.value,
        alloy_layers=alloy_layers,
        metal_layers=metal_layers,
        max_atoms=max_atoms,
        max_strain=max_strain,
        min_width=min_width,
        strained=strained.value,
        vacuum=vacuum,
        gap=gap,
        termination=termination if termination == "all" else termination_number(termination),
        fixed_layers=fixed_layers,
        fixed_side=fixed_side.value,
    )
    below, above = load_crystal(alloy), load_crystal(metal)
    crystals = (below[0], above[0], spec, host_lattice(alloy), host_lattice(metal))
    every = list_ or termination == "all"
    cells = enumerate_interfaces(*crystals) if every else [build_interface(*crystals)]
    rows = []
    for cell in cells:
        row = cell.model_dump(mode="json", exclude=_LARGE) | {"atoms": len(cell.structure), "file": None}
        if output and not list_:
            file = output if len(cells) == 1 else output.with_stem(f"{output.stem}-{cell.number}")
            for loss in write_structure(cell.structure, file, force):
                typer.echo(f"anodeflow: note: {sentence(loss)}", err=True)
            row["file"] = str(file)
        rows.append(row)
    print_crystals([summarise(alloy, *below), summarise(metal, *above)])
    if format is Format.json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    header = ("no.", "termination", "atoms", "strain (%)", "area (Å²)", "width (Å)", "gap (Å)", "file")
    keys = ("number", "termination", "atoms", "von_mises_strain", "area", "width", "gap", "file")
    shown = [row | {"von_mises_strain": 100 * row["von_mises_strain"]} for row in rows]
    print_table(header, [tuple(row[key] for key in keys) for row in shown])
    if list_:
        typer.echo("\nCells that were considered")
        columns = ("no.", "termination", "atoms", "strain (%)", "area (Å²)", "width (Å)", "not taken because of")
        taken = {row["number"] for row in rows}
        print_table(
            columns,
            [
                (c.number, c.termination, c.atoms, 100 * c.von_mises_strain, c.area, c.width, _why(c, taken))
                for c in cells[0].candidates
            ],
        )


def _why(candidate: "InterfaceCandidate", taken: set[int]) -> str:
    """Say why a cell was not taken; those of the other terminations were, when all are listed."""
    from anodeflow.structures.interface.interfaces import OTHER_TERMINATION

    others = candidate.reason == OTHER_TERMINATION and candidate.number in taken
    return "" if candidate.chosen or others else candidate.reason
