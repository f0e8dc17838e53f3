"""Finished runs of GPAW in folders of others: the text output, and the .gpw or .traj that belongs to it."""

import ast
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from monty.io import zopen
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.foreign import NOT_RELAXED, ForeignRun, FoundRun, refused
from anodeflow.backends.gpaw.backend import GpawBackend
from anodeflow.backends.gpaw.compared import differing_datasets, differing_kpoints, differing_parameters
from anodeflow.calculations.document import Task
from anodeflow.core.errors import InputError
from anodeflow.core.textfile import read_text
from anodeflow.structures.geometry.positions import fixed_coordinates, free_directions

_MARK = r"|__||  | ||/\|"
_LARGEST = 200_000_000  # bytes of a text
_HEAD = 2000  # bytes in which the mark stands
_TEXTS = ("*.txt", "*.log", "*.out", "*.txt.gz")
_MOVED = 1e-4  # Å, the digits of the text
_JUMP = 1.0  # Å, longest step of a relaxation
_NUMBER = r"(-?\d+\.\d+)"
_FREE = re.compile(rf"^ *Free energy: +{_NUMBER}", re.MULTILINE)
_ZERO = re.compile(rf"^ *Extrapolated: +{_NUMBER}", re.MULTILINE)
_CYCLES = re.compile(r"^Converged in (\d+) steps", re.MULTILINE)
_SECONDS = re.compile(rf"^SCF loop duration: +{_NUMBER} s", re.MULTILINE)
_MOMENTS = re.compile(
    r"initial magnetic moments \|\n\|[-|]+\|\n((?:\| *\d+ \|.*\n)+)",
)
_TOTAL_MOMENT = re.compile(rf"^Total magnetic moment.*?{_NUMBER}", re.MULTILINE | re.IGNORECASE)
_STRESS = re.compile(r"^Stress tensor  # eV/Ang\^3\n\|.*\n\|.*\n((?:\|.*\n){3})", re.MULTILINE)
_DATASET = re.compile(r"^  (\w+):\n    name: .*\n    id: +(\w+)", re.MULTILINE)


@dataclass
class GpawRun(ForeignRun):
    """A run of GPAW; `text` is its output, `parameters` what was given to the calculator (none: cannot be read)."""

    text: str = ""
    parameters: dict[str, Any] | None = field(default_factory=dict)

    def differences(self, backend: Backend) -> list[str]:
        """Return what keeps it from being the calculation of a GPAW backend, a phrase each; empty: nothing."""
        if not isinstance(backend, GpawBackend):
            return [f"it is of GPAW ({backend.name}: {backend.code})"]
        installed = backend.version().split(",")[0]
        if self.version != installed:
            return [f"it is of GPAW {self.version} ({backend.name}: {installed or 'not installed'})"]
        found = differing_parameters(self.structure, backend, self.parameters, self.text)
        found += differing_kpoints(self.structure, backend, self.text)
        found += differing_datasets(self.structure, backend, dict(_DATASET.findall(self.text)))
        return found + self.differences_at_rest(backend)


def gpaw_texts(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are text output of GPAW."""
    for file in sorted({file for pattern in _TEXTS for file in folder.glob(pattern) if file.is_file()}):
        try:
            with zopen(file, "rb") as stream:
                head = bytes(stream.read(_HEAD))
        except (OSError, EOFError, zlib.error):
            continue
        if _MARK.encode() in head:
            yield file


def runs_in(folder: Path) -> Iterator[FoundRun]:
    """Yield the runs of GPAW in a folder."""
    texts = list(gpaw_texts(folder))
    for text in texts:
        yield text, partial(read_gpaw_text, text)
    if not texts and (states := sorted(folder.glob("*.gpw"))):
        words = f"{states[0]} has no text output of GPAW beside it, which says how it was computed: add it."
        yield states[0], refused(words)


def read_gpaw_text(file: Path) -> GpawRun:
    """Read a finished run of GPAW.

    Parameters
    ----------
    file
        Its text output. A .gpw that it says it wrote, or files of the same name (.gpw, .traj), tell the fixed atoms.

    Raises
    ------
    InputError
        If it is damaged, cut short, of a GPAW whose output is written otherwise, not converged, or no relaxation.
    """
    text = read_text(file, _LARGEST)
    version = re.search(rf"{re.escape(_MARK)} - (\S+)", text)
    if version is None or "Input parameters:" not in text:
        raise InputError(f"{file} is no text output of GPAW that can be read: give one of GPAW 25 or newer.")
    begun, ended = text.count("\nSCF iterations"), len(_CYCLES.findall(text))
    frees, zeros = ([float(number) for number in pattern.findall(text)] for pattern in (_FREE, _ZERO))
    if not begun or begun != ended:
        raise InputError(f"{file}: its last SCF did not converge, or the file is cut short: compute it again.")
    images = _images(file) if begun == len(frees) == len(zeros) else []
    if not begun == len(images):
        raise InputError(f"{file} is damaged or cut short: {begun} SCF loops, {len(images)} geometries with a result.")
    others = _companions(file, text)
    start = _start(images[0], text, others)
    cycles, seconds = map(int, _CYCLES.findall(text)), map(float, _SECONDS.findall(text))
    told = zip(images, zeros, frees, _stresses(text, begun), cycles, seconds, strict=True)
    steps = [_step(start, *each) for each in told]
    run = GpawRun(
        folder=file.parent,
        code="gpaw",
        version=version[1],
        task=_task(file, steps),
        structure=start,
        steps=steps,
        settings={"parameters": _block(text)},
        files=(file, *others),
        finished_at=datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds"),
        text=text,
        parameters=_parameters(_block(text)),
    )
    if "magmom" in start.site_properties and (moments := _TOTAL_MOMENT.findall(text)):
        steps[-1]["magnetic_moment"] = float(moments[-1])
    _check_end(file, run)
    return run


def _images(file: Path) -> list[Any]:
    from ase.io import read
    from ase.io.formats import filetype

    try:
        kind = filetype(str(file))
        if not kind.startswith("gpaw"):
            raise ValueError(f"it is {kind}")
        images = read(file, index=":")
        found: list[Any] = images if isinstance(images, list) else [images]
        for image in found:
            image.get_potential_energy(), image.get_forces()
    except Exception as error:  # whatever the reader stumbles over
        raise InputError(
            f"{file} tells no energies with forces that can be read ({type(error).__name__}: {error}): take another "
            "copy, or compute it again with forces."
        ) from error
    return found


def _companions(file: Path, text: str) -> list[Path]:
    """Return the .gpw and .traj that belong to a text: named in it, or called alike."""
    named = [file.parent / Path(name).name for name in re.findall(r"^# Writing to (\S+\.gpw)", text, re.MULTILINE)]
    stem = file.name.split(".")[0]
    alike = [file.with_name(f"{stem}{suffix}") for suffix in (".gpw", ".traj")]
    return list(dict.fromkeys(place for place in [*named, *alike] if place.is_file()))


def _start(image: Any, text: str, others: list[Path]) -> Structure:
    """Return the structure that a run began with, with fixed atoms and moments where they are told."""
    structure = AseAtomsAdaptor.get_structure(_bare(image))
    properties: dict[str, list] = {}
    for other in others:
        constrained = _constrained(other)
        if constrained is not None and len(constrained) == len(structure):
            flags = free_directions(AseAtomsAdaptor.get_structure(constrained))
            if flags is not None and "selective_dynamics" not in properties:
                properties["selective_dynamics"] = flags
    if table := _MOMENTS.search(text):
        moments = [float(re.findall(r"-?\d+\.\d+", line)[-1]) for line in table[1].splitlines()]
        if any(moments):
            properties["magmom"] = moments
    a, b, c = (bool(flag) for flag in image.pbc)
    lattice = Lattice(structure.lattice.matrix, pbc=(a, b, c))
    return Structure(lattice, structure.species, structure.frac_coords, site_properties=properties or None)


def _bare(image: Any) -> Any:
    from ase import Atoms

    return Atoms(numbers=image.numbers, positions=image.positions, cell=image.cell, pbc=image.pbc)


def _constrained(file: Path) -> Any:
    """Return the first atoms of a .gpw or .traj with their constraints; none if it cannot be read."""
    from ase.io.trajectory import Trajectory, read_atoms
    from ase.io.ulm import Reader

    try:
        if file.suffix == ".traj":
            with Trajectory(file) as trajectory:
                found = trajectory[0]
        else:
            with Reader(file) as reader:
                found = read_atoms(reader.atoms)
    except Exception as error:  # whatever the reader stumbles over
        raise InputError(
            f"{file} cannot be read ({type(error).__name__}: {error}): take another copy of it."
        ) from error
    from ase.constraints import FixAtoms

    if any(not isinstance(constraint, FixAtoms) for constraint in found.constraints):
        raise InputError(f"{file} has constraints other than fixed atoms, which no calculation of anodeflow has.")
    return found if found.constraints else None


def _stresses(text: str, number: int) -> list[list[float] | None]:
    """Return the stress of each geometry (Voigt order, eV/Å³, positive under tension); none where not all tell it."""
    tables = _STRESS.findall(text)
    if len(tables) != number:
        return [None] * number
    rows = [[[float(word) for word in line.split("|")[1:4]] for line in table.splitlines()] for table in tables]
    return [[m[0][0], m[1][1], m[2][2], m[1][2], m[0][2], m[0][1]] for m in rows]


def _step(
    start: Structure, image: Any, zero: float, free: float, stress: list[float] | None, cycles: int, seconds: float
) -> dict[str, Any]:
    forces = np.array(image.get_forces(apply_constraint=False))
    return {
        "positions": image.positions.tolist(),
        "cell": image.cell.array.tolist(),
        "energy": zero,
        "free_energy": free,
        "forces": forces.tolist(),
        "free_forces": np.where(fixed_coordinates(start), 0.0, forces).tolist(),
        "stress": stress,
        "scf_cycles": cycles,
        "seconds": seconds,
        "attempt": 1,
    }


def _task(file: Path, steps: list[dict[str, Any]]) -> Task:
    if len(steps) == 1:
        return "static"
    cells = np.array([step["cell"] for step in steps])
    return "relax_cell" if np.abs(cells - cells[0]).max() > _MOVED else "relax"


def _check_end(file: Path, run: GpawRun) -> None:
    """Raise InputError unless what moved was a relaxation that came to rest."""
    if run.task == "static":
        return
    positions = np.array([step["positions"] for step in run.steps])
    longest = np.linalg.norm(np.diff(positions, axis=0), axis=2).max()
    if longest > _JUMP or run.steps[-1]["free_energy"] > run.steps[0]["free_energy"]:
        raise InputError(
            f"{file} holds {len(run.steps)} geometries that are no relaxation: give single ones a text of their own."
        )
    if run.largest_force > NOT_RELAXED:
        raise InputError(
            f"{file}: its relaxation did not converge, {run.largest_force:.3f} eV/Å are left "
            f"(at most {NOT_RELAXED:g}): go on with it."
        )


def _block(text: str) -> str:
    """Return what the text says was given to the calculator."""
    lines = text.partition("Input parameters:\n")[2].split("\n")
    end = next((number for number, line in enumerate(lines) if not line.startswith("  ")), len(lines))
    return "\n".join(line.strip() for line in lines[:end])


def _parameters(block: str) -> dict[str, Any] | None:
    """Return the parameters as plain data; none if they cannot be read. Nothing of them is run."""
    try:
        call = ast.parse(f"f({block})", mode="eval").body
        assert isinstance(call, ast.Call)
        return {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, AssertionError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Any:
    """Return the plain value of an expression; an object by its name and arguments."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        found: dict[str, Any] = {"name": name.lower()}
        if node.args:
            found["arguments"] = [_value(each) for each in node.args]
        return found | {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        return {
            str(_value(key)) if key is not None else "**": _value(value)
            for key, value in zip(node.keys, node.values, strict=True)
        }
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(each) for each in node.elts]
    return ast.literal_eval(node)
