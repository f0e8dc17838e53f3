"""The all-electron charge density of a cell on a regular grid, and the file it travels in.

It imports numpy alone: drivers that run inside a DFT code's process write the file.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anodeflow.core.damaged import DAMAGED
from anodeflow.core.errors import CalculationError


@dataclass(frozen=True, eq=False)
class DensityGrid:
    """Electrons per volume on a regular grid.

    Attributes
    ----------
    values
        Density (nx, ny, nz), e/Å³, positive; all electrons, those of the cores included. Point (i, j, k) stands at
        ``(i/nx, j/ny, k/nz) @ cell``.
    cell
        Lattice vectors as rows (3, 3), Å.
    positions
        Cartesian positions of the nuclei (n, 3), Å.
    numbers
        Their atomic numbers (n,).
    """

    values: np.ndarray
    cell: np.ndarray
    positions: np.ndarray
    numbers: np.ndarray

    @property
    def volume_element(self) -> float:
        """Volume of one grid point, Å³."""
        return float(abs(np.linalg.det(self.cell)) / self.values.size)

    @property
    def electrons(self) -> float:
        """Integral over the cell, e."""
        return float(self.values.sum() * self.volume_element)

    @property
    def spacing(self) -> float:
        """Largest distance between neighbouring points, Å."""
        return float((np.linalg.norm(self.cell, axis=1) / self.values.shape).max())

    def save(self, file: Path) -> None:
        """Write the grid to a file (numpy's npz), whole or not at all."""
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        with temporary.open("wb") as stream:
            np.savez_compressed(
                stream, values=self.values, cell=self.cell, positions=self.positions, numbers=self.numbers
            )
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)

    @classmethod
    def load(cls, file: Path) -> "DensityGrid":
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        CalculationError
            If it is missing, cut short, or no density file.
        """
        file = Path(file)
        try:
            with np.load(file, allow_pickle=False) as content:
                grid = cls(*(content[name] for name in ("values", "cell", "positions", "numbers")))
        except FileNotFoundError:
            raise CalculationError(
                f"the density file {file} is missing: delete its folder and run again to compute it anew."
            ) from None
        except DAMAGED as error:
            raise CalculationError(
                f"the density file {file} is damaged or cut short ({error}): delete its folder and run again to "
                "compute it anew."
            ) from error
        if grid.values.ndim != 3 or grid.cell.shape != (3, 3) or grid.positions.shape != (len(grid.numbers), 3):
            raise CalculationError(f"the density file {file} holds no density on a grid: delete its folder, run again.")
        return grid
