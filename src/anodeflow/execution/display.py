"""Shows a run while it goes on: a live table on a terminal, plain lines in a file."""

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from anodeflow.calculations.progress import Progress

_MARKS = {"finished": ("✓", "green"), "reused": ("✓", "dim green"), "failed": ("✗", "bold red")}
_ENDS = tuple(_MARKS)
_SILENCE = 20.0  # s without a line after which an SCF iteration is worth one


def clock(seconds: float) -> str:
    """Return a duration as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def numbers(message: Progress) -> str:
    """Return what a calculation has reached: its last ionic step with its SCF cycles, and the SCF under way."""
    parts = []
    if message.ionic_step:
        parts.append(f"ionic step {message.ionic_step}")
    if message.scf_cycles:
        parts.append(f"SCF {message.scf_cycles}")
    if message.energy is not None:
        parts.append(f"E = {message.energy:.4f} eV")
    if message.max_force is not None:
        parts.append(f"max force {message.max_force:.3f} eV/Å")
    if message.scf_iteration and message.state not in _ENDS:
        parts.append(f"{'next: ' if message.ionic_step else ''}SCF {message.scf_iteration}")
    return ", ".join(parts)


class RunDisplay:
    """Listener that draws the progress of a run.

    Parameters
    ----------
    labels
        Labels of the calculations to come, in order.
    console
        Where to draw; a terminal gets a live table, anything else a line a change.
    """

    def __init__(self, labels: list[str], console: Console) -> None:
        self.labels = list(labels)
        self.console = console
        self.messages: dict[str, Progress] = {}  # in the order in which they began
        self.began = self.printed = time.monotonic()
        self.live = (
            Live(console=console, refresh_per_second=4, get_renderable=self._table) if console.is_terminal else None
        )

    def __enter__(self) -> "RunDisplay":
        if self.live:
            self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.__exit__(kind, error, trace)

    def __call__(self, message: Progress) -> None:
        """Take a message of a calculation."""
        if message.label not in self.labels:
            self.labels.append(message.label)
        before = self.messages.get(message.label)
        self.messages[message.label] = message
        if self.live is None and self._is_news(before, message):
            done = sum(other.state in _ENDS for other in self.messages.values())
            number = list(self.messages).index(message.label) + 1
            head = f"[{number}/{len(self.labels)}] {message.label}: {message.state}"
            detail = ", ".join(part for part in (numbers(message), message.message) if part)
            line = f"{head}{' - ' + detail if detail else ''} ({clock(message.elapsed)}; {done} done)"
            self.printed = time.monotonic()
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _is_news(self, before: Progress | None, message: Progress) -> bool:
        if time.monotonic() - self.printed > _SILENCE:
            return True
        if before is None or before.state != message.state:
            return message.state != "running" or message.ionic_step > 0 or bool(message.message)
        return message.ionic_step != before.ionic_step

    def _table(self) -> Any:
        table = Table(box=None, padding=(0, 1), show_header=False)
        table.add_column(width=1)
        table.add_column(overflow="fold")
        table.add_column(style="dim", overflow="fold")
        table.add_column(justify="right")
        done = 0
        for label in self.labels:
            message = self.messages.get(label)
            if message is None:
                table.add_row("·", Text(label, style="dim"), "", "")
                continue
            done += message.state in _ENDS
            mark, style = _MARKS.get(message.state, ("▸", "bold cyan"))
            detail = "found finished" if message.state == "reused" else numbers(message) or message.state
            table.add_row(Text(mark, style=style), Text(label), message.message or detail, clock(message.elapsed))
        running = clock(time.monotonic() - self.began)
        table.caption = f"{done} of {len(self.labels)} calculations done, {running} elapsed"
        table.caption_justify = "left"
        return table
