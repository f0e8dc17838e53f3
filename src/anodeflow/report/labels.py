"""Writes words beside points of a figure where they hide neither curves nor each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

_REACH = (7.0, 13.0, 20.0, 28.0, 38.0)
"""How far from its point a label may stand, points; the nearest first."""
_OVER_WORDS, _OVER_CURVE, _OVER_MARK, _OUTSIDE = 100.0, 6.0, 5.0, 200.0


@dataclass(frozen=True)
class Label:
    """Words at a point of the axes.

    Attributes
    ----------
    x, y
        The point, in units of the axes.
    words, colour, size, weight
        What is written, and how.
    gap
        How much further away it stands, points: there is a mark of about this radius at the point.
    sides
        Directions from the point in which it may stand, degrees from the right; the best first.
    """

    x: float
    y: float
    words: str
    colour: str
    size: float = 8
    weight: str = "normal"
    gap: float = 0
    sides: tuple[float, ...] = (90, 270, 45, 135, 315, 225, 0, 180)


def write_labels(axes: Axes, labels: Sequence[Label], curves: NDArray | None = None) -> None:
    """Write labels, the first ones with the first choice; the limits of the axes and all else must be there.

    Parameters
    ----------
    axes
        Where.
    labels
        What, in the order of their importance.
    curves
        Points (n, 2) in units of the axes that should stay visible; none: only the other labels count.
    """
    texts = [
        axes.annotate(
            label.words, (label.x, label.y), (0, 0), textcoords="offset points", ha="center", va="center",
            fontsize=label.size, color=label.colour, weight=label.weight, zorder=900, annotation_clip=False,
        )
        for label in labels
    ]  # fmt: skip
    for text in texts:
        text.set_in_layout(False)
    _written[axes] = (list(labels), texts, curves)
    figure = cast(Figure, axes.figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)  # where the axes will stand
    _place(axes)


def write_row(axes: Axes, texts: Sequence[Annotation]) -> None:
    """Note words side by side, what matters most first: those that would lie on an earlier one are hidden."""
    _rows[axes] = list(texts)


def thin_out(figure: Figure) -> None:
    """Hide those words of rows that would lie on others, in a figure that is laid out."""
    renderer = cast(FigureCanvasAgg, figure.canvas).get_renderer()
    for texts in (_rows[axes] for axes in figure.axes if axes in _rows):
        kept: list[Bbox] = []
        for text in texts:
            text.set_visible(True)
            box = text.get_window_extent(renderer)
            text.set_visible(not any(box.overlaps(other) for other in kept))
            if text.get_visible():
                kept.append(box)


def place_again(figure: Figure) -> None:
    """Find new places for all labels of a figure whose size has changed and that is laid out."""
    thin_out(figure)
    for axes in figure.axes:
        if axes in _written:
            _place(axes)


_written: WeakKeyDictionary[Axes, tuple[list[Label], list[Annotation], NDArray | None]] = WeakKeyDictionary()
"""What was written on axes, for as long as they live."""
_rows: WeakKeyDictionary[Axes, list[Annotation]] = WeakKeyDictionary()


def _place(axes: Axes) -> None:
    labels, texts, curves = _written[axes]
    figure = cast(Figure, axes.figure)
    renderer = cast(FigureCanvasAgg, figure.canvas).get_renderer()
    point = figure.dpi / 72
    frame = axes.get_window_extent(renderer)
    low, high = np.array([frame.x0, frame.y0]), np.array([frame.x1, frame.y1])
    shown = np.empty((0, 2)) if curves is None else axes.transData.transform(np.asarray(curves))
    taken: list[tuple[NDArray, NDArray]] = []
    for label, text in zip(labels, texts, strict=True):
        box = text.get_window_extent(renderer)
        half = np.array([box.width, box.height]) / 2
        at = axes.transData.transform((label.x, label.y))
        best: tuple[float, NDArray] | None = None
        for rank, reach in enumerate(_REACH):
            for turn, side in enumerate(label.sides):
                way = np.array([np.cos(np.radians(side)), np.sin(np.radians(side))])
                # The nearest edge of the words, not their middle, stands `reach` away.
                step = way * ((reach + label.gap) * point + np.abs(way) * np.maximum(half - 5 * point, 0))
                middle = at + step
                gap = 1.5 * point
                cost = 2.0 * rank + 0.4 * turn
                cost += _OVER_WORDS * sum(
                    bool(np.all(np.abs(other - middle) < half + size + gap)) for other, size in taken
                )
                free = np.linalg.norm(np.maximum(np.abs(step) - half, 0)) / point
                cost += _OVER_MARK * bool(label.gap and free < label.gap + 1.5)
                cost += _OVER_CURVE * min(int(np.count_nonzero(np.all(np.abs(shown - middle) < half, axis=1))), 10)
                cost += _OUTSIDE * bool(np.any(middle - half < low) or np.any(middle + half > high))
                if best is None or cost < best[0]:
                    best = (cost, step)
        assert best is not None
        text.set_position(tuple(best[1] / point))
        taken.append((at + best[1], half))
