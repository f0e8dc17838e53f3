"""Writes the input of pw.x for one geometry (through ASE), and reads what it printed."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.io import read, write
from ase.units import Rydberg

from anodeflow.backends.drivers.kpoints import (
    has_spin,
    is_slab,
    kpoint_grid,
    middle_of_vacuum,
)

if TYPE_CHECKING:
    from anodeflow.backends.espresso.settings import EspressoSettings
    from anodeflow.backends.external.code import Job

_ENTROPY = re.compile(r"^ +smearing contrib\. \(-TS\) += +(-?\d\S*) Ry", re.M)
_MOMENT = re.compile(r"^ +total magnetization += +(-?\d\S*) Bohr", re.M)
_CYCLE = re.compile(r"^ +iteration # *(\d+)", re.M)
_VALENCE = re.compile(r"z_valence\s*=\s*\"?\s*([0-9.EeDd+]+)", re.I)
_OLD_VALENCE = re.compile(r"^\s*([0-9.]+)\s+Z valence", re.M)
_DIPOLE_WIDTH = 0.05
"""Share of the cell in which the sawtooth falls; it lies in the middle of the vacuum."""


def input_text(job: "Job", settings: "EspressoSettings", files: dict[str, Path]) -> str:
    """Return the input of one geometry.

    Parameters
    ----------
    job
        The geometry, the recovery steps and what is asked for.
    settings
        Those of the backend.
    files
        Element -> pseudopotential file.

    Raises
    ------
    ValueError
        If a pseudopotential does not tell its valence electrons.
    """
    atoms = job.atoms
    isolated = not any(job.structure.lattice.pbc)
    changes = dict(job.changes)
    electrons = {
        "conv_thr": settings.scf_tolerance * len(atoms) / Rydberg,
        "electron_maxstep": job.max_scf_cycles,
        "mixing_beta": 0.7,
        "startingpot": "file" if job.warm else "atomic",
    }
    electrons |= settings.extra.get("electrons", {}) | changes
    control: dict[str, Any] = {
        "calculation": "scf",
        "prefix": job.name,
        "outdir": "./",
        "pseudo_dir": str(next(iter(files.values())).absolute().parent),
        "tprnfor": True,
        "tstress": job.with_stress,
        "disk_io": "low",
    }
    system: dict[str, Any] = {
        "ecutwfc": settings.cutoff / Rydberg,
        "ecutrho": (settings.density_cutoff or 8 * settings.cutoff) / Rydberg,
        "occupations": "smearing",
        "smearing": "fermi-dirac",
        "degauss": settings.smearing_width / Rydberg,
    }
    if has_spin(job.structure):
        valence = {element: valence_electrons(file) for element, file in files.items()}
        moments = atoms.get_initial_magnetic_moments()
        system["nspin"] = 2
        if (kept := settings.kept_moment(job.structure)) is not None:
            system["tot_magnetization"] = kept
        # pw.x wants the share of an atom's valence electrons that is unpaired.
        atoms.set_initial_magnetic_moments(
            [moment / valence[symbol] for moment, symbol in zip(moments, atoms.get_chemical_symbols(), strict=True)]
        )
    else:
        atoms.set_initial_magnetic_moments(None)
    if isolated:
        system["assume_isolated"] = "mt"
    if settings.dipole_correction and is_slab(job.structure):
        control |= {"tefield": True, "dipfield": True}
        system |= {
            "edir": 3,
            "eamp": 0.0,
            "eopreg": _DIPOLE_WIDTH,
            "emaxpos": (middle_of_vacuum(atoms) - _DIPOLE_WIDTH / 2) % 1.0,
        }
    control |= settings.extra.get("control", {})
    system |= settings.extra.get("system", {})
    stream = io.StringIO()
    write(
        stream,
        atoms,
        format="espresso-in",
        input_data={"control": control, "system": system, "electrons": electrons},
        pseudopotentials={element: file.name for element, file in files.items()},
        kpts=None if isolated else tuple(kpoint_grid(job.structure, settings.kpoint_spacing)),
    )
    return stream.getvalue()


def valence_electrons(file: Path) -> float:
    """Return the valence electrons of a UPF file.

    Raises
    ------
    ValueError
        If it does not tell.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    match = _VALENCE.search(text) or _OLD_VALENCE.search(text)
    if match is None:
        raise ValueError(f"{file} does not tell its valence electrons: it is no UPF file")
    return float(match[1].lower().replace("d", "e"))


def results(text: str, with_stress: bool) -> dict[str, Any]:
    """Return ASE's results (eV, Å) from what pw.x printed.

    Its total energy is the free energy; the extrapolated one lies half of the smearing contribution above.

    Raises
    ------
    ValueError
        If energy, forces or stress are missing.
    """
    try:
        atoms: Any = read(io.StringIO(text), format="espresso-out")
        found = dict(atoms.calc.results)
    except (IndexError, AttributeError, StopIteration):
        found = {}
    except (ValueError, KeyError, AssertionError) as error:  # stars, where a number is too large; a part is missing
        raise ValueError(f"what pw.x printed cannot be read ({error or type(error).__name__})") from error
    if "energy" not in found or "forces" not in found:
        raise ValueError("pw.x printed no energy or no forces")
    if with_stress and "stress" not in found:
        raise ValueError("pw.x printed no stress")
    entropy, moment = _ENTROPY.findall(text), _MOMENT.findall(text)
    free_energy = float(found["energy"])
    kept: dict[str, Any] = {
        "free_energy": free_energy,
        "energy": free_energy - (float(entropy[-1]) if entropy else 0.0) * Rydberg / 2,
        "forces": np.array(found["forces"]),
    }
    if with_stress:
        kept["stress"] = np.array(found["stress"])
    if moment:
        kept["magmom"] = float(moment[-1])
    return kept


def scf_cycles(text: str) -> int | None:
    """Return the number of the last SCF cycle in a piece of what pw.x printed; none before the first."""
    found = _CYCLE.findall(text)
    return int(found[-1]) if found else None


def error_reason(text: str) -> str:
    """Return what pw.x says between its lines of % when it stops, in one line; nothing if it said nothing."""
    match = re.search(r"%{20,}\n\s*(Error in routine.*?)\n\s*%{20,}", text, re.S)
    return " ".join(match[1].split()) if match else ""
