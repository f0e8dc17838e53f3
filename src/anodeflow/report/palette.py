"""The colours of all figures: those of Okabe and Ito, which people with a weakness for red or green tell apart.

Elements have colours of their own (anodeflow.report.colours). ``tests/test_report_palette.py`` looks at each group of
colours as a deuteranope and a protanope see it.
"""

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
INK, GREY = "#1f2933", "#7b8794"
"""Text and axes; helping lines."""
PALE, GRID = "#c5ccd3", "#e4e7eb"
"""What stands behind everything else."""
OURS, PAPER, MARK = BLUE, "#9a4d7c", VERMILLION
"""Our values; published values; what to look at: the adatom, a saddle, a chosen value."""
ACCUMULATION, DEPLETION = "#f0c000", BLUE
"""Electrons gather; electrons leave."""
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""Curves and levels of one figure, in this order."""
STYLES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "-",
    (0, (5, 2)),
    (0, (1.5, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
)
"""Dashes of curves, where there are more of them than colours."""


def series_colour(rank: int) -> str:
    """Return the colour of a curve or level by its number."""
    return SERIES[rank % len(SERIES)]


def series_style(rank: int) -> str | tuple[float, tuple[float, ...]]:
    """Return the dashes of a curve by its number: others when the colours begin anew."""
    return STYLES[rank // len(SERIES) % len(STYLES)]
