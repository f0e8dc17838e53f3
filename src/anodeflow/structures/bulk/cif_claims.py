"""What a CIF file says of its crystal besides cell, atoms and symmetry, against what was read."""

import re

from pymatgen.core import Structure

from anodeflow.structures.bulk.cif_content import CELL, CifContent, number_of
from anodeflow.structures.bulk.symbols import ELEMENTS, element_of_label

_OFF = 0.03  # share by which a volume or a density may be off: other temperatures, rounded cells
_MULTIPLICITIES = ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")


def refuse_what_no_cell_holds(content: CifContent) -> None:
    """Raise ValueError for a modulated crystal, and for a cell that is given twice."""
    modulated = [
        key for key in content.block if key.startswith(("_space_group_ssg", "_cell_wave_vector", "_atom_site_fou"))
    ]
    dimension = content.first("_cell_modulation_dimension")
    if modulated or dimension not in (None, "0"):
        key = modulated[0] if modulated else "_cell_modulation_dimension"
        raise ValueError(
            f"it describes a modulated crystal ({key}), of which one cell is only the mean: give a commensurate "
            "approximant"
        )
    blocks = len(re.findall(r"(?im)^\s*data_", content.text))
    for key in CELL:
        if len(re.findall(rf"(?im)^\s*{key}\s", content.text)) > max(1, blocks):
            raise ValueError(f"{key} stands there twice: leave the right one")


def tell_claims(content: CifContent, structure: Structure) -> None:
    """Note where volume, density, multiplicities, names or formulas of the file say another crystal than was read."""
    for key, read, unit in (
        ("_cell_volume", structure.volume, "Å³"),
        ("_exptl_crystal_density_diffrn", float(structure.density), "g/cm³"),
    ):
        given = content.first(key)
        if given is None:
            continue
        try:
            said = number_of(given, key)[0]
        except ValueError:
            continue
        if abs(said - read) > _OFF * read:
            content.notes.append(f"{key} is {said:g}, but its cell and atoms make {read:.4g} {unit}")
    _multiplicities(content, structure)
    _labels(content)
    _formulas(content, structure)
    if any("moment" in key and ("crystalaxis" in key or "cartn" in key) for key in content.block):
        content.notes.append("its magnetic moments are left out: surfaces get moments of their own")


def _multiplicities(content: CifContent, structure: Structure) -> None:
    for key in _MULTIPLICITIES:
        column = content.column(key)
        if column and all(text.isdecimal() for text in column):
            empty = content.column("_atom_site_occupancy") or []
            if any(text.strip() in ("0", "0.0") for text in empty):
                return
            total = sum(map(int, column))
            if total != len(structure):
                content.notes.append(
                    f"by its multiplicities the cell has {total} atoms, by its symmetry {len(structure)}"
                )
            return


def _labels(content: CifContent) -> None:
    """Note atoms whose label is that of another element: Na1, said to be Li."""
    labels, types = content.column("_atom_site_label"), content.column("_atom_site_type_symbol")
    if not labels or not types or len(labels) != len(types):
        return
    others = []
    for label, kind in zip(labels, types, strict=True):
        letters = re.match(r"[A-Z][a-z]?", kind)
        plain = re.fullmatch(r"([A-Z][a-z]?)\d*", label)
        if letters is None or plain is None or plain[1] not in ELEMENTS or letters[0] not in ELEMENTS:
            continue
        if element_of_label(label, {letters[0]}) != letters[0]:
            others.append(f"{label} is {kind}")
    if others:
        content.notes.append(f"labels and elements of atoms differ, elements count: {', '.join(others[:5])}")


def _formulas(content: CifContent, structure: Structure) -> None:
    """Note another formula, where the file has none of all atoms (that one is checked, not told)."""
    from pymatgen.core import Composition

    if content.first("_chemical_formula_sum") is not None:
        return
    said = content.first("_chemical_formula_structural", "_chemical_formula_moiety")
    word = (said or "").replace(" ", "").replace("'", "")
    if not re.fullmatch(r"([A-Z][a-z]?\d*)+", word):
        return
    try:
        other = Composition(word).reduced_formula
    except ValueError:
        return
    if other != structure.reduced_formula:
        content.notes.append(f"its formula is {said}, its atoms are {structure.reduced_formula}")
