"""The state of an adatom after its relaxation, and which minima are one."""

import numpy as np
import pytest
from pymatgen.core import Structure

from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.adatom import describe_adatom, same_minimum
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec


@pytest.fixture(scope="module")
def slab() -> Structure:
    return build_slab(load_structure("Li"), SlabSpec(), host_lattice("Li")).structure


@pytest.fixture(scope="module")
def sites(slab):
    return {site.label: site for site in find_sites(slab, "Mg")}


def shifted(structure: Structure, vector, atom: int = -1) -> Structure:
    moved = structure.copy()
    moved.translate_sites([atom % len(moved)], vector, frac_coords=False, to_unit_cell=True)
    return moved


def test_stayed_in_the_hollow(slab, sites):
    hollow = sites["fourfold hollow"]
    relaxed = shifted(add_adsorbate(slab, hollow, "Mg"), [0.1, 0, -0.15])
    seen = describe_adatom(slab, relaxed, hollow.position)
    assert seen.state == "stayed"
    assert (seen.final_label, seen.coordination, seen.neighbours) == ("fourfold hollow", 4, {"Li": 4})
    assert seen.displacement == pytest.approx(0.1)
    assert seen.height == pytest.approx(hollow.position[2] - 0.15 - slab.cart_coords[:, 2].max())


def test_slid_from_bridge_to_hollow_over_the_edge_of_the_cell(slab, sites):
    bridge, hollow = sites["bridge"], sites["fourfold hollow"]
    to_hollow = np.subtract(hollow.position, bridge.position)  # half a nearest-neighbour distance away
    relaxed = shifted(add_adsorbate(slab, bridge, "Mg"), np.add(to_hollow, [slab.lattice.a, 0, 0]))
    seen = describe_adatom(slab, relaxed, bridge.position)
    assert (seen.state, seen.final_label) == ("moved", "fourfold hollow")
    assert seen.displacement == pytest.approx(1.72, abs=1e-3)


def test_sideways_but_with_the_same_neighbours_is_not_moved(slab, sites):
    hollow = sites["fourfold hollow"]
    everything = add_adsorbate(slab, hollow, "Mg")
    # The surface slides as a whole under the adatom, as soft surfaces do.
    top = np.flatnonzero(slab.cart_coords[:, 2] > slab.cart_coords[:, 2].max() - 0.1)
    everything.translate_sites([*top.tolist(), len(slab)], [0.6, 0, 0], frac_coords=False)
    seen = describe_adatom(slab, everything, hollow.position)
    assert seen.displacement == pytest.approx(0.6)
    assert seen.state == "stayed"


def test_desorbed(slab, sites):
    hollow = sites["fourfold hollow"]
    seen = describe_adatom(slab, shifted(add_adsorbate(slab, hollow, "Mg"), [0, 0, 4]), hollow.position)
    assert (seen.state, seen.coordination, seen.neighbours) == ("desorbed", 0, {})


def test_sunk(slab, sites):
    hollow = sites["fourfold hollow"]
    relaxed = add_adsorbate(slab, hollow, "Mg")
    height = hollow.position[2] - slab.cart_coords[:, 2].max()
    seen = describe_adatom(slab, shifted(relaxed, [0, 0, -height]), hollow.position)
    assert seen.state == "sunk"
    assert seen.height == pytest.approx(0, abs=1e-6)


def test_exchanged(slab, sites):
    """The adatom takes the place of a surface atom, which comes up beside it."""
    top = sites["onefold top"]
    relaxed = add_adsorbate(slab, top, "Mg")
    place = [i for i, site in enumerate(slab) if np.allclose(site.coords[:2], top.position[:2], atol=0.1)]
    under = max(place, key=lambda i: slab[i].coords[2])
    drop = top.position[2] - slab[under].coords[2]
    relaxed = shifted(shifted(relaxed, [0, 0, -drop]), [1.72, 1.72, 1.9], under)
    assert describe_adatom(slab, relaxed, top.position).state == "exchanged"


def equivalent_hollows(slab, hollow, adsorbate="Mg") -> tuple[Structure, Structure]:
    first = add_adsorbate(slab, hollow, adsorbate)
    return first, shifted(first, [3.44, 0, 0])


def test_symmetry_copies_are_one_minimum(slab, sites):
    first, second = equivalent_hollows(slab, sites["fourfold hollow"])
    assert same_minimum(first, second, -1.0, -1.004, slab)
    assert not same_minimum(first, second, -1.0, -1.1, slab)
    noisy = second.copy()
    noisy.perturb(0.05, seed=3)
    assert same_minimum(first, noisy, -1.0, -1.0, slab)


def test_different_sites_are_different_minima(slab, sites):
    hollow, bridge = (add_adsorbate(slab, sites[label], "Mg") for label in ("fourfold hollow", "bridge"))
    assert not same_minimum(hollow, bridge, -1.0, -1.0, slab)


def test_reconstructed_surface_is_another_minimum(slab, sites):
    first, second = equivalent_hollows(slab, sites["fourfold hollow"])
    assert not same_minimum(first, shifted(second, [0, 0, 0.6], len(slab) - 1), -1.0, -1.0, slab)


def test_exchange_with_the_same_element_is_the_same_minimum(slab, sites):
    first, _ = equivalent_hollows(slab, sites["fourfold hollow"], "Li")
    order = [*range(len(slab) - 1), len(slab), len(slab) - 1]
    swapped = Structure.from_sites([first[i] for i in order])
    assert same_minimum(first, swapped, -1.0, -1.0, slab)


def test_deep_hollow_on_bcc_is_fourfold():
    """The atom below comes as near as the four around: five neighbours, a fourfold hollow all the same."""
    slab = build_slab(load_structure("Li"), SlabSpec(layers=4, vacuum=12)).structure
    hollow = next(site for site in find_sites(slab, "Li") if site.label == "fourfold hollow")
    deep = add_adsorbate(slab, hollow, "Li")
    deep.translate_sites([len(deep) - 1], [0, 0, -0.45], frac_coords=False)
    rest = describe_adatom(slab, deep, hollow.position)
    assert rest.coordination == 5
    assert rest.final_label == "fourfold hollow"
