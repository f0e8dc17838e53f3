"""The Bader partition: densities whose basins are known, the checks, and the two programs."""

import logging
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import BackendUnavailableError, CalculationError
from anodeflow.studies.charge import bader_programs
from anodeflow.studies.charge.bader import (
    assign_basins,
    bader_partition,
    check_partition,
    closed_core,
)
from anodeflow.studies.charge.bader_programs import (
    Basins,
    choose_program,
    find_basins,
    henkelman_basins,
)
from anodeflow.studies.charge.weights import voronoi_neighbours, weight_basins

CELL = np.diag([6.0, 6.0, 9.0])
# More than 65536 points: BaderKit compiles itself once for small grids and once for large ones.
SHAPE = (40, 40, 60)


def gaussians(positions, electrons, widths, cell=CELL, shape=SHAPE) -> np.ndarray:
    """Sum of periodic Gaussians, each normalised to its electrons on the grid."""
    fractions = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    values = np.zeros(shape)
    element = abs(np.linalg.det(cell)) / values.size
    for position, number, width in zip(positions, electrons, widths, strict=True):
        away = fractions - np.linalg.solve(cell.T, np.asarray(position, dtype=float))
        away -= np.round(away)
        one = np.exp(-np.sum((away @ cell) ** 2, axis=-1) / (2 * width**2))
        values += one * number / (one.sum() * element)
    return values


def lithium_pair(shift=(0.0, 0.0, 0.0)) -> DensityGrid:
    """Two Li atoms with 2.2 e each, and a cloud of 1.6 e between them."""
    places = np.array([[3.0, 3.0, 1.0], [3.0, 3.0, 7.0], [3.0, 3.0, 4.0]]) + shift
    values = gaussians(places, [2.2, 2.2, 1.6], [0.4, 0.4, 0.7])
    return DensityGrid(values, CELL, places[:2], np.array([3, 3]))


def by_hand(positions, electrons, vacuum=0.0) -> Basins:
    return Basins(np.array(positions, dtype=float), np.array(electrons, dtype=float), vacuum, "by hand", "eye")


@pytest.mark.slow
@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(st.tuples(*[st.floats(-4, 4)] * 3))
def test_electrons_between_atoms_are_reported_apart_wherever_the_grid_stands(shift):
    density = lithium_pair(shift)
    found = bader_partition(density)
    assert found.atom_electrons == pytest.approx([2.2, 2.2], abs=0.03)
    (cloud,) = found.non_nuclear
    assert cloud.electrons == pytest.approx(1.6, abs=0.05)
    assert cloud.distance == pytest.approx(3.0, abs=0.02)
    away = np.array(cloud.position) - np.add([3.0, 3.0, 4.0], shift)
    away -= np.round(away / np.diag(CELL)) * np.diag(CELL)
    assert np.abs(away).max() < 0.02
    total = found.atom_electrons.sum() + cloud.electrons + found.vacuum_electrons
    assert total == pytest.approx(6.0, abs=1e-6)
    assert found.equivalent_spread < 0.01


def test_two_equal_atoms_share_the_electrons_between_them_equally_and_unequal_ones_do_not():
    places = np.array([[3.0, 3.0, 3.0], [3.0, 3.0, 5.0]])
    equal = DensityGrid(gaussians(places, [3, 3], [0.6, 0.6]), CELL, places, np.array([3, 3]))
    assert bader_partition(equal).atom_electrons == pytest.approx([3, 3], abs=0.01)
    # LiH in one dimension: the basin of the narrow Gaussian ends where the density is least, found by hand.
    values = gaussians(places, [2.5, 1.5], [0.35, 0.7])
    unequal = DensityGrid(values, CELL, places, np.array([3, 1]))
    line = values[20, 20, 20:34]
    assert 0 < line.argmin() < len(line) - 1
    lithium, hydrogen = bader_partition(unequal).atom_electrons
    assert 2.0 < lithium < 2.6
    assert lithium + hydrogen == pytest.approx(4, abs=0.01)


def test_ripples_of_the_vacuum_make_no_basins():
    density = lithium_pair()
    waves = (
        np.cos(2 * np.pi * 9 * np.arange(60) / 60)[None, None, :] * np.cos(2 * np.pi * np.arange(40) / 5)[:, None, None]
    )
    noisy = DensityGrid(density.values + 2e-5 * waves, CELL, density.positions, density.numbers)
    assert len(find_basins(noisy).electrons) < 10
    found = bader_partition(noisy)
    assert len(found.non_nuclear) == 1
    assert found.vacuum_electrons < 0.02
    assert found.atom_electrons == pytest.approx([2.2, 2.2], abs=0.03)


def test_a_flat_maximum_that_the_grid_splits_is_one():
    places = np.array([[3.0, 3.0, 1.0], [3.0, 3.0, 7.0], [3.0, 2.565, 4.0], [3.0, 3.435, 4.0]])
    values = gaussians(places, [2.2, 2.2, 0.8, 0.8], [0.4, 0.4, 0.43, 0.43])
    density = DensityGrid(values, CELL, places[:2], np.array([3, 3]))
    basins = by_hand(places, [2.2, 2.2, 0.79, 0.81])
    (cloud,) = assign_basins(density, basins).non_nuclear
    assert cloud.electrons == pytest.approx(1.6)
    assert cloud.position == pytest.approx([3.0, 3.0, 4.0], abs=0.01)
    # The same two, with a valley between them, are two.
    deep = DensityGrid(
        gaussians(places, [2.2, 2.2, 0.8, 0.8], [0.4, 0.4, 0.3, 0.3]), CELL, places[:2], np.array([3, 3])
    )
    assert len(assign_basins(deep, basins).non_nuclear) == 2


@pytest.mark.parametrize(("distance", "apart"), [(1.15, False), (1.5, True)])
def test_a_shoulder_beside_an_atom_is_the_atoms_and_a_maximum_is_not(distance, apart):
    """A cloud beside a nucleus: near to it the density between them dips by 0.03 % only, further away by half."""
    places = np.array([[3.0, 3.0, 4.5], [3.0, 3.0, 4.5 + distance]])
    values = gaussians(places, [2.0, 1.0], [0.24, 0.9], shape=(40, 40, 180))
    density = DensityGrid(values, CELL, places[:1], np.array([3]))
    found = assign_basins(density, by_hand(places, [2.3, 0.7]))
    assert found.atom_electrons.tolist() == pytest.approx([2.3 if apart else 3.0])
    assert [basin.electrons for basin in found.non_nuclear] == pytest.approx([0.7] if apart else [])
    assert found.shoulders == ({} if apart else pytest.approx({0: 0.7}))


def test_a_maximum_beside_its_nucleus_belongs_to_it_across_the_edge_of_the_cell():
    places = np.array([[0.02, 3.0, 1.0], [3.0, 3.0, 7.0]])
    density = DensityGrid(gaussians(places, [3, 3], [0.5, 0.5]), CELL, places, np.array([3, 3]))
    beside = by_hand([[5.85, 3.0, 9.95 - 9.0 + 0.1], [3.0, 3.15, 7.1]], [3, 3])
    assert assign_basins(density, beside).atom_electrons.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("positions", "electrons", "message"),
    [
        ([[3, 3, 1], [3, 3, 7], [3, 3, 4]], [2.1, 2.1, 1.6], r"0\.200 e are in no Bader basin"),
        ([[3, 3, 1], [3, 3, 7], [3, 3, 4]], [2.2, 2.2, 1.5], r"hold 5\.900 e and the cell has 6 e"),
        ([[3, 3, 1], [3, 3, 7], [3, 3, 4]], [1.9, 1.9, 2.2], r"Li \(atom 0\) holds 1\.900 e .* closed core of 2 e"),
        ([[3, 3, 1], [3, 3, 7], [3, 3, 4]], [2.2, 2.3, 1.5], r"symmetry makes equal differ by 0\.100 e"),
        ([[3, 3, 1], [3, 3, 4]], [3, 3], r"no maximum of the density at Li \(atom 1\)"),
    ],
)
def test_a_broken_partition_is_an_error_with_its_numbers(positions, electrons, message):
    density = lithium_pair()
    vacuum = 0.2 if "no Bader basin" in message else 0.0
    with pytest.raises(CalculationError, match=message):
        check_partition(density, assign_basins(density, by_hand(positions, electrons, vacuum)))


def test_thousands_of_basins_are_an_error():
    density = lithium_pair()
    crowd = np.array([[x, y, 4.0] for x in np.arange(0, 6, 1.0) for y in np.arange(0, 6, 1.0)])
    basins = by_hand(np.vstack([density.positions, crowd]), [2.2, 2.2, *[1.6 / len(crowd)] * len(crowd)])
    spiky = DensityGrid(
        density.values + gaussians(crowd, [1e-2] * len(crowd), [0.15] * len(crowd)),
        CELL,
        density.positions,
        density.numbers,
    )
    with pytest.raises(CalculationError, match=r"found 38 basins of 2 atoms"):
        check_partition(spiky, assign_basins(spiky, basins))


def test_a_density_that_lost_electrons_is_refused_by_the_whole_analysis():
    density = lithium_pair()
    with pytest.raises(CalculationError, match=r"the cell has 6 e"):
        bader_partition(DensityGrid(density.values * 0.98, CELL, density.positions, density.numbers))


@pytest.mark.parametrize(("number", "core"), [(1, 0), (2, 0), (3, 2), (8, 2), (10, 2), (11, 10), (12, 10), (29, 18)])
def test_closed_cores(number, core):
    assert closed_core(number) == core


@pytest.fixture(autouse=True)
def quickly_compiled(monkeypatch):
    """Where BaderKit has not run before, numba compiles it: for a minute at least, but less if it need not be fast."""
    monkeypatch.setenv("NUMBA_OPT", "0")


@pytest.mark.slow
def test_baderkit_prints_nothing_and_leaves_logging_as_it_was(capfd):
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    find_basins(lithium_pair(), "baderkit")
    assert (list(root.handlers), root.level) == before
    assert capfd.readouterr() == ("", "")


def test_without_a_program_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(bader_programs.shutil, "which", lambda name: None)
    with pytest.raises(BackendUnavailableError, match="not on the PATH"):
        choose_program("henkelman")
    monkeypatch.setattr(bader_programs, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailableError, match=r"pip install .*--no-deps baderkit"):
        choose_program("baderkit")
    assert choose_program() == "anodeflow"
    monkeypatch.setattr(bader_programs.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert choose_program("henkelman") == "henkelman"
    assert choose_program() == "anodeflow"


@pytest.mark.parametrize(
    ("steps", "faces"),
    [
        (np.diag([0.1, 0.1, 0.1]), {0.1: 6}),
        # Areas over distances by hand: 0.2 * 0.3 / 0.1, 0.1 * 0.3 / 0.2, 0.1 * 0.2 / 0.3.
        (np.diag([0.1, 0.2, 0.3]), {0.6: 2, 0.15: 2, 0.2 / 3: 2}),
        # A hexagon of distance a between neighbours has edges of a / sqrt(3) and an area of sqrt(3) / 2 a².
        (0.1 * np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 2]]), {0.2 / 3**0.5: 6, 0.1 * 0.75**0.5 / 2: 2}),
        # The rhombic dodecahedron of fcc: volume 2 r³ * 2 sqrt(2), which the faces cut into 12 pyramids of height r.
        (0.1 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]), {0.1 / 2: 12}),
        # The same cubic grid, described by long and skewed steps.
        (0.1 * np.array([[1, 0, 0], [3, 1, 0], [-2, 5, 1]]), {0.1: 6}),
    ],
)
def test_faces_of_the_voronoi_cells_of_grids(steps, faces):
    found = voronoi_neighbours(steps)
    assert sorted(weight for _, weight in found) == pytest.approx(
        sorted(weight for weight, number in faces.items() for _ in range(number))
    )
    # What flows through all faces of a cell is what a linear density asks for: the sum of d d^T times weights is 2 V.
    away = np.array([step @ steps for step, _ in found])
    sum_of_products = (away.T * [weight for _, weight in found]) @ away
    assert sum_of_products == pytest.approx(2 * abs(np.linalg.det(steps)) * np.eye(3))


def test_a_skewed_cell_of_the_same_crystal_has_the_same_charges():
    density = lithium_pair((0.07, 0.11, 0.05))
    skewed = CELL @ np.linalg.inv(CELL) @ np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]]) @ CELL
    places = density.positions
    clouds = np.vstack([places, np.add([3.0, 3.0, 4.0], (0.07, 0.11, 0.05))])
    values = gaussians(clouds, [2.2, 2.2, 1.6], [0.4, 0.4, 0.7], cell=skewed)
    other = DensityGrid(values, skewed, places, density.numbers)
    assert bader_partition(other).atom_electrons == pytest.approx(bader_partition(density).atom_electrons, abs=0.005)


def test_a_weighted_point_goes_to_both_sides_by_slope():
    """One line of points, one of which lies between two maxima: 3 parts of its charge go up the steeper side."""
    # 2 -> 5 <- 2 <- 1 -> 4: the point that holds 1 sees rises of 1 (to 2) and 3 (to 4).
    values = np.array([[[0, 2, 5, 2, 1, 4, 0, 0]]], dtype=float)
    density = DensityGrid(values, np.diag([9.0, 9.0, 0.8]), np.zeros((1, 3)), np.array([1]))
    found = weight_basins(density, vacuum=0.5)
    charges = found.electrons / density.volume_element
    assert sorted(charges) == pytest.approx([4 + 0.75, 5 + 2 + 2 + 0.25])
    assert found.vacuum_electrons == 0


@pytest.mark.slow
def test_baderkit_gives_the_same_charges():
    """Our weights beside BaderKit's gradient and weights, on the density of Li with a cloud between."""
    pytest.importorskip("baderkit")
    density = lithium_pair((0.13, 0.2, 0.31))
    ours, theirs = bader_partition(density), bader_partition(density, "baderkit")
    assert ours.program.startswith("anodeflow ")
    assert theirs.program.startswith("BaderKit ")
    assert ours.atom_electrons == pytest.approx(theirs.atom_electrons, abs=0.002)
    assert ours.non_nuclear[0].electrons == pytest.approx(theirs.non_nuclear[0].electrons, abs=0.002)
    assert ours.vacuum_electrons == pytest.approx(theirs.vacuum_electrons, abs=1e-6)


def test_a_ripple_on_the_flank_of_a_maximum_is_its_own_and_one_of_the_vacuum_is_not():
    density = lithium_pair()
    ripples = [[3.0, 3.0, 4.1], [0.3, 0.3, 4.0]]
    basins = by_hand([*density.positions, [3.0, 3.0, 4.0], *ripples], [2.2, 2.2, 1.59, 0.006, 0.004])
    found = assign_basins(density, basins)
    assert [basin.electrons for basin in found.non_nuclear] == pytest.approx([1.596])
    assert found.vacuum_electrons == pytest.approx(0.004)
    assert found.shoulders == {}


STAND_IN = """\
from sys import argv
from ase.io.cube import read_cube
from ase.units import Bohr
import numpy as np
assert argv[1:] == ["-b", "weight", "-vac", "0.00001482", "density.cube"], argv
cube = read_cube(open(argv[-1]))
atoms, data = cube["atoms"], cube["data"]
total = data.sum() * atoms.get_volume() / Bohr**3 / data.size
print("\\n   GRID BASED BADER ANALYSIS  (Version 1.05 08/19/23)")
rule = " " + 80 * "-"
# The formats are those of the program's own WRITE statements.
rows = [(*atoms.positions[0] / Bohr, 2.2, 1, 0.0), (*atoms.positions[1] / Bohr, 2.2, 2, 0.0),
        (3 / Bohr, 3 / Bohr, 4 / Bohr, 1.5, 1, 3 / Bohr)]
with open("BCF.dat", "w") as file:
    print("    #         X           Y           Z        CHARGE     ATOM    DISTANCE", rule, sep="\\n", file=file)
    for n, row in enumerate(rows, 1):
        print("%5d" % n + "%12.4f" * 4 % row[:4] + "   %5d%12.4f" % row[4:], file=file)
    print(rule, file=file)
with open("ACF.dat", "w") as file:
    print("    #         X           Y           Z        CHARGE     MIN DIST    ATOMIC VOL", file=file)
    print(rule, rule, "    VACUUM CHARGE:               0.1000", sep="\\n", file=file)
    print("    VACUUM VOLUME:               9.0000", file=file)
    print("    NUMBER OF ELECTRONS:  %12.4f" % total, file=file)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put an executable `bader` on the PATH that runs a Python text."""

    def install(text: str) -> Path:
        file = tmp_path / "bin" / "bader"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!{sys.executable}\n{text}")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{file.parent}{os.pathsep}{os.environ['PATH']}")
        return file

    return install


@pytest.mark.slow
def test_files_of_the_henkelman_program_are_written_and_read(program):
    program(STAND_IN)
    found = henkelman_basins(lithium_pair())
    assert found.electrons == pytest.approx([2.2, 2.2, 1.5])
    assert found.positions == pytest.approx(np.array([[3, 3, 1], [3, 3, 7], [3, 3, 4]]), abs=1e-3)
    assert found.vacuum_electrons == pytest.approx(0.1, abs=1e-3)
    assert found.program == "Henkelman bader 1.05"
    partition = bader_partition(lithium_pair(), "henkelman")
    assert partition.atom_electrons == pytest.approx([2.2, 2.2])
    assert [basin.electrons for basin in partition.non_nuclear] == pytest.approx([1.5])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print('Welcome to Bader, the debugger')", "is not the Henkelman group's Bader program"),
        ("print('GRID BASED BADER ANALYSIS'); raise SystemExit('OUT OF MEMORY')", "exit status 1.*OUT OF MEMORY"),
        ("print('GRID BASED BADER ANALYSIS')", "left no Bader charges"),
        (STAND_IN + "\nopen('ACF.dat', 'w')", "cut short"),
    ],
)
def test_a_program_that_fails_or_is_another_one_is_an_error(program, text, message):
    program(text)
    with pytest.raises(CalculationError, match=message):
        henkelman_basins(lithium_pair())


@pytest.mark.gpaw
def test_lithium_hydride_is_ionic():
    """Bulk LiH: Li gives 0.85 e to H (literature: 0.8 to 0.9), with the density that the GPAW backend writes."""
    from pymatgen.core import Lattice, Structure

    from anodeflow.backends.gpaw.backend import GpawBackend
    from anodeflow.studies.charge.analysis import load_density

    crystal = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.02), ["Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    backend = GpawBackend.model_validate(
        {"name": "coarse", "code": "gpaw", "settings": {"cutoff": 300, "kpoint_spacing": 0.8}}
    )
    done = Makers(backend).static(charge_density=True, grid_spacing=0.09).calculate(crystal, "LiH")
    found = bader_partition(load_density(done))
    donated = crystal.atomic_numbers - found.atom_electrons
    assert donated[:4] == pytest.approx([0.85] * 4, abs=0.03)
    assert donated[4:] == pytest.approx([-0.85] * 4, abs=0.03)
    assert found.non_nuclear == []
    assert abs(found.partition_error) < 1e-3
