"""Draws with matplotlib's objects (no pyplot, no global state) and saves each figure as PNG and SVG."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from typing import Any, cast

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pdf import Op, PdfFile, RendererPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from anodeflow.report.labels import place_again, thin_out
from anodeflow.report.page import Picture

PIXELS_PER_INCH = 200
"""Resolution of the PNG files; the page shows them at 96, so that they stay sharp on a dense screen and on paper."""

WIDEST = 7.2
"""Inches: two columns of a journal; no figure is wider, however many levels it has."""

COLUMNS = {1: 3.35, 2: 7.0}
"""Columns of a journal -> width of a figure over so many, inches."""
_SMALLEST, _LARGEST = 0.72, 1.3
"""Scale of a PDF: that of its words, which are of 7 to 9 points on the page."""
_PAINTED = 300
"""Resolution of images in a PDF, dots an inch."""
_pdfs: ContextVar[bool] = ContextVar("pdfs", default=False)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` inches, at most :data:`WIDEST` wide, that needs no display."""
    figure = Figure(figsize=(min(width, WIDEST), height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, name: str, caption: str, title: str = "") -> Picture:
    """Return `figure` as a picture; the same figure gives the same bytes each time.

    Parameters
    ----------
    figure
        What :func:`new_figure` returned, drawn upon.
    name, caption, title
        Of the picture.
    """
    png, svg = BytesIO(), BytesIO()
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # names of systems are not formulas of TeX: $$, \foo
    # Laid out once, for both formats. The canvases write by themselves: savefig would draw twice for each.
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        thin_out(figure)
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    figure.set_dpi(PIXELS_PER_INCH)
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None, "Creator": None})
    return Picture(
        name,
        caption,
        png.getvalue(),
        _with_circles(svg.getvalue()),
        width=round(width * 96),
        height=round(height * 96),
        title=title,
        pdfs={columns: _pdf(figure, inches) for columns, inches in COLUMNS.items()} if _pdfs.get() else {},
    )


@contextmanager
def with_pdfs(wanted: bool) -> Iterator[None]:
    """Let :func:`save` make PDFs as well, at the widths of :data:`COLUMNS`."""
    token = _pdfs.set(wanted)
    try:
        yield
    finally:
        _pdfs.reset(token)


def _pdf(figure: Figure, inches: float) -> bytes:
    """Return a figure as a PDF page of this width, laid out anew so that its words stay between 5 and 12 points."""
    FigureCanvasAgg(figure)
    width, height = figure.get_size_inches()
    work = float(np.clip(width, inches / _LARGEST, inches / _SMALLEST))
    # Pictures of atoms keep their shape; curves need not become as flat as they become narrow.
    flat = any(axes.get_aspect() != "auto" for axes in figure.axes)
    figure.set_size_inches(work, height * (work / width) ** (1.0 if flat else 0.5))
    figure.set_layout_engine("constrained")
    layout = figure.get_layout_engine()
    assert layout is not None
    columns = [_columns_of(legend) for legend in figure.legends]
    for legend in list(figure.legends):
        _fit(figure, legend)
    layout.execute(figure)
    place_again(figure)
    figure.set_layout_engine("none")
    scale, page = inches / work, BytesIO()
    points = 72 * figure.get_size_inches()
    dpi = figure.dpi
    with matplotlib.rc_context({"pdf.fonttype": 42}):
        file = PdfFile(page, metadata={"CreationDate": None, "Creator": None, "Producer": None})
        file.newPage(*(scale * points / 72))
        file.width, file.height = points / 72  # to which paths are cut, before they are scaled
        file.output(scale, 0, 0, scale, 0, 0, Op.concat_matrix)
        figure.dpi = 72  # the units of the page
        pages = RendererPdf(file, _PAINTED, *points[::-1] / 72)
        renderer: Any = cast(Any, MixedModeRenderer)(figure, *(points / 72), _PAINTED, pages)
        figure.draw(renderer)
        renderer.finalize()
        file.finalize()
        file.close()
    figure.dpi = dpi
    figure.set_size_inches(width, height)
    for legend, before in zip(list(figure.legends), columns, strict=True):
        if _columns_of(legend) != before:
            _again(figure, legend, before)
    return page.getvalue()


def _columns_of(legend: Legend) -> int:
    return int(cast(Any, legend)._ncols)


def _fit(figure: Figure, legend: Legend) -> None:
    """Give a legend fewer columns until it is no wider than the figure."""
    renderer = cast(FigureCanvasAgg, figure.canvas).get_renderer()
    while legend.get_window_extent(renderer).width > figure.bbox.width and _columns_of(legend) > 1:
        legend = _again(figure, legend, _columns_of(legend) - 1)


def _again(figure: Figure, legend: Legend, columns: int) -> Legend:
    """Write a legend below a figure anew, in so many columns, in the place of itself."""
    place = figure.legends.index(legend)
    side = cast(Any, legend)._outside_loc or "lower"
    cast(Any, figure).legend(
        legend.legend_handles, [text.get_text() for text in legend.get_texts()], loc=f"outside {side} center",
        ncols=columns, fontsize=legend.get_texts()[0].get_fontsize(), frameon=False,
        handletextpad=legend.handletextpad, columnspacing=legend.columnspacing,
    )  # fmt: skip
    legend.remove()
    figure.legends.insert(place, figure.legends.pop())
    return figure.legends[place]


_ROUND = re.compile(rb'<path d="M ((?:[-\d.]+\s+)+(?:C (?:[-\d.]+\s+){6}){8}z\s*)"')
_NUMBER = re.compile(rb"[-\d.]+")


def _with_circles(svg: bytes) -> bytes:
    """Return a drawing whose circles are circles: matplotlib writes each as eight curves, ten times as long."""

    def circle(found: re.Match[bytes]) -> bytes:
        points = np.array(_NUMBER.findall(found[1]), dtype=float).reshape(-1, 2)
        # The first point lies below the middle, the ends of the second and fourth curve to the right and above.
        below, right, above = points[0], points[6], points[12]
        x, y = (below + above) / 2
        radius = (below - above)[1] / 2
        if not np.allclose([below[0], right[0], right[1]], [x, x + radius, y], atol=0.01):
            return found[0]
        return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}"'.encode()

    return _ROUND.sub(circle, svg)
