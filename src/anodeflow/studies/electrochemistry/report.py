"""The section of a report on electrochemistry by arithmetic."""

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
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.electrochemistry.figures import hull_figure, voltage_figure
from anodeflow.studies.electrochemistry.phases import decomposition_words
from anodeflow.studies.orderings.figures import subscripts

_EXPLANATION = (
    "Formation energies of the orderings give the convex hull; a phase above it decomposes into its neighbours on it. "
    "Between two phases on the hull the voltage against the ion's metal is constant, minus the energy that each ion "
    "gains there. Theoretical capacities count all ions of a phase. Nothing of this knows "
    "temperature: at 300 K the mixing entropy of a solid solution is worth up to 18 meV/atom, and its voltage slopes."
)
_POINTS = [
    Column("formula", "phase"),
    Column("name", "crystal"),
    Column("fraction", "fraction of the ion", "", 3),
    Column("formation_energy", "formation energy", "meV/atom", 1),
    Column("above", "above the hull", "meV/atom", 1),
    Column("decomposition", "decomposes into (fractions of atoms)"),
]
_STEPS = [
    Column("initial", "from"),
    Column("final", "to"),
    Column("voltage", "voltage", "V", 4),
    Column("begin", "charge stored, from", "mAh/g of the partner", 0),
    Column("end", "to", "mAh/g of the partner", 0),
]
_SEARCHED = [
    Column("formula", "composition"),
    Column("fraction", "fraction of the ion", "", 3),
    Column("hosts", "parent lattices"),
    Column("max_atoms", "cells of up to", "atoms"),
    Column("orderings", "orderings"),
]
_CAPACITIES = [
    Column("formula", "phase"),
    Column("per_total_mass", "per mass of the phase", "mAh/g", 0),
    Column("per_host_mass", "per mass of the partner", "mAh/g", 0),
]


def electrochemistry_section(documents: list[ElectrochemistryDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all studies of electrochemistry of a campaign."""
    return Section(
        title="Electrochemistry",
        answer=[_answer(document) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document, context) for document in documents],
        verdicts=[f"{_hull_words(document)}." for document in documents],
    )


def _hull_words(document: ElectrochemistryDoc) -> str:
    """Which phases are on the hull."""
    ends = (document.ion, document.partner)
    stable = [p for p in document.points if p.lowest and p not in document.unstable and p.formula not in ends]
    found = ", ".join(subscripts(point.formula) for point in stable) or "no compound"
    verb = "are" if len(stable) > 1 else "is"
    return f"Of {document.partner} and {document.ion}, {found} {verb} on the convex hull [{document.backend}]"


def _answer(document: ElectrochemistryDoc) -> str:
    """One sentence for one binary system: phases on the hull, voltages, capacities."""
    above = document.unstable
    text = _hull_words(document)
    if above:
        parts = [
            f"{subscripts(p.formula)} ({p.name}) by {number(1000 * p.energy_above_hull, 1)} meV/atom against "
            + " + ".join(f"{share:.2f} {subscripts(formula)}" for formula, share in p.decomposition.items())
            for p in above
        ]
        text += f"; above it lies {', '.join(parts)}"
    if document.steps:
        volts = [
            f"{number(1000 * step.voltage, 1)} mV ({subscripts(step.initial)} → {subscripts(step.final)})"
            for step in document.steps
        ]
        text += f"; {document.ion} goes in at {', '.join(volts)} against its metal"
    whole = {phase.formula: phase.per_total_mass for phase in document.capacities}
    shown = ", ".join(f"{subscripts(formula)} {value:.0f}" for formula, value in whole.items())
    text += f"; theoretical capacities: {shown} mAh/g."
    if document.searched:
        names = ", ".join(f"{subscripts(each.formula)} ({', '.join(each.hosts)})" for each in document.searched)
        text += f" The hull was searched at {names}; at other compositions there may be lower phases."
    return text


def _part(document: ElectrochemistryDoc, context: Context) -> Part:
    context.tell(f"electrochemistry of {document.system}")
    name = part_name(document)
    pictures = [hull_figure(document, f"hull-{name}")]
    if document.steps:
        pictures.append(voltage_figure(document, f"voltage-{name}"))
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"{document.ion} and {document.partner}"),
        facts=f"Crystals: {len(document.points)}; charge of the ion: {document.charge} e; {document.code}.",
        tables=_tables(document, name),
        pictures=pictures,
    )


def _tables(document: ElectrochemistryDoc, name: str) -> list[Table]:
    points: list[dict[str, Any]] = []
    for point in document.points:
        calculation = f"calc-{document.calculation_ids[point.step]}"
        stable = len(point.decomposition) == 1 and point.energy_above_hull < 1e-6
        points.append(
            {
                "formula": point.formula,
                "name": point.name,
                "fraction": point.fraction,
                "formation_energy": Link(1000 * point.formation_energy, calculation),
                "above": 1000 * point.energy_above_hull,
                "decomposition": "" if stable else decomposition_words(point.decomposition),
                "_marked": stable,
                "_text": {"formula": subscripts(point.formula)},
            }
        )
    steps = [
        {"initial": s.initial, "final": s.final, "voltage": s.voltage, "begin": s.capacity[0], "end": s.capacity[1],
         "_text": {"initial": subscripts(s.initial), "final": subscripts(s.final)}}
        for s in document.steps
    ]  # fmt: skip
    capacities = [
        {"formula": c.formula, "per_total_mass": c.per_total_mass, "per_host_mass": c.per_host_mass,
         "_text": {"formula": subscripts(c.formula)}}
        for c in document.capacities
    ]  # fmt: skip
    tables = [Table(f"hull-{name}", _POINTS, points, "Crystals and the hull")]
    if document.searched:
        searched = [
            each.model_dump() | {"hosts": ", ".join(each.hosts), "_text": {"formula": subscripts(each.formula)}}
            for each in document.searched
        ]
        tables.append(Table(f"searched-{name}", _SEARCHED, searched, "Compositions that were searched"))
    if steps:
        tables.append(Table(f"voltage-{name}", _STEPS, steps, "Voltage steps"))
    return [*tables, Table(f"capacity-{name}", _CAPACITIES, capacities, "Theoretical capacities")]
