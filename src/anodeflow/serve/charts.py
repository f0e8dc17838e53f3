"""Small curves as SVG, drawn anew every few seconds: without a library, with the colours of the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 420, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 12, 12, 40


@dataclass(frozen=True)
class Chart:
    """One curve.

    Parameters
    ----------
    title
        What it shows; unit of the numbers included.
    x_title
        What is counted along the x axis.
    points
        x and y of each point.
    target
        Value at which a dashed line is drawn; none: there is none.
    logarithmic
        Whether y is drawn on a logarithmic scale; values that are not positive are left out.
    """

    title: str
    x_title: str
    points: Sequence[tuple[float, float]]
    target: float | None = None
    logarithmic: bool = False

    @property
    def words(self) -> str:
        """What a reader hears who does not see it."""
        shown = self._shown()
        if not shown:
            return f"{self.title}: nothing yet."
        least, last = min(y for _, y in shown), shown[-1][1]
        return f"{self.title}: {len(shown)} points, the last {last:.6g}, the lowest {least:.6g}."

    @property
    def svg(self) -> Markup:
        """The drawing; everything in it is a number, or escaped."""
        shown = self._shown()
        if not shown:
            return Markup("")
        scaled = [(x, self._scale(y)) for x, y in shown]
        low, high = min(y for _, y in scaled), max(y for _, y in scaled)
        if self.target is not None and self.target > 0:
            low, high = min(low, self._scale(self.target)), max(high, self._scale(self.target))
        if high - low < 1e-9 * max(1.0, abs(high)):
            low, high = low - 0.5e-3, high + 0.5e-3
        margin = 0.06 * (high - low)
        low, high = low - margin, high + margin
        first, last = shown[0][0], max(shown[-1][0], shown[0][0] + 1)

        def place(x: float, y: float) -> tuple[float, float]:
            across = (x - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)
            return round(_LEFT + across, 1), round(_TOP + (high - y) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

        parts = [
            Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
                _WIDTH, _HEIGHT, self.words
            )
        ]
        for value, text in self._ticks(low, high):
            y = place(first, value)[1]
            parts.append(
                Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(_LEFT, _WIDTH - _RIGHT, y, y)
            )
            parts.append(Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(_LEFT - 6, y + 4, text))
        for number in dict.fromkeys((first, (first + last) // 2, last)):
            x = place(number, low)[0]
            text = f"{number:g}"
            parts.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(x, _HEIGHT - 23, text))
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                (_LEFT + _WIDTH) / 2, _HEIGHT - 6, self.x_title
            )
        )
        if self.target is not None and self.target > 0:
            y = place(first, self._scale(self.target))[1]
            parts.append(
                Markup('<line class="target" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(_LEFT, _WIDTH - _RIGHT, y, y)
            )
        line = " ".join(f"{x},{y}" for x, y in (place(*point) for point in scaled))
        parts.append(Markup('<polyline points="{}"/>').format(line))
        dots = scaled if len(scaled) <= 60 else scaled[-1:]
        for point in dots:
            x, y = place(*point)
            parts.append(Markup('<circle cx="{}" cy="{}" r="2.6"/>').format(x, y))
        parts.append(Markup("</svg>"))
        return Markup("").join(parts)

    def _shown(self) -> list[tuple[float, float]]:
        return [(x, y) for x, y in self.points if math.isfinite(y) and (y > 0 or not self.logarithmic)]

    def _scale(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    def _ticks(self, low: float, high: float) -> list[tuple[float, str]]:
        """Return where lines are drawn, and what they are called."""
        if self.logarithmic and high - low > 1.2:
            step = max(1, round((high - low) / 4))
            powers = range(math.ceil(low), math.floor(high) + 1, step)
            return [(float(power), f"{10.0**power:g}") for power in powers]
        span = high - low
        rough = span / 4
        size = 10 ** math.floor(math.log10(rough))
        step_size = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough)
        found = []
        number = math.ceil(low / step_size)
        while number * step_size <= high:
            value = number * step_size
            if self.logarithmic:
                found.append((value, f"{10**value:.2g}"))
            else:
                digits = max(0, -math.floor(math.log10(step_size)))
                found.append((value, f"{value:.{digits}f}".replace("-", "−")))
            number += 1
        return found
