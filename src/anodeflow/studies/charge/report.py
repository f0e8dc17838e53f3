"""The section of a report on charge transfer."""

from typing import Any

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Section,
    Table,
    number,
    scientific,
)
from anodeflow.report.verdicts import alike, listed, span
from anodeflow.studies.charge.document import ChargeDoc, ordinary_atoms
from anodeflow.studies.charge.figures import common_isovalue, isosurface_picture, planar_average
from anodeflow.studies.charge.scenes import difference_scene

_EXPLANATION = (
    "Electrons donated are those of the free atom minus those in the adatom's Bader basin of the all-electron "
    "density; negative: it accepts. Basins around density maxima that are no nuclei stand apart and belong to no atom. "
    "The density difference is ρ(slab with adatom) − ρ(slab, same positions) − ρ(adatom, same position); it integrates "
    "to 0 and shows where electrons gather (yellow) and where they leave (blue)."
)
_SUMMARY = [
    Column("system", "system"),
    Column("site", "site"),
    Column("charge_donated", "donated by the adatom", "e", 3, signed=True),
    Column("surface_donated", "by an ordinary surface atom, e"),
    Column("shoulder_apart", "by the adatom, its shoulder apart", "e", 3, signed=True),
    Column("charge_donated_coarse", "on a grid half as fine", "e", 3, signed=True),
    Column("adatom_electrons", "electrons in its basin", "e", 3),
    Column("basins", "non-nuclear basins"),
    Column("non_nuclear_electrons", "electrons in them", "e", 3),
    Column("vacuum_electrons", "in no basin", "e", 3),
    Column("accumulated", "moved by the bond", "e", 3),
    Column("partition_error", "basins − electrons", "e", 4, signed=True),
    Column("equivalent_spread", "spread of equal atoms", "e", 3),
    Column("integral", "integral of the difference", "e"),
    Column("program", "partition", below=True),
    Column("grid", "grid", below=True),
    Column("cube_file", "cube file", below=True),
]
_ATOMS = [
    Column("atom", "atom"),
    Column("element", "element"),
    Column("x", "x", "Å", 3),
    Column("y", "y", "Å", 3),
    Column("z", "z", "Å", 3),
    Column("electrons", "electrons in its basin", "e", 3),
    Column("donated", "electrons donated", "e", 3, signed=True),
]
_BASINS = [
    Column("x", "x", "Å", 3),
    Column("y", "y", "Å", 3),
    Column("z", "z", "Å", 3),
    Column("electrons", "electrons", "e", 3),
    Column("nearest_atom", "nearest atom"),
    Column("distance", "distance to it", "Å", 3),
]


def charge_section(documents: list[ChargeDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all charge-transfer studies of a campaign."""
    return Section(
        title="Charge transfer",
        answer=[_answer(document, context) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document, common_isovalue(documents), context) for document in documents],
        tables=[Table("charge", _SUMMARY, [_row(document, context) for document in documents])],
        verdicts=_verdicts(documents),
    )


def _verdicts(documents: list[ChargeDoc]) -> list[str]:
    """What the adatom gives away, over all surfaces."""
    found = []
    for (backend, adatom), mine in alike(documents, "backend", "adsorbate"):
        amounts = span([(d.system, d.charge_donated) for d in mine], "e", lambda e: number(e, 2, signed=True))
        text = f"Electrons that {adatom} gives away (negative: takes) by its Bader basin: {amounts} [{backend}]."
        enclosing = [d.system for d in mine if _encloses(d)]
        if enclosing:
            text += f" On {listed(enclosing)} the basin encloses charge of no nucleus: no sign of an ion that took any."
        found.append(text)
    return found


def _encloses(document: ChargeDoc) -> bool:
    """Whether what the adatom seems to take is charge between atoms of the metal, which is near no nucleus."""
    return document.charge_donated < 0 and bool(document.non_nuclear_basins)


def _answer(document: ChargeDoc, context: Context) -> str:
    """One sentence for one surface: how much, to whom, against the paper, and what it means."""
    donated, adatom = document.charge_donated, document.adsorbate
    text = (
        f"By its Bader basin {adatom} {_gives(donated)} {_amount(document, context)} e on {document.system} "
        f"({document.site_label}) [{document.backend}]"
    )
    paper = context.published(document, "charge_donated")
    difference = paper.difference(donated) if paper else None
    if paper and difference is not None:
        assert paper.entry.value is not None
        theirs = f"it {_gives(paper.entry.value)} {abs(paper.entry.value):.{paper.entry.decimals}f} e"
        text += f"; in {paper.reference.name} {theirs}, a difference of {number(difference, 2, signed=True)} e"
    elif paper:
        text += f"; {paper.reference.name} gives no number"
    text += "."
    text += f" An ordinary atom of the same surface gives away {_surface(document)} e."
    apart = document.charge_donated_shoulder_apart
    if document.shoulder_decides and apart is not None:
        text += (
            f" Its sign hangs on a shoulder of the density beside the adatom, {document.shoulder_electrons:.2f} e that "
            f"are hardly a basin of their own: counted apart, it {_gives(apart)} {abs(apart):.2f} e."
        )
    basins = len(document.non_nuclear_basins)
    if basins:
        held = f"{document.non_nuclear_electrons:.2f} e"
        text += (
            f" 1 density maximum that is no nucleus holds {held}; it is counted apart."
            if basins == 1
            else f" {basins} density maxima that are no nuclei hold {held}; they are counted apart."
        )
        if _encloses(document):
            text += (
                " The basin of the adatom encloses charge of this kind, so accepting here does not mean that the ion "
                "has gained electrons."
            )
    return text


def _part(document: ChargeDoc, isovalue: float, context: Context) -> Part:
    context.tell(f"charge of {document.adsorbate} on {document.system}")
    name = part_name(document)
    difference = document.difference
    atoms = zip(document.structure, document.atom_electrons, document.atom_donated, strict=True)
    last = len(document.structure) - 1
    atom_rows = [
        {"atom": index, "element": site.specie.symbol, "electrons": electrons, "donated": donated}
        | dict(zip("xyz", map(float, site.coords), strict=True))
        | {"_marked": index == last}
        for index, (site, electrons, donated) in enumerate(atoms)
    ]
    tables = [Table(f"bader-{name}", _ATOMS, atom_rows[::-1], "Bader charges of all atoms", folded=True)]
    if document.non_nuclear_basins:
        basin_rows = [
            dict(zip("xyz", basin.position, strict=True))
            | {"electrons": basin.electrons, "nearest_atom": basin.nearest_atom, "distance": basin.distance}
            for basin in document.non_nuclear_basins
        ]
        tables.append(Table(f"basins-{name}", _BASINS, basin_rows, "Non-nuclear basins", folded=True))
    grid = document.grid_shape
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"{document.adsorbate} on {document.system}, {document.site_label}"),
        facts=(
            f"All-electron density on a grid of {grid[0]} × {grid[1]} × {grid[2]} points (at most "
            f"{document.grid_spacing:.3f} Å apart), {document.code}; partition by {document.program} "
            f"({document.method}). {number(difference.accumulated, 2)} e change place when the adatom binds."
        ),
        tables=tables,
        pictures=[
            isosurface_picture(document, isovalue, f"difference-{name}"),
            planar_average(document, f"planar-{name}"),
        ],
        scenes=[difference_scene(document, isovalue, f"scene-difference-{name}")],
    )


def _row(document: ChargeDoc, context: Context) -> dict:
    ours = context.link(document, "charge_donated")
    error = context.error(document, "charge_donated")
    row: dict[str, Any] = {
        "system": Link(document.system, f"study-{document.document_id}"),
        "site": f"{document.site}: {document.site_label}",
        "charge_donated": ours,
        "surface_donated": _surface(document),
        "shoulder_apart": document.charge_donated_shoulder_apart,
        "charge_donated_coarse": document.charge_donated_coarse,
        "adatom_electrons": document.atom_electrons[-1],
        "basins": len(document.non_nuclear_basins),
        "non_nuclear_electrons": float(document.non_nuclear_electrons),
        "vacuum_electrons": document.vacuum_electrons,
        "accumulated": document.difference.accumulated,
        "partition_error": document.partition_error,
        "equivalent_spread": document.equivalent_spread,
        "integral": document.difference.integral,
        "program": f"{document.program}, {document.method}",
        "grid": " × ".join(map(str, document.grid_shape)),
        "cube_file": document.difference.cube_file,
    }
    row["_text"] = {"integral": scientific(document.difference.integral)}
    if error is not None:
        row["_text"]["charge_donated"] = context.text(document, "charge_donated", document.charge_donated, 3, True)
    return row


def _surface(document: ChargeDoc) -> str:
    """Return the charge of an ordinary surface atom of each element, e: +0.83 (Li), −0.81 (H)."""
    found = document.surface_donated or ordinary_atoms(document.structure, document.atom_donated)
    return ", ".join(f"{number(donated, 2, signed=True)} ({element})" for element, donated in found.items())


def _gives(donated: float) -> str:
    return "gives away" if donated >= 0 else "accepts"


def _amount(document: ChargeDoc, context: Context) -> str:
    return context.text(document, "charge_donated", abs(document.charge_donated), 2)
