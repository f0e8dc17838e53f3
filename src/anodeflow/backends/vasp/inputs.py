"""VASP's input files: INCAR, KPOINTS, POSCAR, POTCAR, and the folders of a band.

They are written with atomate2's input set generator, so that the VASP_INCAR_UPDATES of a group are applied. Its base
INCAR is left out: every tag that decides a number comes from our settings, which are hashed, and none from a default
that another version of atomate2 may change.
"""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure

from anodeflow.backends.base import NebSettings, RelaxationSettings
from anodeflow.backends.drivers.kpoints import has_spin, is_slab, kpoint_grid
from anodeflow.backends.vasp.settings import GGA_TAGS, ISMEAR, VaspParallel, VaspSettings
from anodeflow.calculations.request import Request
from anodeflow.structures.geometry.positions import free_directions

_HBAR2_2M = 3.80998  # ħ²/2m of the electron, eV Å²


def species_order(structure: Structure) -> list[int]:
    """Return the atoms element by element, in the order in which the elements come first: VASP's order."""
    elements = list(dict.fromkeys(site.specie.symbol for site in structure))
    return sorted(range(len(structure)), key=lambda i: elements.index(structure[i].specie.symbol))


def in_vasp_order(structure: Structure) -> Structure:
    """Return the structure with its atoms as :func:`species_order` puts them, and site properties VASP knows."""
    order = species_order(structure)
    properties: dict[str, list] = {}
    if (flags := free_directions(structure)) is not None:
        properties["selective_dynamics"] = [flags[i] for i in order]
    if has_spin(structure):
        moments = structure.site_properties["magmom"]
        properties["magmom"] = [float(moments[i] or 0.0) for i in order]
    return Structure(
        structure.lattice,
        [structure[i].specie for i in order],
        structure.frac_coords[order],
        site_properties=properties or None,
    )


def electronic_tags(structure: Structure, settings: VaspSettings, parallel: VaspParallel) -> dict[str, Any]:
    """Return the INCAR tags that all tasks on a structure (in VASP's order) share."""
    tags: dict[str, Any] = {
        "PREC": "Accurate",
        "ENCUT": settings.cutoff,
        "GGA": GGA_TAGS[settings.functional],
        "EDIFF": settings.energy_tolerance,
        "NELM": settings.max_scf_cycles,
        "ALGO": settings.algorithm,
        "ISMEAR": ISMEAR[settings.smearing],
        "SIGMA": settings.smearing_width,
        "LREAL": False,
        "LASPH": True,
        "ISPIN": 2 if has_spin(structure) else 1,
        "LCHARG": False,
        "LWAVE": False,
    }
    if has_spin(structure):
        tags["MAGMOM"] = structure.site_properties["magmom"]
    if settings.dipole_correction and is_slab(structure):
        tags |= {"LDIPOL": True, "IDIPOL": 3, "DIPOL": dipole_centre(structure)}
    if not any(structure.lattice.pbc):
        # The box must not make a free atom rounder than it is.
        tags["ISYM"] = 0
    if (kept := settings.kept_moment(structure)) is not None:
        tags["NUPDOWN"] = round(kept)
    return tags | settings.incar | parallel.incar


def task_tags(request: Request, settings: VaspSettings, relaxation: RelaxationSettings, steps: int) -> dict[str, Any]:
    """Return the INCAR tags of a static, a density, a relaxation (of `steps` ionic steps at most)."""
    if request.task == "static":
        return {"NSW": 0}
    if request.task == "density":
        grid = density_grid(request.structure, settings.cutoff, request.options["grid_spacing"])
        return {"NSW": 0, "LCHARG": True, "LAECHG": True} | dict(zip(("NGXF", "NGYF", "NGZF"), grid, strict=True))
    threshold = relaxation.force_threshold
    if request.task == "relax_cell":
        # VASP compares the stress, as an energy of the cell, with the same number.
        threshold = min(threshold, relaxation.stress_threshold * request.structure.volume)
    return {
        "NSW": steps,
        "IBRION": 2,
        "ISIF": 3 if request.task == "relax_cell" else 2,
        "EDIFFG": -float(f"{threshold:.4g}"),
    }


def band_tags(images: int, path: NebSettings, climb: bool, steps: int, end_energies: Sequence[float]) -> dict[str, Any]:
    """Return the INCAR tags of a nudged elastic band, for a VASP with the VTST code.

    Parameters
    ----------
    images
        Number of images between the ends.
    path
        Its thresholds and springs.
    climb
        Whether the highest image climbs; before it does, the band relaxes down to `path.climb_below`.
    steps
        Most iterations.
    end_energies
        Energies of the two ends, eV; VTST takes them from here, not from files.
    """
    return {
        "IMAGES": images,
        "ICHAIN": 0,  # nudged elastic band; VTST's tangent is the improved one unless told otherwise
        "LCLIMB": climb,
        "SPRING": -path.spring_constant,  # negative: nudged
        "IOPT": 1,  # VTST's L-BFGS; IBRION 3 and POTIM 0 keep VASP's own optimizers still
        "IBRION": 3,
        "POTIM": 0,
        "MAXMOVE": path.max_displacement,
        "ISIF": 2,
        "ISYM": 0,
        "NSW": steps,
        "EDIFFG": -(path.force_threshold if climb else path.climb_below),
        "EFIRST": end_energies[0],
        "ELAST": end_energies[1],
    }


def dipole_centre(structure: Structure) -> list[float]:
    """Return the centre of mass of a slab, fractional: its pieces on both sides of a cell's face joined first."""
    heights = structure.frac_coords[:, 2] % 1
    ordered = np.sort(heights)
    gaps = np.diff([*ordered, ordered[0] + 1])
    bottom = ordered[(int(np.argmax(gaps)) + 1) % len(ordered)]
    masses = np.array([float(site.specie.atomic_mass) for site in structure])
    height = bottom + np.average((heights - bottom) % 1, weights=masses)
    return [0.5, 0.5, round(float(height % 1), 6)]


def density_grid(structure: Structure, cutoff: float, spacing: float) -> list[int]:
    """Return the points of the fine FFT grid along each vector: at most `spacing` (Å) apart, never coarser than what
    VASP takes with PREC = Accurate, even, and quick to transform.
    """
    accurate = math.pi / (4 * math.sqrt(cutoff / _HBAR2_2M))
    return [_fft_size(length / min(spacing, accurate)) for length in structure.lattice.abc]


def _fft_size(least: float) -> int:
    size = 2 * math.ceil(least / 2 - 1e-9)
    while _without(size, (2, 3, 5, 7)) > 1:
        size += 2
    return size


def _without(number: int, factors: tuple[int, ...]) -> int:
    for factor in factors:
        while number % factor == 0:
            number //= factor
    return number


def potcar_symbols(elements: Sequence[str], chosen: dict[str, str]) -> dict[str, str]:
    """Return element -> POTCAR: the one chosen, or else atomate2's (Li_sv, Na_pv, Mg ...)."""
    from atomate2.vasp.sets.base import VaspInputGenerator

    usual = VaspInputGenerator().config_dict["POTCAR"]
    return {element: chosen.get(element) or usual.get(element, element) for element in elements}


def write_inputs(
    folder: Path, structure: Structure, tags: dict[str, Any], settings: VaspSettings, potcar: bool = True
) -> None:
    """Write INCAR, KPOINTS, POSCAR and POTCAR of a structure (in VASP's order) into a folder that exists.

    Without `potcar`, POTCAR.spec stands for the POTCAR: names only.

    Raises
    ------
    OSError, ValueError
        If a POTCAR is missing (:meth:`~anodeflow.backends.base.Backend.check_elements` has said so before).
    """
    from atomate2.vasp.files import write_vasp_input_set
    from atomate2.vasp.sets.base import VaspInputGenerator
    from pymatgen.io.vasp import Kpoints
    from pymatgen.io.vasp.inputs import UnknownPotcarWarning

    elements = list(dict.fromkeys(site.specie.symbol for site in structure))
    a, b, c = kpoint_grid(structure, settings.kpoint_spacing)
    grid: Any = Kpoints.gamma_automatic((a, b, c))
    with warnings.catch_warnings():
        # One smearing for metals, insulators and atoms is meant; POTCARs have been looked at by `check_elements`.
        warnings.filterwarnings("ignore", "Relaxation of likely metal with ISMEAR|ISMEAR = 0 with a small SIGMA")
        warnings.simplefilter("ignore", UnknownPotcarWarning)
        generator = VaspInputGenerator(
            config_dict={
                "INCAR": tags | ({"MAGMOM": {}} if "MAGMOM" in tags else {}),  # pymatgen takes it from the sites
                "KPOINTS": {},
                "POTCAR": potcar_symbols(elements, settings.potcars),
                "POTCAR_FUNCTIONAL": settings.potcar_functional,
            },
            user_kpoints_settings=grid,
            sort_structure=False,
            validate_magmom=False,
            inherit_incar=False,
            auto_ismear=False,
            auto_metal_kpoints=False,
        )
        spec = not potcar
        write_vasp_input_set(structure, generator, folder, clean_prev=False, potcar_spec=spec)


def write_band_inputs(folder: Path, images: Sequence[Structure], tags: dict[str, Any], settings: VaspSettings) -> None:
    """Write the inputs of a band: those of its first image, and a folder 00, 01 ... with the POSCAR of each.

    KPOINTS goes into each of them too: VASP 6 with HDF5 compares them (as atomate2's NebFromImagesMaker does).
    """
    from pymatgen.io.vasp import Incar, Poscar

    # pymatgen takes SPRING for an integer: springs of 0.1 eV/Å² would be written, and rewritten by custodian, as none.
    known: Any = Incar.INCAR_PARAMS
    known["SPRING"] = {"type": "float"}
    write_inputs(folder, images[0], tags, settings)
    for number, image in enumerate(images):
        place = folder / f"{number:02}"
        place.mkdir()
        Poscar(image).write_file(place / "POSCAR")
        (place / "KPOINTS").write_bytes((folder / "KPOINTS").read_bytes())
