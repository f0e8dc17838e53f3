"""Where an adatom goes on a surface: the images of a hop, and the graph of minima and hops."""

from itertools import pairwise

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch
from numpy.typing import NDArray
from pymatgen.core import Structure

from anodeflow.report.colours import radius
from anodeflow.report.figures import new_figure, save
from anodeflow.report.labels import Label, write_labels
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number
from anodeflow.report.palette import GREEN, GREY, INK, MARK, OURS, PURPLE, SKY
from anodeflow.report.view3d.atoms import (
    SlabView,
    draw_side,
    draw_top,
    legend,
    top_limits,
)
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.hop_document import Hop
from anodeflow.studies.diffusion.paths import exchange_positions, path_positions

_HEAT = "YlOrRd"
_RING = [(np.cos(turn), np.sin(turn)) for turn in np.linspace(0, 2 * np.pi, 16, endpoint=False)]


@drawn_later
def hop_images(document: DiffusionDoc, hop: Hop, name: str) -> Picture:
    """Draw the adatom of every image of a hop on the surface, from above and from the side, coloured by energy.

    Of an exchange the atom that moves on is drawn, too.
    """
    moving = [-1] if hop.exchanged_with is None else [-1, hop.exchanged_with]
    slab = without(hop.images[0], moving)
    view = SlabView(slab)
    chains = [view.path_in_frame(path_positions(hop.images))]
    if hop.exchanged_with is not None:
        chains.append(view.path_in_frame(exchange_positions(hop)))
    places = np.concatenate(chains)
    low, high = top_limits(view, places)
    width, height = high - low
    rise = float(max(places[:, 2].max(), view.positions[:, 2].max()) - view.positions[:, 2].min()) + 3.8
    scale = min(3.1 / width, 3.6 / max(height, rise))
    figure = new_figure(2 * width * scale + 1.2, max(height, rise) * scale + 0.95)
    top, side = figure.subplots(1, 2)
    draw_top(top, view, None, faint=0.3, points=places)
    draw_side(side, view, None, faint=0.3, points=places)
    energies = np.array([point.energy for point in hop.profile])
    colours = ScalarMappable(Normalize(min(energies.min(), 0), energies.max()), _HEAT)
    saddle = hop.saddle_image
    # Small enough that the numbers of neighbouring images show.
    spacing = float(np.median([np.linalg.norm(np.diff(chain, axis=0), axis=1) for chain in chains]))
    size = min(0.55 * radius(hop.images[0][-1].specie.symbol), max(0.62 * spacing, 0.25))
    crowded = spacing * scale < 0.16  # inches from number to number
    for axes, points, order in ((top, places[:, :2], places[:, 2]), (side, places[:, [0, 2]], -places[:, 1])):
        for chain in np.split(points, len(chains)):
            axes.plot(*chain.T, color=INK, lw=0.9, zorder=805)
        for place, spot in enumerate(np.argsort(order)):
            rank = int(spot) % len(hop.images)
            axes.add_patch(
                Circle(tuple(points[spot]), size, facecolor=colours.to_rgba(energies[rank]), zorder=810 + place,
                       edgecolor=MARK if rank == saddle else INK, lw=2.0 if rank == saddle else 0.7, alpha=0.92)
            )  # fmt: skip
            if crowded and rank not in (0, saddle, len(hop.images) - 1):
                continue
            axes.text(*points[spot], str(rank), fontsize=7, ha="center", va="center", zorder=810.5 + place,
                      color="white" if energies[rank] > 0.6 * energies.max() else INK)  # fmt: skip
    bar = figure.colorbar(colours, ax=side, shrink=0.7, aspect=25)
    bar.set_label("energy (eV)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(
        f"Hop {hop.index} of {document.adsorbate} on {document.system}: minimum {hop.initial} → {hop.final}"
        f"{', exchange' if hop.is_exchange else ''}",
        fontsize=10, color=INK,
    )  # fmt: skip
    legend(figure, view, with_adatom=False)
    who = "The adatom and the atom whose place it takes" if hop.is_exchange else "The adatom"
    return save(figure, name, f"{who} in the {len(hop.images)} images, numbered along the hop; the saddle has a "
                "red rim. The slab is that of the first image.")  # fmt: skip


@drawn_later
def hop_graph(document: DiffusionDoc, name: str) -> Picture:
    """Draw minima, with their copies by the lattice and where hops end, and one copy of each hop with its barrier."""
    view = SlabView(document.slab)
    minima = view.in_frame(np.array([minimum.position for minimum in document.minima]))[:, :2]
    cell = view.turned(np.array(document.surface_cell))
    ways = _ways(document, view, minima)
    ends = np.concatenate([minima, *(np.array([start, end]) for _, start, end in ways)])
    low, high = top_limits(view, ends)
    width, height = high - low
    scale = 4.2 / max(width, height)
    figure = new_figure(max(width * scale + 0.4, 3.2), height * scale + 1.0)
    axes = figure.subplots()
    draw_top(axes, view, None, faint=0.45, points=ends)
    shades = {index: plot_colour(index) for index in range(len(minima))}
    copies = [(index, place) for index, place in _copies(minima, ways, cell) if np.all((place > low) & (place < high))]
    for index, place in copies:
        axes.add_patch(
            Circle(tuple(place), 0.3, facecolor=shades[index], edgecolor="white", lw=0.8, alpha=0.5, zorder=840)
        )
    on_path = {step.hop for step in document.path.steps} if document.path else set()
    labels: list[Label] = []
    lines = [np.add(place, 0.4 * np.array(_RING)) for place in [*minima, *(place for _, place in copies)]]
    for hop, start, end in ways:
        done = hop.barrier_forward is not None
        shade = MARK if hop.index in on_path else INK if done else GREY
        stops = [start, end]
        if hop.exchanged_at is not None:  # to the atom, and from there on
            away = np.append(np.array(hop.exchanged_at) - document.minima[hop.initial].position[:2], 0.0)
            stops.insert(1, start + view.turned(away[None, :2])[0])
        for here, there in pairwise(stops):
            axes.add_patch(
                FancyArrowPatch(
                    tuple(here), tuple(there), arrowstyle="-|>", mutation_scale=11, color=shade, zorder=860,
                    lw=2.2 if hop.index in on_path else 1.4, ls="-" if done else (0, (3, 2)), shrinkA=9,
                    shrinkB=9 if there is end else 2, connectionstyle="arc3,rad=0.12",
                )
            )  # fmt: skip
            along = there - here
            bend = here + 0.5 * along + 0.12 * np.array([along[1], -along[0]])
            t = np.linspace(0, 1, 40)[:, None]
            lines.append((1 - t) ** 2 * here + 2 * t * (1 - t) * bend + t**2 * there)
        words = f"{number(hop.barrier_forward, 3)} eV" if hop.barrier_forward is not None else hop.state
        # The middle of the arrow, the last one, on the side to which it bends.
        x, y = 0.5 * (stops[-2] + end) + 0.06 * np.array([along[1], -along[0]])
        label = Label(x, y, f"hop {hop.index}\n{words}", shade, size=7.5, weight="bold", gap=3)
        labels.insert(0, label) if hop.index in on_path else labels.append(label)
    for index, minimum in enumerate(minima):
        axes.add_patch(Circle(tuple(minimum), 0.42, facecolor=shades[index], edgecolor="white", lw=1.2, zorder=870))
        axes.text(minimum[0], minimum[1], str(index), color="white", fontsize=8.5, ha="center", va="center", zorder=880)
    figure.suptitle(f"Minima and hops of {document.adsorbate} on {document.system}", fontsize=10, color=INK)
    handles = [
        Line2D([], [], ls="", marker="o", ms=9, mfc=shades[m.index], mec="white",
               label=f"{m.index}: {m.label}, {number(m.energy, 3)} eV")
        for m in document.minima
    ]  # fmt: skip
    handles.append(Line2D([], [], color=MARK, lw=2.2, label="on the cheapest path"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    write_labels(axes, labels, np.concatenate(lines))
    exchanges = (
        " Two arrows: an exchange with the atom where they meet." if any(h.is_exchange for h, *_ in ways) else ""
    )
    return save(figure, name, "Distinct minima (numbers; paler: copies by the lattice and at the ends of hops) with "
                "their energies over the lowest, and one copy of each distinct hop with its barrier forward."
                f"{exchanges}")  # fmt: skip


def without(structure: Structure, atoms: list[int]) -> Structure:
    """Return a slab without some atoms."""
    slab = structure.copy()
    slab.remove_sites([atom % len(slab) for atom in atoms])
    return slab


def plot_colour(index: int) -> str:
    """Return the colour of a minimum."""
    return (OURS, GREEN, PURPLE, "#8a6d00", SKY, INK)[index % 6]


def _copies(minima: NDArray, ways: list[tuple[Hop, NDArray, NDArray]], cell: NDArray) -> list[tuple[int, NDArray]]:
    """Return where minima are again, each with its number: by the lattice, and by it where hops end.

    A hop may end at a copy by a rotation, which no vector of the lattice leads to.
    """
    seeds = [*enumerate(minima), *((hop.final, end) for hop, _, end in ways)]
    found: list[tuple[int, NDArray]] = []
    for index, seed in seeds:
        shift = [np.linalg.solve(cell.T, place - seed) for known, place in found if known == index]
        if any(np.allclose(each, np.rint(each), atol=0.05) for each in shift):
            continue
        steps = np.array([(i, j) for i in range(-4, 5) for j in range(-4, 5)])
        found += [(index, seed + step @ cell) for step in steps]
    return found


def _ways(document: DiffusionDoc, view: SlabView, minima: NDArray) -> list[tuple[Hop, NDArray, NDArray]]:
    """Every hop that was not split, with its start and its end in the frame of the view."""
    hops = [hop for hop in document.hops if hop.state != "split"]
    moves = view.turned(np.array([hop.displacement for hop in hops]).reshape(-1, 2))
    return [(hop, minima[hop.initial], minima[hop.initial] + move) for hop, move in zip(hops, moves, strict=True)]
