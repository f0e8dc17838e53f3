"""Bader's partition of an all-electron density among atoms and non-nuclear maxima, with the checks that it is sound.

Basins are cut by the surfaces through which the gradient of the density has no flux (R. F. W. Bader, Atoms in
Molecules, 1990). In Li metal many maxima stand between the atoms: their electrons belong to no atom, and are
reported apart.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import spglib
from ase.data import chemical_symbols
from pymatgen.core import Lattice
from scipy.ndimage import map_coordinates
from scipy.sparse.csgraph import connected_components

from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import CalculationError
from anodeflow.structures.bulk.host import SYMPREC
from anodeflow.studies.charge.bader_programs import BaderProgram, Basins, find_basins
from anodeflow.studies.charge.document import NonNuclearBasin

LEAST_BASIN = 0.01
"""Electrons below which a basin far from all nuclei is a ripple of the vacuum's edge."""
LEAST_DIP = 0.003
"""Part by which the density must fall between two maxima (on the straight line) that are not one.

Seen at Li(001): 0.6 to 4 % between non-nuclear maxima that are there on every grid, and 1.9 % and more between them
and the nearest nucleus; 0.25 % and less, over up to 1.3 Å, between the two to four into which a flat one splits on some
grids and not on others; 0.1 % between an adatom and the shoulder of the density 1.2 Å below it, which one grid calls a
maximum and the next one does not.
"""
LONGEST_SPLIT = 1.5
"""Distance up to which maxima can be parts of one, Å."""
SUM_TOLERANCE = 1e-3
"""Part of the cell's electrons by which the sum of the basins may be off."""
SPREAD_TOLERANCE = 0.05
"""Difference allowed between atoms that symmetry makes equal, e."""
MOST_BASINS = 10
"""Basins per atom beyond which the partition has followed noise."""
MOST_IN_VACUUM = 0.1
"""Electrons that the thin tail of the density may hold: 1e-4 e per Å² of a Li surface are usual."""
_NOBLE_GASES = (2, 10, 18, 36, 54, 86)


@dataclass(frozen=True, eq=False)
class BaderPartition:
    """Electrons of atoms and of non-nuclear maxima.

    Attributes
    ----------
    atom_electrons
        Electrons in the basin of each atom (n,), those of the core included.
    non_nuclear
        Basins that belong to no atom, the fullest first.
    vacuum_electrons
        Electrons in no basin: in the thin tail of the density in the vacuum.
    total_electrons
        Sum of the atomic numbers.
    partition_error
        Sum of all that is above minus `total_electrons`, e.
    equivalent_spread
        Largest difference between atoms that symmetry makes equal, e.
    program, method
        Who cut the basins, and how.
    shoulders
        Atom -> electrons in its basin that a hardly visible maximum beside it holds: the dip between is below
        `LEAST_DIP`. Whether they are the atom's is a matter of the last digit of the density.
    """

    atom_electrons: np.ndarray
    non_nuclear: list[NonNuclearBasin]
    vacuum_electrons: float
    total_electrons: float
    partition_error: float
    equivalent_spread: float
    program: str
    method: str
    shoulders: dict[int, float] = field(default_factory=dict)


def bader_partition(density: DensityGrid, program: BaderProgram | None = None) -> BaderPartition:
    """Divide a density among its atoms and non-nuclear maxima, and check the result.

    Parameters
    ----------
    density
        All-electron density; it must integrate to the sum of the atomic numbers (GPAW's grids do: what a grid misses
        of the cusp is put on the point next to the nucleus).
    program
        anodeflow, baderkit or henkelman; none: see :func:`anodeflow.studies.charge.bader_programs.find_basins`.

    Raises
    ------
    CalculationError
        If a check of :func:`check_partition` fails, or an atom has no maximum of the density.
    BackendUnavailableError
        If no program is installed.
    """
    partition = assign_basins(density, find_basins(density, program))
    check_partition(density, partition)
    return partition


def assign_basins(density: DensityGrid, basins: Basins) -> BaderPartition:
    """Tell the basins of nuclei from the others, and join the parts of maxima that only a grid sets apart.

    A basin is a nucleus's if its maximum lies within 0.3 Å of it, or within the diagonal of a grid cell, where that is
    more: on a coarse grid the highest point can be a neighbour of the one next to the nucleus. Non-nuclear maxima stand
    1.4 Å and more from the nuclei of Li metal.

    Raises
    ------
    CalculationError
        If an atom has no maximum.
    """
    lattice = Lattice(density.cell)
    nuclei = lattice.get_fractional_coords(density.positions)
    maxima = lattice.get_fractional_coords(basins.positions)
    apart = lattice.get_all_distances(maxima, nuclei)
    nearest, distance = apart.argmin(axis=1), apart.min(axis=1)
    nuclear = distance < max(0.3, np.sqrt(3) * density.spacing)
    without = sorted(set(range(len(nuclei))) - set(nearest[nuclear].tolist()))
    if without:
        name = atom_name(density, without[0])
        raise CalculationError(
            f"the Bader analysis found no maximum of the density at {name} on a grid of {density.spacing:.3f} Å: "
            "ask for a smaller grid_spacing."
        )
    ripples = ~nuclear & (basins.electrons < LEAST_BASIN)
    electrons, in_vacuum = _without_ripples(density, lattice, maxima, basins.electrons, ripples)
    atoms = np.bincount(nearest[nuclear], weights=electrons[nuclear], minlength=len(nuclei))
    others = np.flatnonzero(~nuclear & ~ripples)
    shoulders: dict[int, float] = defaultdict(float)
    for index in others:
        maxima[index] = _climb(density.values, maxima[index])
    for index in others[distance[others] < LONGEST_SPLIT]:
        atom = int(nearest[index])
        if _dip(density, maxima[index], _shortest(lattice, nuclei[atom] - maxima[index])) < LEAST_DIP:
            atoms[atom] += electrons[index]
            shoulders[atom] += float(electrons[index])
            others = others[others != index]
    total = float(np.sum(density.numbers))
    return BaderPartition(
        atom_electrons=atoms,
        non_nuclear=_non_nuclear(density, lattice, nuclei, maxima[others], electrons[others]),
        vacuum_electrons=basins.vacuum_electrons + in_vacuum,
        total_electrons=total,
        partition_error=float(basins.electrons.sum()) + basins.vacuum_electrons - total,
        equivalent_spread=_spread(density, nuclei, atoms),
        program=basins.program,
        method=basins.method,
        shoulders=dict(shoulders),
    )


def check_partition(density: DensityGrid, partition: BaderPartition) -> None:
    """Raise CalculationError unless a partition is sound.

    The basins add up to the electrons of the cell within 0.1 %; atoms that symmetry makes equal agree within 0.05 e; no
    atom holds less than its closed core (2 e for Li, 10 e for Mg, none for H); there are at most ten basins per atom;
    what belongs to no basin is next to nothing.
    """
    where = f"on a grid of {density.spacing:.3f} Å"
    if abs(partition.partition_error) > SUM_TOLERANCE * partition.total_electrons:
        raise CalculationError(
            f"the Bader basins hold {partition.total_electrons + partition.partition_error:.3f} e and the cell has "
            f"{partition.total_electrons:.0f} e: the density {where} is not an all-electron one, or too coarse."
        )
    if abs(partition.vacuum_electrons) > MOST_IN_VACUUM:
        raise CalculationError(
            f"{partition.vacuum_electrons:.3f} e are in no Bader basin {where} ({MOST_IN_VACUUM} e are allowed): "
            "ask for a smaller grid_spacing."
        )
    count = len(partition.non_nuclear) + len(partition.atom_electrons)
    if count > MOST_BASINS * len(partition.atom_electrons):
        raise CalculationError(
            f"the Bader analysis found {count} basins of {len(partition.atom_electrons)} atoms {where}: they follow "
            "noise of the density; converge it better."
        )
    for index, (number, electrons) in enumerate(zip(density.numbers, partition.atom_electrons, strict=True)):
        core = closed_core(int(number))
        if electrons < core:
            raise CalculationError(
                f"the Bader basin of {atom_name(density, index)} holds {electrons:.3f} e {where}, less than its closed "
                f"core of {core} e: ask for a smaller grid_spacing."
            )
    if partition.equivalent_spread > SPREAD_TOLERANCE:
        raise CalculationError(
            f"the Bader charges of atoms that symmetry makes equal differ by {partition.equivalent_spread:.3f} e "
            f"{where} ({SPREAD_TOLERANCE} e are allowed): ask for a smaller grid_spacing."
        )


def closed_core(number: int) -> int:
    """Return the electrons of the closed shells below the valence of the element with this atomic number."""
    return max((noble for noble in _NOBLE_GASES if noble < number), default=0)


def atom_name(density: DensityGrid, index: int) -> str:
    """Return an atom's name in messages: element, and number from 0."""
    return f"{chemical_symbols[int(density.numbers[index])]} (atom {index})"


def _non_nuclear(
    density: DensityGrid, lattice: Lattice, nuclei: np.ndarray, maxima: np.ndarray, electrons: np.ndarray
) -> list[NonNuclearBasin]:
    """Join split maxima (fractional) and describe what is left: each at the mean of its parts by their electrons."""
    linked = np.eye(len(maxima), dtype=bool)
    apart = lattice.get_all_distances(maxima, maxima) if len(maxima) else np.zeros((0, 0))
    for i, j in zip(*np.nonzero(np.triu(apart < LONGEST_SPLIT, k=1)), strict=True):
        linked[i, j] = _dip(density, maxima[i], _shortest(lattice, maxima[j] - maxima[i])) < LEAST_DIP
    _, groups = connected_components(linked, directed=False)
    members = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    found = []
    for parts in members.values():
        first = maxima[parts[0]]
        shifts = np.array([_shortest(lattice, maxima[part] - first) for part in parts])
        place = first + np.average(shifts, axis=0, weights=electrons[parts])
        distances = lattice.get_all_distances(place, nuclei)[0]
        found.append(
            NonNuclearBasin(
                position=lattice.get_cartesian_coords(place - np.floor(place)).tolist(),
                electrons=float(electrons[parts].sum()),
                nearest_atom=int(distances.argmin()),
                distance=float(distances.min()),
            )
        )
    return sorted(found, key=lambda basin: -basin.electrons)


def _without_ripples(
    density: DensityGrid, lattice: Lattice, maxima: np.ndarray, electrons: np.ndarray, ripples: np.ndarray
) -> tuple[np.ndarray, float]:
    """Give what each ripple holds to the maximum beside it that is hardly apart; return electrons (n,) and the rest.

    A ripple on the flank of a flat maximum belongs to that; one at the edge of the vacuum has no such neighbour.
    """
    given = np.where(ripples, 0.0, electrons)
    rest = 0.0
    fuller = np.flatnonzero(~ripples)
    for ripple in np.flatnonzero(ripples):
        distances = lattice.get_all_distances(maxima[ripple], maxima[fuller])[0]
        near = fuller[distances < LONGEST_SPLIT]
        dips = [_dip(density, maxima[ripple], _shortest(lattice, maxima[one] - maxima[ripple])) for one in near]
        if dips and min(dips) < LEAST_DIP:
            given[near[int(np.argmin(dips))]] += electrons[ripple]
        else:
            rest += float(electrons[ripple])
    return given, rest


def _dip(density: DensityGrid, start: np.ndarray, way: np.ndarray) -> float:
    """Return by which part the density falls on the straight way (fractional) from one maximum to another, below the
    lower of the two."""
    line = start + np.linspace(0, 1, 81)[:, None] * way
    values = map_coordinates(density.values, (line * density.values.shape).T, order=1, mode="grid-wrap")
    return float(1 - values.min() / min(values[0], values[-1]))


def _climb(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the maximum of a periodic field near `start` (fractional), from the parabolas through the highest point.

    Programs give maxima within a grid step or two.
    """
    shape = np.array(values.shape)
    point = np.rint(start * shape).astype(int)
    while True:
        around = values[np.ix_(*((point[:, None] + [-1, 0, 1]) % shape[:, None]))]
        step = np.array(np.unravel_index(around.argmax(), around.shape)) - 1
        if around.max() <= around[1, 1, 1]:
            break
        point += step
    lines = np.array([around[:, 1, 1], around[1, :, 1], around[1, 1, :]])
    curvature = lines[:, 0] - 2 * lines[:, 1] + lines[:, 2]
    slope = (lines[:, 2] - lines[:, 0]) / 2
    return (point - np.divide(slope, curvature, out=np.zeros(3), where=curvature < 0)) / shape


def _shortest(lattice: Lattice, step: np.ndarray) -> np.ndarray:
    """Return the shortest image of a step between two points, fractional (3,)."""
    _, image = lattice.get_distance_and_image([0, 0, 0], step)
    return step + image


def _spread(density: DensityGrid, nuclei: np.ndarray, electrons: np.ndarray) -> float:
    """Return the largest difference of electrons between atoms that symmetry makes equal."""
    cell = (density.cell.tolist(), nuclei.tolist(), density.numbers.tolist())
    symmetry = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    if symmetry is None:
        return 0.0
    orbits = [electrons[symmetry.equivalent_atoms == orbit] for orbit in set(symmetry.equivalent_atoms)]
    return float(max(np.ptp(orbit) for orbit in orbits))
