"""Writes CP2K's input of one geometry, and reads what it printed."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.cp2k import InputSection
from ase.units import Bohr, GPa, Hartree, Rydberg, kB

from anodeflow.backends.cp2k import extra as cp2k_extra
from anodeflow.backends.drivers.kpoints import (
    has_spin,
    is_slab,
    kpoint_grid,
    middle_of_vacuum,
    time_reversal_kpoints,
)

if TYPE_CHECKING:
    from anodeflow.backends.cp2k.settings import Cp2kSettings
    from anodeflow.backends.external.code import Job

_ENERGY = re.compile(r"^ ENERGY\| Total FORCE_EVAL.*?(-?\d+\.\d+)\s*$", re.M)
_ENTROPY = re.compile(r"^ *Electronic entropic energy: +(-?\d\S*)", re.M)
_FORCES = re.compile(r"^ ATOMIC FORCES in \[a\.u\.\]\n\n # Atom .*\n((?: +\d+ +\d+ +\S+ .*\n)+)", re.M)
_STRESS = re.compile(r"^ STRESS\| +([xyz]) +(-?\d\.\d+E\S+) +(-?\d\.\d+E\S+) +(-?\d\.\d+E\S+)$", re.M)
_SPIN = re.compile(r"^ # Total charge and spin .* (\S+)$", re.M)
_CYCLE = re.compile(r"^ +(\d+) (?:NoMix|Broy\.|Pulay|Kerker|P_Mix|Multi|DIIS|OT)\S*/?\S* ", re.M)


def input_text(job: "Job", settings: "Cp2kSettings", electrons: dict[str, int | None]) -> str:
    """Return the input of one geometry.

    Parameters
    ----------
    job
        The geometry, the recovery steps and what is asked for.
    settings
        Those of the backend.
    electrons
        Element -> valence electrons of its pseudopotential; none where its name does not tell.
    """
    root = InputSection("CP2K_INPUT")
    spin = has_spin(job.structure)
    isolated = not any(job.structure.lattice.pbc)

    def add(path: str, *lines: str) -> None:
        for line in lines:
            root.add_keyword(path, line, unique=False)

    run_type = "ENERGY" if job.first_stage else "ENERGY_FORCE"
    add("GLOBAL", f"PROJECT {job.name}", f"RUN_TYPE {run_type}", "PRINT_LEVEL MEDIUM")
    add("FORCE_EVAL", "METHOD QUICKSTEP", f"STRESS_TENSOR {'ANALYTICAL' if job.with_stress else 'NONE'}")
    add("FORCE_EVAL/PRINT/FORCES", "_SECTION_PARAMETERS_ ON", "NDIGITS 12")
    add("FORCE_EVAL/PRINT/STRESS_TENSOR", "_SECTION_PARAMETERS_ ON")
    add(
        "FORCE_EVAL/DFT",
        f"BASIS_SET_FILE_NAME {settings.basis_file}",
        f"POTENTIAL_FILE_NAME {settings.potential_file}",
    )
    if spin:
        moment = float(np.sum(job.structure.site_properties["magmom"]))
        add("FORCE_EVAL/DFT", "UKS T", f"MULTIPLICITY {_multiplicity(job, moment, electrons)}")
    if settings.dipole_correction and is_slab(job.structure):
        # Left to itself CP2K takes the layer whose charge is least: where the charge changes its sign in the slab, too.
        # Given in Å it is read in another unit (2023.1): so the middle of the vacuum goes to zero.
        job.atoms.positions -= job.atoms.cell.array[2] * middle_of_vacuum(job.atoms)
        if not job.first_stage:
            add("FORCE_EVAL/DFT", "SURFACE_DIPOLE_CORRECTION T", "SURF_DIP_DIR Z", "SURF_DIP_POS 0.0")
    if job.warm:
        ending = "wfn" if isolated else "kp"
        add("FORCE_EVAL/DFT", f"WFN_RESTART_FILE_NAME {job.name}-RESTART.{ending}")
    add("FORCE_EVAL/DFT/QS", f"EPS_DEFAULT {settings.integral_tolerance:e}")
    add(
        "FORCE_EVAL/DFT/MGRID",
        f"CUTOFF {settings.cutoff / Rydberg:.10f}",
        f"REL_CUTOFF {settings.relative_cutoff / Rydberg:.10f}",
    )
    add("FORCE_EVAL/DFT/XC/XC_FUNCTIONAL", f"_SECTION_PARAMETERS_ {settings.functional.replace('LDA', 'PADE')}")
    _add_scf(add, job, settings, isolated, spin, electrons)
    if isolated:
        add("FORCE_EVAL/DFT/POISSON", "PERIODIC NONE", "PSOLVER MT")
    else:
        grid = kpoint_grid(job.structure, settings.kpoint_spacing)
        # An explicit list: CP2K's own grids leave points on the zone's boundary in that time reversal makes equal.
        points = time_reversal_kpoints(grid)
        add("FORCE_EVAL/DFT/KPOINTS", "SCHEME GENERAL", "UNITS B_VECTOR", "SYMMETRY F", "PARALLEL_GROUP_SIZE -1")
        add("FORCE_EVAL/DFT/KPOINTS", *(f"KPOINT {x:.12f} {y:.12f} {z:.12f} {w}" for x, y, z, w in points))
    _add_atoms(add, root, job, settings, isolated)
    cp2k_extra.add_to(root, settings.extra)
    return "\n".join(root.write()) + "\n"


def _add_scf(
    add: Any, job: "Job", settings: "Cp2kSettings", isolated: bool, spin: bool, electrons: dict[str, int | None]
) -> None:
    path = "FORCE_EVAL/DFT/SCF"
    count = sum(electrons[symbol] or 4 for symbol in job.atoms.get_chemical_symbols())
    bands = max(8, int(settings.extra_bands * count / 2))
    add(
        path,
        f"SCF_GUESS {'RESTART' if job.warm else 'ATOMIC'}",
        f"EPS_SCF {settings.scf_tolerance:e}",
        f"MAX_SCF {job.max_scf_cycles}",
        f"ADDED_MOS {bands} {bands}" if spin else f"ADDED_MOS {bands}",
    )
    add(f"{path}/DIAGONALIZATION", "_SECTION_PARAMETERS_ ON", "ALGORITHM STANDARD")
    add(
        f"{path}/SMEAR",
        "_SECTION_PARAMETERS_ ON",
        "METHOD FERMI_DIRAC",
        f"ELECTRONIC_TEMPERATURE {settings.smearing_width / kB:.8f}",
    )
    moment = settings.kept_moment(job.structure)
    if moment is not None:
        add(f"{path}/SMEAR", f"FIXED_MAGNETIC_MOMENT {moment:.6f}")
    own = cp2k_extra.mixing(settings.extra)
    mixing = {"METHOD": "BROYDEN_MIXING", "ALPHA": 0.3, "NBUFFER": 8} | own | job.changes
    add(f"{path}/MIXING", "_SECTION_PARAMETERS_ ON", *(f"{key} {value}" for key, value in mixing.items()))
    add(f"{path}/PRINT/RESTART", "_SECTION_PARAMETERS_ ON", "BACKUP_COPIES 0")
    add(f"{path}/PRINT/RESTART/EACH", "QS_SCF 0")
    add(f"{path}/PRINT/RESTART_HISTORY", "_SECTION_PARAMETERS_ OFF")


def _add_atoms(add: Any, root: InputSection, job: "Job", settings: "Cp2kSettings", isolated: bool) -> None:
    """Cell, positions, and one kind of atom for each element and initial moment."""
    subsys = root.get_subsection("FORCE_EVAL/SUBSYS")
    add("FORCE_EVAL/SUBSYS/CELL", f"PERIODIC {'NONE' if isolated else 'XYZ'}")
    for name, vector in zip("ABC", job.atoms.cell.array, strict=True):
        add("FORCE_EVAL/SUBSYS/CELL", f"{name} {vector[0]:.16f} {vector[1]:.16f} {vector[2]:.16f}")
    kinds: dict[tuple[str, float], str] = {}
    moments = job.atoms.get_initial_magnetic_moments()
    for symbol, moment, (x, y, z) in zip(
        job.atoms.get_chemical_symbols(), moments, job.atoms.get_positions(), strict=True
    ):
        number = sum(symbol == known for known, _ in kinds)
        kind = kinds.setdefault((symbol, float(moment)), f"{symbol}{number or ''}")
        add("FORCE_EVAL/SUBSYS/COORD", f"{kind} {x:.16f} {y:.16f} {z:.16f}")
    for (symbol, moment), kind in kinds.items():
        section = InputSection("KIND", kind)
        section.keywords = [
            f"ELEMENT {symbol}",
            f"BASIS_SET {settings.basis_set_of(symbol)}",
            f"POTENTIAL {settings.potential_of(symbol)}",
        ]
        if moment:
            section.keywords.append(f"MAGNETIZATION {moment:.6f}")
        subsys.subsections.append(section)


def _multiplicity(job: "Job", moment: float, electrons: dict[str, int | None]) -> int:
    """Return 2S + 1 nearest to a moment (µB) that the number of electrons allows."""
    numbers = [electrons[symbol] for symbol in job.atoms.get_chemical_symbols()]
    unpaired = round(abs(moment))
    if None not in numbers and (sum(number or 0 for number in numbers) - unpaired) % 2:
        unpaired += 1 if abs(moment) > unpaired or unpaired == 0 else -1
    return unpaired + 1


def results(text: str, count: int, with_stress: bool) -> dict[str, Any]:
    """Return ASE's results (eV, Å) from CP2K's output of one geometry of `count` atoms.

    CP2K's total energy is the free energy; the extrapolated one lies half of the entropic energy above.

    Raises
    ------
    ValueError
        If energy, forces or stress are missing.
    """
    energy, entropy, block = _ENERGY.findall(text), _ENTROPY.findall(text), _FORCES.findall(text)
    if not energy or not block:
        raise ValueError("CP2K printed no energy or no forces")
    forces = np.array([line.split()[3:6] for line in block[-1].splitlines()], dtype=float)
    if len(forces) != count:
        raise ValueError(f"CP2K printed the forces on {len(forces)} atoms of {count}")
    free_energy = float(energy[-1]) * Hartree
    found: dict[str, Any] = {
        "free_energy": free_energy,
        "energy": free_energy - (float(entropy[-1]) if entropy else 0.0) * Hartree / 2,
        "forces": forces * Hartree / Bohr,
    }
    if with_stress:
        rows = {axis: [float(number) for number in row] for axis, *row in _STRESS.findall(text)[:3]}
        if sorted(rows) != ["x", "y", "z"]:
            raise ValueError("CP2K printed no stress")
        tensor = np.array([rows[axis] for axis in "xyz"])
        # CP2K's is positive under pressure, ASE's under tension.
        found["stress"] = -tensor[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] * GPa
    if spin := _SPIN.findall(text):
        found["magmom"] = float(spin[-1])
    return found


def scf_cycles(text: str) -> int | None:
    """Return the number of the last SCF cycle in a piece of CP2K's output; none before the first."""
    found = _CYCLE.findall(text)
    return int(found[-1]) if found else None


def abort_reason(text: str) -> str:
    """Return what CP2K says in the box that it draws when it stops, in one line; nothing if there is no box."""
    lines = text.splitlines()
    begins = [index for index, line in enumerate(lines) if "[ABORT]" in line]
    if not begins:
        return ""
    words: list[str] = []
    for line in lines[begins[-1] - 2 : begins[-1] + 40]:
        inner = line.strip().strip("*").strip()
        if not inner and words:
            break
        inner = re.sub(r"^(\[ABORT\]|/   \\|___|\\___/|\||O/\||/\| \||/ \\)", "", inner).strip()
        if inner and not re.fullmatch(r"[\s_/\\|O]*", inner):
            words.append(inner)
    return " ".join(words)
