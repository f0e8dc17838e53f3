"""Draws with matplotlib's objects (no pyplot, no global state) and saves each figure as PNG and SVG."""

from io import BytesIO

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from anodeflow.report.page import Picture

PIXELS_PER_INCH = 200
"""Resolution of the PNG files; the page shows them at 96, so that they stay sharp on a dense screen and on paper."""

INK, GREY, OURS, PAPER, MARK = "#1f2933", "#7b8794", "#1f5f99", "#c2410c", "#d6220f"
"""Colours of text and axes, of helping lines, of our values, of published values, of the adatom's mark."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` inches that draws without a display."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, name: str, caption: str) -> Picture:
    """Return `figure` as a picture; the same figure gives the same bytes each time."""
    png, svg = BytesIO(), BytesIO()
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # names of systems are not formulas of TeX: $$, \foo
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, for both formats
    figure.savefig(png, format="png", dpi=PIXELS_PER_INCH, metadata={"Software": None})
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(name, caption, png.getvalue(), svg.getvalue(), width=round(figure.get_figwidth() * 96))
