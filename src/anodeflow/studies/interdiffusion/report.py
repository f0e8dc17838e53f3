"""The section of a report on interdiffusion."""

from itertools import groupby, pairwise

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Picture,
    Section,
    Table,
    number,
)
from anodeflow.report.reference import base_name
from anodeflow.report.verdicts import alike, listed
from anodeflow.screening.report import prescreen_facts, prescreen_tables
from anodeflow.studies.interdiffusion.document import InterdiffusionDoc
from anodeflow.studies.interdiffusion.figures import interfaces_diagram, level_diagram
from anodeflow.studies.interface.view import View, side_views, turning_scene

_EXPLANATION = (
    "One atom of the alloy, out of its plane with the element that is nearest to the interface, changes places with an "
    "atom of the metal, one, two, three ... planes away, everything relaxed. The exchange energy is the total energy "
    "minus that of the pristine interface: negative when the exchange is downhill. Several pairs of atoms are "
    "exchanged at each depth, always the same of the alloy; the median and the range of their energies are given. The "
    "driving force is the median of all pairs on the whole plateau, successive planes of which neither the first nor "
    "the last ones stand out from the others; planes next to the metal's free face do not count, since the atom feels "
    "the vacuum there. A driving force that is no larger than the range of the pairs is undecided. The dilute limit is "
    "the same exchange in the bulks of both, far from any interface. Neither knows temperature: an atom of the element "
    "at the fraction x in the metal gains kT ln x from the entropy of mixing, and the atom that took its place in the "
    "alloy likewise. All energies belong to one model of the interface: its terminations, strain and registry are "
    "given above."
)
_POINTS = [
    Column("depth", "depth"),
    Column("sample", "pair"),
    Column("alloy_atom", "atom of the alloy"),
    Column("metal_atom", "atom of the metal"),
    Column("partner", "changed with"),
    Column("lateral", "lateral distance", "Å", 2),
    Column("exchange_energy", "exchange energy", "eV", 3, signed=True),
    Column("return_energy", "there and back", "eV", 3, signed=True),
    Column("final_layer", "rests in layer"),
    Column("rearranged", "others that left their places"),
    Column("plateau", "on the plateau"),
    Column("converged", "converged"),
]
_LEVELS = [
    Column("depth", "depth"),
    Column("pairs", "pairs"),
    Column("lowest", "lowest", "eV", 3, signed=True),
    Column("median", "median", "eV", 3, signed=True),
    Column("highest", "highest", "eV", 3, signed=True),
    Column("plateau", "on the plateau"),
]
_DILUTE = [
    Column("sites", "equivalent sites of the alloy's cell"),
    Column("exchange_energy", "exchange energy", "eV", 3, signed=True),
    Column("solution_energy", "atom into the metal", "eV", 3, signed=True),
    Column("antisite_energy", "atom of the metal in its place", "eV", 3, signed=True),
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
        answer=interdiffusion_answers(documents, context),
        explanation=_EXPLANATION,
        parts=[_part(document, context) for document in documents],
        pictures=pictures,
        verdicts=_verdicts(documents),
    )


def _verdicts(documents: list[InterdiffusionDoc]) -> list[str]:
    """Out of which interfaces the element is driven, and which hold it back."""
    sentences = []
    for (backend, element), mine in alike(documents, "backend", "element"):
        groups: dict[str, list[str]] = {}
        for each in mine:
            draw = "without a plateau" if each.driving_force is None else "undecided, of one pair of atoms a depth"
            words = each.verdict or draw
            force = "" if each.driving_force is None else f" ({number(each.driving_force, 3, signed=True)} eV)"
            groups.setdefault(words, []).append(f"{each.system}{force}")
        parts = "; ".join(f"{words}: {listed(names)}" for words, names in groups.items())
        sentences.append(f"Drive of {element} into the metal [{backend}]: {parts}.")
    return sentences


def interdiffusion_answers(documents: list[InterdiffusionDoc], context: Context) -> list[str]:
    """Return what the studies found, in sentences: of each interface, then of several compared."""
    return [_answer(document, context) for document in documents] + _orders(documents)


def _answer(document: InterdiffusionDoc, context: Context) -> str:
    """Whether the atom moves into the metal and by how much; the dilute limit, mixing, and what the paper says."""
    deepest = document.levels[-1]
    force = document.driving_force
    who = f"{document.element} {{}} {document.alloy} into {document.metal} ({document.system})"
    if force is None:
        text = (
            f"{document.element} from {document.alloy} in {document.metal} ({document.system}): "
            f"{number(deepest.median, 3, signed=True)} eV at depth {deepest.depth}, but no plateau, so no "
            "driving force can be given"
        )
    else:
        value = context.text(document, "driving_force", force, signed=True)
        where = f"plateau of depths {document.plateau[0]} to {document.plateau[-1]}"
        if document.verdict is None:
            text = f"{who.format('from')}: {value} eV on the {where}, of one pair of atoms a depth, which is a draw"
        else:
            low, high = (number(f(document.plateau_energies), 3, signed=True) for f in (min, max))
            pairs = (
                f"{value} eV, the median of {len(document.plateau_energies)} pairs on the {where} ({low} to {high} eV)"
            )
            verb = {"driven in": "is driven from", "held back": "is not driven from"}.get(document.verdict)
            text = f"{who.format(verb)}: {pairs}"
            if verb is None:
                text = (
                    f"Whether {who.format('is driven from')} is undecided: {pairs}, is no more than the pairs differ by"
                )
    strain = number(100 * document.von_mises_strain, 1)
    text += f"; for {document.termination} at a strain of {strain} % [{document.backend}]."
    if document.dilute:
        text += f" {_dilute_words(document)}"
    if force is not None:
        text += f" {_mixing_words(document, force)}"
    paper = context.published(document, "exchange_energy")
    if paper and paper.entry.note:
        text += f" {paper.source}: {paper.entry.note}"
    return text


def _dilute_words(document: InterdiffusionDoc) -> str:
    """The dilute limit over the sites of the alloy."""
    return f"In the dilute limit, in the bulks, it is {_range([each.exchange_energy for each in document.dilute])} eV."


def _mixing_words(document: InterdiffusionDoc, force: float) -> str:
    """What the entropy of mixing is worth beside the driving force."""
    mixing = document.mixing_energy
    text = (
        f"Mixing adds kT ln x = {number(mixing, 3, signed=True)} eV for a fraction x = {document.mixing_fraction:g} of "
        f"{document.element} at {document.mixing_temperature:g} K"
    )
    soluble = document.soluble_fractions
    if soluble is None:
        size = "more" if abs(force) < abs(mixing) else "less"
        return f"{text}, {size} than the driving force itself."
    least, both = soluble
    verb = "may outweigh" if least <= document.mixing_fraction < both else "does not outweigh"
    verb = "outweighs" if least > document.mixing_fraction else verb
    return (
        f"{text}, which {verb} the driving force: the fraction that it takes in is {least:.2g} at least, and "
        f"{both:.2g} where the atoms of {document.metal} in the alloy are as dilute."
    )


def _orders(documents: list[InterdiffusionDoc]) -> list[str]:
    """For each backend and element with several interfaces: from which it is driven most, and the range of each."""

    def group(document: InterdiffusionDoc) -> tuple[str, str]:
        return document.backend, document.element

    sentences = []
    known = [document for document in documents if document.driving_force is not None]
    for (backend, element), members in groupby(sorted(known, key=group), key=group):
        forces: dict[str, list[float]] = {}
        pairs: dict[str, list[float]] = {}
        for document in members:
            forces.setdefault(base_name(document.system), []).append(document.driving_force or 0.0)
            pairs.setdefault(base_name(document.system), []).extend(document.plateau_energies)
        if len(forces) > 1:
            order = sorted(forces, key=lambda system: min(forces[system]))
            words = ", ".join(f"{system} ({_range(forces[system])} eV)" for system in order)
            sentence = f"From the strongest to the weakest drive of {element} into the metal [{backend}]: {words}"
            mixed = [f"{a} and {b}" for a, b in pairwise(order) if max(pairs[a]) >= min(pairs[b])]
            if mixed:
                sentence += f"; the pairs of {', '.join(mixed)} overlap, so that order is uncertain"
            sentences.append(f"{sentence}.")
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
            f"{document.metal_layers} layers. Pristine interface {number(document.pristine_energy, 4)} eV; "
            f"{document.code}."
        ).replace("layer -", "layer −")
        + prescreen_facts(document),
        tables=[*_tables(document, name), *prescreen_tables(document, name)],
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


def _tables(document: InterdiffusionDoc, name: str) -> list[Table]:
    points = [_row(document, index) for index in range(len(document.points))]
    levels = [level.model_dump() | {"plateau": level.depth in document.plateau} for level in document.levels]
    dilute = [
        {column.key: getattr(each, column.key) for column in _DILUTE} | {"sites": ", ".join(map(str, each.sites))}
        for each in document.dilute
    ]
    several = len(points) > len(levels)
    tables = [Table(f"exchange-levels-{name}", _LEVELS, levels, "Median and range at each depth")] if several else []
    tables.append(Table(f"exchanges-{name}", _POINTS, points, "Exchanges", folded=several))
    if dilute:
        atoms = " and ".join(map(str, document.dilute_atoms or ()))
        title = f"Dilute limit, in supercells of {atoms} atoms of alloy and metal"
        tables.append(Table(f"dilute-limit-{name}", _DILUTE, dilute, title))
    return tables


def _row(document: InterdiffusionDoc, index: int) -> dict:
    point = document.points[index]
    row = {column.key: getattr(point, column.key, None) for column in _POINTS}
    row["plateau"] = point.depth in document.plateau and point.stayed and not point.rearranged
    identity = document.calculation_ids.get(point.step)
    if identity:
        row["exchange_energy"] = Link(point.exchange_energy, f"calc-{identity}")
    return row


def _views(document: InterdiffusionDoc) -> list[View]:
    start = document.typical[0].alloy_atom
    views = [View(document.pristine, document.layer, "pristine\n0 eV", (start, start))]
    for point in document.typical:
        energy = number(point.exchange_energy, 3, signed=True)
        label = f"depth {point.depth}\n{energy} eV"
        views.append(View(point.structure, document.layer, label, (point.metal_atom, point.alloy_atom)))
    return views


def _stages(document: InterdiffusionDoc, name: str) -> Picture:
    return side_views(
        _views(document), f"exchanges-{name}", f"{document.element} on its way into {document.metal}",
        "The relaxed interfaces from the side, the first pair of atoms at each depth. Red ring: the atom that moved; "
        "dashed ring: the place that it left.",
    )  # fmt: skip
