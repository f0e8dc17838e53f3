"""The section of a report on works of adhesion."""

from anodeflow.report.page import Column, Link, Part, Section, Table, number
from anodeflow_adhesion.document import WorkOfAdhesionDoc

_COLUMNS = [
    Column("system", "interface"),
    Column("termination", "planes that meet"),
    Column("work_of_adhesion", "work of adhesion", "J/m²", 3),
    Column("relaxed", "sides relaxed"),
    Column("backend", "backend"),
]


def adhesion_section(documents: list[WorkOfAdhesionDoc]) -> Section:
    """Return sentences and a table of all works of adhesion of a campaign."""
    rows = [
        {column.key: getattr(each, column.key) for column in _COLUMNS}
        | {"work_of_adhesion": Link(each.work_of_adhesion, f"calc-{each.calculation_ids['interface']}")}
        for each in documents
    ]
    return Section(
        title="Work of adhesion",
        answer=[
            f"To part {each.system} takes {number(each.work_of_adhesion, 3)} J/m² [{each.backend}]."
            for each in documents
        ],
        explanation="Energy of both sides alone less that of the interface, per area.",
        parts=[
            Part(
                anchor=f"study-{each.document_id}",
                title=each.system,
                facts=f"{each.formula}, {each.area:.1f} Å², planes {each.termination}; {each.code}.",
            )
            for each in documents
        ],
        tables=[Table("work-of-adhesion", _COLUMNS, rows)],
    )
