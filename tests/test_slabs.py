"""Slabs: properties that hold for every plane, and the planes whose answer is known."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.bulk.host import plane_in_cell, recognise_host
from anodeflow.structures.slab.lateral import wide_supercell
from anodeflow.structures.slab.planes import stack_planes
from anodeflow.structures.slab.slabs import SlabCell, build_slab, build_slabs
from anodeflow.structures.slab.spec import SlabSpec

PLANES = st.tuples(*[st.integers(-2, 2)] * 3).filter(any)
ZINCBLENDE = Structure.from_spacegroup("F-43m", Lattice.cubic(5.41), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]])
DIAMOND = Structure.from_spacegroup("Fd-3m", Lattice.cubic(3.57), ["C"], [[0, 0, 0]])


def shortest_in_plane(structure: Structure) -> float:
    a, b = structure.lattice.matrix[:2]
    steps = [(i, j) for i in range(-4, 5) for j in range(-4, 5) if (i, j) != (0, 0)]
    return min(np.linalg.norm(i * a + j * b) for i, j in steps)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["Li", "Mg", "LiH"]),
    miller=PLANES,
    layers=st.integers(1, 9),
    vacuum=st.floats(5, 25),
    min_width=st.floats(0, 8),
)
def test_any_plane_gives_a_sound_slab(name, miller, layers, vacuum, min_width):
    bulk = load_structure(name)
    spec = SlabSpec(miller=miller, layers=layers, vacuum=vacuum, min_width=min_width)
    for slab in build_slabs(bulk, spec, host_lattice(name)):
        structure = slab.structure
        heights = structure.cart_coords[:, 2]
        a, b, c = structure.lattice.matrix
        assert slab.layers == layers
        assert a[1:] == pytest.approx([0, 0], abs=1e-9)
        assert b[2] == pytest.approx(0, abs=1e-9)
        assert c == pytest.approx([0, 0, np.ptp(heights) + vacuum], abs=1e-6)
        assert heights.min() == pytest.approx(vacuum / 2, abs=1e-6)
        assert structure.lattice.pbc == (True, True, False)
        assert set(structure.site_properties) == {"selective_dynamics"}
        assert shortest_in_plane(structure) >= min_width - 1e-6
        assert slab.min_image_distance == pytest.approx(shortest_in_plane(structure))
        free = np.array([flags[0] for flags in structure.site_properties["selective_dynamics"]])
        if free.any() and not free.all():
            assert heights[~free].max() < heights[free].min()
        # A slab is a piece of the crystal: every short distance in it is one of the crystal's.
        _, _, _, in_bulk = bulk.get_neighbor_list(5.0)
        _, _, _, in_slab = structure.get_neighbor_list(4.9)
        known = np.unique(in_bulk.round(3))
        assert all(abs(known - distance).min() < 5e-3 for distance in np.unique(in_slab.round(3)))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(["Li", "Mg", "LiH"]), miller=PLANES, periods=st.integers(1, 2))
def test_whole_periods_keep_composition_and_density(name, miller, periods):
    bulk, host = load_structure(name), host_lattice(name)
    stack = stack_planes(bulk, plane_in_cell(bulk, miller, "host", host))
    spec = SlabSpec(miller=miller, layers=periods * len(stack.planes), min_width=0)
    for slab in build_slabs(bulk, spec, host):
        assert slab.structure.composition.reduced_composition == bulk.composition.reduced_composition
        density = len(slab.structure) / (slab.area * periods * stack.period)
        assert density == pytest.approx(len(bulk) / bulk.volume)


@pytest.mark.parametrize(
    ("bulk", "miller", "expected"),
    [
        ("Li", (0, 0, 1), ["Li"]),
        ("LiH", (0, 0, 1), ["LiH"]),
        ("LiH", (1, 1, 1), ["H", "Li"]),
        ("Mg", (0, 0, 1), ["Mg"]),
        ("Mg", (1, 0, 0), ["Mg (a)", "Mg (b)"]),  # cut between far or near planes
        (ZINCBLENDE, (1, 1, 0), ["ZnS"]),
        (ZINCBLENDE, (1, 1, 1), ["S", "Zn", "S", "Zn"]),  # polar: both faces, two gaps each
        (DIAMOND, (1, 1, 1), ["C (a)", "C (b)"]),
        ("Li3Mg7", (0, 0, 1), ["Li2Mg3", "LiMg4"]),
    ],
)
def test_distinct_terminations(bulk, miller, expected):
    host = host_lattice(bulk) if isinstance(bulk, str) else None
    crystal = load_structure(bulk) if isinstance(bulk, str) else bulk
    slabs = build_slabs(crystal, SlabSpec(miller=miller), host)
    assert [slab.number for slab in slabs] == list(range(len(slabs)))
    if len(set(expected)) < len(expected):
        assert sorted(slab.termination[: -len(" (a)")] for slab in slabs) == sorted(expected)
    else:
        assert [slab.termination for slab in slabs] == expected
    for slab in slabs:
        heights = slab.structure.cart_coords[:, 2]
        outermost = {slab.structure[i].specie.symbol for i in np.flatnonzero(heights > heights.max() - 0.3)}
        assert all(element in slab.termination for element in outermost)


def test_face_that_points_down_is_turned_over_not_mirrored():
    """The lower face of a zincblende (111) slab, on top: three bonds down, one dangling, same handedness."""
    slabs = build_slabs(ZINCBLENDE, SlabSpec(miller=(1, 1, 1), layers=8, min_width=0))
    stable = {slab.termination[0]: slab for slab in slabs[:2]}  # widest gap outside: one dangling bond
    for slab in stable.values():
        top = int(np.argmax(slab.structure.cart_coords[:, 2]))
        assert len(slab.structure.get_neighbors(slab.structure[top], 2.5)) == 3
    assert np.linalg.det(slabs[0].structure.lattice.matrix) > 0
    assert {slabs[0].termination, slabs[1].termination} == {"S (a)", "Zn (a)"}


@pytest.mark.parametrize(("a", "expected"), [(3.44, [[2, 0], [0, 2]]), (3.2, None)])
def test_li001_width(a, expected):
    bulk = Structure.from_spacegroup("Im-3m", Lattice.cubic(a), ["Li"], [[0, 0, 0]])
    slab = build_slab(bulk, SlabSpec())
    if expected:
        assert np.array_equal(np.abs(slab.supercell), expected)  # p(2x2)
        assert len(slab.structure) == 24
    else:  # √5 x √5 is smaller than p(3x3)
        assert len(slab.structure) == 30
        assert slab.structure.lattice.abc[:2] == pytest.approx([5**0.5 * a] * 2)


@settings(max_examples=30, deadline=None)
@given(
    a=st.floats(2, 5),
    ratio=st.floats(1, 3),
    angle=st.floats(40, 140),
    width=st.floats(1, 12),
    seed=st.integers(0, 99),
)
def test_supercell_does_not_depend_on_the_choice_of_vectors(a, ratio, angle, width, seed):
    vectors = a * np.array([[1, 0, 0], [ratio * np.cos(np.radians(angle)), ratio * np.sin(np.radians(angle)), 0]])
    random = np.random.default_rng(seed)
    i, j = random.integers(-3, 4, size=2)
    other = np.array([[1, i], [0, 1]]) @ np.array([[1, 0], [j, 1]]) @ vectors
    sizes = [round(abs(np.linalg.det(wide_supercell(v, width)))) for v in (vectors, other)]
    assert sizes[0] == sizes[1]


def test_thickness_and_fixed_layers():
    slab = build_slab(load_structure("Li"), SlabSpec(thickness=8.0, fixed_layers=2))
    assert slab.layers == 6  # 5 x 1.72 Å
    assert slab.thickness == pytest.approx(8.6)
    held = AseAtomsAdaptor.get_atoms(slab.structure).constraints[0].index
    assert len(held) == 8
    assert slab.structure.cart_coords[held, 2].max() == pytest.approx(7.5 + 1.72)
    with pytest.raises(InputError, match="cannot fix 7 layers"):
        build_slab(load_structure("Li"), SlabSpec(layers=6, fixed_layers=7))


def test_ase_sees_open_direction():
    atoms = AseAtomsAdaptor.get_atoms(build_slab(load_structure("Li"), SlabSpec()).structure)
    assert atoms.pbc.tolist() == [True, True, False]


def test_slab_travels_between_jobs():
    slab = build_slab(load_structure("LiH"), SlabSpec(miller=(1, 1, 1), termination=1))
    again = json.loads(json.dumps(slab, cls=MontyEncoder), cls=MontyDecoder)
    assert isinstance(again, SlabCell)
    assert again == slab
    assert again.structure.lattice.pbc == (True, True, False)
    assert again.structure.site_properties == slab.structure.site_properties


@pytest.mark.parametrize("termination", [2, "all"])
def test_missing_termination(termination):
    with pytest.raises(InputError, match=r"there are 2 \(0: H, 1: Li\)"):
        build_slab(load_structure("LiH"), SlabSpec(miller=(1, 1, 1), termination=termination))


def test_settings_name_different_planes():
    """Primitive bcc: (001) of its own cell is (011) of the conventional one."""
    primitive = load_structure("Li").get_primitive_structure()
    planes = {
        setting: build_slab(primitive, SlabSpec(setting=setting, min_width=0)).structure
        for setting in ("host", "conventional", "cell")
    }
    assert planes["host"].lattice.abc[:2] == pytest.approx([3.44, 3.44])
    assert planes["conventional"].lattice.abc[:2] == pytest.approx([3.44, 3.44])
    assert planes["cell"].lattice.abc[:2] == pytest.approx([3.44 * 0.75**0.5] * 2)


def test_host_axes_survive_relaxation():
    """A basal plane stays one when cell and atoms relax, and noise of a relaxation makes no new terminations."""
    bulk, host = load_structure("Li3Mg7"), host_lattice("Li3Mg7")
    random = np.random.default_rng(1)
    sheared = bulk.copy()
    sheared.lattice = Lattice(bulk.lattice.matrix @ (np.eye(3) + 0.02 * random.uniform(-1, 1, (3, 3))))
    relaxed = bulk.copy()
    relaxed.lattice = Lattice(bulk.lattice.matrix @ np.diag([1.02, 1.02, 0.98]))
    relaxed.perturb(0.01, seed=2)
    for miller in [(0, 0, 1), (1, 0, 0), (1, 1, 2)]:
        assert plane_in_cell(sheared, miller, "host", host) == plane_in_cell(bulk, miller, "host", host)
    slabs = build_slabs(relaxed, SlabSpec(), host)
    assert {slab.termination for slab in slabs} == {"Li2Mg3", "LiMg4"}
    assert all(slab.layers == 6 and len(slab.structure) % 30 == 0 for slab in slabs)


def test_wrong_cell_for_the_host_is_refused():
    wrong = load_structure("Li3Mg7") * [[1, 1, 0], [0, 1, 1], [1, 0, 0]]
    with pytest.raises(InputError, match="keep the cell of the catalogue's structure"):
        build_slab(wrong, SlabSpec(), host_lattice("Li3Mg7"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Li", "Cu", "Mg", "Li3Mg7"])
def test_host_of_a_crystal_is_recognised(name):
    """An unknown file finds its host by itself when its sites form one; planes agree with the catalogue's."""
    bulk, host = load_structure(name), host_lattice(name)
    ideal = Structure(
        host_cell_of(host) if name == "Li3Mg7" else bulk.lattice,
        bulk.species,
        ideal_sites(bulk) if name == "Li3Mg7" else bulk.frac_coords,
    )
    found = recognise_host(ideal)
    assert found is not None
    assert found.lattice == host.lattice
    for spec in (SlabSpec(miller=(0, 0, 1), min_width=0), SlabSpec(miller=(1, 1, 1), min_width=0)):
        mine, given_host = build_slab(ideal, spec, found), build_slab(ideal, spec, host)
        assert mine.area == pytest.approx(given_host.area)
    assert recognise_host(load_structure("LiH")) is None


def host_cell_of(host) -> Lattice:
    return Lattice(np.array(host.axes) @ Lattice.hexagonal(3.14, 5.08).matrix)


def ideal_sites(bulk: Structure) -> np.ndarray:
    """Sites of Li3Mg7 moved onto the ideal hcp lattice, in fractions of its cell."""
    cell = host_cell_of(host_lattice("Li3Mg7"))
    hcp = Structure(Lattice.hexagonal(3.14, 5.08), ["X"] * 2, [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]])
    points = [
        site + np.array([i, j, k])
        for site in hcp.frac_coords
        for i in range(-6, 7)
        for j in range(-6, 7)
        for k in (-1, 0, 1)
    ]
    sites = cell.get_fractional_coords(np.array(points) @ hcp.lattice.matrix)
    best = None
    for origin in sites:
        trial = sites - origin + bulk.frac_coords[0]
        apart = cell.get_all_distances(bulk.frac_coords, trial)
        if best is None or apart.min(axis=1).max() < best[0]:
            best = (apart.min(axis=1).max(), trial[apart.argmin(axis=1)])
    assert best[0] < 0.3
    return best[1]


def test_a_slab_that_is_changed_spoils_no_later_one():
    crystal = load_structure("Li")
    first = build_slabs(crystal, SlabSpec())[0]
    untouched = json.dumps(first, cls=MontyEncoder)
    first.crystal_axes[0][0] = 99.0
    first.structure[0].properties["selective_dynamics"][0] = True
    first.structure.translate_sites([1], [0.1, 0, 0])
    assert json.dumps(build_slabs(crystal, SlabSpec())[0], cls=MontyEncoder) == untouched


def test_crystals_that_differ_have_slabs_of_their_own():
    crystal = load_structure("Li")
    wider, other = crystal.copy(), crystal.copy()
    wider.scale_lattice(crystal.volume * (1 + 1e-12))
    other.replace_species({"Li": "Na"})
    made = [build_slab(each, SlabSpec(layers=layers)) for each in (crystal, wider, other) for layers in (3, 4)]
    assert [slab.bulk_formula for slab in made] == ["Li"] * 4 + ["Na"] * 2
    assert [slab.layers for slab in made] == [3, 4] * 3
    assert made[0].area != made[2].area


def test_disorder_is_refused_in_a_sentence():
    crystal = load_structure("Li")
    crystal[0] = {"Li": 0.5, "Mg": 0.5}
    with pytest.raises(InputError, match="give an ordered model"):
        build_slab(crystal, SlabSpec())
