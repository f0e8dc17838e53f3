"""The crystal that the atoms and the symmetry of a CIF file make, by pymatgen."""

import warnings
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.cif import CifParser

from anodeflow.core.library_warnings import said_of
from anodeflow.structures.bulk.cif_atoms import XYZ
from anodeflow.structures.bulk.cif_content import CELL, CifContent, number_of
from anodeflow.structures.bulk.cif_formula import atoms_of_formula
from anodeflow.structures.bulk.cif_operations import fits_cell, parsed_operation
from anodeflow.structures.bulk.cif_symmetry import agreeing, operations, settings_of
from anodeflow.structures.bulk.limits import MOST_ATOMS

OPERATIONS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
SYMBOLS = ("_symmetry_space_group_name_h-m", "_space_group_name_h-m_alt", "_space_group_name_h-m_ref")
NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_HALLS = ("_symmetry_space_group_name_hall", "_space_group_name_hall")
_UNREAD = (*_HALLS, "_space_group_name_h-m_full")
_SAID = (
    "rounded to ideal values",
    "No _symmetry_equiv_pos_as_xyz",
    "Skipping relative stoichiometry",
    "1-line symmetry",
)
_MERGED = 0.005  # fraction of a cell's edge within which images of few digits are one atom


def listed_operations(content: CifContent) -> list[str] | None:
    """Return the symmetry operations that the file lists; none where it lists none."""
    for key in OPERATIONS:
        listed = content.column(key)
        if listed and not (len(listed) == 1 and listed[0].strip() in ("?", ".")):
            return listed
    return None


def written(data: dict[str, Any], symmetry: list[str] | None) -> str:
    """Return a small CIF file of what has been checked, which pymatgen makes a crystal of."""
    lines = ["data_crystal", *(f"{key} {data[key]}" for key in CELL), "loop_", OPERATIONS[0]]
    lines += [f"'{operation.strip()}'" for operation in symmetry or ["x,y,z"]]
    columns = ["_atom_site_label", "_atom_site_type_symbol", *XYZ]
    lines += ["loop_", *columns]
    lines += [
        " ".join(f"{value}".replace(" ", "") for value in row) for row in zip(*(data[c] for c in columns), strict=True)
    ]
    return "\n".join(lines) + "\n"


def parsed(content: CifContent, text: str, tolerance: float = 1e-4) -> Structure:
    """Let pymatgen make the crystal; what it warns of is said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parser = CifParser.from_str(text, check_cif=False, site_tolerance=tolerance)
        try:
            (structure, *_) = parser.parse_structures(primitive=False, on_error="raise")
        except ValueError as error:
            if "ccupanc" in str(error):
                raise ValueError("it has partly occupied sites, or two atoms on one") from error
            raise
    for message in said_of(caught):
        words = message.removeprefix("Issues encountered while parsing CIF: ")
        if not any(said in words for said in _SAID) and f"pymatgen: {words}" not in content.notes:
            content.notes.append(f"pymatgen: {words}")
    if not structure.is_ordered:
        raise ValueError("it has partly occupied sites, or two atoms on one")
    if tolerance < _MERGED and _touching(structure):
        merged = parsed(content, text, _MERGED)
        content.notes.append(
            f"coordinates have too few digits for its symmetry: images within {_MERGED:g} of an edge are one atom "
            f"({len(structure)} become {len(merged)})"
        )
        return merged
    return structure


def _touching(structure: Structure) -> bool:
    """Whether atoms of one element lie on each other."""
    if len(structure) > MOST_ATOMS:
        raise ValueError(f"it has {len(structure)} atoms: at most {MOST_ATOMS} are read")
    first, second, _, _ = structure.get_neighbor_list(0.1)
    return any(structure[int(i)].specie == structure[int(j)].specie for i, j in zip(first, second, strict=True))


def with_symmetry(content: CifContent, data: dict[str, Any], cell: list[float], structure: Structure) -> Structure:
    """Return the crystal that operations and space group agree on.

    Raises
    ------
    ValueError
        If the file does not say which crystal it is.
    """
    symbol, number = content.first(*SYMBOLS), content.first(*NUMBERS)
    listed = listed_operations(content)
    if symbol is None and number is None:
        if listed is None and (other := _other_symmetry(content)):
            raise ValueError(
                f"its symmetry is given by {other} alone, which is not read: give _space_group_name_H-M_alt, or the "
                "operations"
            )
        if listed is None:
            content.notes.append("the file names no symmetry: its atoms are taken for all that there are (P1)")
        return structure
    try:
        group = int(number_of(number, "the number of the space group")[0]) if number else None
        settings = settings_of(symbol, group, cell[:3], cell[3:])
    except ValueError:
        if listed is None:
            raise
        return structure
    settings = agreeing(settings, content.first(*_HALLS), symbol or str(number), listed is not None)
    if not any(all(fits_cell(parsed_operation(each), cell) for each in operations(setting)) for setting in settings):
        raise ValueError(
            f"its cell does not have the symmetry of its space group {symbol or number}: correct one of them"
        )
    named: dict = {}
    for setting in settings:
        symmetry = operations(setting)
        if listed is not None:
            if len(symmetry) == len(listed) or _atoms_made(data, symmetry) == len(structure):
                return structure  # all atoms are listed where not all operations are
            continue
        crystal = parsed(content, written(data, symmetry))
        named.setdefault(len(crystal), []).append((symmetry, crystal))
    units = atoms_of_formula(content)
    if listed is not None:
        if units and len(structure) in units:
            return structure
        raise ValueError(
            f"it lists {len(listed)} symmetry operation{'s' * (len(listed) > 1)}, which is not all of its space group "
            f"{symbol or number}, whose other operations would make more atoms of its {len(structure)}"
        )
    if len(named) > 1 and units:
        named = {count: entries for count, entries in named.items() if count in units} or named
    crystals = [crystal for entries in named.values() for _, crystal in entries]
    if len(crystals) > 1 and not (len(named) == 1 and _same(crystals)):
        raise ValueError(f"it does not say which origin {symbol or number} has: write {symbol or number} :1 or :2")
    return _as_pymatgen_orders(content, data, symbol, number, crystals[0])


def _other_symmetry(content: CifContent) -> str:
    """Return a key that tells of a symmetry and is not read; empty if there is none, or it tells of none."""
    for key in _UNREAD:
        told = content.block.get(key)
        if isinstance(told, list) or (told or "").strip().upper().replace(" ", "") not in ("", "P1", "1", "?", "."):
            return key
    return ""


def _atoms_made(data: dict[str, Any], symmetry: list[str]) -> int:
    """Return how many atoms operations make of those that are listed, images on each other counted once."""
    from pymatgen.core import SymmOp
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    coordinates = np.array([[float(text) for text in data[key]] for key in XYZ]).T
    images = np.concatenate([SymmOp.from_xyz_str(operation).operate_multi(coordinates) for operation in symmetry])
    images = (images + 1e-9) % 1 % 1
    pairs = cKDTree(images, boxsize=1.0).query_pairs(_MERGED, output_type="ndarray")
    near = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(images), len(images)))
    return int(connected_components(near, directed=False)[0])


def _same(crystals: list[Structure]) -> bool:
    from pymatgen.core.structure_matcher import StructureMatcher

    return all(StructureMatcher(primitive_cell=False).fit(crystals[0], other) for other in crystals[1:])


def _as_pymatgen_orders(
    content: CifContent, data: dict[str, Any], symbol: str | None, number: str | None, crystal: Structure
) -> Structure:
    """Return the crystal in the order of atoms of pymatgen's own reading where that is the same crystal.

    Calculations are found again by the order of their atoms.
    """
    text = written(data, None)
    named = f"_symmetry_space_group_name_H-M '{symbol}'\n" * bool(
        symbol
    ) + f"_symmetry_Int_Tables_number {number}\n" * bool(number)
    text = text.replace(f"loop_\n{OPERATIONS[0]}\n'x,y,z'\n", named)
    try:
        with warnings.catch_warnings(record=True):  # of the same text as `parsed`, which has told
            warnings.simplefilter("always")
            other = CifParser.from_str(text, check_cif=False).parse_structures(primitive=False, on_error="raise")[0]
    except (ValueError, KeyError, IndexError):
        return crystal
    if len(other) != len(crystal) or not other.is_ordered:
        return crystal
    apart = crystal.lattice.get_all_distances(crystal.frac_coords, other.frac_coords)
    near = apart.argmin(axis=1)
    same = apart.min(axis=1).max() < 1e-3 and len(set(near.tolist())) == len(crystal)
    return other if same and all(crystal[i].specie == other[int(j)].specie for i, j in enumerate(near)) else crystal
