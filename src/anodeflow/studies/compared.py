"""What a document says beside what its calculations say: a file may have been edited, so both are compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc

_SAME = 1e-5  # eV: what rounding of coordinates and sums of large energies leave


@dataclass(frozen=True)
class Compared:
    """A number or a structure of a document, and the same by its calculations.

    Attributes
    ----------
    place
        Where it stands in the document: slab_energy, sites.2.binding_energy.
    told
        What stands there.
    found
        What its calculations give.
    """

    place: str
    told: float | Structure
    found: float | Structure

    @property
    def difference(self) -> str:
        """How both differ, in words; empty if they agree. Of structures the compositions are compared."""
        if isinstance(self.told, Structure) and isinstance(self.found, Structure):
            told, found = self.told.composition, self.found.composition
            return "" if told == found else f"{told.formula}, and its calculation has {found.formula}"
        if isinstance(self.told, Structure) or isinstance(self.found, Structure):
            return ""
        if abs(self.told - self.found) <= _SAME + _SAME**2 * abs(self.found):
            return ""
        return f"{self.told:.6g}, and its calculations give {self.found:.6g}"


def compared(place: str, told: float | Structure | None, found: float | Structure | None) -> Iterator[Compared]:
    """Yield one comparison; nothing where either is not known."""
    if told is not None and found is not None:
        yield Compared(place, told, found)


def geometry(calculation: CalculationDoc | None) -> Structure | None:
    """Return the structure at the end of a calculation."""
    return None if calculation is None else calculation.structure


def energy_of(calculation: CalculationDoc | None) -> float | None:
    """Return the energy of a calculation, eV per cell."""
    return None if calculation is None else calculation.energy


def energy_per_atom(calculation: CalculationDoc | None) -> float | None:
    """Return the energy of a calculation, eV/atom."""
    return None if calculation is None else calculation.energy_per_atom


def total(*terms: float | None) -> float | None:
    """Return a sum of energies, eV; none where one of them is not known."""
    known = [term for term in terms if term is not None]
    return sum(known) if len(known) == len(terms) else None


def minus(energy: float | None) -> float | None:
    """Return an energy with the other sign, for :func:`total`."""
    return None if energy is None else -energy


def of_crystal(
    place: str, told: float | None, crystal: CalculationDoc | None, references: Mapping[str, float | None]
) -> Iterator[Compared]:
    """Yield the formation energy of a crystal, eV/atom, beside that from the bulks of its elements.

    Parameters
    ----------
    place, told
        As of :func:`compared`.
    crystal
        Its calculation.
    references
        Element -> energy of its bulk, eV/atom.
    """
    if crystal is None:
        return
    atoms = crystal.structure.composition.get_el_amt_dict()
    bulks = [None if (energy := references.get(each)) is None else -n * energy for each, n in atoms.items()]
    formed = total(crystal.energy, *bulks)
    yield from compared(place, told, None if formed is None else formed / len(crystal.structure))
