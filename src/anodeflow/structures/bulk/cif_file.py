"""CIF files: what they say of elements, occupancies, symmetry and formula is checked before pymatgen reads them."""

import re
import warnings
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.cif import CifBlock, CifFile, CifParser

from anodeflow.structures.bulk.cif_claims import refuse_what_no_cell_holds, tell_claims
from anodeflow.structures.bulk.cif_symmetry import operations, settings_of
from anodeflow.structures.bulk.limits import MOST_ATOMS, check_cell, check_size
from anodeflow.structures.bulk.symbols import ELEMENTS, element, element_of_label, taken_for

FULL = 0.005
"""An occupancy this close to 1, or within two standard uncertainties of it, is full."""
_MOST_UNCERTAIN = 0.02  # an occupancy further from 1 than this is no full one, whatever its uncertainty
_CELL = [f"_cell_{key}" for key in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")]
_XYZ = ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"]
_OPERATIONS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
_SYMBOLS = ("_symmetry_space_group_name_h-m", "_space_group_name_h-m_alt", "_space_group_name_h-m_ref")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_THIRDS = {f"{n / 6:.{digits}f}": n / 6 for n in (1, 2, 4, 5) for digits in (3,)} | {"0.666": 2 / 3, "0.166": 1 / 6}
_SAID = (
    "rounded to ideal values",
    "No _symmetry_equiv_pos_as_xyz",
    "Skipping relative stoichiometry",
    "1-line symmetry",
)
_MERGED = 0.005  # fraction of a cell's edge within which images of few digits are one atom


class CifContent:
    """The data block of a file that holds its crystal.

    Parameters
    ----------
    text
        Content of the file.

    Raises
    ------
    ValueError
        If no block of it holds atoms in a cell.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.notes: list[str] = []
        blocks = [_lower(block) for block in _cif_file(text, self.notes).data.values()]
        holding = [block for block in blocks if "_atom_site_fract_x" in block]
        if not holding:
            cartesian = any("_atom_site_cartn_x" in block or "_atom_site.cartn_x" in block for block in blocks)
            raise ValueError(
                "it gives Cartesian coordinates of a molecule, no crystal" if cartesian else "it has no atoms in a cell"
            )
        self.block = holding[0]
        if len(holding) > 1:
            self.notes.append(f"the file holds {len(holding)} structures: the first one is taken")

    def first(self, *keys: str) -> str | None:
        """Return the first of these values that the file gives, as text."""
        for key in keys:
            value = self.block.get(key)
            if isinstance(value, list):
                value = value[0] if len(value) == 1 else None
            if value is not None and value.strip() not in ("", "?", "."):
                return str(value).strip()
        return None

    def column(self, key: str, length: int | None = None) -> list[str] | None:
        """Return a column of the atoms; none where the file has none."""
        value = self.block.get(key)
        if value is None:
            return None
        column = [value] if isinstance(value, str) else value
        if length is not None and len(column) != length:
            raise ValueError(f"{key} has {len(column)} values for {length} atoms")
        return column

    def at(self, label: str) -> str:
        """Return 'line N: ' of the first line that begins with a label."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if label in line.split()[:2]:
                return f"line {number}: "
        return ""


def _cif_file(text: str, notes: list[str]) -> CifFile:
    """Split the text into blocks of values; what pymatgen could not place among them is noted."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            file = CifFile.from_str(text)
        except ZeroDivisionError:
            raise ValueError("a loop of it has no values, or fewer than columns") from None
        except (IndexError, KeyError, AttributeError):
            raise ValueError("it is no CIF file") from None
    notes += [f"pymatgen: {' '.join(str(warning.message).split())[:200]}" for warning in caught]
    return file


def _lower(block: CifBlock) -> dict[str, Any]:
    """Return the values of a block by their names in lower case: names of CIF know no case."""
    return {str(key).lower(): value for key, value in block.data.items()}


def number_of(text: str, what: str) -> tuple[float, float]:
    """Return a number and its standard uncertainty: 1.002(3).

    Raises
    ------
    ValueError
        If it is none, or not finite.
    """
    found = re.fullmatch(r"([+-]?\d*(?:\.(\d*))?(?:[eE][+-]?\d+)?)(?:\((\d+)\)?)?", text.strip())
    try:
        value = float(found[1]) if found else np.nan
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{what} is {text[:40]!r}, no number")
    digits = len(found[2] or "") if found else 0
    return value, float(found[3]) * 10.0**-digits if found and found[3] else 0.0


def read_cif(text: str) -> tuple[Structure, list[str]]:
    """Read a CIF file.

    Returns
    -------
    Structure, list of str
        The crystal in the cell of the file, and what a reader of it should know, a sentence each.

    Raises
    ------
    ValueError
        What is wrong, with its line where it can be had.
    """
    check_size(text)
    content = CifContent(text)
    refuse_what_no_cell_holds(content)
    cell = []
    for key in _CELL:
        given = content.first(key)
        if given is None:
            raise ValueError(f"{key} is missing")
        cell.append(number_of(given, key)[0])
    check_cell(cell[:3], cell[3:])
    data = _atoms(content) | {key: str(value) for key, value in zip(_CELL, cell, strict=True)}
    magnetic = any(".xyz" in key and "magn" in key for key in content.block)
    structure = _parsed(content, text if magnetic else _written(data, _listed(content)))
    if not magnetic:
        structure = _with_symmetry(content, data, cell, structure)
    _check_formula(content, structure)
    tell_claims(content, structure)
    return structure, content.notes


def _atoms(content: CifContent) -> dict[str, Any]:
    """Return the columns of the atoms with plain elements, numbers and whole occupancies."""
    x = content.column(_XYZ[0]) or []
    if not 0 < len(x) <= MOST_ATOMS:
        raise ValueError(f"it lists {len(x)} atoms: 1 to {MOST_ATOMS} are read")
    count = len(x)
    labels = content.column("_atom_site_label", count)
    types = content.column("_atom_site_type_symbol", count)
    if labels is None and types is None:
        raise ValueError("it names neither labels nor elements of its atoms")
    expected = {name for name, _ in _formula(content.first("_chemical_formula_sum")) or ()}
    labels = labels or [f"{kind}{index + 1}" for index, kind in enumerate(types or [])]
    symbols = []
    for index, label in enumerate(labels):
        try:
            kind = types[index] if types else label
            if types and _is_mixed(kind):
                raise ValueError(f"{kind!r} is several elements on one site")
            symbols.append(element(kind) if types else element_of_label(label, expected))
        except ValueError as error:
            raise ValueError(f"{content.at(label)}atom {label}: {error}") from None
    content.notes += taken_for(types or ())
    _check_flags(content, labels)
    coordinates = [_coordinates(content, key, labels) for key in _XYZ]
    occupancies = content.column("_atom_site_occupancy", count) or ["1"] * count
    kept = [i for i, text in enumerate(occupancies) if _is_full(content, labels[i], text)]
    if not kept:
        raise ValueError("all of its sites are empty (occupancy 0)")
    data = {"_atom_site_label": labels, "_atom_site_type_symbol": symbols, **dict(zip(_XYZ, coordinates, strict=True))}
    return {key: [column[i] for i in kept] for key, column in data.items()}


def _is_mixed(kind: str) -> bool:
    names = re.findall(r"[A-Z][a-z]?", kind)
    return len([name for name in names if name in ELEMENTS]) > 1 and bool(re.search(r"[+,/&;\s.\d]", kind.strip()))


def _check_flags(content: CifContent, labels: list[str]) -> None:
    """Refuse atoms that the file calls dummies or disordered, and hydrogen that it only counts."""
    count = len(labels)
    for label, flag in zip(labels, content.column("_atom_site_calc_flag", count) or [], strict=False):
        if flag.lower() == "dum":
            raise ValueError(f"{content.at(label)}atom {label} is a dummy (_atom_site_calc_flag): leave it out")
    for label, number in zip(labels, content.column("_atom_site_attached_hydrogens", count) or [], strict=False):
        if number not in (".", "?", "0"):
            raise ValueError(
                f"{content.at(label)}atom {label} has hydrogen attached that the file does not list: add it"
            )
    groups = set(content.column("_atom_site_disorder_group", count) or []) - {".", "?", "0"}
    if len(groups) > 1:
        raise ValueError("it has partly occupied sites (_atom_site_disorder_group)")


def _coordinates(content: CifContent, key: str, labels: list[str]) -> list[str]:
    """Return one column of fractional coordinates, thirds and sixths of three digits made whole."""
    column = []
    coarse = []
    for label, text in zip(labels, content.column(key, len(labels)) or [], strict=True):
        value, _ = number_of(text, f"{content.at(label)}{key} of atom {label}")
        digits = text.strip().split("(")[0].lstrip("+-")
        digits = f"0{digits}" if digits.startswith(".") else digits
        if digits in _THIRDS:
            coarse.append(digits)
            text = repr(float(np.sign(value)) * _THIRDS[digits])
        column.append(text.split("(")[0])
    if coarse:
        note = f"coordinates of three digits ({', '.join(dict.fromkeys(coarse))}) are taken for thirds and sixths"
        if note not in content.notes:
            content.notes.append(note)
    return column


def _is_full(content: CifContent, label: str, text: str) -> bool:
    """Whether a site is occupied by one atom (True) or empty (False).

    Raises
    ------
    ValueError
        If it is partly occupied.
    """
    if text.strip() in (".", "?", ""):
        return True
    value, uncertainty = number_of(text, f"{content.at(label)}the occupancy of atom {label}")
    if value == 0:
        content.notes.append(f"atom {label} has occupancy 0 and is left out")
        return False
    if abs(value - 1) > min(_MOST_UNCERTAIN, max(FULL, 2 * uncertainty)) + 1e-9:
        raise ValueError(f"{content.at(label)}it has partly occupied sites (atom {label}: {text})")
    if value != 1:
        content.notes.append(f"the occupancy {text} of atom {label} is taken for 1")
    return True


def _listed(content: CifContent) -> list[str] | None:
    """Return the symmetry operations that the file lists; none where it lists none."""
    for key in _OPERATIONS:
        listed = content.column(key)
        if listed and not (len(listed) == 1 and listed[0].strip() in ("?", ".")):
            return listed
    return None


def _written(data: dict[str, Any], symmetry: list[str] | None) -> str:
    """Return a small CIF file of what has been checked, which pymatgen makes a crystal of."""
    lines = ["data_crystal", *(f"{key} {data[key]}" for key in _CELL), "loop_", _OPERATIONS[0]]
    lines += [f"'{operation.strip()}'" for operation in symmetry or ["x,y,z"]]
    columns = ["_atom_site_label", "_atom_site_type_symbol", *_XYZ]
    lines += ["loop_", *columns]
    lines += [
        " ".join(f"{value}".replace(" ", "") for value in row) for row in zip(*(data[c] for c in columns), strict=True)
    ]
    return "\n".join(lines) + "\n"


def _parsed(content: CifContent, text: str, tolerance: float = 1e-4) -> Structure:
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
    for message in [*(str(warning.message) for warning in caught if issubclass(warning.category, UserWarning))]:
        words = " ".join(message.removeprefix("Issues encountered while parsing CIF: ").split())
        if not any(said in words for said in _SAID) and f"pymatgen: {words}" not in content.notes:
            content.notes.append(f"pymatgen: {words}")
    if not structure.is_ordered:
        raise ValueError("it has partly occupied sites, or two atoms on one")
    if tolerance < _MERGED and _touching(structure):
        merged = _parsed(content, text, _MERGED)
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


def _with_symmetry(content: CifContent, data: dict[str, Any], cell: list[float], structure: Structure) -> Structure:
    """Return the crystal that operations and space group agree on.

    Raises
    ------
    ValueError
        If the file does not say which crystal it is.
    """
    symbol, number = content.first(*_SYMBOLS), content.first(*_NUMBERS)
    listed = _listed(content)
    if symbol is None and number is None:
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
    named: dict = {}
    for setting in settings:
        symmetry = operations(setting)
        if listed is not None:
            if len(symmetry) == len(listed) or _atoms_made(data, symmetry) == len(structure):
                return structure  # all atoms are listed where not all operations are
            continue
        crystal = _parsed(content, _written(data, symmetry))
        named.setdefault(len(crystal), []).append((symmetry, crystal))
    units = _atoms_of_formula(content)
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


def _atoms_made(data: dict[str, Any], symmetry: list[str]) -> int:
    """Return how many atoms operations make of those that are listed, images on each other counted once."""
    from pymatgen.core import SymmOp
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    coordinates = np.array([[float(text) for text in data[key]] for key in _XYZ]).T
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
    text = _written(data, None)
    named = f"_symmetry_space_group_name_H-M '{symbol}'\n" * bool(
        symbol
    ) + f"_symmetry_Int_Tables_number {number}\n" * bool(number)
    text = text.replace(f"loop_\n{_OPERATIONS[0]}\n'x,y,z'\n", named)
    try:
        with warnings.catch_warnings(record=True):
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


def _formula(text: str | None) -> list[tuple[str, float]] | None:
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
    for name, number in _formula(content.first("_chemical_formula_sum")) or []:
        amounts[name] = amounts.get(name, 0.0) + number
    return amounts or None


def _atoms_of_formula(content: CifContent) -> set[int] | None:
    """Return how many atoms the cell has by formula and number of formula units; none where the file does not say."""
    amounts, units = _amounts(content), content.first("_cell_formula_units_z")
    if amounts is None or units is None:
        return None
    total = sum(amounts.values())
    # pymatgen writes the formula of the whole cell beside the number of units
    return {round(total * number_of(units, "_cell_formula_units_Z")[0]), round(total)}


def _check_formula(content: CifContent, structure: Structure) -> None:
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
    units = _atoms_of_formula(content)
    if units and atoms not in units:
        content.notes.append(
            f"by its formula and number of formula units the cell has {max(units)} atoms, by its symmetry {atoms}"
        )
