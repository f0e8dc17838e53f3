"""CIF files: what they say of elements, occupancies, symmetry and formula is checked before pymatgen reads them."""

from pymatgen.core import Structure

from anodeflow.structures.bulk.cif_atoms import listed_atoms
from anodeflow.structures.bulk.cif_claims import refuse_what_no_cell_holds, tell_claims
from anodeflow.structures.bulk.cif_content import CELL, CifContent, number_of, without_headers_in_prose
from anodeflow.structures.bulk.cif_crystal import NUMBERS, SYMBOLS, listed_operations, parsed, with_symmetry, written
from anodeflow.structures.bulk.cif_formula import check_formula
from anodeflow.structures.bulk.cif_operations import check_operations
from anodeflow.structures.bulk.limits import check_cell, check_size


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
    for key in CELL:
        given = content.first(key)
        if given is None:
            raise ValueError(f"{key} is missing")
        cell.append(number_of(given, key)[0])
    check_cell(cell[:3], cell[3:])
    data = listed_atoms(content) | {key: str(value) for key, value in zip(CELL, cell, strict=True)}
    magnetic = any(".xyz" in key and "magn" in key for key in content.block)
    listed = listed_operations(content)
    if listed is not None and not magnetic:
        check_operations(listed, cell, named=content.first(*SYMBOLS, *NUMBERS) is not None)
    structure = parsed(content, without_headers_in_prose(text) if magnetic else written(data, listed))
    if not magnetic:
        structure = with_symmetry(content, data, cell, structure)
    check_formula(content, structure)
    tell_claims(content, structure)
    return structure, content.notes
