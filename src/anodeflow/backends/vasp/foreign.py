"""Finished runs of VASP in folders of others: vasprun.xml with INCAR, KPOINTS and POSCAR where they are."""

import gzip
import warnings
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.foreign import ForeignRun
from anodeflow.backends.vasp.backend import VaspBackend
from anodeflow.backends.vasp.compared import differing_kpoints, differing_potentials, differing_tags
from anodeflow.backends.vasp.foreign_tags import given_tags, task_of
from anodeflow.backends.vasp.outputs import Frame, last_free_energy, packed, read_run
from anodeflow.core.errors import InputError
from anodeflow.structures.geometry.positions import free_directions

_LARGEST = 2_000_000_000  # bytes of a vasprun.xml, unpacked
_AGREE = 1e-5  # of fractional coordinates, and Å of a cell: the digits of vasprun.xml
_SAME_RUN = 1e-4  # eV, between the last free energies of OUTCAR, OSZICAR and vasprun.xml
_EDIFF = 1e-4  # eV, what VASP takes where nothing is given
_DIGITS = 2e-8  # eV, of energies in vasprun.xml
_VACUUM = 6.0  # Å between a slab and its image
_BOX = 7.0  # Å, shortest vector of a box for a free atom


@dataclass
class VaspRun(ForeignRun):
    """A run of VASP; `tags` are those of its INCAR, `defaults` all that VASP says it took."""

    tags: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    kpoints: Any = None
    titles: tuple[str, ...] = ()
    has_incar: bool = False

    def differences(self, backend: Backend) -> list[str]:
        """Return what keeps it from being the calculation of a VASP backend, a phrase each; empty: nothing."""
        if not isinstance(backend, VaspBackend):
            return [f"it is of VASP ({backend.name}: {backend.code})"]
        found = []
        if self.version.split(".")[: len(backend.release.split("."))] != backend.release.split("."):
            found.append(f"it is of VASP {self.version} ({backend.name}: release {backend.release})")
        if not self.has_incar:
            found.append("its INCAR is not here, and vasprun.xml does not tell all tags")
        found += differing_tags(self.request, backend, self.tags, self.defaults, self.titles)
        found += differing_kpoints(self.structure, backend, self.kpoints)
        found += differing_potentials(self.structure, backend, self.titles)
        if self.task == "relax_cell" and len(self.steps) > 1:
            found.append(
                f"its cell moved in {len(self.steps)} steps with the plane waves of the first one ({backend.name}: "
                "until a run finds the cell at rest at its first step)"
            )
        return found + self.differences_at_rest(backend)


def read_vasp_folder(folder: Path, suffix: str = "") -> VaspRun:
    """Read a finished run of VASP.

    Parameters
    ----------
    folder
        Folder with vasprun.xml, or vasprun.xml.gz; INCAR, KPOINTS and POSCAR beside it are compared with it.
    suffix
        What stands behind the names of all its files where several runs share the folder: .relax2.

    Raises
    ------
    InputError
        If it is damaged, cut short, not converged, or does what no task of anodeflow does.
    """
    file = packed(folder / f"vasprun.xml{suffix}")
    if not file.is_file():
        raise InputError(f"{folder} has no vasprun.xml, which says how VASP computed: give a folder that has one.")
    _check_size(file)
    vasprun = _vasprun(file)
    incar = packed(folder / f"INCAR{suffix}")
    try:
        defaults, version = dict(vasprun.parameters), str(vasprun.vasp_version).split()[0]
        tags = given_tags(incar, dict(vasprun.incar), defaults)
        task = task_of(file, tags, defaults)
        structure = _start(packed(folder / f"POSCAR{suffix}"), vasprun, tags, defaults)
    except InputError:
        raise
    except Exception as error:  # whatever pymatgen stumbles over
        raise InputError(f"{file} is damaged ({type(error).__name__}: {error}): take another copy of it.") from error
    kpoints = _kpoints(packed(folder / f"KPOINTS{suffix}"), vasprun)
    structure = _periodic(structure, kpoints)
    frame = Frame(structure, cell_moves=task == "relax_cell")
    frame.order = list(range(len(structure)))
    output = read_run(folder, frame, task, suffix)
    if not output.whole or not output.steps or len(output.steps) < len(vasprun.ionic_steps):
        raise InputError(f"{file} is cut short, or a step in it is damaged: take another copy, or compute it again.")
    allowed = output.scf_cycles_allowed or 0
    worst = max(step["scf_cycles"] for step in output.steps)
    if output.steps[-1]["scf_cycles"] >= allowed:
        raise InputError(f"{file}: its SCF did not converge in {worst} cycles (NELM): compute it again.")
    if task != "static" and len(output.steps) >= int(defaults["NSW"]) > 1:
        raise InputError(f"{file}: its relaxation did not converge in {len(output.steps)} steps (NSW): go on with it.")
    _check_scf(file, vasprun, float(defaults.get("EDIFF", tags.get("EDIFF", _EDIFF))))
    for other in ("OUTCAR", "OSZICAR"):
        _check_same_run(packed(folder / f"{other}{suffix}"), file, output.steps[-1])
    titles = tuple(str(title).strip() for title in vasprun.potcar_symbols)
    names = ("INCAR", "KPOINTS", "POSCAR", "OUTCAR", "OSZICAR")
    files = [place for name in names if (place := packed(folder / f"{name}{suffix}")).is_file()]
    return VaspRun(
        folder=folder,
        code="vasp",
        version=version,
        task=task,
        structure=structure,
        steps=[step | {"attempt": 1} for step in output.steps],
        settings=_settings(tags, defaults, kpoints, titles),
        files=(file, *files),
        finished_at=datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds"),
        tags=tags,
        defaults=defaults,
        kpoints=kpoints,
        titles=titles,
        has_incar=incar.is_file(),
    )


def _check_scf(file: Path, vasprun: Any, tolerance: float) -> None:
    """Raise InputError if the last SCF was stopped before its energy changed by less than its tolerance, eV."""
    energies = [float(cycle["e_fr_energy"]) for cycle in vasprun.ionic_steps[-1]["electronic_steps"][-2:]]
    if len(energies) < 2 or abs(energies[1] - energies[0]) > 1.01 * abs(tolerance) + _DIGITS:
        raise InputError(f"{file}: its last SCF was stopped before it converged (EDIFF): compute it again.")


def _check_same_run(other: Path, file: Path, last: dict[str, Any]) -> None:
    """Raise InputError if OUTCAR or OSZICAR ends with another free energy than vasprun.xml."""
    ended = last_free_energy(other)
    if ended is not None and abs(ended - last["free_energy"]) > _SAME_RUN:
        raise InputError(
            f"{other} ends with {ended:.5f} eV and {file} with {last['free_energy']:.5f} eV: they are of two runs, or "
            "one is cut short; give the folder the files of one."
        )


def _check_size(file: Path) -> None:
    size = file.stat().st_size
    if file.suffix == ".gz":
        size = 0
        try:
            with gzip.open(file) as stream:
                while size <= _LARGEST and (piece := stream.read(2**22)):
                    size += len(piece)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{file} is damaged or cut short ({error}): take another copy of it.") from error
    if size > _LARGEST:
        raise InputError(f"{file} has more than {_LARGEST / 1e9:g} GB, the most that is read: leave it out.")


def _vasprun(file: Path) -> Any:
    from pymatgen.io.vasp import Vasprun
    from pymatgen.io.vasp.outputs import UnconvergedVASPWarning

    try:
        with warnings.catch_warnings():
            # One that has not converged is refused by `read_vasp_folder`: its SCF took NELM cycles, or it NSW steps.
            warnings.simplefilter("ignore", UnconvergedVASPWarning)
            return Vasprun(file, parse_dos=False, parse_eigen=False, parse_potcar_file=False)
    except Exception as error:  # whatever pymatgen stumbles over
        raise InputError(
            f"{file} is damaged or cut short, or not as pymatgen reads it ({error}): take another copy, or compute it "
            "again."
        ) from error


def _start(file: Path, vasprun: Any, tags: dict[str, Any], defaults: dict[str, Any]) -> Structure:
    """Return the structure that VASP began with: by its POSCAR, which has more digits, where that is the same one."""
    from pymatgen.io.vasp import Poscar
    from pymatgen.io.vasp.inputs import BadPoscarWarning

    start = vasprun.initial_structure
    lattice, coordinates = start.lattice.matrix, start.frac_coords
    flags = free_directions(start)
    if file.is_file():
        try:
            with warnings.catch_warnings():
                # Nothing is fixed there, as we take it, too; and elements are those of vasprun.xml, never the POSCAR's.
                nothing_fixed, no_elements = (
                    "Ignoring selective dynamics tag, as no ionic",
                    "Elements in POSCAR cannot be",
                )
                warnings.filterwarnings("ignore", nothing_fixed, BadPoscarWarning)
                warnings.filterwarnings("ignore", no_elements, BadPoscarWarning)
                if flags is not None:  # VASP has read them as they are meant, and wrote them
                    warnings.filterwarnings("ignore", "Selective dynamics values must be", BadPoscarWarning)
                else:  # pymatgen would take all but T for fixed
                    warnings.filterwarnings("error", "Selective dynamics values must be", BadPoscarWarning)
                poscar = Poscar.from_file(file, check_for_potcar=False).structure
        except BadPoscarWarning as error:
            raise InputError(
                f"{file}: {' '.join(str(error).split()).rstrip('.')}: correct it, or leave it out."
            ) from error
        off = poscar.frac_coords - coordinates if len(poscar) == len(start) else np.ones(3)
        if np.abs(poscar.lattice.matrix - lattice).max() < _AGREE and np.abs(off - np.rint(off)).max() < _AGREE:
            lattice, coordinates = poscar.lattice.matrix, poscar.frac_coords
            flags = free_directions(poscar) if flags is None else flags
    properties: dict[str, list] = {}
    if flags is not None:
        properties["selective_dynamics"] = flags
    if int(tags.get("ISPIN", defaults.get("ISPIN", 1))) == 2:
        moments = tags.get("MAGMOM", defaults.get("MAGMOM")) or [1.0] * len(start)
        properties["magmom"] = [float(moment) for moment in moments]
    species = [site.specie.symbol for site in start]
    return Structure(lattice, species, coordinates, site_properties=properties or None)


def _periodic(structure: Structure, kpoints: Any) -> Structure:
    """Return the structure as periodic as it is meant: VASP calls everything periodic.

    An atom alone in a box is free; with one k-point along a vacuum it is a slab.
    """
    single = [1, 1, 1] if kpoints is None else list(kpoints.kpts[0])
    pbc = (True, True, True)
    if len(structure) == 1 and min(structure.lattice.abc) >= _BOX and single == [1, 1, 1]:
        pbc = (False, False, False)
    elif len(single) == 3 and single[2] == 1 and _vacuum(structure) >= _VACUUM:
        pbc = (True, True, False)
    return Structure(
        Lattice(structure.lattice.matrix, pbc=pbc),
        structure.species,
        structure.frac_coords,
        site_properties=structure.site_properties or None,
    )


def _vacuum(structure: Structure) -> float:
    """Return the widest gap between the atoms along the third vector, Å normal to the first two."""
    heights = np.sort(structure.frac_coords[:, 2] % 1)
    gap = np.diff([*heights, heights[0] + 1]).max()
    return float(gap / structure.lattice.reciprocal_lattice_crystallographic.abc[2])


def _kpoints(file: Path, vasprun: Any) -> Any:
    """Return the grid of k-points: of vasprun.xml, else of KPOINTS; none if neither tells."""
    from pymatgen.io.vasp import Kpoints

    recorded = getattr(vasprun, "kpoints", None)
    if recorded is not None and recorded.kpts:
        return recorded
    return Kpoints.from_file(file) if file.is_file() else None


def _settings(tags: dict[str, Any], defaults: dict[str, Any], kpoints: Any, titles: tuple[str, ...]) -> dict[str, Any]:
    def given(tag: str, default: str = "") -> Any:
        return tags.get(tag, defaults.get(default or tag))

    grid = None if kpoints is None else f"{kpoints.style.name} {' '.join(map(str, kpoints.kpts[0]))}"
    return {
        "functional": str(given("METAGGA") or given("GGA") or "that of the POTCARs"),
        "cutoff": given("ENCUT", "ENMAX"),
        "kpoints": grid,
        "smearing": given("ISMEAR"),
        "smearing_width": given("SIGMA"),
        "spin": given("ISPIN") == 2,
        "energy_tolerance": given("EDIFF"),
        "potentials": list(titles),
        "incar": {tag: _plain(value) for tag, value in sorted(tags.items())},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float | str) else str(value)
