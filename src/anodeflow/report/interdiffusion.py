"""The section of a report on interdiffusion."""

from itertools import groupby

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.interdiffusion_figures import interfaces_diagram, level_diagram
from anodeflow.report.interface_view import View, side_views, turning_scene
from anodeflow.report.page import Column, Link, Part, Picture, Section, Table, number
from anodeflow.report.prescreen import prescreen_facts, prescreen_tables
from anodeflow.report.reference import base_name
from anodeflow.schemas import InterdiffusionDoc

_EXPLANATION = (
    "One atom of the alloy's plane at the interface changes places with an atom of the metal, one, two, three ... "
    "planes away, everything relaxed. The exchange energy is the total energy minus that of the pristine interface: "
    "negative when the exchange is downhill. The driving force is the mean over the deepest plateau, successive planes "
    "whose energies agree; planes next to the metal's free face do not count, since the atom feels the vacuum there. "
    "All energies belong to one model of the interface: its terminations, strain and registry are told above."
)
_POINTS = [
    Column("depth", "depth"),
    Column("sample", "place"),
    Column("partner", "changed with"),
    Column("lateral", "lateral distance", "Å", 2),
    Column("exchange_energy", "exchange energy", "eV", 3, signed=True),
    Column("return_energy", "there and back", "eV", 3, signed=True),
    Column("final_layer", "rests in layer"),
    Column("rearranged", "others that left their places"),
    Column("plateau", "on the plateau"),
    Column("converged", "converged"),
]


def interdiffusion_section(documents: list[InterdiffusionDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all interdiffusion studies of a campaign."""
    pictures = []
    for element in dict.fromkeys(document.element for document in documents):
        mine = [document for document in documents if document.element == element]
        if len(mine) > 1:
            pictures.append(interfaces_diagram(mine, f"interdiffusion-{element}"))
    return Section(
        title="Interdiffusion",
        answer=[_answer(document, context) for document in documents] + _orders(documents),
        explanation=_EXPLANATION,
        parts=[_part(document, context) for document in documents],
        pictures=pictures,
    )


def _answer(document: InterdiffusionDoc, context: Context) -> str:
    """One sentence for one interface: whether the atom moves in, by how much, what the paper says."""
    deepest = document.lowest[-1]
    force = document.driving_force
    if force is None:
        text = (
            f"{document.element} from {document.alloy} in {document.metal} ({document.system}): "
            f"{number(deepest.exchange_energy, 3, signed=True)} eV at depth {deepest.depth}, but no plateau, so no "
            "driving force can be given"
        )
    else:
        value = context.text(document, "driving_force", force, signed=True)
        verb = "is driven from" if force < 0 else "is not driven from"
        text = (
            f"{document.element} {verb} {document.alloy} into {document.metal} ({document.system}): {value} eV on the "
            f"plateau of depths {document.plateau[0]} to {document.plateau[-1]}"
        )
    strain = number(100 * document.von_mises_strain, 1)
    text += f"; for {document.termination} at a strain of {strain} % [{document.backend}]."
    paper = context.published(document, "exchange_energy")
    if paper and paper.entry.note:
        text += f" {paper.source}: {paper.entry.note}"
    return text


def _orders(documents: list[InterdiffusionDoc]) -> list[str]:
    """For each backend and element with several interfaces: from which it is driven most, and the range of each."""

    def group(document: InterdiffusionDoc) -> tuple[str, str]:
        return document.backend, document.element

    sentences = []
    known = [document for document in documents if document.driving_force is not None]
    for (backend, element), members in groupby(sorted(known, key=group), key=group):
        forces: dict[str, list[float]] = {}
        for document in members:
            forces.setdefault(base_name(document.system), []).append(document.driving_force or 0.0)
        if len(forces) > 1:
            order = sorted(forces, key=lambda system: min(forces[system]))
            words = ", ".join(f"{system} ({_range(forces[system])} eV)" for system in order)
            sentences.append(
                f"From the strongest to the weakest drive of {element} into the metal [{backend}]: {words}."
            )
        elif any(len(values) > 1 for values in forces.values()):
            ((system, values),) = forces.items()
            sentences.append(
                f"Over {len(values)} interfaces of {system} [{backend}] the driving force ranges over "
                f"{_range(values)} eV."
            )
    return sentences


def _range(values: list[float]) -> str:
    low, high = number(min(values), 3, signed=True), number(max(values), 3, signed=True)
    return low if low == high else f"{low} to {high}"


def _part(document: InterdiffusionDoc, context: Context) -> Part:
    context.tell(f"interdiffusion of {document.element} in {document.system}")
    name = part_name(document)
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"{document.element} in {document.system}, {document.termination}"),
        facts=(
            f"{document.element} leaves layer {document.initial_layer} of the alloy; the metal has "
            f"{document.metal_layers} layers. Pristine interface {number(document.pristine_energy, 4)} eV; energies on "
            f"a plateau differ by at most {number(document.plateau_tolerance, 3)} eV; {document.code}."
        ).replace("layer -", "layer −")
        + prescreen_facts(document),
        tables=[
            Table(f"exchanges-{name}", _POINTS, [_row(document, index) for index in range(len(document.points))]),
            *prescreen_tables(document, name),
        ],
        pictures=[level_diagram(document, f"exchange-levels-{name}"), _stages(document, name)],
        scenes=[
            turning_scene(
                _views(document),
                f"scene-exchange-{name}",
                f"{document.element} in {document.system}",
                "The slider moves the atom from plane to plane, each relaxed; bonds join it to its neighbours.",
            )
        ],
    )


def _row(document: InterdiffusionDoc, index: int) -> dict:
    point = document.points[index]
    row = {column.key: getattr(point, column.key, None) for column in _POINTS}
    row["plateau"] = point.lowest and point.depth in document.plateau
    identity = document.calculation_ids.get(point.step)
    if identity:
        row["exchange_energy"] = Link(point.exchange_energy, f"calc-{identity}")
    row["_marked"] = point.lowest
    return row


def _views(document: InterdiffusionDoc) -> list[View]:
    start = document.points[0].alloy_atom
    views = [View(document.pristine, document.layer, "pristine\n0 eV", (start, start))]
    for point in document.lowest:
        energy = number(point.exchange_energy, 3, signed=True)
        views.append(
            View(point.structure, document.layer, f"depth {point.depth}\n{energy} eV", (point.metal_atom, start))
        )
    return views


def _stages(document: InterdiffusionDoc, name: str) -> Picture:
    return side_views(
        _views(document), f"exchanges-{name}", f"{document.element} on its way into {document.metal}",
        "The relaxed interfaces from the side. Red ring: the atom that moved; dashed ring: the place that it left.",
    )  # fmt: skip
