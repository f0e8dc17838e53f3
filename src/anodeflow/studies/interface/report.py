"""The section of a report on interfaces: how the crystals were matched, and what became of them."""

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patches import Polygon

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Picture,
    Section,
    Table,
    number,
)
from anodeflow.report.palette import GREY, INK, MARK
from anodeflow.report.verdicts import alike, listed
from anodeflow.screening.report import prescreen_facts, prescreen_tables
from anodeflow.structures.interface.registry import shift_cell
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.interface.view import View, side_views, turning_scene

_EXPLANATION = (
    "The alloy lies below, the metal on top; both share one cell, for which the side that is named is strained. The "
    "von Mises strain measures it (0: none). Of turns of the metal that need the same strain one is taken: on faces of "
    "threefold symmetry, as fcc (111), the crystals may lie parallel or as twins. The metal is shifted sideways "
    "against the alloy with nothing relaxed; from the lowest of these shifts all atoms are relaxed. The work of "
    "separation is what it takes to part both sides into relaxed slabs of the same strain, positive when they hold "
    "together. Studies of exchanges and vacancies rest on this one relaxed interface, so their numbers belong to its "
    "strain, its terminations and its registry."
)
_CANDIDATES = [
    Column("termination", "planes that meet"),
    Column("atoms", "atoms"),
    Column("von_mises_strain", "von Mises strain", "%", 2),
    Column("area", "area", "Å²", 1),
    Column("width", "width", "Å", 1),
    Column("reason", "why not taken"),
]
_STRAIN = [
    Column("side", "side"),
    Column("xx", "strain xx", "%", 2, signed=True),
    Column("yy", "strain yy", "%", 2, signed=True),
    Column("xy", "strain xy", "%", 2, signed=True),
    Column("supercell", "cell in units of its surface cell"),
    Column("layer", "middle layer"),
    Column("coordination", "its neighbours", "", 1),
    Column("bulk_coordination", "in the strained bulk", "", 1),
    Column("neighbour_distance", "their distance", "Å", 3),
    Column("bulk_neighbour_distance", "in the strained bulk", "Å", 3),
    Column("like_bulk", "like the bulk"),
]
_REGISTRY = [
    Column("index", "shift"),
    Column("x", "x", "Å", 2),
    Column("y", "y", "Å", 2),
    Column("copies", "equivalent shifts"),
    Column("energy", "energy over the lowest", "eV", 3),
]


def interfaces_section(documents: list[InterfaceDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all interfaces of a campaign."""
    return Section(
        title="Interfaces",
        answer=[_answer(document) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document, context) for document in documents],
        verdicts=_verdicts(documents),
    )


def _verdicts(documents: list[InterfaceDoc]) -> list[str]:
    """How much the cells are strained, and whose middles do not look like their bulks any more."""
    sentences = []
    for (backend,), mine in alike(documents, "backend"):
        strains = [f"{each.system} {number(100 * each.von_mises_strain, 2)} %" for each in mine]
        text = f"Von Mises strain: {listed(strains)} [{backend}]"
        changed = [each.system for each in mine if not all(plane.like_bulk for plane in each.middle_layers)]
        sentences.append(f"{text}{f'; not like the bulk in the middle: {listed(changed)}' if changed else ''}.")
    return sentences


def _answer(document: InterfaceDoc) -> str:
    """One sentence for one interface: cell, strain, how strongly it holds, whether its sides are still themselves."""
    strained = "both sides" if document.strained == "shared" else f"the {document.strained}"
    text = (
        f"{document.system} ({document.termination}): {document.atoms} atoms with a von Mises strain of "
        f"{number(100 * document.von_mises_strain, 2)} % in {strained}"
    )
    if document.work_of_separation is not None:
        text += f"; its work of separation is {number(document.work_of_separation, 2)} J/m²"
    changed = [plane.side for plane in document.middle_layers if not plane.like_bulk]
    if changed:
        text += f"; the middle of the {' and of the '.join(changed)} does not look like its bulk any more"
    return f"{text} [{document.backend}]."


def _part(document: InterfaceDoc, context: Context) -> Part:
    context.tell(f"interface {document.system}")
    name = part_name(document)
    view = View(document.structure, document.layer, "relaxed")
    pictures = [
        side_views(
            [view],
            f"interface-{name}",
            f"{document.system}, {document.termination}",
            "The relaxed interface from the side; planes are counted away from the interface.",
        )
    ]
    if len(document.registry) > 1:
        pictures.append(registry_map(document, f"registry-{name}"))
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"{document.system}, {document.termination}"),
        facts=(
            f"{document.alloy} below {document.metal}, {document.atoms} atoms, area {number(document.area, 1)} Å²; the "
            f"planes at the interface lie {number(document.gap, 2)} Å apart ({number(document.initial_gap, 2)} Å "
            f"before the relaxation); {document.code}."
        )
        + prescreen_facts(document),
        tables=_tables(document, name) + prescreen_tables(document, name),
        pictures=pictures,
        scenes=[
            turning_scene(
                [view],
                f"scene-interface-{name}",
                f"{document.system}, {document.termination}",
                "The relaxed interface; atoms of the metal are paler. A click on a name in the legend hides "
                "these atoms.",
            )
        ],
    )


def _tables(document: InterfaceDoc, name: str) -> list[Table]:
    strains = []
    for plane in document.middle_layers:
        strain = document.alloy_strain if plane.side == "alloy" else document.metal_strain
        supercell = document.alloy_supercell if plane.side == "alloy" else document.metal_supercell
        row = {column.key: getattr(plane, column.key, None) for column in _STRAIN}
        row |= {key: 100 * value for key, value in zip(("xx", "yy", "xy"), strain, strict=True)}
        row["supercell"] = "; ".join(" ".join(map(str, vector)) for vector in supercell).replace("-", "−")
        strains.append(row)
    candidates = [
        {column.key: getattr(candidate, column.key) for column in _CANDIDATES}
        | {"von_mises_strain": 100 * candidate.von_mises_strain, "_marked": candidate.chosen}
        for candidate in document.candidates
    ]
    registry = []
    for index, point in enumerate(document.registry):
        identity = document.calculation_ids.get(f"registry {index}")
        energy = Link(point.energy, f"calc-{identity}") if identity and point.energy is not None else point.energy
        registry.append(
            {"index": index, "x": point.displacement[0], "y": point.displacement[1], "copies": point.copies,
             "energy": energy, "_marked": index == document.best_registry}
        )  # fmt: skip
    return [
        Table(f"strain-{name}", _STRAIN, strains, "Strain of both sides, and their middle planes against the bulk"),
        Table(f"cells-{name}", _CANDIDATES, candidates, "Common cells that were considered", folded=True),
        Table(f"registry-{name}", _REGISTRY, registry, "Lateral shifts", folded=True),
    ]


@drawn_later
def registry_map(document: InterfaceDoc, name: str) -> Picture:
    """Draw the energies of the lateral shifts of the metal, in the cell of the shifts that differ."""
    plane = document.structure.lattice.matrix[:2, :2]
    vectors = shift_cell(np.array(document.alloy_supercell), np.array(document.metal_supercell), plane)
    done = [(point, point.energy) for point in document.registry if point.energy is not None]
    places = np.array([point.displacement for point, _ in done])
    energies = np.array([energy for _, energy in done])
    # Into the cell whose corner is the shift that was taken for the start.
    steps = places @ np.linalg.inv(vectors)
    places = (steps - np.floor(steps + 1e-6)) @ vectors
    around = [np.array([i, j]) @ vectors for i in (-1, 0, 1) for j in (-1, 0, 1)]
    corners = np.array([[0, 0], vectors[0], vectors[0] + vectors[1], vectors[1]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    pad = 0.25 * float((high - low).max())
    figure = new_figure(4.4, 4.1)
    axes = figure.subplots()
    highest = max(float(energies.max()), 1e-3)
    scaling = Normalize(0, highest)
    images = np.concatenate([places + shift for shift in around])
    shown = np.all((images > low - 0.9 * pad) & (images < high + 0.9 * pad), axis=1)
    x, y = images[shown].T
    dots = axes.scatter(x, y, c=np.tile(energies, len(around))[shown], cmap="viridis_r", norm=scaling, s=360,
                        edgecolors="white", zorder=3)  # fmt: skip
    axes.add_patch(Polygon(corners, fill=False, edgecolor=INK, lw=1.0, ls=(0, (4, 3)), zorder=2))
    best = document.registry[document.best_registry]
    for (point, energy), place in zip(done, places, strict=True):
        words = number(energy, 2 if energy < 9.995 else 1)
        axes.annotate(words, place, ha="center", va="center", fontsize=6.5, zorder=4,
                      color="white" if energy > 0.5 * highest else INK)  # fmt: skip
        if point is best:
            axes.scatter([place[0]], [place[1]], s=540, facecolors="none", edgecolors=MARK, linewidths=2, zorder=5)
    axes.set(xlim=(low[0] - pad, high[0] + pad), ylim=(low[1] - pad, high[1] + pad), aspect="equal")
    axes.set_xlabel("shift along x (Å)", fontsize=9)
    axes.set_ylabel("shift along y (Å)", fontsize=9)
    axes.tick_params(labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(GREY)
    bar = figure.colorbar(dots, ax=axes, shrink=0.8)
    bar.set_label("energy over the lowest (eV per cell)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(f"Lateral shifts of {document.metal} on {document.alloy}", fontsize=10, color=INK)
    return save(figure, name, "Energy of the interface, nothing relaxed, for shifts of the metal; dashed: the cell "
                "outside of which shifts repeat. Ring: the shift that was relaxed.")  # fmt: skip
