"""The programs that cut a density into Bader basins: anodeflow's own, BaderKit, and that of the Henkelman group.

The own one (:mod:`anodeflow.studies.charge.weights`) needs nothing that is not there anyway, and is used unless another
one is asked for: numbers do not depend on what else is installed. The others are for comparison. BaderKit is asked
for its neargrid-weight method: basins grow along the gradient (W. Tang et al., J. Phys.: Condens. Matter 21, 084204
(2009)), and points at their edges are divided by weights (M. Yu and D. R. Trinkle, J. Chem. Phys. 134, 064111
(2011)). Tried on LiH and on Li(001), grids of 0.06 to 0.2 Å, against its other methods (version 0.10.2):

- neargrid-weight gives symmetry-equivalent atoms the same charge within 0.001 e, and is the fastest;
- neargrid lets those of LiH differ by 0.03 to 0.09 e: points at the edges go to one basin or the other;
- weight adds what flows from an edge point to some basin to another one instead (its code compares with a label left
  over from an earlier loop): two equal Gaussians came out with 3.12 and 2.87 e.

The Henkelman group's program has no such mixture; its weight method is used. Version 1.05 stores its maxima one grid
step off (pymatgen's issue 4638), which is less than the distance within which they are searched around nuclei.
"""

import io
import logging
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.io.cube import write_cube
from ase.units import Bohr
from pymatgen.core import Lattice, Structure

from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import BackendUnavailableError, CalculationError
from anodeflow.core.install import install_command
from anodeflow.core.versions import version
from anodeflow.studies.charge.input import BaderProgram
from anodeflow.studies.charge.weights import weight_basins

VACUUM = 1e-4
"""Density below which there is vacuum, e/Å³.

Plane waves ripple by about 1e-5 e/Å³ in a vacuum, which makes hundreds of maxima that mean nothing. The tail that is
cut off holds 1e-4 e per Å² of a Li surface.
"""

METHODS: dict[BaderProgram, str] = {"anodeflow": "weight", "baderkit": "neargrid-weight", "henkelman": "weight"}


@dataclass(frozen=True, eq=False)
class Basins:
    """All maxima of a density, with what their basins hold.

    Attributes
    ----------
    positions
        Maxima, Cartesian (n, 3), Å.
    electrons
        Electrons in the basin of each (n,).
    vacuum_electrons
        Electrons where the density is below `VACUUM`, and in basins that the program does not list.
    program, method
        Name and version of the program, and its method.
    """

    positions: np.ndarray
    electrons: np.ndarray
    vacuum_electrons: float
    program: str
    method: str


def find_basins(density: DensityGrid, program: BaderProgram | None = None) -> Basins:
    """Cut a density into basins.

    Parameters
    ----------
    density
        All-electron density.
    program
        Which one to use; none: anodeflow's own.

    Raises
    ------
    BackendUnavailableError
        If the program is not installed.
    CalculationError
        If it ends without a result.
    """
    cut = {"anodeflow": own_basins, "baderkit": baderkit_basins, "henkelman": henkelman_basins}
    return cut[choose_program(program)](density)


def choose_program(program: BaderProgram | None = None) -> BaderProgram:
    """Return the program that will be used; see :func:`find_basins` for the arguments and errors."""
    if program == "henkelman" and shutil.which("bader") is None:
        raise BackendUnavailableError(
            "the Henkelman group's Bader program is not on the PATH: put its executable, bader, there, or ask for none."
        )
    if program == "baderkit" and find_spec("baderkit") is None:
        raise BackendUnavailableError(
            f"BaderKit is not installed: {install_command('baderkit')}, or ask for no program."
        )
    return program or "anodeflow"


def own_basins(density: DensityGrid) -> Basins:
    """Cut a density into basins by weights."""
    found = weight_basins(density, VACUUM)
    return Basins(
        positions=found.positions,
        electrons=found.electrons,
        vacuum_electrons=found.vacuum_electrons,
        program=f"anodeflow {version('anodeflow')}",
        method=METHODS["anodeflow"],
    )


def baderkit_basins(density: DensityGrid) -> Basins:
    """Cut a density into basins with BaderKit (compiled at its first call on a machine, which takes minutes)."""
    with _quiet():
        from baderkit import Bader, Grid

        structure = Structure(
            Lattice(density.cell),
            [chemical_symbols[number] for number in density.numbers],
            density.positions,
            coords_are_cartesian=True,
        )
        volume = structure.volume  # its grids hold densities times the volume of the cell, as VASP's do
        charge = Grid(structure, {"total": density.values * volume}, sig_figs=12)
        # Negative ripples of the vacuum count as charge, but must not guide the search for maxima.
        reference = Grid(structure, {"total": np.maximum(density.values, 0.0) * volume}, sig_figs=12)
        found = Bader(charge_grid=charge, total_charge_grid=reference, method=METHODS["baderkit"], vacuum_tol=VACUUM)
        electrons = np.asarray(found.basin_charges, dtype=float)
        return Basins(
            positions=structure.lattice.get_cartesian_coords(np.asarray(found.maxima_frac).reshape(-1, 3)),
            electrons=electrons,
            vacuum_electrons=float(found.vacuum_charge),
            program=f"BaderKit {version('baderkit')}",
            method=METHODS["baderkit"],
        )


def henkelman_basins(density: DensityGrid) -> Basins:
    """Cut a density into basins with the Henkelman group's `bader` (tested with a stand-in only).

    It reads a cube file in atomic units and writes ACF.dat (atoms, electrons of the vacuum and of the cell) and BCF.dat
    (basins with more than 0.001 e), lengths in bohr; source: its bader_mod.f90.
    """
    executable = shutil.which("bader")
    if executable is None:
        choose_program("henkelman")
    with tempfile.TemporaryDirectory(prefix="bader-") as name:
        folder = Path(name)
        with (folder / "density.cube").open("w", encoding="utf-8") as stream:
            atoms = Atoms(density.numbers, density.positions, cell=density.cell, pbc=True)
            write_cube(stream, atoms, data=density.values * Bohr**3, comment="all-electron density, e/bohr^3")
        # No exponent: the program takes a minus sign for the next option.
        command = [str(executable), "-b", METHODS["henkelman"], "-vac", f"{VACUUM * Bohr**3:.8f}", "density.cube"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
        output = ended.stdout + ended.stderr
        if "BADER ANALYSIS" not in output.upper():
            raise CalculationError(
                f"{executable} is not the Henkelman group's Bader program (another one has its name): remove it from "
                "the PATH, or ask for no program."
            )
        try:
            if ended.returncode != 0:
                raise ValueError(f"exit status {ended.returncode}")
            basins = _numbers(folder / "BCF.dat")
            total = re.search(r"NUMBER OF ELECTRONS:\s*(\S+)", (folder / "ACF.dat").read_text(encoding="utf-8"))
            if total is None or basins.shape[1:] != (7,):
                raise ValueError("ACF.dat or BCF.dat is cut short")
        except (OSError, ValueError) as error:
            last = (output.strip().splitlines() or ["it printed nothing"])[-1].strip()
            raise CalculationError(
                f"{executable} left no Bader charges ({error}; its last line: {last}): ask for no program."
            ) from error
        found = re.search(r"Version\s+([\d.]+)", output, re.IGNORECASE)
        return Basins(
            positions=basins[:, 1:4] * Bohr,
            electrons=basins[:, 4],
            vacuum_electrons=float(total[1]) - float(basins[:, 4].sum()),
            program=f"Henkelman bader {found[1] if found else 'of unknown version'}",
            method=METHODS["henkelman"],
        )


def _numbers(table: Path) -> np.ndarray:
    """Return the rows of numbers of a table with a header and rules."""
    rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines()]
    return np.array([[float(word) for word in row] for row in rows if row and row[0].isdigit()])


@contextmanager
def _quiet():
    """Keep BaderKit from printing, and from giving the root logger a handler and a level when it is imported."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    silent = logging.NullHandler()
    root.addHandler(silent)  # with a handler there, basicConfig adds none
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
