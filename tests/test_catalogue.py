"""The catalogue: what ships, how a file is read, and what is refused."""

import re

import numpy as np
import pytest
from ase.data import atomic_numbers, reference_states
from pymatgen.core import Element, Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import (
    catalogue,
    elemental_bulk,
    host_lattice,
    load_structure,
)
from anodeflow.structures.bulk.files import read_crystal
from anodeflow.structures.bulk.host import recognise_host
from anodeflow.structures.bulk.writing import write_structure
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

SALT = """data_salt
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def test_the_systems_of_the_paper_ship():
    assert {"Li", "LiH", "Mg", "Na", "Li3Mg7", "Li3Mg", "Cu", "Al"} <= set(catalogue())


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_entry_is_what_its_provenance_says(name):
    entry, bulk = catalogue()[name], load_structure(name)
    assert entry.name == name
    assert bulk.reduced_formula == entry.formula
    assert bulk.get_space_group_info(symprec=0.05)[0] == entry.space_group
    assert entry.source
    assert entry.command.startswith("python scripts/make_structures.py")
    if entry.host is None:
        assert len(bulk.elements) == 1
        return
    assert entry.host.cell(bulk).shape == (3, 3)  # raises where the axes do not fit the cell
    sites_of_host = {"bcc": 2, "fcc": 4, "hcp": 2, "rocksalt": 8}[entry.host.lattice]
    assert len(bulk) == round(sites_of_host * np.linalg.det(entry.host.axes))


@pytest.mark.slow
def test_cells_lie_as_near_to_measured_ones_as_their_provenance_says():
    """The measured ones are those of the AFLOW prototypes that it names, and of ASE."""
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    measured = {
        (each["tags"]["aflow"], each["tags"]["mineral"]): each["snl"].structure.get_reduced_structure()
        for each in AFLOW_PROTOTYPE_LIBRARY
    }
    of_aflow = {
        "Cu": ("A_cF4_225_a", "Copper"), "Sn": ("A_tI4_141_a", "beta Sn"), "In": ("A_tI2_139_a", "Indium"),
        "Ga": ("A_oC8_64_f", "alpha"), "Mn": ("A_cI58_217_ac2g", "alpha"),
    }  # fmt: skip
    for name, (prototype, mineral) in of_aflow.items():
        source = " ".join(catalogue()[name].source.split())
        assert prototype in source
        said = re.search(r"within ([\d.]+) Å", source)
        ours, theirs = (
            SpacegroupAnalyzer(each).get_conventional_standard_structure().lattice.abc
            for each in (load_structure(name), measured[prototype, mineral])
        )
        # Indium's is measured in the larger, face-centred cell.
        scale = np.array([2**0.5, 2**0.5, 1.0]) if name == "In" else 1.0
        assert np.abs(np.array(ours) * scale - theirs).max() / np.max(scale) < float(said[1] if said else 0.0005)
    for name in ("Sb", "Bi"):
        said = re.search(r"within ([\d.]+) Å of ase.data", " ".join(catalogue()[name].source.split()))
        rhomb = reference_states[atomic_numbers[name]]
        angle = np.radians(rhomb["alpha"])
        a, c = 2 * rhomb["a"] * np.sin(angle / 2), rhomb["a"] * np.sqrt(3 * (1 + 2 * np.cos(angle)))
        ours = SpacegroupAnalyzer(load_structure(name)).get_conventional_standard_structure().lattice
        assert abs(np.array([ours.a - a, ours.c - c])).max() < float(said[1])


@pytest.mark.parametrize("name", ["Li3Mg7", "Li3Mg"])
def test_alloy_still_stands_on_its_host(name):
    """Around each atom the host's neighbours, closer than any others: 12 on hcp, 8 + 6 on bcc."""
    bulk = load_structure(name)
    shell = {"hcp": 12, "bcc": 14}[host_lattice(name).lattice]
    cutoff = {"hcp": 3.75, "bcc": 4.15}[host_lattice(name).lattice]  # Å, between that shell and the next
    assert [len(neighbours) for neighbours in bulk.get_all_neighbors(cutoff)] == [shell] * len(bulk)


def test_basal_plane_of_li3mg7():
    """(001) of the host is the basal plane: layers half of c apart, 5 atoms each."""
    slab = build_slab(load_structure("Li3Mg7"), SlabSpec(min_width=0), host_lattice("Li3Mg7"))
    assert slab.thickness == pytest.approx(5 * load_structure("Li3Mg7").lattice.c / 2, rel=0.02)
    assert len(slab.structure) == 30


@pytest.mark.parametrize("name", ["Li", "Na", "Cu", "Al", "Mg", "Zn"])
def test_hosts_of_elements_are_recognised(name):
    assert recognise_host(load_structure(name)).lattice == host_lattice(name).lattice


def test_elemental_bulk():
    assert elemental_bulk("Li") == "Li"
    assert elemental_bulk("Sn") == "Sn"
    with pytest.raises(InputError, match=r"no bulk of Cs.*references.*anodeflow catalogue add"):
        elemental_bulk("Cs")


def test_unknown_name_suggests():
    with pytest.raises(
        InputError, match=r"did you mean Li3Mg\S* or Li3Mg\S*\? the catalogue has .*LiH.*; anodeflow catalogue add FILE"
    ):
        load_structure("Li3Mg8")


@pytest.mark.parametrize("suffix", ["cif", "vasp", "json", "xyz"])
def test_file_of_any_format(tmp_path, suffix):
    path = tmp_path / f"LiH.{suffix}"
    bulk = load_structure("LiH")
    write_structure(bulk, path)
    again = load_structure(str(path))
    assert again.composition == bulk.composition
    assert again.lattice.abc == pytest.approx(bulk.lattice.abc, abs=1e-6)
    assert again.site_properties == {}


def test_oxidation_states_are_dropped(tmp_path):
    charged = load_structure("LiH").add_oxidation_state_by_element({"Li": 1, "H": -1})
    charged.to(filename=str(tmp_path / "LiH.cif"))
    assert {str(species) for species in load_structure(str(tmp_path / "LiH.cif")).species} == {"Li", "H"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SALT + "Li1 Li 0 0 0 1\nH1 H 0.1 0 0 1\n",
            r"atoms 1 \(Li\) and 2 \(H\) of .* overlap, they are 0.40 Å",
        ),
        (SALT + "Na1 Na 0 0 0 1\nNa2 Na 0.3 0 0 1\n", "overlap, they are 1.20 Å"),  # sum of radii 3.32 Å
        (SALT + "Li1 Li 0 0 0 0.5\nMg1 Mg 0 0 0 0.5\n", "partly occupied"),
        ("this is no crystal\n", "cannot read a structure from"),
        ("", "cannot read a structure from"),
    ],
)
def test_bad_file_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.cif"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_structure(str(path))


def test_a_file_that_is_no_structure_says_what_it_lacks(tmp_path):
    (tmp_path / "campaign.yaml").write_text("name: mine\n")
    with pytest.raises(InputError, match=r"campaign.yaml \(it has no 'lattice'\)"):
        read_crystal(tmp_path / "campaign.yaml")


def test_molecule_without_cell_is_refused(tmp_path):
    path = tmp_path / "molecule.xyz"
    path.write_text("2\n\nH 0 0 0\nH 0 0 0.74\n")
    with pytest.raises(InputError, match=r"molecule.xyz \(it has no three lattice vectors\)"):
        read_crystal(path)


def test_format_says_what_it_loses(tmp_path):
    slab = build_slab(load_structure("Li"), SlabSpec(layers=3)).structure
    assert len(write_structure(slab, tmp_path / "slab.cif")) == 2  # fixed atoms and open direction
    assert len(write_structure(slab, tmp_path / "slab.vasp")) == 1
    for name in ("slab.json", "slab.xyz"):
        assert write_structure(slab, tmp_path / name) == []
        again = Structure.from_file(tmp_path / name) if name.endswith("json") else read_ase(tmp_path / name)
        assert again.lattice.pbc == (True, True, False)
        assert again.site_properties["selective_dynamics"] == slab.site_properties["selective_dynamics"]


def read_ase(path) -> Structure:
    from ase.io import read
    from pymatgen.io.ase import AseAtomsAdaptor

    return AseAtomsAdaptor.get_structure(read(path))


def test_a_catalogue_entry_survives_a_strained_copy():
    """Axes are whole numbers of the host's: 3 % more lattice constant changes nothing."""
    bulk = load_structure("Li3Mg7")
    bulk.lattice = Lattice(bulk.lattice.matrix * 1.03)
    host = host_lattice("Li3Mg7").cell(bulk)
    assert np.linalg.norm(host[0]) == pytest.approx(1.03 * 3.135, rel=0.02)


OF_EXPERIMENT = ("Ag", "Al", "Au", "Bi", "Ca", "Cu", "Ga", "In", "Mn", "Pb", "Sb", "Si", "Sn", "Zn")


@pytest.mark.parametrize("name", OF_EXPERIMENT)
def test_density_is_that_of_the_element(name):
    """Measured densities, of another table than the cells."""
    assert float(load_structure(name).density) == pytest.approx(float(Element(name).density_of_solid) / 1000, rel=0.015)


@pytest.mark.parametrize("name", ["Sb", "Bi", "Ga", "Mn"])
def test_cells_are_those_of_ase(name):
    """Of structures that are not fcc, bcc or hcp ASE has the cell in other axes."""
    reference = reference_states[atomic_numbers[name]]
    a, lattice = reference["a"], load_structure(name).lattice
    if reference["symmetry"] == "rhombohedral":
        angle = np.radians(reference["alpha"])
        expected = [2 * a * np.sin(angle / 2)] * 2 + [a * np.sqrt(3 * (1 + 2 * np.cos(angle)))]
    else:
        expected = sorted([a, a * reference.get("b/a", 1), a * reference.get("c/a", 1)])
    assert sorted(lattice.abc) == pytest.approx(expected, rel=0.01)


def test_a_note_that_asks_ends_with_its_question(anodeflow, tmp_path):
    Structure(Lattice.cubic(6.14), ["Cs", "Cs"], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(filename=str(tmp_path / "Cs.cif"))
    told = anodeflow("catalogue", "add", tmp_path / "Cs.cif")
    assert (told.status, told.err.rstrip().endswith("are atoms missing?")) == (0, True)
