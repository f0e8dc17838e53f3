"""What a campaign will cost, as a table."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from anodeflow.execution.cost.estimate import CampaignCost, KindCost


def print_cost(cost: "CampaignCost", console: "Console") -> None:
    """Print what the calculations to come take, by kind and in sum."""
    from rich.table import Table

    table = Table(title="What is to come", title_justify="left")
    table.add_column("calculations")
    for name in (
        "number",
        "finished",
        "atoms",
        "k-points",
        "force evaluations",
        "SCF cycles",
        "processor time",
        "memory",
    ):
        table.add_column(name, justify="right")
    for kind in cost.kinds:
        table.add_row(*_cells(f"{kind.code} {kind.task}", kind))
    table.add_section()
    table.add_row(*_cells(f"{cost.total.code}, together", cost.total))
    console.print(table)
    for note in cost.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def _cells(name: str, kind: "KindCost") -> list[str]:
    from anodeflow.execution.cost.words import hours, megabytes, number, spread

    if kind.calculations <= kind.finished:
        return [name, number(kind.calculations), number(kind.finished), *[""] * 6]

    def told(found: Any, shown: Any = number) -> str:
        return "?" if found is None else spread(found, shown)

    return [
        name,
        number(kind.calculations),
        number(kind.finished),
        _between(kind.atoms),
        _between(kind.kpoints),
        told(kind.force_evaluations),
        "" if kind.processor_hours is not None and kind.scf_cycles is None else told(kind.scf_cycles),
        told(kind.processor_hours, hours),
        told(kind.peak_memory, megabytes),
    ]


def _between(ends: tuple[int, int]) -> str:
    low, high = ends
    return str(low) if low == high else f"{low} to {high}"
