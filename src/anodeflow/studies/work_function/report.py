"""The section of a report on work functions."""

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Column, Link, Part, Picture, Section, Table, number
from anodeflow.report.palette import GREY, INK, OURS
from anodeflow.report.verdicts import alike, span
from anodeflow.studies.work_function.document import WorkFunctionDoc

_EXPLANATION = (
    "The potential energy of an electron in the vacuum over a face less the Fermi level. The potential is averaged "
    "over planes parallel to the faces and read in the last 2 Å before the cell's end, clear of the dipole layer that "
    "parts the vacua of two different faces. A face whose planes were held is that of the ideal crystal."
)
_COLUMNS = [
    Column("system", "system"),
    Column("termination", "termination on top"),
    Column("work_function_top", "work function, top", "eV", 3),
    Column("work_function_bottom", "work function, bottom", "eV", 3),
    Column("slope_top", "slope in the vacuum, top", "eV/Å", 4, signed=True),
    Column("slope_bottom", "slope in the vacuum, bottom", "eV/Å", 4, signed=True),
    Column("layers", "planes"),
    Column("fixed_layers", "held"),
    Column("backend", "backend"),
]


def work_function_section(documents: list[WorkFunctionDoc], context: Context) -> Section:
    """Return table, figures and sentences of all work functions of a campaign."""
    return Section(
        title="Work function",
        answer=[_answer(document) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document) for document in documents],
        tables=[Table("work-functions", _COLUMNS, [_row(document) for document in documents])],
        verdicts=[
            f"Work function, top: {span([(d.system, d.work_function_top) for d in mine], 'eV', _short)} [{backend}]."
            for (backend,), mine in alike(documents, "backend")
        ],
    )


def _short(value: float) -> str:
    return number(value, 2)


def _row(document: WorkFunctionDoc) -> dict[str, object]:
    row = {column.key: getattr(document, column.key) for column in _COLUMNS}
    calculation = f"calc-{document.calculation_ids['potential']}"
    return row | {
        "system": Link(document.system, f"study-{document.document_id}"),
        "work_function_top": Link(document.work_function_top, calculation),
        "work_function_bottom": Link(document.work_function_bottom, calculation),
    }


def _part(document: WorkFunctionDoc) -> Part:
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, document.system),
        facts=(
            f"Slab {document.formula}, {document.layers} planes of which {document.fixed_layers} were held; "
            f"{document.code}."
        ),
        pictures=[_profile(document, f"potential-{part_name(document)}")],
    )


def _answer(document: WorkFunctionDoc) -> str:
    return (
        f"The work function of {document.system} is {number(document.work_function_top, 2)} eV on top "
        f"({document.termination}) and {number(document.work_function_bottom, 2)} eV at the bottom"
        f"{', which is held as in the bulk' if document.fixed_layers else ''} [{document.backend}]."
    )


@drawn_later
def _profile(document: WorkFunctionDoc, name: str) -> Picture:
    """Draw the potential through the cell over the Fermi level, with the levels of both vacua."""
    figure = new_figure(6.0, 3.4)
    axes = figure.subplots()
    potential, fermi = document.potential, document.fermi_level
    for plane in document.planes:
        axes.axvline(plane, color=GREY, lw=0.5, ls=":", zorder=0)
    axes.axhline(0, color=INK, lw=0.9, ls="--")
    axes.annotate("Fermi level", (0.5 * potential.height, 0), (0, 3), textcoords="offset points", ha="center",
                  fontsize=8, color=INK)  # fmt: skip
    axes.plot(potential.heights, [value - fermi for value in potential.values], color=OURS, lw=1.4)
    for face, value in (("bottom", document.work_function_bottom), ("top", document.work_function_top)):
        place, align = (0.0, "left") if face == "bottom" else (potential.height, "right")
        axes.annotate(f"{number(value, 2)} eV", (place, value), (0, 4), textcoords="offset points", ha=align,
                      fontsize=8, color=OURS)  # fmt: skip
    axes.margins(y=0.14)
    axes.set(xlim=(0, potential.height), xlabel="height in the cell (Å)", ylabel="potential − Fermi level (eV)")
    axes.spines[["top", "right"]].set_visible(False)
    return save(figure, name, f"Potential energy of an electron in {document.system}, averaged over planes; dotted: "
                "heights of the atoms.")  # fmt: skip
