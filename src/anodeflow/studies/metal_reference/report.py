"""The section of a report on binding against the adatom's own metal."""

from anodeflow.report.context import Context, part_name
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Section,
    Table,
    number,
)
from anodeflow.report.verdicts import span
from anodeflow.studies.metal_reference.document import ComparedSurface, MetalReferenceDoc

_EXPLANATION = (
    "The binding energy on a surface less that on the adatom's own metal, both at their most stable sites. The "
    "isolated atom and its spin cancel, so this is the number to compare between surfaces and with the differences of "
    "a publication; negative: bound more strongly than on the metal itself. It is about one adatom: whether a layer "
    "wets the surface is another question."
)
_COLUMNS = [
    Column("system", "system"),
    Column("site", "site"),
    Column("label", "at rest"),
    Column("adsorption_energy", "E(slab+A) − E(slab)", "eV", 3),
    Column("difference", "against the metal", "eV", 3, signed=True),
    Column("layers", "layers"),
    Column("width", "adatom images apart", "Å", 1),
]


def metal_reference_section(documents: list[MetalReferenceDoc], context: Context) -> Section:
    """Return tables and sentences of all comparisons with the adatom's own metal."""
    return Section(
        title="Binding against the adatom's own metal",
        answer=[_answer(document, context) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document) for document in documents],
        verdicts=[
            f"Binding of {adatom} less that on {metal}: "
            f"{span([(d.system, d.binding_energy_vs_metal) for d in mine], 'eV', _signed)} [{backend}]."
            for (backend, adatom, metal), mine in _by_metal(documents)
        ],
    )


def _by_metal(documents: list[MetalReferenceDoc]) -> list[tuple[tuple[str, str, str], list[MetalReferenceDoc]]]:
    groups: dict[tuple[str, str, str], list[MetalReferenceDoc]] = {}
    for each in documents:
        groups.setdefault((each.backend, each.adsorbate, each.metal.system), []).append(each)
    return list(groups.items())


def _signed(value: float) -> str:
    return number(value, 3, signed=True)


def _part(document: MetalReferenceDoc) -> Part:
    return Part(
        anchor=f"study-{document.document_id}",
        title=f"{document.adsorbate} on {document.system} and on {document.metal.system} — {document.backend}",
        facts=" ".join(f"{warning}." for warning in document.warnings) or "Same slab settings and same calculation.",
        tables=[
            Table(
                f"metal-reference-{part_name(document)}",
                _COLUMNS,
                [
                    _row(document.surface, document.binding_energy_vs_metal),
                    _row(document.metal, 0.0),
                ],
            )
        ],
    )


def _row(surface: ComparedSurface, difference: float) -> dict[str, object]:
    return {
        "system": Link(surface.system, f"study-{surface.document_id}"),
        "site": surface.site,
        "label": surface.label,
        "adsorption_energy": surface.adsorption_energy,
        "difference": difference,
        "layers": surface.layers,
        "width": surface.width,
    }


def _answer(document: MetalReferenceDoc, context: Context) -> str:
    value = document.binding_energy_vs_metal
    text = (
        f"{document.adsorbate} on {document.system} is bound by {number(abs(value), 3)} eV "
        f"{'more strongly' if value < 0 else 'more weakly'} than on {document.metal.system} [{document.backend}]"
    )
    paper = context.published(document, "binding_energy_vs_metal")
    if paper and paper.entry.value is not None:
        text += f"; {paper.reference.name}: {number(paper.entry.value, paper.entry.decimals, signed=True)} eV"
    differently = any(
        warning.code == "computed-differently" or "not computed alike" in warning.text  # from before there were codes
        for warning in document.warnings
    )
    return f"{text}{', not computed alike' if differently else ''}."
