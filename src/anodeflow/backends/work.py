"""What one force evaluation has to do, in numbers that cost follows: electrons, k-points, plane waves."""

import math
from dataclasses import dataclass

from ase.data import atomic_numbers
from pymatgen.core import Structure

from anodeflow.backends.drivers.kpoints import irreducible_kpoints

_EV_PER_WAVE_NUMBER = 3.81  # eV Å²: ħ²/2m
_CLOSED_SHELLS = (0, 2, 10, 18, 36, 54, 86)  # electrons of the noble gases


@dataclass(frozen=True)
class Work:
    """What one force evaluation has to do.

    Attributes
    ----------
    atoms
        Number of atoms.
    electrons
        Valence electrons.
    kpoints
        k-points (times spins) that symmetry leaves.
    plane_waves
        Plane waves of one wave function; without a cutoff the volume, Å³, to which they are proportional.
    """

    atoms: int
    electrons: float
    kpoints: int
    plane_waves: float

    @property
    def weight(self) -> float:
        """Numbers that all wave functions hold, up to a factor: what memory and a cycle's time grow with."""
        return self.kpoints * self.electrons * self.plane_waves


@dataclass(frozen=True)
class LogFacts:
    """What the log of a code says of the machine.

    Attributes
    ----------
    processors
        Processors that it ran on; none: it does not say.
    peak_memory
        Largest memory of all processes together, MiB; none: it does not say.
    """

    processors: int | None = None
    peak_memory: float | None = None


def outer_electrons(element: str) -> float:
    """Return the electrons outside of the noble gas core of an element, where no dataset says how many count."""
    number = atomic_numbers[element]
    return float(number - max(shell for shell in _CLOSED_SHELLS if shell < number))


def count_work(structure: Structure, electrons: float, kpoint_spacing: float | None, cutoff: float | None) -> Work:
    """Return the work of one force evaluation.

    Parameters
    ----------
    structure
        Cell and atoms, with `lattice.pbc` and moments.
    electrons
        Valence electrons.
    kpoint_spacing
        Largest distance of k-points, Å⁻¹; none: the code has no k-points.
    cutoff
        Plane-wave cutoff, eV; none: the code has none.
    """
    volume = structure.lattice.volume
    waves = volume if cutoff is None else volume * math.pow(cutoff / _EV_PER_WAVE_NUMBER, 1.5) / (6 * math.pi**2)
    kpoints = 1 if kpoint_spacing is None else irreducible_kpoints(structure, kpoint_spacing)
    return Work(len(structure), electrons, kpoints, waves)
