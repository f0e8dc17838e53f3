"""What VASP wrote, as records of steps: vasprun.xml of one geometry's runs, OUTCAR of a band's images.

Both may be cut short by a kill: whole ionic steps are read, and what follows them is left. Atoms are put back into the
order, the cell's image and, where they are fixed, the very places of the structure that was asked for.
"""

import math
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase.units import GPa
from monty.io import zopen
from pymatgen.core import Structure

from anodeflow.backends.vasp.inputs import species_order
from anodeflow.structures.geometry.positions import fixed_coordinates, placed

_NUMBER = r"([-+]?\d+\.\d+(?:[Ee][-+]?\d+)?)"
_LOOP = re.compile(rf"LOOP\+:.*?real time\s+{_NUMBER}")
_MOMENT = re.compile(rf"^\s*\d+ F=.*mag=\s*{_NUMBER}\s*$", re.MULTILINE)
_TABLE = re.compile(r"POSITION\s+TOTAL-FORCE \(eV/Angst\)\s*\n\s*-+\n(.*?)\n\s*-{20,}", re.DOTALL)
# Two blanks: the same words with other blanks stand after every SCF cycle.
_FREE = re.compile(rf"free  energy   TOTEN\s+=\s+{_NUMBER} eV")
_SHORT = re.compile(r"^\s*\d+ F=\s*([-+]?\.?\d[\d.]*E[-+]\d+)", re.MULTILINE)
_ZERO = re.compile(rf"energy  without entropy=\s+{_NUMBER}\s+energy\(sigma->0\) =\s+{_NUMBER}")
_ITERATION = re.compile(r"Iteration\s+(\d+)\(\s*(\d+)\)")
REACHED = "reached required accuracy"
"""What VASP says when it ends a relaxation by itself."""


@dataclass(frozen=True)
class RunOutput:
    """What one run of VASP left.

    Attributes
    ----------
    steps
        Its whole ionic steps, as `steps.jsonl` has them, without attempt and run.
    whole
        Whether VASP closed its output.
    scf_cycles_allowed
        NELM; none if it is not known.
    version
        VASP's own: 6.3.0.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    whole: bool = False
    scf_cycles_allowed: int | None = None
    version: str = ""


class Frame:
    """Puts VASP's atoms back where the structure that was asked for has them.

    Parameters
    ----------
    structure
        As it was asked for.
    cell_moves
        Whether VASP may change the cell.
    """

    def __init__(self, structure: Structure, cell_moves: bool = False) -> None:
        self.structure, self.cell_moves = structure, cell_moves
        self.order = species_order(structure)
        self.free = ~fixed_coordinates(structure)
        self.before = np.array(structure.frac_coords)

    def placed(self, cell: Any, fractional: Any, moves: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Return cell (3, 3) and positions (n, 3), Å, from VASP's; the images nearest to those of the last call."""
        matrix = np.array(cell) if self.cell_moves else self.structure.lattice.matrix
        if moves:
            new = self.sorted_back(fractional)
            new += np.rint(self.before - new)
            self.before = np.where(self.free, new, self.structure.frac_coords)
        return matrix, self.before @ matrix

    def sorted_back(self, rows: Any) -> np.ndarray:
        """Return rows (n, 3) of VASP's atoms in the order of the structure."""
        back = np.empty((len(self.order), 3))
        back[self.order] = np.asarray(rows, dtype=float)
        return back

    def free_forces(self, forces: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Return the forces (n, 3) with what points along fixed directions taken out.

        VASP's flags are of the lattice vectors: an atom with two free ones moves in their plane.
        """
        projected = np.array(forces)
        for index in np.flatnonzero(~self.free.all(axis=1)):
            basis = np.linalg.qr(matrix[self.free[index]].T)[0]
            projected[index] = basis @ (basis.T @ forces[index])
        return projected


def read_run(run: Path, frame: Frame, task: str, suffix: str = "") -> RunOutput:
    """Read vasprun.xml, OSZICAR and OUTCAR of a run that relaxed or evaluated one geometry.

    Parameters
    ----------
    run
        Folder of the run.
    frame
        Of the structure that was asked for; remembers where the atoms were last.
    task
        relax, relax_cell, static or density.
    suffix
        What stands behind the names of its files: .relax2.
    """
    from pymatgen.io.vasp import Vasprun
    from pymatgen.io.vasp.outputs import UnconvergedVASPWarning

    file = packed(run / f"vasprun.xml{suffix}")
    try:
        with warnings.catch_warnings():
            # That a run has not converged is read from its steps below, and told in the document.
            warnings.simplefilter("ignore", UnconvergedVASPWarning)
            vasprun = Vasprun(
                file, parse_dos=False, parse_eigen=False, parse_potcar_file=False, exception_on_bad_xml=False
            )
        allowed, version = int(vasprun.parameters["NELM"]), str(vasprun.vasp_version).split()[0]
        pressure = 0.1 * GPa * float(vasprun.parameters.get("PSTRESS", 0.0))
    except Exception:  # missing, empty, or cut off in its head: nothing was computed
        return RunOutput()
    seconds = _LOOP.findall(_text(run / f"OUTCAR{suffix}"))
    moments = _MOMENT.findall(_text(run / f"OSZICAR{suffix}"))
    steps = []
    for number, found in enumerate(vasprun.ionic_steps):
        step = _step(found, frame, task, pressure)
        if step is None:
            break
        step["seconds"] = float(seconds[number]) if number < len(seconds) else 0.0
        if number < len(moments):
            step["magnetic_moment"] = float(moments[number])
        steps.append(step)
    return RunOutput(steps, _tail(file).rstrip().endswith("</modeling>"), allowed, version)


def _step(found: dict[str, Any], frame: Frame, task: str, pressure: float) -> dict[str, Any] | None:
    """Return the record of an ionic step of vasprun.xml; none if it is not whole. `pressure`: PSTRESS, eV/Å³."""
    try:
        cycles, structure = found["electronic_steps"], found["structure"]
        free = float(found["e_fr_energy"]) - pressure * structure.volume  # VASP tells the enthalpy
        # In some versions the e_0_energy of an ionic step is another number; that of its last SCF cycle is right.
        zero = free + float(cycles[-1]["e_0_energy"]) - float(cycles[-1]["e_fr_energy"])
        cell, positions = frame.placed(structure.lattice.matrix, structure.frac_coords, task.startswith("relax"))
        forces = frame.sorted_back(found["forces"])
        stress = None
        if task == "relax_cell":  # kB, and the other sign
            stress = (-0.1 * GPa * np.array(found["stress"])[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]).tolist()
    except (KeyError, IndexError, AttributeError, ValueError, TypeError):
        return None
    if not np.isfinite([free, zero, *forces.flat]).all():
        return None
    return {
        "positions": positions.tolist(),
        "cell": cell.tolist(),
        "energy": zero,
        "free_energy": free,
        "forces": forces.tolist(),
        "free_forces": frame.free_forces(forces, cell).tolist(),
        "stress": stress,
        "scf_cycles": len(cycles),
    }


def read_image(outcar: Path, frame: Frame) -> list[dict[str, Any]]:
    """Read the whole ionic steps of one image of a band from its OUTCAR: energies, and forces without springs."""
    text = _text(outcar)
    tables, ends, zeros = (list(pattern.finditer(text)) for pattern in (_TABLE, _FREE, _ZERO))
    seconds = _LOOP.findall(text)
    cycles: dict[int, int] = {}
    for ionic, electronic in _ITERATION.findall(text):
        cycles[int(ionic)] = int(electronic)
    steps = []
    for number, (table, end, zero) in enumerate(zip(tables, ends, zeros, strict=False)):
        try:
            rows = np.array([[float(word) for word in line.split()] for line in table[1].splitlines()])
            inverse = np.linalg.inv(frame.structure.lattice.matrix)
            cell, positions = frame.placed(None, rows[:, :3] @ inverse)
            forces = frame.sorted_back(rows[:, 3:6])
        except (ValueError, IndexError):
            break
        steps.append(
            {
                "positions": positions.tolist(),
                "cell": cell.tolist(),
                "energy": float(zero[2]),
                "free_energy": float(end[1]),
                "forces": forces.tolist(),
                "free_forces": frame.free_forces(forces, cell).tolist(),
                "stress": None,
                "scf_cycles": cycles.get(number + 1),
                "seconds": float(seconds[number]) if number < len(seconds) else 0.0,
            }
        )
    return steps


def last_free_energy(file: Path) -> float | None:
    """Return the free energy, eV, of the last ionic step of an OUTCAR or OSZICAR; none if it has none."""
    found = (_FREE if file.name.startswith("OUTCAR") else _SHORT).findall(_text(file))
    return float(found[-1]) if found else None


def read_contcar(file: Path, frame: Frame) -> Structure | None:
    """Return the structure asked for with cell and positions of a CONTCAR; none if that is missing or cut short."""
    from pymatgen.io.vasp import Poscar
    from pymatgen.io.vasp.inputs import BadPoscarWarning

    try:
        with warnings.catch_warnings():
            # Nothing was fixed there; what is fixed comes from the structure asked for, not from this file.
            warnings.filterwarnings("ignore", "Ignoring selective dynamics tag, as no ionic degrees", BadPoscarWarning)
            found = Poscar.from_file(file, check_for_potcar=False).structure
        wanted = [frame.structure[i].specie.symbol for i in frame.order]
        if [site.specie.symbol for site in found] != wanted or not math.isfinite(found.volume):
            return None
        cell, positions = frame.placed(found.lattice.matrix, found.frac_coords)
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return placed(frame.structure, positions, cell)


def packed(file: Path) -> Path:
    """Return a file, or the compressed one that stands in its place."""
    other = file.with_name(f"{file.name}.gz")
    return other if not file.exists() and other.exists() else file


def _text(file: Path) -> str:
    file = packed(file)
    try:
        with zopen(file, "rt", encoding="utf-8", errors="replace") as stream:
            return str(stream.read())
    except (FileNotFoundError, EOFError):
        return ""


def _tail(file: Path) -> str:
    if file.suffix == ".gz":
        return _text(file)[-200:]
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - 200))
        return stream.read().decode(errors="replace")
