"""ASE's view of a code that is started anew for every geometry."""

from collections.abc import Callable
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes


class ExternalCalculator(Calculator):
    """ASE's view of the code: computes a geometry by running it.

    Parameters
    ----------
    compute
        Runs the code: takes the atoms, the beginning of the names of the files, and whether a density to begin with
        lies there; returns ASE's results.
    name
        Beginning of the names of its files.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress", "magmom"]  # noqa: RUF012 (as ASE has it)

    def __init__(self, compute: Callable[[Atoms, str, bool], dict[str, Any]], name: str) -> None:
        super().__init__()
        self.compute = compute
        self.files: str = name
        self.cell_before: Any = None

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Set the results for `atoms` (see :class:`ase.calculators.calculator.Calculator`)."""
        super().calculate(atoms, properties, system_changes)
        cell = atoms.cell.array
        warm = self.cell_before is not None and bool((self.cell_before == cell).all())
        self.results = self.compute(atoms, self.files, warm)
        self.cell_before = cell.copy()
