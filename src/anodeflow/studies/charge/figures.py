"""Figures of a charge-density difference: its isosurfaces around the adatom, and what each plane holds of it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from anodeflow.report.colours import colour, radius
from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number, scientific
from anodeflow.report.palette import ACCUMULATION, DEPLETION, GREY, INK, MARK
from anodeflow.report.view3d.fields import Field, Mesh
from anodeflow.report.view3d.neighbourhood import Neighbourhood, around_adatom
from anodeflow.report.view3d.painter import Camera, Painting
from anodeflow.structures.geometry.positions import images_in_plane
from anodeflow.studies.charge.document import ChargeDoc

_PIXELS = 50
"""Pixels per Å of a painting."""


def common_isovalue(documents: Sequence[ChargeDoc]) -> float:
    """Return the one value, e/Å³, at which the differences of all documents are drawn, so that they can be compared.

    The least of the documents' own: all of them have surfaces there.
    """
    return float(f"{min(document.difference.isovalue for document in documents):.1g}")


def difference_surfaces(document: ChargeDoc, isovalue: float) -> list[tuple[str, str, Mesh]]:
    """Return (name, colour, surface) of accumulation and depletion at ± `isovalue`, the adatom in the middle."""
    structure, difference = document.structure, document.difference
    field = Field.from_document(difference.grid).centred(structure.cart_coords[-1], structure.lattice.matrix)
    found = []
    for name, shade, sign in (("accumulation", ACCUMULATION, 1), ("depletion", DEPLETION, -1)):
        mesh = field.isosurface(sign * isovalue)
        if mesh is not None:
            found.append((name, shade, mesh))
    return found


@drawn_later
def isosurface_picture(document: ChargeDoc, isovalue: float, name: str) -> Picture:
    """Paint the isosurfaces at ± `isovalue` (e/Å³) with the atoms below them, from the side and from above."""
    atoms = around_adatom(document.structure)
    surfaces = difference_surfaces(document, isovalue)
    figure = new_figure(6.2, 3.6)
    side, top = figure.subplots(1, 2, width_ratios=(1.15, 1))
    for axes, camera, title in (
        (side, Camera(-72, 14), "from the side"),
        (top, Camera(-90, 90), "from above"),
    ):
        painting = _painting(atoms, surfaces, camera, with_floor=title == "from the side")
        _show(axes, painting, title)
        if title == "from the side":
            _label_adatom(axes, painting, atoms, document)
    figure.suptitle(
        f"Charge-density difference of {document.adsorbate} on {document.system}, {document.site_label}",
        fontsize=10, color=INK,
    )  # fmt: skip
    value = f"{isovalue:.2g} e/Å³"
    handles: list[Patch | Line2D] = [
        Patch(color=ACCUMULATION, label=f"electrons gather (+{value})"),
        Patch(color=DEPLETION, label=f"electrons leave (−{value})"),
    ]
    handles += [
        Line2D([], [], ls="", marker="o", ms=8, mfc=tuple(colour(e)), mec=INK, mew=0.6, label=e)
        for e in dict.fromkeys(s for n, s in enumerate(atoms.species) if n != atoms.centre)
    ]
    handles.append(Line2D([], [], ls="", marker="o", ms=8, mfc=MARK, mec=INK, mew=0.6, label="adatom"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return save(
        figure,
        name,
        f"ρ(slab + {document.adsorbate}) − ρ(slab) − ρ({document.adsorbate}), isosurfaces at ±{value}, the same "
        f"for all surfaces here: accumulation yellow, depletion blue; the adatom is orange. It {_verb(document)} by "
        "its Bader basin.",
    )


@drawn_later
def planar_average(document: ChargeDoc, name: str) -> Picture:
    """Draw the difference integrated over planes parallel to the surface, with the heights of the atoms."""
    z, average = np.array(document.difference.z), np.array(document.difference.planar_average)
    # The slab may cross the edge of the cell: heights run on from its lowest atom.
    atoms = around_adatom(document.structure)
    heights = atoms.positions[:, 2]
    period = len(z) * (z[1] - z[0])
    low = heights.min() - 3.0
    shifted = np.mod(z - low, period) + low
    order = np.argsort(shifted)
    x, y = shifted[order], average[order]
    inside = x < heights.max() + 5.0
    x, y = x[inside], y[inside]

    figure = new_figure(4.9, 3.4)
    axes = figure.subplots()
    axes.fill_between(x, y, where=(y > 0).tolist(), color=ACCUMULATION, alpha=0.85, lw=0, interpolate=True)
    axes.fill_between(x, y, where=(y < 0).tolist(), color=DEPLETION, alpha=0.85, lw=0, interpolate=True)
    axes.plot(x, y, color=INK, lw=1.1)
    axes.axhline(0, color=GREY, lw=0.8)
    span = float(np.ptp(y)) or 1.0
    axes.set_ylim(y.min() - 0.12 * span, y.max() + 0.30 * span)
    rail = y.max() + 0.17 * span
    elements = list(dict.fromkeys(atoms.species))
    for species, height, index in zip(atoms.species, heights, atoms.indices, strict=True):
        adatom = index == len(document.structure) - 1
        axes.plot([height, height], [y.min() - 0.12 * span, rail], color="#c5ccd3", lw=0.6, zorder=0)
        row = rail - 0.075 * span * (0 if adatom else elements.index(species))
        axes.plot(height, row, "o", ms=7, mfc=tuple(colour(species)), mec=MARK if adatom else INK,
                  mew=1.6 if adatom else 0.6, clip_on=False, zorder=4)  # fmt: skip
    for rank, element in enumerate(elements):
        axes.annotate(element, (0, rail - 0.075 * span * rank), (4, 0), xycoords=("axes fraction", "data"), fontsize=8,
                      textcoords="offset points", va="center", color=INK)  # fmt: skip
    axes.annotate("adatom", (heights[atoms.centre], rail), (0, 7), textcoords="offset points", ha="center",
                  fontsize=8, color=MARK)  # fmt: skip
    axes.set_xlim(x[0], x[-1])
    axes.set_xlabel("height z (Å)", fontsize=9)
    axes.set_ylabel("density difference in the plane (e/Å)", fontsize=9)
    axes.tick_params(labelsize=8)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.set_title(
        f"Density difference plane by plane, {document.adsorbate} on {document.system}", fontsize=10, color=INK
    )
    moved = number(document.difference.accumulated, 2)
    return save(
        figure,
        name,
        f"The difference integrated over planes parallel to the surface; dots: heights of the atoms. {moved} e change "
        f"place; the whole integrates to {scientific(document.difference.integral)} e.",
    )


def _painting(
    atoms: Neighbourhood, surfaces: list[tuple[str, str, Mesh]], camera: Camera, with_floor: bool
) -> Painting:
    painting = Painting(camera)
    depths = painting.project(atoms.positions)[:, 2]
    far = np.ptp(depths) or 1.0
    for index, (species, position, depth) in enumerate(zip(atoms.species, atoms.positions, depths, strict=True)):
        fade = 0.45 * (depths.max() - depth) / far
        # The adatom has its own colour: on a slab of its own element it would not be found.
        shade = np.array(to_rgb(MARK)) if index == atoms.centre else colour(species)
        painting.balls.append((position, 0.78 * radius(species), shade, float(fade)))
    for start, end in atoms.bonds:
        painting.stick(atoms.positions[start], atoms.positions[end], 0.09, np.array(to_rgb("#8d99a6")))
    if with_floor:
        for corner, following in zip(atoms.corners, np.roll(atoms.corners, -1, axis=0), strict=True):
            painting.stick(corner, following, 0.025, np.array(to_rgb(INK)))
    painting.surfaces += [(mesh, np.array(to_rgb(shade)), 0.5) for _, shade, mesh in surfaces]
    return painting


def _show(axes: Axes, painting: Painting, title: str) -> None:
    extent = painting.extent()
    axes.imshow(painting.paint(extent, _PIXELS), extent=extent, interpolation="antialiased")
    axes.set_axis_off()
    axes.set_title(title, fontsize=8, color=GREY)


def _label_adatom(axes: Axes, painting: Painting, atoms: Neighbourhood, document: ChargeDoc) -> None:
    x, y, _ = painting.project(atoms.positions[[atoms.centre]])[0]
    top = painting.extent()[3]
    axes.annotate(
        f"adatom\n{_verb(document)}", (x, y), (x + 2.3, top), fontsize=8.5, color=INK, va="top", ha="left",
        annotation_clip=False, zorder=5, arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.8},
    )  # fmt: skip


def _verb(document: ChargeDoc) -> str:
    word = "gives" if document.charge_donated >= 0 else "accepts"
    return f"{word} {abs(document.charge_donated):.2f} e"


def in_middle(document: ChargeDoc, points: NDArray) -> NDArray:
    """Return Cartesian points (N, 3), Å, each in its periodic image nearest to the adatom in the plane."""
    adatom = document.structure.cart_coords[-1]
    return adatom + images_in_plane(document.structure.lattice, points - adatom)
