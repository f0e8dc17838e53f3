"""The section of a report on the orderings of alloys."""

from typing import Any

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Section,
    Table,
    number,
)
from anodeflow.studies.orderings.document import OrderingsDoc, RankedOrdering
from anodeflow.studies.orderings.figures import diffraction_figure, energies_figure, subscripts

_EXPLANATION = (
    "All orderings of the atoms on the parent lattices were enumerated and relaxed with the ranking backend; those "
    "close to the lowest were relaxed again with the deciding one. A formation energy is the energy per atom minus "
    "that of the elements' bulks in the same amounts; negative: the alloy is stable against them. An ordering has "
    "left its parent lattice when its cell is no longer one of that (edges 10 %, angles 6°) or an atom is further "
    "than 0.4 Å from its site: it is another alloy then, and is not counted. A special quasi-random structure stands "
    "for the solid solution."
)
_COLUMNS = [
    Column("index", "ordering"),
    Column("name", "name"),
    Column("state", "state"),
    Column("formation_energy", "formation energy", "meV/atom", 1),
    Column("above", "above the lowest", "meV/atom", 1),
    Column("rank_formation_energy", "in the ranking", "meV/atom", 1),
    Column("displacement", "largest displacement", "Å", 2),
    Column("edges", "edges of the host", "Å"),
    Column("message", "message", below=True),
]
_PEAKS = [
    Column("two_theta", "2θ", "degrees", 2),
    Column("spacing", "spacing", "Å", 3),
    Column("intensity", "intensity", "", 1),
    Column("indices", "planes of the host"),
    Column("fundamental", "line of the host"),
]


def orderings_section(documents: list[OrderingsDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all studies of orderings of a campaign."""
    return Section(
        title="Orderings",
        answer=[_answer(document) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document, context) for document in documents],
        verdicts=[
            f"Lowest ordering of {subscripts(each.formula)}: {each.kept[0].name}, "
            f"{_milli(each.kept[0].formation_energy)} meV/atom against the elements [{each.backend}]."
            for each in documents
        ],
    )


def _answer(document: OrderingsDoc) -> str:
    """One sentence for one composition: the lowest, how close the next ones are, what was lost."""
    kept = document.kept
    best, total = kept[0], sum(document.enumerated.values())
    text = (
        f"Of {total} orderings of {subscripts(document.formula)} on {', '.join(document.hosts)} the lowest that keeps "
        f"its parent lattice is {best.name}, with a formation energy of {_milli(best.formation_energy)} meV/atom "
        f"[{document.backend}]"
    )
    if len(kept) > 1:
        above = [_milli(entry.formation_energy, best.formation_energy) for entry in kept[1:]]
        text += f"; the next lie {' and '.join(above) if len(above) < 3 else ', '.join(above)} meV/atom above it"
    lost = sum(entry.state == "host lost" for entry in document.orderings)
    if lost:
        text += f"; {lost} left their parent lattice in the relaxation"
    if document.sqs is not None:
        text += f"; the quasi-random structure has {_milli(document.sqs.formation_energy)} meV/atom"
    return f"{text}."


def _part(document: OrderingsDoc, context: Context) -> Part:
    context.tell(f"orderings of {document.formula}")
    name = part_name(document)
    pictures = [energies_figure(document, f"orderings-{name}")]
    tables = _tables(document, name)
    if document.pattern is not None:
        host = document.kept[0].host
        pictures.append(diffraction_figure(document.pattern, document.formula, host, f"xrd-{name}"))
        rows = [
            {"two_theta": peak.two_theta, "spacing": peak.spacing, "intensity": peak.intensity,
             "indices": ["(" + " ".join(f"{index:g}" for index in plane) + ")" for plane in peak.indices],
             "fundamental": peak.fundamental}
            for peak in document.pattern.peaks
        ]  # fmt: skip
        tables.append(Table(f"xrd-{name}", _PEAKS, rows, "Lines of the powder pattern", folded=True))
    sizes = ", ".join(f"{count} on {host}" for host, count in document.enumerated.items())
    ranked = f"ranked with {document.rank_backend}, " if document.confirmed else ""
    within = f"confirmed within {number(1000 * document.window, 0)} meV/atom; " if document.confirmed else ""
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"Orderings of {subscripts(document.formula)}"),
        facts=f"Enumerated: {sizes}, cells of up to {document.max_atoms} atoms; {ranked}{within}{document.code}.",
        tables=tables,
        pictures=pictures,
    )


def _tables(document: OrderingsDoc, name: str) -> list[Table]:
    sqs = [document.sqs] if document.sqs is not None else []
    lost = [entry for entry in document.orderings if entry.state == "host lost"]
    others = [entry for entry in document.orderings if entry.state not in ("kept", "host lost")]
    groups = (
        (f"orderings-{name}", "Lowest orderings", [*document.kept, *sqs], False),
        (f"orderings-lost-{name}", "Orderings that left their parent lattice", lost, len(lost) > 6),
        (f"orderings-others-{name}", "Other orderings", others, True),
    )
    columns = _COLUMNS if document.confirmed else [c for c in _COLUMNS if c.key != "rank_formation_energy"]
    return [
        Table(key, columns, [_row(document, entry) for entry in entries], title, folded=folded)
        for key, title, entries, folded in groups
        if entries
    ]


def _row(document: OrderingsDoc, entry: RankedOrdering) -> dict[str, Any]:
    best = document.kept[0]
    row: dict[str, Any] = {
        "index": "–" if entry is document.sqs else entry.index,
        "name": entry.name,
        "state": entry.state,
        "displacement": entry.displacement,
        "edges": list(entry.host_edges or ()),
        "message": entry.message,
        "_marked": entry is best,
        "_text": {"edges": " ".join(f"{edge:.3f}" for edge in entry.host_edges or ())},
    }
    for key in ("formation_energy", "rank_formation_energy"):
        value = getattr(entry, key)
        row[key] = None if value is None else 1000 * value
    if entry.formation_energy is not None and best.formation_energy is not None:
        row["above"] = 1000 * (entry.formation_energy - best.formation_energy)
        identity = document.calculation_ids.get(document.step(entry))
        if identity:
            row["formation_energy"] = Link(row["formation_energy"], f"calc-{identity}")
    return row


def _milli(energy: float | None, reference: float | None = 0.0) -> str:
    return "–" if energy is None else number(1000 * (energy - (reference or 0.0)), 1)
