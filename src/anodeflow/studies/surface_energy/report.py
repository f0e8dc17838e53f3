"""The section of a report on surface energies."""

from pymatgen.core import Composition

from anodeflow.core.units import JOULE_PER_SQUARE_METRE
from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Column, Link, Part, Picture, Section, Table, number
from anodeflow.report.palette import INK, OURS
from anodeflow.report.verdicts import alike, span
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.surface_energy.document import OTHER, SurfaceEnergyDoc
from anodeflow.studies.surface_energy.stability import SURE, Phase, hull_words, place

_EXPLANATION = (
    "γ = (E(slab) − Σ n μ) / 2A for a slab whose two faces are alike. Of a compound, μ of the metal is the energy of "
    "its bulk per atom and μ of the other element what is left of the compound's energy: the face is in equilibrium "
    "with both. Where the planes at the bottom are held, the slab as cut gives the energy of its two equal faces, and "
    "what the relaxation gains belongs to the upper one alone. The excess says how γ moves: by −excess per eV that the "
    "metal's chemical potential rises."
)
_COLUMNS = [
    Column("system", "system"),
    Column("termination", "termination"),
    Column("surface_energy", "surface energy", "J/m²", 3),
    Column("surface_energy_ev", "surface energy", "eV/Å²", 4),
    Column("unrelaxed", "as cut", "J/m²", 3),
    Column("metal", "at μ of bulk"),
    Column("formation_energy", "formation energy", "eV/atom", 3, signed=True),
    Column("excess", "excess of the metal", "Å⁻²", 4, signed=True),
    Column("layers", "planes"),
    Column("fixed_layers", "held"),
    Column("backend", "backend"),
]


def surface_energy_section(documents: list[SurfaceEnergyDoc], context: Context) -> Section:
    """Return table, figure and sentences of all surface energies of a campaign."""
    ranked = sorted(documents, key=lambda each: each.surface_energy)
    return Section(
        title="Surface energy",
        answer=[_answer(document, context) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document) for document in documents],
        pictures=[_bars(ranked)],
        tables=[Table("surface-energies", _COLUMNS, [_row(document) for document in ranked])],
        verdicts=[
            f"Surface energy: {span([(d.system, d.surface_energy / JOULE_PER_SQUARE_METRE) for d in mine], 'J/m²')} "
            f"[{backend}]."
            for (backend,), mine in alike(documents, "backend")
        ],
    )


def _joule(value: float | None) -> float | None:
    return None if value is None else value / JOULE_PER_SQUARE_METRE


def _row(document: SurfaceEnergyDoc) -> dict[str, object]:
    row = {column.key: getattr(document, column.key, None) for column in _COLUMNS}
    return row | {
        "system": Link(document.system, f"study-{document.document_id}"),
        "surface_energy": Link(_joule(document.surface_energy), f"calc-{document.calculation_ids['slab']}"),
        "surface_energy_ev": document.surface_energy,
        "unrelaxed": _joule(document.unrelaxed),
    }


def _part(document: SurfaceEnergyDoc) -> Part:
    potentials = [{"element": element, "potential": value} for element, value in document.chemical_potentials.items()]
    columns = [Column("element", "element"), Column("potential", "chemical potential", "eV/atom", 4)]
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, document.system),
        facts=(
            f"Slab {document.formula}, {document.layers} planes of which {document.fixed_layers} were held, face of "
            f"{document.area:.2f} Å²; {document.code}."
        ),
        tables=[Table(f"chemical-potentials-{part_name(document)}", columns, potentials)],
    )


def _answer(document: SurfaceEnergyDoc, context: Context) -> str:
    joule = document.surface_energy / JOULE_PER_SQUARE_METRE
    at = "" if document.metal is None else f" in equilibrium with bulk {document.metal}"
    text = (
        f"The face {document.termination} of {document.system} costs {context.text(document, 'surface_energy', joule)} "
        f"J/m²{at} [{document.backend}]."
    )
    told = [each.text for each in document.warnings if each.code == "unstable-compound"]
    return " ".join(
        [text, *(f"{each[0].upper()}{each[1:]}." for each in told), _hull_words(document, context)]
    ).rstrip()


def _hull_words(document: SurfaceEnergyDoc, context: Context) -> str:
    """Return what the campaign's hull by the same calculations says of the crystal; empty where there is none."""
    metal, formed = document.metal, document.formation_energy
    if metal is None or formed is None or formed > SURE:
        return ""
    of = document.calculation_ids
    for hull in context.documents.values():
        if not isinstance(hull, ElectrochemistryDoc) or hull.calculation_ids.get(f"bulk {metal}") != of["metal"]:
            continue
        (other,) = set(document.chemical_potentials) - {metal}
        if hull.calculation_ids.get(f"bulk {other}") == of[OTHER]:
            phases = [
                Phase(point.formula, Composition(point.formula).get_atomic_fraction(metal), point.formation_energy)
                for point in hull.points
            ]
            formula = document.crystal
            crystal = Phase(formula, Composition(formula).get_atomic_fraction(metal), formed)
            excess, energy = (each / JOULE_PER_SQUARE_METRE for each in (document.excess, document.surface_energy))
            return hull_words(formula, metal, place(crystal, phases), energy, excess)
    return ""


@drawn_later
def _bars(ranked: list[SurfaceEnergyDoc]) -> Picture:
    """Draw the surface energies as bars, the lowest first."""
    figure = new_figure(6.0, 1.2 + 0.36 * len(ranked))
    axes = figure.subplots()
    values = [each.surface_energy / JOULE_PER_SQUARE_METRE for each in ranked]
    places = list(range(len(ranked), 0, -1))
    axes.barh(places, values, height=0.6, color=OURS)
    for row, value in zip(places, values, strict=True):
        axes.annotate(number(value, 3), (max(value, 0), row), (4, 0), textcoords="offset points", va="center",
                      fontsize=8, color=INK)  # fmt: skip
    axes.set_yticks(places, [f"{each.system} {each.termination} [{each.backend}]" for each in ranked], fontsize=8)
    axes.set_xlabel("surface energy (J/m²)")
    axes.set_xlim(min(0, *values), 1.18 * max(*values, 0.01))
    axes.spines[["top", "right"]].set_visible(False)
    return save(figure, "surface-energies", "Energy of each face per area, the cheapest first.")
