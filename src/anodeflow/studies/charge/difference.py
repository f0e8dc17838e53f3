"""Charge-density difference: where electrons gather and where they leave when an atom is adsorbed."""

import os
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.cube import write_cube
from ase.units import Bohr

from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import CalculationError
from anodeflow.core.grid import CompactGrid, pack_grid, unpack_grid
from anodeflow.studies.charge.document import ChargeDifference

CUBE_FILE = "charge_difference.cube"
INTEGRAL_TOLERANCE = 1e-3
"""Largest integral of the difference, e."""
SAME_PLACE = 1e-3
"""Distance within which an atom is at the same place in two densities, Å."""

BELOW, ABOVE = 5.0, 3.5
"""The stored part reaches from so far below the outermost atoms of the slab (two to three layers) to so far above the
adatom, Å."""
FINEST_STEP = 0.2
"""Distance of the stored points, Å, or more where there would be too many: plane waves resolve no more."""
MOST_POINTS = 42_000
"""Points that are stored, roughly at most; they take up to 3 bytes each in the document."""
ENCLOSED = 0.5
"""Part of all changes (integral of the absolute difference) that the isosurfaces enclose: it decides their value."""


def charge_difference(combined: DensityGrid, slab: DensityGrid, adatom: DensityGrid, folder: Path) -> ChargeDifference:
    """Subtract two parts from the whole, and describe the difference.

    Parameters
    ----------
    combined
        Slab with the adatom (its last atom); c along z.
    slab, adatom
        The two at the same places in the same cell, on the same grid.
    folder
        Where the cube file is written.

    Returns
    -------
    ChargeDifference
        ``combined - slab - adatom``; positive: electrons gather.

    Raises
    ------
    CalculationError
        If the three do not belong together, or the difference does not integrate to 0 within 0.001 e.
    """
    values = subtract(combined, slab, adatom)
    grid = _compact(values, combined)
    heights, average = planar_average(values, combined.cell)
    cube = Path(folder) / CUBE_FILE
    save_cube(cube, values, combined)
    return ChargeDifference(
        integral=float(values.sum() * combined.volume_element),
        accumulated=float(values[values > 0].sum() * combined.volume_element),
        z=heights.tolist(),
        planar_average=average.tolist(),
        isovalue=isovalue(unpack_grid(grid)),
        grid=grid,
        cube_file=os.fspath(cube),
    )


def subtract(combined: DensityGrid, slab: DensityGrid, adatom: DensityGrid) -> np.ndarray:
    """Return ``combined - slab - adatom`` (nx, ny, nz), e/Å³; see :func:`charge_difference` for the errors."""
    for name, part in (("slab", slab), ("adatom", adatom)):
        if part.values.shape != combined.values.shape or not np.allclose(part.cell, combined.cell, atol=1e-5):
            raise CalculationError(
                f"the density of the {name} is on a grid of {'x'.join(map(str, part.values.shape))} points and that of "
                f"both together on {'x'.join(map(str, combined.values.shape))}, or their cells differ: compute the "
                "three with one cell and one grid_spacing."
            )
    numbers = np.concatenate([slab.numbers, adatom.numbers])
    places = np.concatenate([slab.positions, adatom.positions])
    if not np.array_equal(numbers, combined.numbers) or not _same_places(places, combined):
        raise CalculationError(
            "the densities of slab and adatom have their atoms at other places than that of both together: compute the "
            "three at the same positions."
        )
    values = combined.values - slab.values - adatom.values
    integral = float(values.sum() * combined.volume_element)
    if abs(integral) > INTEGRAL_TOLERANCE:
        raise CalculationError(
            f"the charge-density difference integrates to {integral:.4f} e instead of 0 (within {INTEGRAL_TOLERANCE} "
            "e): one of the three densities has lost electrons; compute it anew."
        )
    return values


def planar_average(values: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return heights of the planes (nz,), Å, and the integral of `values` (e/Å³) over each (nz,), e/Å.

    The planes are those of the first two lattice vectors, which must be normal to z.
    """
    area = float(np.linalg.norm(np.cross(cell[0], cell[1])))
    count = values.shape[2]
    return np.arange(count) * cell[2, 2] / count, values.mean(axis=(0, 1)) * area


def isovalue(values: np.ndarray) -> float:
    """Return the value of the isosurfaces, e/Å³, to two digits.

    Where the absolute difference is larger than it, half of all changes take place: what is seen in the picture is the
    larger part, however strong or weak the effect is.
    """
    falling = np.sort(np.abs(values), axis=None)[::-1]
    enclosed = np.cumsum(falling)
    chosen = float(falling[np.searchsorted(enclosed, ENCLOSED * enclosed[-1])])
    return float(f"{chosen:.2g}")


def save_cube(file: Path, values: np.ndarray, grid: DensityGrid) -> None:
    """Write `values` (e/Å³) on the points of `grid` as a Gaussian cube file (e/bohr³, bohr), whole or not at all."""
    atoms = Atoms(grid.numbers, grid.positions, cell=grid.cell)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as stream:
        write_cube(stream, atoms, data=values * Bohr**3, comment="charge-density difference, e/bohr^3")
    temporary.replace(file)


def _compact(values: np.ndarray, combined: DensityGrid) -> CompactGrid:
    """Return what lies around the surface, on a coarser grid: the whole cell in the plane, once."""
    cell = combined.cell
    surface, top = combined.positions[:-1, 2].max(), combined.positions[-1, 2]
    low, high = surface - BELOW, max(top, surface) + ABOVE
    volume = float(np.linalg.norm(np.cross(cell[0], cell[1]))) * (high - low)
    step = max(FINEST_STEP, (volume / MOST_POINTS) ** (1 / 3))
    lengths = np.linalg.norm(cell, axis=1)
    shape = [min(int(np.ceil(length / step)), count) for length, count in zip(lengths, values.shape, strict=True)]
    for axis, count in enumerate(shape):
        values = _resample(values, count, axis)
    steps = cell / np.array(shape)[:, None]
    first, last = int(np.floor(low / steps[2, 2])), int(np.ceil(high / steps[2, 2]))
    if last - first + 1 > shape[2]:
        first, last = 0, shape[2] - 1
    # A slab at the very end of the cell goes on at the other end.
    kept = np.take(values, np.arange(first, last + 1), axis=2, mode="wrap")
    return pack_grid(kept, first * steps[2], steps)


def _resample(values: np.ndarray, count: int, axis: int) -> np.ndarray:
    """Return a periodic field on fewer points along an axis: its shorter waves are left out."""
    old = values.shape[axis]
    if count >= old:
        return values
    waves = np.fft.rfft(values, axis=axis)
    waves = np.take(waves, range((count - 1) // 2 + 1), axis=axis)
    return np.fft.irfft(waves, n=count, axis=axis) * (count / old)


def _same_places(places: np.ndarray, combined: DensityGrid) -> bool:
    """Return whether points (n, 3) are those of the density's nuclei, lattice translations aside."""
    apart = (places - combined.positions) @ np.linalg.inv(combined.cell)
    return bool(np.all(np.linalg.norm((apart - np.round(apart)) @ combined.cell, axis=1) < SAME_PLACE))
