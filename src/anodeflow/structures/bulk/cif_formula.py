"""The formula that a CIF file gives, against the atoms that it lists."""

import re

from pymatgen.core import Structure

from anodeflow.structures.bulk.cif_content import CifContent, number_of
from anodeflow.structures.bulk.symbols import element


def formula_amounts(text: str | None) -> list[tuple[str, float]] | None:
    """Return elements and numbers of a formula like ``H4 Li2``; none where it cannot be read."""
    if text is None:
        return None
    parts = re.findall(r"([A-Z][a-z]?)\s*(\d*\.?\d*)", text)
    if not parts or re.sub(r"([A-Z][a-z]?)\s*(\d*\.?\d*)|\s", "", text):
        return None
    try:
        return [(element(name), float(number) if number else 1.0) for name, number in parts]
    except ValueError:
        return None


def _amounts(content: CifContent) -> dict[str, float] | None:
    amounts: dict[str, float] = {}
    for name, number in formula_amounts(content.first("_chemical_formula_sum")) or []:
        amounts[name] = amounts.get(name, 0.0) + number
    return amounts or None


def atoms_of_formula(content: CifContent) -> set[int] | None:
    """Return how many atoms the cell has by formula and number of formula units; none where the file does not say."""
    amounts, units = _amounts(content), content.first("_cell_formula_units_z")
    if amounts is None or units is None:
        return None
    total = sum(amounts.values())
    # pymatgen writes the formula of the whole cell beside the number of units
    return {round(total * number_of(units, "_cell_formula_units_Z")[0]), round(total)}


def check_formula(content: CifContent, structure: Structure) -> None:
    """Compare what was read with the formula of the file.

    Raises
    ------
    ValueError
        If they are not the same substance.
    """
    amounts = _amounts(content)
    if amounts is None:
        return
    found = structure.composition.get_el_amt_dict()
    said = content.first("_chemical_formula_sum")
    whole, atoms = sum(amounts.values()), len(structure)
    names = sorted(set(amounts) | set(found))
    if any(abs(amounts.get(name, 0) / whole - found.get(name, 0) / atoms) > 0.01 for name in names):
        missing = sorted(set(amounts) - set(found))
        lost = f", without {', '.join(missing)}" if missing else ""
        raise ValueError(
            f"its formula is {said}, but its atoms and its symmetry make {structure.reduced_formula}{lost}"
        )
    units = atoms_of_formula(content)
    if units and atoms not in units:
        content.notes.append(
            f"by its formula and number of formula units the cell has {max(units)} atoms, by its symmetry {atoms}"
        )
