"""The all-electron density of a VASP run: AECCAR0 (frozen cores) and AECCAR2 (valence), made whole.

VASP takes the values of both at the points of its fine grid. A core is narrower than a grid cell, so that its sum over
the points is off by electrons, not by thousandths. How many electrons each core has is known (the atomic number less
the valence of the POTCAR): what the points of a core miss, or hold too much, is put on the point next to the nucleus,
deep inside its Bader basin. GPAW's densities are made whole the same way. The usual recipe of the Henkelman group
(basins of AECCAR0 + AECCAR2, electrons of CHGCAR) rests on the same fact.
"""

from pathlib import Path

import numpy as np

from anodeflow.backends.vasp.outputs import Frame
from anodeflow.backends.vasp.potcars import potcars_of
from anodeflow.calculations.folder import COARSE_DENSITY_FILE, DENSITY_FILE
from anodeflow.core.caveats import Caveat
from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import CalculationError

MOST_MISSED = 0.02
"""Part of the valence electrons that AECCAR2 may miss on the fine grid."""


def write_densities(run: Path, frame: Frame, folder: Path) -> list[Caveat]:
    """Write the two density files of a density calculation: on VASP's fine grid, and on every second point of it.

    Parameters
    ----------
    run
        Folder with AECCAR0, AECCAR2 and POTCAR.
    frame
        Of the structure that was asked for.
    folder
        Folder of the calculation: gets density.npz and density-coarse.npz.

    Returns
    -------
    list of Caveat
        Warnings for a reader.

    Raises
    ------
    CalculationError
        If a file is missing, cut short or of another structure, or the grid is too coarse for the valence electrons.
    """
    core, valence = (_read(run / name, frame) for name in ("AECCAR0", "AECCAR2"))
    valences = {potcar.element: float(potcar.nelectrons) for potcar in potcars_of(run / "POTCAR")}
    charges = np.array([valences[site.specie.symbol] for site in frame.structure])
    fine, missed = whole_density(core, valence, frame, charges)
    if abs(missed) > MOST_MISSED * charges.sum():
        raise CalculationError(
            f"AECCAR2 in {run} misses {missed:+.2f} of {charges.sum():.0f} valence electrons on a grid of "
            f"{fine.spacing:.3f} Å: ask for a smaller grid_spacing."
        )
    coarse, _ = whole_density(core[::2, ::2, ::2], valence[::2, ::2, ::2], frame, charges)
    fine.save(folder / DENSITY_FILE)
    coarse.save(folder / COARSE_DENSITY_FILE)
    if abs(missed) > 0.1 * MOST_MISSED * charges.sum():
        return [
            Caveat(
                "electrons-at-nuclei",
                f"{missed:+.3f} of {charges.sum():.0f} valence electrons were put on the points next to the nuclei",
            )
        ]
    return []


def whole_density(
    core: np.ndarray, valence: np.ndarray, frame: Frame, charges: np.ndarray
) -> tuple[DensityGrid, float]:
    """Return the sum of two densities (nx, ny, nz), e/Å³, that holds all electrons, and what the valence missed, e.

    Parameters
    ----------
    core, valence
        On the points of one grid.
    frame
        Of the structure.
    charges
        Valence electrons of each atom (n,), those of its POTCAR.
    """
    structure = frame.structure
    numbers = np.array([site.specie.Z for site in structure])
    element = structure.volume / core.size
    values = core + valence
    missed = float(charges.sum() - valence.sum() * element)
    spread = missed * charges / charges.sum()
    cores = numbers - charges
    found = core_electrons(core, frame) * element
    # What no sphere holds is rounding, or the tail of a core: it is shared out like what the valence misses.
    rest = float(cores.sum() - core.sum() * element) - float((cores - found).sum())
    for index, site in enumerate(structure):
        point = tuple(np.rint(site.frac_coords * core.shape).astype(int) % core.shape)
        values[point] += (cores[index] - found[index] + spread[index] + rest / len(structure)) / element
    return DensityGrid(values, structure.lattice.matrix, structure.cart_coords, numbers), missed


def core_electrons(core: np.ndarray, frame: Frame) -> np.ndarray:
    """Return the sum of the core density over the points around each atom (n,), up to half way to the next atom."""
    structure = frame.structure
    matrix, shape = structure.lattice.matrix, np.array(core.shape)
    apart = structure.distance_matrix + np.where(np.eye(len(structure)), np.inf, 0)
    # Half the height of the cell bounds it too: an atom's own images have cores as well.
    heights = 1 / np.linalg.norm(np.linalg.inv(matrix), axis=0)
    radii = np.minimum(apart.min(axis=1) / 2, heights.min() / 2)
    sums = np.zeros(len(structure))
    for index, site in enumerate(structure):
        middle = site.frac_coords * shape
        reach = np.ceil(radii[index] / heights * shape).astype(int)
        axes = [np.arange(np.floor(m) - r, np.ceil(m) + r + 1) for m, r in zip(middle, reach, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        distance = np.linalg.norm((points - middle) / shape @ matrix, axis=-1)
        inside = points[distance < radii[index]].astype(int) % shape
        sums[index] = core[tuple(inside.T)].sum()
    return sums


def _read(file: Path, frame: Frame) -> np.ndarray:
    """Return the density of a CHGCAR-like file (nx, ny, nz), e/Å³, both spins together."""
    from pymatgen.io.vasp import Chgcar

    try:
        found = Chgcar.from_file(str(file))
        values = np.array(found.data["total"]) / found.structure.volume
        wanted = [frame.structure[i].specie.symbol for i in frame.order]
        same = [site.specie.symbol for site in found.structure] == wanted
    except FileNotFoundError:
        raise CalculationError(f"VASP left no {file.name} in {file.parent}: it writes it with LAECHG only.") from None
    except Exception as error:
        raise CalculationError(f"{file} is damaged or cut short ({error}): delete it and run again.") from error
    if not same or not np.isfinite(values).all() or any(size % 2 for size in values.shape):
        raise CalculationError(f"{file} is of another structure, or another grid than asked for: delete it, run again.")
    return values
