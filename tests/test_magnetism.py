"""Magnetic metals start with moments or are refused; moments and entropies of adatoms are looked at."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.campaign.model import Campaign
from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.magnetism import (
    check_moments,
    entropy_warning,
    is_magnetic,
    moment_warning,
    with_moments,
)
from anodeflow.structures.geometry.positions import image_distance
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.room import room_warning
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.context import AdatomContext
from anodeflow.studies.shared.references import cut_slab

IRON = Structure(Lattice.cubic(2.83), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
LITHIUM = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def slab_with_adatom(width: float, magmom: float = 1.0) -> Structure:
    """Return two layers of Li(001) with a spin-polarised adatom."""
    slab = build_slab(LITHIUM, SlabSpec(layers=2, vacuum=8, min_width=width)).structure
    return add_adsorbate(slab, find_sites(slab, "Li")[-1], "Li", magmom=magmom)


def test_iron_starts_with_its_moment_in_bulk_slab_and_under_an_adatom():
    bulk = with_moments(IRON)
    assert bulk.site_properties["magmom"] == [2.2, 2.2]
    assert "magmom" not in IRON.site_properties
    slab = cut_slab.original(bulk, SlabSpec(layers=3, vacuum=8, min_width=0)).structure
    assert slab.site_properties["magmom"] == [2.2] * len(slab)
    on_it = add_adsorbate(slab, find_sites(slab, "Li")[0], "Li")
    assert on_it.site_properties["magmom"] == [*[2.2] * len(slab), 0.0]
    assert with_moments(LITHIUM) is LITHIUM
    plain = cut_slab.original(LITHIUM, SlabSpec(layers=3, vacuum=8, min_width=0)).structure
    assert "magmom" not in plain.site_properties


def test_moments_of_ones_own_are_kept_in_slabs_too():
    own = IRON.copy(site_properties={"magmom": [3.1, 3.1]})
    assert with_moments(own) is own
    spec = SlabSpec(layers=3, vacuum=8, min_width=0)
    slab = cut_slab.original(own, spec).structure
    assert slab.site_properties["magmom"] == [3.1] * len(slab)
    assert "magmom" not in cut_slab.original(own, spec, spin=False).structure.site_properties


def test_an_order_that_a_slab_would_lose_is_refused():
    antiferromagnet = IRON.copy(site_properties={"magmom": [2.2, -2.2]})
    for action in (check_moments, lambda bulk: cut_slab.original(bulk, SlabSpec(layers=3, vacuum=8, min_width=0))):
        with pytest.raises(InputError, match=r"Fe atoms of Fe start with different moments \(2.2 and -2.2 µB\)"):
            action(antiferromagnet)
    without_spin = cut_slab.original(antiferromagnet, SlabSpec(layers=3, vacuum=8, min_width=0), spin=False)
    assert "magmom" not in without_spin.structure.site_properties


@pytest.mark.slow
def test_compounds_of_magnetic_metals_are_not_ordered_as_the_metals_are():
    oxide = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.17), ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(InputError, match=r"NiO is a compound of a magnetic metal with O.*magmom"):
        with_moments(oxide)
    alloy = Structure(Lattice.cubic(2.9), ["Fe", "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert with_moments(alloy).site_properties["magmom"] == [2.2, 0.0]


@pytest.mark.parametrize("element", ["Mn", "Cr", "Nd"])
def test_other_orders_are_refused(element):
    crystal = Structure(Lattice.cubic(2.9), [element, element], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert is_magnetic([element])
    with pytest.raises(InputError, match=f"{element}.*magnetic.*take another element"):
        with_moments(crystal)


@pytest.mark.parametrize(("moment", "told"), [(0.65, True), (0.96, False), (1.0, False), (0.0, False), (1.41, True)])
def test_a_moment_that_is_no_whole_number_is_told(moment, told):
    warning = moment_warning(slab_with_adatom(6.5), moment)
    assert (warning is not None and warning.code == "moment-not-whole") == told
    if told:
        assert f"{moment:.2f} µB" in warning.text
        assert "6.9 Å" in warning.text


def test_moments_of_magnetic_metals_and_unpolarised_slabs_are_left_alone():
    slab = cut_slab.original(with_moments(IRON), SlabSpec(layers=2, vacuum=8, min_width=0)).structure
    assert moment_warning(add_adsorbate(slab, find_sites(slab, "Li")[0], "Li"), 9.37) is None
    assert moment_warning(slab_with_adatom(6.5), None) is None


def test_a_magnetic_adatom_has_no_whole_moment():
    slab = build_slab(LITHIUM, SlabSpec(layers=2, vacuum=8, min_width=6.5)).structure
    iron = add_adsorbate(slab, find_sites(slab, "Fe")[-1], "Fe", magmom=1.0)
    assert moment_warning(iron, 2.71) is None


def test_the_distance_in_the_warning_is_that_of_the_nearest_image():
    skewed = Lattice([[9.0, 0, 0], [6.0, 6.0, 0], [0, 0, 20.0]])
    pair = Structure(skewed, ["Li", "Li"], [[0, 0, 0.4], [0, 0, 0.6]], site_properties={"magmom": [0.0, 1.0]})
    assert "6.7 Å" in moment_warning(pair, 0.5).text


def test_entropy_is_told_where_it_counts():
    assert entropy_warning(0.004) is None
    assert entropy_warning(float("nan")) is None
    told = entropy_warning(-0.036)
    assert told.code == "smearing-entropy"
    assert "0.036 eV" in told.text


@pytest.mark.parametrize(
    ("layers", "width", "told"),
    [(4, 6.5, ["6.9 Å apart", "4 layers"]), (6, 6.5, ["6.9 Å apart"]), (4, 10, ["4 layers"]), (6, 10, None)],
)
def test_hops_on_soft_metals_need_width_and_layers_together(layers, width, told):
    slab = build_slab(LITHIUM, SlabSpec(layers=layers, vacuum=8, min_width=width))
    warning = room_warning(slab.structure, slab.layers)
    assert (warning and warning.code) == (told and "little-room")
    assert all(part in warning.text for part in told or [])


def test_layers_held_close_below_count_too():
    slab = build_slab(LITHIUM, SlabSpec(layers=6, vacuum=8, min_width=10, fixed_layers=5))
    assert room_warning(slab.structure, slab.layers, 3) is None
    warning = room_warning(slab.structure, slab.layers, slab.fixed_layers)
    assert warning.code == "little-room"
    assert "5 fixed layers of 6" in warning.text


@pytest.mark.slow
def test_insulators_are_not_soft_metals():
    crystal = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.02), ["Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert room_warning(crystal, 2) is None


def test_image_distance_of_a_skewed_cell():
    """The shortest vector is the difference of two that are long."""
    skewed = Lattice([[10.0, 0, 0], [9.0, 4.0, 0], [0, 0, 20.0]])
    assert image_distance(skewed) == pytest.approx(np.hypot(1, 4))


CAMPAIGN = """
name: magnets
backend: gpaw-demo
systems:
  - {name: surface, structure: crystal.cif, layers: 2, vacuum: 8, min_width: 0}
studies:
  - adsorption: {adsorbate: Li}
"""


@pytest.mark.parametrize(
    ("element", "backend", "refused"),
    [("Mn", "gpaw-demo", True), pytest.param("Mn", "mlip", False, marks=pytest.mark.mlip)],
)
def test_check_refuses_what_a_code_with_spin_would_get_wrong(tmp_path, element, backend, refused):
    pytest.importorskip("gpaw")
    pytest.importorskip("sevenn")
    crystal = Structure(Lattice.cubic(2.9), [element, element], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystal.to(tmp_path / "crystal.cif")
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    campaign = Campaign.from_file(tmp_path / "campaign.yaml", backend)
    if refused:
        with pytest.raises(InputError, match=r"line 5.*magnetic"):
            campaign.check()
    else:
        campaign.check()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adsorbate", "backend", "polarised"), [("Ni", "gpaw-demo", True), ("Cu", "gpaw-demo", False), ("Ni", "emt", False)]
)
def test_magnetic_adatoms_are_spin_polarised_where_the_code_knows_spin(tmp_path, adsorbate, backend, polarised):
    Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.52), ["Ni"], [[0, 0, 0]]).to(tmp_path / "nickel.cif")
    text = CAMPAIGN.replace("crystal.cif", "Cu").replace("Li}", f"{adsorbate}}}")
    if adsorbate == "Ni":
        text += "references: {Ni: nickel.cif}\n"
    (tmp_path / "campaign.yaml").write_text(text)
    flow = Campaign.from_file(tmp_path / "campaign.yaml", backend).flow()
    studies = [
        argument
        for made in flow.iterflow()
        for argument in made[0].function_args
        if isinstance(argument, AdatomContext)
    ]
    assert studies
    assert {study.spin_polarized for study in studies} == {polarised}


@pytest.mark.parametrize(
    ("system", "backend", "refused"),
    [
        ("spin_polarized: true, settings: {fixed_moment: true}", "gpaw-demo", None),
        ("settings: {fixed_moment: true}", "gpaw-demo", r"line 5.*set spin_polarized, too"),
        ("spin_polarized: true, settings: {fixed_moment: true}", "emt", r"line 5.*has no setting 'fixed_moment'"),
        ("structure: iron.cif, spin_polarized: true, settings: {fixed_moment: true}", "gpaw-demo", "Fe has moments of"),
    ],
)
def test_fixed_moment_is_refused_where_there_is_none(tmp_path, system, backend, refused):
    pytest.importorskip("gpaw")
    IRON.to(tmp_path / "iron.cif")
    text = CAMPAIGN.replace("min_width: 0", f"min_width: 0, {system}").replace("Li}", "Al}")
    text = text.replace("structure: crystal.cif, ", "" if "structure" in system else "structure: Al, ")
    (tmp_path / "campaign.yaml").write_text(text.replace("gpaw-demo", backend))
    if refused is None:
        Campaign.from_file(tmp_path / "campaign.yaml").check()
        return
    with pytest.raises(InputError, match=refused):
        Campaign.from_file(tmp_path / "campaign.yaml").check()
