"""Adsorption sites: surfaces whose sites are known, and what must not change them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.contact import ContactSurface, free_radius, touching_distances
from anodeflow.structures.sites.hollow_names import general_name, same_label
from anodeflow.structures.sites.sites import AdsorptionSite, add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.structures.slab.symmetry import face_operations, orbits, surface_cell

TOP, BRIDGE, HOLLOW3, HOLLOW4 = "onefold top", "bridge", "threefold hollow", "fourfold hollow"
FCC, HCP = "fcc hollow", "hcp hollow"


def slab_of(name: str, miller=(0, 0, 1), **spec) -> Structure:
    return build_slab(load_structure(name), SlabSpec(miller=miller, **spec), host_lattice(name)).structure


def found(slab: Structure, adsorbate: str) -> Counter:
    """What the sites are, with multiplicities, without their places."""
    return Counter(
        {
            (site.label, tuple(site.neighbours.items()), site.below, site.index): site.multiplicity
            for site in find_sites(slab, adsorbate)
        }
    )


@pytest.mark.parametrize(
    ("name", "miller", "adsorbate", "expected"),
    [
        ("Li", (0, 0, 1), "Li", [TOP, BRIDGE, HOLLOW4]),
        ("Al", (0, 0, 1), "Al", [TOP, BRIDGE, HOLLOW4]),
        ("Al", (1, 1, 1), "Al", [TOP, BRIDGE, FCC, HCP]),
        ("Cu", (1, 1, 1), "Al", [TOP, BRIDGE, FCC, HCP]),
        ("Cu", (1, 1, 1), "O", [TOP, BRIDGE, FCC, HCP]),
        ("Mg", (0, 0, 1), "Li", [TOP, BRIDGE, FCC, HCP]),
        ("Li", (1, 1, 0), "Li", [TOP, BRIDGE, BRIDGE, HOLLOW3]),  # short and long bridge
        ("LiH", (0, 0, 1), "Li", [TOP, TOP, BRIDGE, HOLLOW4]),
    ],
)
def test_known_surfaces(name, miller, adsorbate, expected):
    sites = find_sites(slab_of(name, miller), adsorbate)
    assert [site.label for site in sites] == expected
    assert [site.index for site in sites] == list(range(len(sites)))


def test_hcp_and_fcc_hollows_differ_in_what_lies_below():
    for slab in (slab_of("Al", (1, 1, 1)), slab_of("Mg")):
        below = {site.label: site.below for site in find_sites(slab, "Li") if "hollow" in site.label}
        assert below == {FCC: None, HCP: slab[0].specie.symbol}


@pytest.mark.parametrize(
    "strain",
    [
        np.diag([1.04, 0.98, 0.95]),  # a film on another metal
        np.diag([0.96, 1.0, 1.13]),  # planes as far apart as those of zinc
        np.array([[1, 0.05, 0], [0, 1, 0], [0, 0, 1]]),  # sheared
    ],
)
@pytest.mark.parametrize(("name", "miller"), [("Al", (1, 1, 1)), ("Mg", (0, 0, 1)), ("Li3Mg7", (0, 0, 1))])
def test_hollows_of_strained_and_relaxed_faces_keep_their_names(name, miller, strain):
    ideal = slab_of(name, miller, layers=4)
    for seed in range(3):
        slab = Structure(
            Lattice(ideal.lattice.matrix @ strain, pbc=(True, True, False)), ideal.species, ideal.frac_coords
        )
        slab.perturb(0.08, seed=seed)
        labels = Counter()
        for site in find_sites(slab, "Li"):
            labels[site.label] += site.multiplicity
            assert site.label != HCP or site.below, "an atom is straight below"
            assert site.label != FCC or not site.below
        assert labels[FCC] == labels[HCP] == labels[TOP] == len(slab) / 4
        assert HOLLOW3 not in labels


@pytest.mark.parametrize(
    ("name", "miller", "layers"),
    [
        ("Li", (1, 1, 0), 5),  # bcc: an atom below, but not in the middle
        ("LiH", (1, 1, 1), 6),  # planes of Li and H by turns
        ("Li3Mg", (1, 1, 0), 4),
        ("Al", (1, 1, 1), 1),  # no second plane
        ("Al", (1, 1, 0), 5),  # flanks of rows
        ("Li", (1, 1, 1), 8),
    ],
)
def test_hollows_of_other_faces_are_named_by_their_coordination(name, miller, layers):
    labels = {site.label for site in find_sites(slab_of(name, miller, layers=layers), "Li")}
    assert not labels & {FCC, HCP}


def test_beside_a_vacancy_below_a_hollow_is_neither():
    """An atom of the second plane is gone: its hcp hollow has become open, and three fcc hollows have lost a corner."""
    slab = slab_of("Al", (1, 1, 1), layers=4, min_width=10)
    heights = slab.cart_coords[:, 2]
    planes = np.unique(heights.round(1))
    slab.remove_sites([int(np.flatnonzero(abs(heights - planes[-2]) < 0.2)[0])])
    labels = Counter()
    for site in find_sites(slab, "Al"):
        labels[site.label] += site.multiplicity
    on_top = int(np.count_nonzero(abs(heights - planes[-1]) < 0.2))
    assert (labels[HCP], labels[FCC]) == (on_top - 1, on_top - 3)
    assert HOLLOW3 in labels


def test_labels_that_may_mean_the_same():
    assert general_name("site 2, hcp hollow") == "site 2, threefold hollow"
    assert same_label(FCC, FCC)
    assert same_label(FCC, HOLLOW3)
    assert same_label(HOLLOW3, HCP)
    assert not same_label(FCC, HCP)
    assert not same_label(HOLLOW4, HOLLOW3)


def test_sites_of_an_alloy_name_their_neighbours():
    sites = find_sites(slab_of("LiH"), "Li")
    assert [site.neighbours for site in sites] == [{"H": 1}, {"Li": 1}, {"H": 1, "Li": 1}, {"H": 2, "Li": 2}]


@pytest.mark.parametrize("name", ["Li", "Al", "LiH"])
def test_site_height_is_the_touching_distance(name):
    slab = slab_of(name)
    element = "Al" if name == "Al" else "Li"
    distances = touching_distances(slab, element)
    for site in find_sites(slab, element):
        images = Structure(
            slab.lattice,
            [*slab.species, "He"],
            np.vstack([slab.cart_coords, site.position]),
            coords_are_cartesian=True,
        )
        ratio = images.distance_matrix[-1, :-1] / distances
        assert ratio.min() == pytest.approx(1, abs=1e-3)
        assert site.position[2] > slab.cart_coords[:, 2].max()


def test_radii():
    assert free_radius("Li") == pytest.approx(1.52)  # metallic
    assert free_radius("H") == pytest.approx(0.31)  # covalent
    assert touching_distances(slab_of("Li"), "Li") == pytest.approx(3.44 * 3**0.5 / 4 + 1.52)


@pytest.mark.parametrize(
    ("name", "miller", "adsorbate"),
    [
        ("Li", (0, 0, 1), "Li"),
        ("Li", (1, 1, 0), "Li"),
        ("Al", (1, 1, 0), "Al"),
        ("Al", (1, 1, 1), "K"),
        ("Mg", (0, 0, 1), "Li"),
        ("LiH", (1, 1, 1), "Li"),
        ("Li3Mg7", (0, 0, 1), "Li"),
    ],
)
def test_tops_and_hollows_are_as_many_as_bridges(name, miller, adsorbate):
    """Morse theory: on a torus maxima - saddles + minima = 0; a lost or invented site breaks it."""
    sites = find_sites(slab_of(name, miller), adsorbate)
    assert all(site.multiplicity > 0 for site in sites)
    assert sum(-site.multiplicity if site.label == BRIDGE else site.multiplicity for site in sites) == 0


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    system=st.sampled_from([("Li", (0, 0, 1)), ("Al", (1, 1, 1)), ("Mg", (1, 0, 0)), ("LiH", (1, 1, 0))]),
    shift=st.tuples(*[st.floats(-20, 20)] * 2),
    lift=st.floats(-3, 3),
    vacuum=st.floats(12, 30),
)
def test_sites_depend_neither_on_origin_nor_on_vacuum(system, shift, lift, vacuum):
    name, miller = system
    here = slab_of(name, miller, layers=4)
    there = slab_of(name, miller, layers=4, vacuum=vacuum)
    there.translate_sites(range(len(there)), [*shift, lift], frac_coords=False, to_unit_cell=False)
    assert found(here, "Li") == found(there, "Li")


def test_site_properties_change_nothing():
    """pymatgen's own finder is misled by them (#2464, #1643)."""
    slab = slab_of("Li")
    expected = found(slab, "Li")
    slab.add_site_property("surface_properties", ["subsurface"] * len(slab))
    slab.add_site_property("magmom", [5.0] * len(slab))
    assert found(slab, "Li") == expected


@pytest.mark.parametrize("name", ["Li", "Mg", "LiH"])
def test_sites_scale_with_the_cell(name):
    """The supercell has as many times the sites as it has the area, and no new kind."""
    small, large = slab_of(name, min_width=0), slab_of(name, min_width=9)
    times = len(large) // len(small)
    assert times > 1
    assert Counter({key: times * n for key, n in found(small, "Li").items()}) == found(large, "Li")
    assert len(surface_cell(large)) == len(small)


@pytest.mark.parametrize(("name", "miller"), [("Li", (0, 0, 1)), ("Al", (1, 1, 1)), ("LiH", (1, 1, 0))])
def test_symmetry_makes_no_new_site(name, miller):
    slab = slab_of(name, miller)
    for site in find_sites(slab, "Li"):
        start = slab.lattice.get_fractional_coords(site.position)
        copies = np.array([rotation @ start + shift for rotation, shift in face_operations(slab)])
        assert len(orbits(slab, slab.lattice.get_cartesian_coords(copies))) == 1


def test_noise_of_a_relaxation_makes_no_new_site():
    slab = slab_of("Li")
    noisy = slab.copy()
    noisy.perturb(0.005, seed=1)
    assert found(noisy, "Li") == found(slab, "Li")


def test_height_of_the_contact_surface():
    slab = slab_of("Li")
    surface = ContactSurface(slab, "Li")
    for point in surface.points():
        assert point[2] == pytest.approx(surface.height(point[:2]))


def test_adsorbate_is_last_free_and_magnetic():
    slab = slab_of("Li")
    hollow = find_sites(slab, "Li")[-1]
    with_adatom = add_adsorbate(slab, hollow, "Na", magmom=1.0)
    assert with_adatom[-1].specie.symbol == "Na"
    assert with_adatom[-1].coords == pytest.approx(hollow.position)
    assert with_adatom.lattice.pbc == (True, True, False)
    assert with_adatom.site_properties["selective_dynamics"][:-1] == slab.site_properties["selective_dynamics"]
    atoms = AseAtomsAdaptor.get_atoms(with_adatom)
    assert len(slab) not in atoms.constraints[0].index
    assert atoms.get_initial_magnetic_moments().tolist() == [0.0] * len(slab) + [1.0]
    assert "magmom" not in add_adsorbate(slab, hollow, "Na").site_properties


def test_site_serialises():
    site = find_sites(slab_of("Li"), "Li")[1]
    assert AdsorptionSite.model_validate_json(site.model_dump_json()) == site


def test_narrow_cell_sees_its_own_images():
    """In a p(1x1) cell the four atoms around a hollow are images of one."""
    slab = Structure(Lattice.tetragonal(3.44, 25), ["Li"] * 3, [[0, 0, 0.4], [0.5, 0.5, 0.47], [0, 0, 0.54]])
    sites = find_sites(slab, "Li")
    assert [(site.label, site.multiplicity) for site in sites] == [(TOP, 1), (BRIDGE, 2), (HOLLOW4, 1)]
