"""What a crystal is, in one line, and what looks odd about it: for those who see it before anything runs."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from pymatgen.core import Composition, Structure

from anodeflow.structures.bulk.magnetism import is_magnetic
from anodeflow.structures.bulk.symbols import ELEMENTS

WIDE_GAP = 6.0
"""A bulk with a layer this thick without atoms, beyond its atoms' own spacing, may be a slab, Å."""
THIN_SLAB = 5.0
"""A slab thinner than this is hardly a surface of a crystal, Å."""
LITTLE_VACUUM = 8.0
"""Less vacuum than this lets both faces of a slab see each other, Å."""
_SYMPREC = 0.05  # of the symmetry search, Å
_LEVEL = 1e-6  # Å
_CHARGE = 0.1  # formal charge of a plane for each of its atoms, e, that counts


@dataclass(frozen=True)
class CrystalSummary:
    """What a crystal is.

    Attributes
    ----------
    name
        What the campaign or the user calls it.
    formula, space_group
        Reduced formula; Hermann-Mauguin symbol (within 0.05 Å).
    atoms
        Atoms of the cell.
    density
        g/cm³.
    nearest, pair
        Least distance of two atoms, Å, and their elements.
    notes
        What looks odd, a sentence each.
    """

    name: str
    formula: str
    space_group: str
    atoms: int
    density: float
    nearest: float
    pair: str
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return it as one line."""
        return (
            f"{self.name}: {self.formula}, {self.space_group}, {self.atoms} atom{'s' * (self.atoms != 1)}, "
            f"{self.density:.2f} g/cm³, nearest {self.pair} {self.nearest:.2f} Å"
        )


def summarise(name: str, structure: Structure, notes: Collection[str] = ()) -> CrystalSummary:
    """Say what a bulk crystal is.

    Parameters
    ----------
    name
        What it is called.
    structure
        The crystal.
    notes
        What its reader said of the file.
    """
    nearest, pair = nearest_pair(structure)
    return CrystalSummary(
        name=name,
        formula=structure.reduced_formula,
        space_group=_space_group(structure),
        atoms=len(structure),
        density=round(float(structure.density), 3),
        nearest=round(nearest, 3),
        pair=pair,
        notes=[*notes, *bulk_notes(structure)],
    )


def _space_group(structure: Structure) -> str:
    import spglib

    numbers = [site.specie.Z for site in structure]
    cell: tuple = (structure.lattice.matrix, structure.frac_coords, numbers)
    symmetry = spglib.get_symmetry_dataset(cell, symprec=_SYMPREC)
    return "unknown symmetry" if symmetry is None else str(symmetry.international)


def nearest_pair(structure: Structure) -> tuple[float, str]:
    """Return the least distance of two atoms, Å, and their elements: ``Li-Mg``."""
    for reach in (4.0, 8.0, 16.0, 600.0):
        first, second, _, apart = structure.get_neighbor_list(min(reach, 2 * max(structure.lattice.abc)))
        if len(apart):
            best = int(np.argmin(apart))
            names = sorted(str(structure[int(index)].specie) for index in (first[best], second[best]))
            return float(apart[best]), "-".join(names)
    return float(min(structure.lattice.abc)), "-".join([str(structure[0].specie)] * 2)


def bulk_notes(structure: Structure) -> list[str]:
    """Return what looks odd about a crystal that is meant as a bulk."""
    notes = []
    gap, edge = widest_gap(structure)
    if gap > WIDE_GAP:
        notes.append(f"{gap:.1f} Å along {edge} hold no atoms: is it a slab with its vacuum? give the bulk crystal")
    volume = structure.volume / len(structure)
    if volume > 100 and gap <= WIDE_GAP:
        notes.append(f"each atom has {volume:.0f} Å³, which no dense crystal leaves it: are atoms missing?")
    return notes


def widest_gap(structure: Structure) -> tuple[float, str]:
    """Return the thickest layer without atoms, from nucleus to nucleus, Å, and the lattice vector across it."""
    gaps = []
    for axis, name in enumerate("abc"):
        heights = np.sort(structure.frac_coords[:, axis] % 1)
        steps = np.diff(np.append(heights, heights[0] + 1))
        gaps.append((float(steps.max() * structure.lattice.d_hkl([int(axis == i) for i in range(3)])), name))
    return max(gaps)


def slab_notes(thickness: float, vacuum: float, layers: int, fixed: int) -> list[str]:
    """Return what looks odd about a slab.

    Parameters
    ----------
    thickness, vacuum
        Of the slab, Å.
    layers, fixed
        Number of its atomic planes, and of those at the bottom that are held.
    """
    notes = []
    if fixed == layers:
        notes.append("all of its layers are held fixed, so that no atom of it relaxes: lower fixed_layers")
    if thickness < THIN_SLAB:
        notes.append(
            f"{layers} layer{'s' * (layers != 1)} are {thickness:.1f} Å thick, less than {THIN_SLAB:g} Å: raise "
            "layers, or give a thickness"
        )
    if vacuum < LITTLE_VACUUM:
        notes.append(f"{vacuum:g} Å of vacuum are less than {LITTLE_VACUUM:g} Å: its faces see each other")
    return notes


def polar_note(bulk: Structure, slab: Structure) -> str | None:
    """Say that a slab is polar (Tasker's type 3), by formal charges where the crystal has any.

    A slab is polar when its planes are charged and their dipole along the normal does not cancel. Metals and alloys
    have no formal charges, and their faces are never called polar.
    """
    elements = {str(site.specie) for site in bulk}
    if not elements & {"H", "N", "O", "F", "P", "S", "Cl", "Se", "Br", "Te", "I"} or len(elements) < 2:
        return None
    heights = slab.cart_coords[:, 2]
    if slab.composition.reduced_formula == bulk.composition.reduced_formula and _centred(slab, heights):
        return None  # whatever the charges are, and guessing them takes half a second of reading
    guesses = bulk.composition.reduced_composition.oxi_state_guesses()
    if not guesses:
        return None
    charges = np.array([float(guesses[0].get(str(site.specie), 0.0)) for site in slab])
    if abs(charges.sum()) > 1e-3:
        counts = Composition({str(site.specie): 0 for site in slab}) + slab.composition
        return (
            f"its composition {counts.reduced_formula} is not the crystal's, so that its formal charges do not cancel"
        )
    dipole = float((charges * (heights - heights.mean())).sum())
    if abs(dipole) < _CHARGE * len(slab):
        return None
    return (
        "its faces are polar by formal charges (Tasker's type 3): an ideal slab has a dipole that grows with thickness"
    )


def _centred(slab: Structure, heights: np.ndarray) -> bool:
    """Whether the atoms of each element have their mean height in the middle of all: no charges give a dipole."""
    species = np.array([str(site.specie) for site in slab])
    return all(abs(heights[species == each].mean() - heights.mean()) < _LEVEL for each in set(species))


def label_note(label: str, structure: Structure) -> str | None:
    """Say that a name contains the formula of another substance: ``LiH(001)`` on a crystal of Li."""
    word = re.match(r"[A-Za-z0-9]+", label)
    if not word or not re.fullmatch(r"([A-Z][a-z]?\d*)+", word[0]):
        return None
    names = re.findall(r"[A-Z][a-z]?", word[0])
    if not set(names) <= ELEMENTS:
        return None
    # One letter is no formula: S for a surface, A and B for two of them.
    if len(names) == 1 and len(names[0]) == 1 and len(word[0]) == 1:
        return None
    said = Composition(word[0]).reduced_formula
    if said == structure.reduced_formula:
        return None
    return f"its name says {word[0]}, its crystal is {structure.reduced_formula}"


def moment_note(structure: Structure) -> str | None:
    """Say that a crystal with moments is computed by a backend without spin."""
    magnetic = sorted({str(site.specie) for site in structure if is_magnetic([str(site.specie)])})
    if not magnetic:
        return None
    return f"{', '.join(magnetic)} carries magnetic moments, and the backend computes without spin"
