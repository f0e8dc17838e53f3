"""Tables that several commands print."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anodeflow.studies.rows import ResultRow


_MOST = 3
"""Most warnings that are printed in full."""


def print_results(rows: "list[ResultRow]") -> None:
    """Print result rows as a table, energies to the meV, with the number of warnings of each, and a few in full."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("campaign", "system", "study", "property", "label"):
        table.add_column(column, overflow="fold", no_wrap=column == "property")
    table.add_column("value", justify="right", no_wrap=True)
    for column in ("unit", "backend"):
        table.add_column(column, overflow="fold")
    for column in ("settings", "document"):
        table.add_column(column, no_wrap=True)
    several = len({row.adsorbate for row in rows if row.adsorbate}) > 1
    if several:
        table.add_column("atom", no_wrap=True)
    warned = any(row.warnings for row in rows)
    if warned:
        table.add_column("warnings", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            *(row.campaign, row.system, row.study, row.property, row.label),
            f"{row.value:.3f}" if row.unit in ("eV", "e") else f"{row.value:.4g}",
            *(row.unit, row.backend, row.settings_hash[:8], row.document_id[:8]),
            *([row.adsorbate] if several else []),
            *([str(len(row.warnings) or "")] if warned else []),
        )
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    console.print(table)
    told = list(dict.fromkeys(warning for row in rows for warning in row.warnings))
    if told and len(told) <= _MOST:
        for warning in told:
            console.print(f"warning: {warning}", soft_wrap=True)
    elif told:
        console.print(f"{len(told)} different warnings: --format json or anodeflow report shows them.", soft_wrap=True)
