"""Large inputs are refused in a sentence, before they cost minutes and gigabytes."""

import gzip
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anodeflow.core.errors import InputError
from anodeflow.database.results_file import LARGEST_RESULTS, read_results
from anodeflow.structures.bulk.files import read_crystal

ATOMS = 1_000_000
CELL = "".join(f"_cell_length_{edge} 100\n" for edge in "abc") + "".join(
    f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma")
)
COLUMNS = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"


def cif() -> str:
    return f"data_large\n{CELL}{COLUMNS}" + "Li1 0.1 0.2 0.3\n" * ATOMS


def poscar() -> str:
    return f"large\n1\n99 0 0\n0 99 0\n0 0 99\nLi\n{ATOMS}\nDirect\n" + "0.1 0.2 0.3\n" * ATOMS


def xyz() -> str:
    return f'{ATOMS}\nLattice="99 0 0 0 99 0 0 0 99"\n' + "Li 0.1 0.2 0.3\n" * ATOMS


def as_json() -> str:
    site = '{"species":[{"element":"Li","occu":1}],"abc":[0,0,0]}'
    cell = '{"matrix":[[99,0,0],[0,99,0],[0,0,99]]}'
    return f'{{"lattice":{cell},"sites":[{",".join([site] * (ATOMS // 2))}]}}'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("large.cif", cif, "it has 16.0 MB, and 5 MB are read"),
        ("large.cif.gz", cif, "it has 16.0 MB, and 5 MB are read"),
        ("POSCAR", poscar, "line 7: it has 1000000 atoms: 1 to 2000 are read"),
        ("large.xyz", xyz, "it has 1000000 atoms: 1 to 2000 are read"),
        ("large.json", as_json, "MB, and 5 MB are read"),
    ],
)
@pytest.mark.slow
def test_a_million_atoms(name, content: Callable[[], str], message, tmp_path):
    file = tmp_path / name
    text = content().encode()
    file.write_bytes(gzip.compress(text, 1) if name.endswith(".gz") else text)
    read_large(tmp_path)  # imports
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(InputError, match=message):
        read_crystal(file)
    assert time.process_time() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def read_large(folder: Path) -> None:
    with pytest.raises(InputError):
        read_crystal(folder / "none.cif")


@pytest.mark.slow
def test_a_results_file_that_unpacks_to_gigabytes(tmp_path):
    """A bomb of 1 MB; it is unpacked no further than it may be."""
    file = tmp_path / "bomb.json.gz"
    member = gzip.compress(b" " * 10_000_000)
    file.write_bytes(member * (2 * LARGEST_RESULTS // 10_000_000))
    with pytest.raises(InputError, match="once unpacked, more than 400 MB"):
        read_results(file)
