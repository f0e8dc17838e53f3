"""Interfaces: what holds for every pair of crystals, matches whose answer is known, the workflow on EMT."""

import json

import numpy as np
import pytest
from factories import calculation_document, codes, sentence
from hypothesis import given, settings
from hypothesis import strategies as st
from interface_factories import SMALL, relaxed_interface
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.analysis.elasticity.strain import Deformation
from pymatgen.core import Structure

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.bulk.catalogue import check_overlap, host_lattice, load_structure
from anodeflow.structures.geometry.rattle import rattled
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.interface.interfaces import (
    SAME_STRAIN,
    InterfaceCell,
    build_interface,
    enumerate_interfaces,
)
from anodeflow.structures.interface.matching import green_lagrange, lattice_matches, like_areas, von_mises
from anodeflow.structures.interface.registry import (
    best_packed,
    distinct_shifts,
    shift_cell,
    shift_metal,
)
from anodeflow.structures.slab.lateral import hermite_forms, reduce_in_plane
from anodeflow.studies.context import SubjectContext
from anodeflow.studies.interface.analysis import changed_alone, interface_document, middle_layer, nearest_plane
from anodeflow.studies.interface.context import InterfaceContext
from anodeflow.studies.interface.document import InterfaceDoc, RegistryPoint
from anodeflow.studies.interface.flow import InterfaceMaker, scan_registry

PAIRS = [("Li3Mg", "Li"), ("Li3Mg7", "Li"), ("Li3Mg-Cmcm", "Li"), ("Ag", "Al"), ("Cu", "Al"), ("LiH", "Li")]
FACES = [(0, 0, 1), (1, 1, 0), (1, 1, 1)]


def interfaces(alloy: str, metal: str, **changes) -> list[InterfaceCell]:
    crystals = (load_structure(alloy), load_structure(metal))
    return enumerate_interfaces(*crystals, InterfaceSpec(**changes), host_lattice(alloy), host_lattice(metal))


def surface_atoms(cell: InterfaceCell, side: str) -> Structure:
    """One side alone."""
    alone = cell.structure.copy()
    alone.remove_sites([i for i, where in enumerate(cell.side) if where != side])
    return alone


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    pair=st.sampled_from(PAIRS),
    alloy_miller=st.sampled_from(FACES),
    metal_miller=st.sampled_from(FACES),
    alloy_layers=st.integers(3, 5),
    metal_layers=st.integers(3, 6),
    vacuum=st.floats(6, 20),
    strained=st.sampled_from(["metal", "alloy", "shared"]),
    fixed_layers=st.integers(0, 2),
    fixed_side=st.sampled_from(["alloy", "metal"]),
)
def test_any_pair_gives_a_sound_interface(
    pair, alloy_miller, metal_miller, alloy_layers, metal_layers, vacuum, strained, fixed_layers, fixed_side
):
    names = dict(zip(("alloy", "metal"), pair, strict=True))
    try:
        cells = interfaces(
            *pair, alloy_miller=alloy_miller, metal_miller=metal_miller, alloy_layers=alloy_layers,
            metal_layers=metal_layers, vacuum=vacuum, strained=strained, fixed_layers=fixed_layers,
            fixed_side=fixed_side, max_atoms=100, max_strain=0.06, min_width=4.0,
        )  # fmt: skip
    except InputError:
        return  # nothing matches within the limits
    for cell in cells:
        structure, layer = cell.structure, np.array(cell.layer)
        a, b, c = structure.lattice.matrix
        heights = structure.cart_coords[:, 2]
        assert len(structure) == len(cell.side) == len(layer) <= 100
        assert cell.von_mises_strain <= 0.06
        # the frame: a along x, c along z, periodic in the plane, the vacuum as asked for
        assert a[1:] == pytest.approx([0, 0], abs=1e-9)
        assert b[2] == pytest.approx(0, abs=1e-9)
        assert np.cross(a, b)[2] == pytest.approx(cell.area)
        assert c == pytest.approx([0, 0, np.ptp(heights) + vacuum], abs=1e-6)
        assert structure.lattice.pbc == (True, True, False)
        # alloy below, metal above, planes counted from the interface
        assert set(layer) == set(range(-alloy_layers, 0)) | set(range(1, metal_layers + 1))
        assert [number > 0 for number in layer] == [side == "metal" for side in cell.side]
        means = [heights[layer == number].mean() for number in sorted(set(layer))]
        assert means == sorted(means)
        assert heights[layer == 1].mean() - heights[layer == -1].mean() == pytest.approx(cell.gap, abs=1e-6)
        free = np.array([flags[0] for flags in structure.site_properties["selective_dynamics"]])
        outermost = sorted(set(layer), reverse=fixed_side == "metal")
        assert set(layer[~free]) == set(outermost[:fixed_layers])
        assert cell.width >= 4.0 - 1e-6
        check_overlap(structure, cell.termination)
        for side, supercell in (("alloy", cell.alloy_supercell), ("metal", cell.metal_supercell)):
            bulk, alone = load_structure(names[side]), surface_atoms(cell, side)
            # whole planes: as many atoms as the planes of the primitive surface cell hold
            cells_ = round(abs(np.linalg.det(supercell)))
            assert len(alone) % cells_ == 0
            strained_bulk = cell.alloy_crystal if side == "alloy" else cell.metal_crystal
            assert strained_bulk.volume / len(strained_bulk) == pytest.approx(bulk.volume / len(bulk), rel=1e-6)
            assert strained_bulk.composition.reduced_composition == bulk.composition.reduced_composition


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    pair=st.sampled_from(PAIRS), miller=st.sampled_from(FACES), strained=st.sampled_from(["metal", "alloy", "shared"])
)
def test_strain_is_that_of_the_lattices(pair, miller, strained):
    """Each side's own lattice, recomputed by deforming back, is that of its crystal; densities follow from it."""
    try:
        cells = interfaces(*pair, alloy_miller=miller, strained=strained, max_atoms=120, max_strain=0.06, min_width=0)
    except InputError:
        return
    for cell in cells:
        strains = {}
        for side, name, supercell, components in (
            ("alloy", pair[0], cell.alloy_supercell, cell.alloy_strain),
            ("metal", pair[1], cell.metal_supercell, cell.metal_strain),
        ):
            xx, yy, xy = components
            # C = F^T F = 1 + 2 E: the metric of the undeformed supercell is that of the cell taken back through F
            stretch = np.eye(2) + 2 * np.array([[xx, xy], [xy, yy]])
            primitive = np.linalg.solve(np.array(supercell), cell.structure.lattice.matrix[:2, :2])
            metric = primitive @ np.linalg.inv(stretch) @ primitive.T
            lengths = np.sqrt(np.diag(metric))
            bulk = load_structure(name)
            known = bulk.get_neighbor_list(float(max(lengths)) + 0.01)[3]
            # vectors of a surface cell are lattice vectors: distances that the crystal has
            assert all(abs(known - length).min() < 2e-3 for length in lengths)
            deformation = np.eye(3)
            deformation[:2, :2] = np.linalg.cholesky(stretch).T
            strains[side] = Deformation(deformation).green_lagrange_strain.von_mises_strain
        assert cell.von_mises_strain == pytest.approx(max(strains.values()), abs=1e-9)
        if strained != "shared":
            rigid = "alloy" if strained == "metal" else "metal"
            assert strains[rigid] == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(pair=st.sampled_from([("Li3Mg", "Li"), ("Ag", "Al"), ("LiH", "Li")]), periods=st.integers(1, 2))
def test_whole_periods_keep_composition_and_density(pair, periods):
    # (001) of bcc, fcc and rocksalt: two planes a period of half the lattice constant each
    cells = interfaces(*pair, alloy_layers=2 * periods, metal_layers=2 * periods, max_atoms=110)
    for cell in cells:
        alloy, metal = surface_atoms(cell, "alloy"), surface_atoms(cell, "metal")
        bulk = load_structure(pair[1])
        assert metal.composition.reduced_composition == bulk.composition.reduced_composition
        assert alloy.composition.reduced_composition == load_structure(pair[0]).composition.reduced_composition
        xx, yy, xy = cell.metal_strain
        stretched = np.sqrt(np.linalg.det(np.eye(2) + 2 * np.array([[xx, xy], [xy, yy]])))
        spacing = np.diff(sorted({float(z) for z in metal.cart_coords[:, 2].round(4)}))[0]
        density = len(metal) / (cell.area * 2 * periods * spacing)
        assert density == pytest.approx(len(bulk) / bulk.volume / stretched, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.tuples(st.floats(2.5, 6), st.floats(2.5, 6)),
    angle=st.floats(60, 120),
    strain=st.tuples(*[st.floats(-0.02, 0.02)] * 3),
    turn=st.floats(0, 2 * np.pi),
    index=st.integers(1, 5),
)
def test_a_hidden_match_is_found(lengths, angle, strain, turn, index):
    """A lattice strained and turned, written in another basis, is matched with no more strain than it was given."""
    a, b = lengths
    lattice = np.array([[a, 0], [b * np.cos(np.radians(angle)), b * np.sin(np.radians(angle))]])
    xx, yy, xy = strain
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    other = np.array([[1, index], [0, 1]]) @ lattice @ (np.eye(2) + np.array([[xx, xy], [xy, yy]])) @ turned
    given_ = von_mises(green_lagrange(np.linalg.solve(other, lattice @ turned)))
    matches = lattice_matches(lattice, reduce_in_plane(other) @ other, (1, 1), 2, 0.2)
    assert matches
    assert matches[0].strain <= given_ + 1e-9
    assert np.linalg.det(matches[0].metal_deformation) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("areas", "tolerance", "largest"), [((10.0, 10.0), 0.02, 95), ((7.3, 11.9), 0.31, 260)])
def test_supercells_of_like_areas_are_those_of_pymatgen(areas, tolerance, largest):
    from pymatgen.analysis.interfaces.zsl import ZSLGenerator

    theirs = [
        [np.rint(side).astype(int).tolist() for side in pair]
        for pair in ZSLGenerator(tolerance, largest).generate_sl_transformation_sets(*areas)
    ]
    ours = [[hermite_forms(count).tolist() for count in counts] for counts in like_areas(areas, tolerance, largest)]
    assert len(ours) > 5
    assert sorted(ours) == sorted(theirs)


@pytest.mark.parametrize("scale", [1.0, 0.9944, 1.0013, 1.0127])
def test_of_cells_with_equal_strain_the_widest_is_taken_whatever_rounding_says(scale):
    """Cu(110) on itself: `check` said 7.7 Å, and the run, with a lattice 0.6 % smaller, computed 7.2 Å."""
    plane = scale * np.array([[3.61, 0.0], [0.0, 3.61 / 2**0.5]])
    matches = lattice_matches(plane, plane @ [[0.8, 0.6], [-0.6, 0.8]], (8, 10), 150, 0.05, 6.5)
    six = next(match for match in matches if round(match.area / np.linalg.det(plane)) == 6)
    assert six.width == pytest.approx(scale * 7.658, abs=2e-3)
    assert six.strain == pytest.approx(0, abs=1e-9)


def test_strain_of_equal_lattices_is_zero():
    """It was printed as 1.043e-14."""
    assert interfaces("Ag", "Ag")[0].von_mises_strain == 0


def test_mirror_images_do_not_match():
    """A lattice without mirror planes is not laid on its reflection, as matching by lengths and angles would do."""
    lattice = np.array([[4.0, 0], [1.2, 5.1]])
    mirrored = np.array([[4.0, 0], [-1.2, 5.1]])
    assert min(m.strain for m in lattice_matches(lattice, lattice, (1, 1), 2, 0.3)) < 1e-9
    assert min(m.strain for m in lattice_matches(lattice, mirrored, (1, 1), 2, 0.3)) > 0.05


@pytest.mark.slow
def test_the_papers_interfaces():
    (bcc,) = interfaces("Li3Mg", "Li")
    assert (len(bcc.structure), bcc.termination) == (96, "Li6Mg2/Li")
    assert bcc.von_mises_strain < 0.01, "bcc on bcc hardly needs any"
    both = interfaces("Li3Mg7", "Li")
    assert [cell.termination for cell in both] == ["Li2Mg3/Li", "LiMg4/Li"]
    assert [cell.number for cell in both] == [0, 1]
    for cell in both:
        assert len(cell.structure) == 140
        assert cell.von_mises_strain == pytest.approx(0.037, abs=0.001)
        plane = [cell.structure[i].specie.symbol for i, number in enumerate(cell.layer) if number == -1]
        assert plane.count("Li") / len(plane) == pytest.approx(0.4 if cell.number == 0 else 0.2)
    wider = interfaces("Li3Mg7", "Li", max_atoms=200)[0]
    assert wider.von_mises_strain < both[0].von_mises_strain - SAME_STRAIN


def test_candidates_say_why_they_were_left():
    for cell in interfaces("Li3Mg7", "Li"):
        chosen = [candidate for candidate in cell.candidates if candidate.chosen]
        assert [(c.number, c.atoms, c.reason) for c in chosen] == [(cell.number, len(cell.structure), "")]
        others = {(c.atoms > 150, c.von_mises_strain > 0.05): c.reason for c in cell.candidates if not c.chosen}
        assert others[True, False] == "more than 150 atoms"
        assert others[False, True] == "strain over 5 %"
        assert others[False, False] == "another termination is studied"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_atoms": 40}, ["at most 40 atoms", "the smallest that would has 140 atoms and a strain of 3.7 %"]),
        ({"max_atoms": 100, "max_strain": 0.01}, ["within 100 atoms the least strain is 7.2 %, of 88 atoms"]),
        ({"termination": 5}, ["termination 5", "there are 2 (0: Li2Mg3/Li, 1: LiMg4/Li)"]),
        ({"fixed_layers": 9}, ["cannot fix 9 layers of an alloy that has 4"]),
        ({"fixed_layers": 9, "fixed_side": "metal"}, ["cannot fix 9 layers of a metal that has 8"]),
    ],
)
def test_what_cannot_be_built_is_a_sentence(changes, words):
    with pytest.raises(InputError) as refused:
        build_interface(
            load_structure("Li3Mg7"), load_structure("Li"), InterfaceSpec(**changes), host_lattice("Li3Mg7"), None
        )
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.slow
def test_shifts_that_differ_fill_the_common_lattice():
    cell = interfaces("Ag", "Al")[0]
    vectors = np.array(cell.shift_cell)
    supercells = (np.array(cell.alloy_supercell), np.array(cell.metal_supercell))
    plane = cell.structure.lattice.matrix[:2, :2]
    # every lattice vector of either crystal is a whole number of steps
    for supercell in supercells:
        steps = np.linalg.solve(supercell, plane) @ np.linalg.inv(vectors)
        assert steps == pytest.approx(np.rint(steps), abs=1e-6)
    assert np.allclose(shift_cell(*supercells, plane), vectors)
    # a shift by such a step gives the same interface, that by half of it another one
    around = cell.structure, cell.side, vectors
    shifted = shift_metal(cell.structure, cell.side, vectors[0])
    for start in (cell.structure, shifted):
        assert distinct_shifts(start, *around[1:], (2, 2))[0].copies == 1
    assert sum(shift.copies for shift in distinct_shifts(*around, (3, 3))) == 9
    # the metal starts where it packs best: atoms of the next plane over hollows, none on top
    assert np.linalg.norm(best_packed(*around)) == pytest.approx(0, abs=1e-6)
    distances = cell.structure.distance_matrix
    metal = np.array(cell.layer) == 1
    alloy = np.array(cell.layer) == -1
    assert distances[np.ix_(metal, alloy)].min() > 2.6


def test_cells_travel_between_jobs():
    cell = interfaces("Ag", "Al")[0]
    again = json.loads(json.dumps(cell, cls=MontyEncoder), cls=MontyDecoder)
    assert again == cell


def test_rattling_spares_what_is_fixed_and_is_the_same_each_time():
    cell = interfaces("Ag", "Al")[0]
    start = cell.structure
    moved = rattled(start, 0.05)
    away = np.linalg.norm(moved.cart_coords - start.cart_coords, axis=1)
    free = np.array([flags[0] for flags in start.site_properties["selective_dynamics"]])
    assert away[~free] == pytest.approx(0, abs=1e-9)
    assert away[free].std() > 0
    assert np.sqrt((away[free] ** 2).mean() / 3) == pytest.approx(0.05, rel=0.15)
    assert moved == rattled(start, 0.05)
    assert moved.site_properties == start.site_properties
    assert rattled(start, 0.0) == start


def test_middle_layer_notices_what_is_no_bulk():
    cell = interfaces("Ag", "Al", metal_layers=7)[0]
    sound = middle_layer(cell.structure, cell.layer, "metal", cell.metal_crystal)
    assert (sound.layer, sound.like_bulk, sound.bulk_coordination) == (4, True, 12)
    broken = cell.structure.copy()
    members = [i for i, number in enumerate(cell.layer) if number == 4]
    broken.translate_sites(members[::2], [0, 0, 1.0], frac_coords=False)
    assert not middle_layer(broken, cell.layer, "metal", cell.metal_crystal).like_bulk
    assert nearest_plane(cell.structure, cell.layer, members[0]) == 4
    lifted = cell.structure.copy()
    lifted.translate_sites([members[0]], [0, 0, 1.8], frac_coords=False)
    assert nearest_plane(lifted, cell.layer, members[0]) == 5


@pytest.mark.parametrize("changed", ["metal", "alloy"])
def test_side_that_changes_its_crystal_once_it_is_alone_is_told(changed):
    """The work of separation then holds what that gains; the interface itself shows nothing of it."""
    cell = interfaces("Ag", "Al", metal_layers=7, alloy_layers=6)[0]
    slabs: dict = {}
    for side in ("alloy", "metal"):
        alone = cell.structure.copy()
        alone.remove_sites([index for index, where in enumerate(cell.side) if where != side])
        if side == changed:  # its middle plane is spread over its neighbours'
            layer = [number for number, where in zip(cell.layer, cell.side, strict=True) if where == side]
            members = [index for index, number in enumerate(layer) if abs(number) == 4]
            alone.translate_sites(members[::2], [0, 0, 1.9], frac_coords=False)
        slabs[side] = calculation_document(structure=alone)
    study = InterfaceContext(system="Ag/Al", alloy="Ag", metal="Al", spec=SMALL.model_dump(mode="json"))
    points = [RegistryPoint(shift=[0, 0], displacement=[0, 0], energy=0.0)]
    relaxed = calculation_document(structure=cell.structure)
    document = interface_document(cell, points, 0, relaxed, slabs, {}, study)
    assert f"the {changed} alone" in sentence(document, "side-alone-changed")
    still = slabs | {changed: None}
    assert "side-alone-changed" not in codes(interface_document(cell, points, 0, relaxed, still, {}, study))


@pytest.mark.slow
def test_thin_sides_alone_are_not_taken_for_changed():
    """With its second face free too, the middle of a thin side lacks more neighbours than at the interface."""
    for planes in (2, 3):
        cell = interfaces("Ag", "Al", metal_layers=planes, alloy_layers=planes)[0]
        for side in ("alloy", "metal"):
            alone = cell.structure.copy()
            alone.remove_sites([index for index, where in enumerate(cell.side) if where != side])
            assert changed_alone(cell, side, alone) == ""


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory) -> InterfaceDoc:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("home")))
        return relaxed_interface()


@pytest.mark.slow
def test_document_of_a_relaxed_interface(relaxed):
    assert (relaxed.system, relaxed.termination, relaxed.strained) == ("Ag/Al", "Ag/Al", "metal")
    assert relaxed.converged
    assert relaxed.atoms == len(relaxed.structure) == len(relaxed.side) == len(relaxed.layer)
    assert relaxed.structure.lattice.pbc == (True, True, False)
    assert relaxed.metal_depth == 4
    assert {relaxed.structure[i].specie.symbol for i in relaxed.atoms_of(1)} == {"Al"}
    assert {relaxed.structure[i].specie.symbol for i in relaxed.atoms_of(-1)} == {"Ag"}
    assert min(point.energy for point in relaxed.registry) == relaxed.registry[relaxed.best_registry].energy == 0
    assert all(plane.like_bulk for plane in relaxed.middle_layers)
    expected = (relaxed.alloy_slab_energy + relaxed.metal_slab_energy - relaxed.energy) / relaxed.area * 16.0217663
    rows = {row.property: row for row in relaxed.rows()}
    assert rows["work_of_separation"].value == pytest.approx(expected)
    assert 0.5 < expected < 4, "two metals that hold together, J/m²"
    assert rows["work_of_separation"].unit == "J/m²"
    assert len(rows["work_of_separation"].calculation_ids) == 3
    assert rows["interface_strain"].value == relaxed.von_mises_strain
    assert {"alloy bulk", "metal bulk", "registry 0", "interface", "alloy slab", "metal slab"} <= set(
        relaxed.calculation_ids
    )


def test_energies_are_those_of_plain_ase(relaxed):
    from ase.calculators.emt import EMT
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(relaxed.structure)
    atoms.pbc = (True, True, False)
    atoms.constraints = []
    atoms.calc = EMT()
    assert atoms.get_potential_energy() == pytest.approx(relaxed.energy, abs=1e-6)
    free = [all(flags) for flags in relaxed.structure.site_properties["selective_dynamics"]]
    assert np.abs(atoms.get_forces()[free]).max() < 0.05
    assert [i for i, moves in enumerate(free) if not moves] == relaxed.atoms_of(-3)


def test_lattices_that_do_not_match_are_a_sentence_of_the_step():
    bulks = [calculation_document(structure=load_structure(name)) for name in ("Ag", "Al")]
    spec = SMALL.model_dump(mode="json") | {"max_atoms": 8}
    study = InterfaceContext(system="silver on aluminium", alloy="Ag", metal="Al", spec=spec)
    with pytest.raises(InputError, match=r"silver on aluminium: Ag\(0 0 1\)/Al\(0 0 1\): no common cell of at most 8"):
        scan_registry.original({}, *bulks, None, None, study)


@pytest.mark.slow
def test_slab_that_fails_costs_the_work_of_separation_only(monkeypatch):
    from anodeflow.backends.emt import EmtBackend

    execute = EmtBackend.execute

    def fail_alone(self, request, folder, lock, tell):
        if request.task == "relax" and {site.specie.symbol for site in request.structure} == {"Al"}:
            raise CalculationError("EMT gave up.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_alone)
    document = relaxed_interface()
    assert document.work_of_separation is None
    assert [row.property for row in document.rows()] == ["interface_strain"]
    assert "no-work-of-separation" in codes(document)


def test_one_flow_has_one_termination():
    backend = load_backend("emt")
    maker = InterfaceMaker(
        Makers(backend).relax(),
        Makers(backend).static(),
        spec=InterfaceSpec(termination="all"),
        about=SubjectContext(system="Ag/Al"),
    )
    with pytest.raises(InputError, match="Ag/Al: one interface has one termination"):
        maker.make(load_structure("Ag"), load_structure("Al"))
