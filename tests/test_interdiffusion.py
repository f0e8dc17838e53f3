"""Interdiffusion: which atoms change places, the plateau, the workflow on EMT (Ag into Al) and once on SevenNet."""

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.optimize import BFGS
from asking import asking, told
from factories import calculation_document, caveats, codes, sentence
from interface_factories import SMALL, output_of, relaxed_interface
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from vacancy_factories import layered

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.bulk.dilute import wide_cell
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.interface.interfaces import build_interface
from anodeflow.studies.interdiffusion import flow as interdiffusion
from anodeflow.studies.interdiffusion.analysis import interdiffusion_document, whole_plateau
from anodeflow.studies.interdiffusion.context import InterdiffusionContext
from anodeflow.studies.interdiffusion.dilute_flow import DiluteLimitMaker
from anodeflow.studies.interdiffusion.dilute_limit import DiluteLimit, dilute_limit
from anodeflow.studies.interdiffusion.document import DiluteExchange, InterdiffusionDoc
from anodeflow.studies.interdiffusion.exchange import (
    Exchange,
    check_depth,
    exchanged,
    find_exchanges,
)
from anodeflow.studies.interdiffusion.flow import InterdiffusionMaker, exchange_atoms
from anodeflow.studies.interdiffusion.input import InterdiffusionInput
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.shared.steps import failure_jobs

STUDY = InterdiffusionContext(
    campaign="test",
    system="Ag/Al",
    input=InterdiffusionInput(element="Ag", depth=4, samples=1, plateau_tolerance=0.03),
)


@pytest.fixture(scope="module")
def cell():
    return build_interface(
        load_structure("Li3Mg7"), load_structure("Li"), InterfaceSpec(), host_lattice("Li3Mg7"), host_lattice("Li")
    )


@pytest.fixture(scope="module")
def interface(tmp_path_factory) -> InterfaceDoc:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("home")))
        return relaxed_interface()


def study_of(interface: InterfaceDoc, **changes) -> InterdiffusionDoc:
    maker = InterdiffusionMaker(
        relax=Makers(load_backend("emt")).relax(),
        **told(InterdiffusionInput, **({"element": "Ag", "depth": 4, "samples": 1} | changes)),
    )
    return InterdiffusionDoc.model_validate(output_of(maker.make(interface)))


def test_one_atom_of_the_first_alloy_plane_meets_its_lateral_neighbour_in_each_plane(cell):
    structure, layer = cell.structure, cell.layer
    starts = set()
    for depth in range(1, 9):
        first, second = find_exchanges(structure, layer, "Mg", depth, 2, "Li3Mg7/Li")
        starts.add((first.alloy_atom, second.alloy_atom))
        assert first.alloy_atom != second.alloy_atom
        assert (layer[first.alloy_atom], structure[first.alloy_atom].specie.symbol) == (-1, "Mg")
        for exchange in (first, second):
            assert (layer[exchange.metal_atom], structure[exchange.metal_atom].specie.symbol) == (depth, "Li")
        # nearest in the plane, by the images of the periodic cell
        raised = structure.copy()
        members = [i for i, number in enumerate(layer) if number == depth]
        for i in members:
            height = structure[first.alloy_atom].z - structure[i].z
            raised.translate_sites([i], [0, 0, height], frac_coords=False, to_unit_cell=False)
        lateral = sorted(raised.get_distance(first.alloy_atom, i) for i in members)
        assert first.lateral == pytest.approx(lateral[0], abs=1e-6)
        assert (first.step, second.step) == (f"depth {depth}", f"depth {depth}, sample 2")
        raised = structure.copy()
        assert find_exchanges(structure, layer, "Mg", depth, 1, "Li3Mg7/Li") == [first], "more samples, the same first"
    assert len(starts) == 1, "the same atoms move to every depth"


@pytest.mark.slow
def test_samples_are_pairs_that_differ_and_always_the_same(interface):
    """Every p(1x1) cell of Ag(001)/Al(001) is like the others: what differs is the distance of the pair."""
    structure, layer = interface.structure, interface.layer
    for depth in (1, 2, 3):
        found = find_exchanges(structure, layer, "Ag", depth, 50, "Ag/Al")
        assert find_exchanges(structure, layer, "Ag", depth, 50, "Ag/Al") == found
        assert [each.sample for each in found] == list(range(1, len(found) + 1))
        pairs = [(each.alloy_atom, each.metal_atom) for each in found]
        assert len(set(pairs)) == len(pairs) < len(interface.atoms_of(-1)) * len(interface.atoms_of(depth))
        assert find_exchanges(structure, layer, "Ag", depth, 2, "Ag/Al") == found[:2]


def test_equivalent_pairs_are_taken_once():
    """In the ideal p(2x2) stack a mirror makes two of the four atoms of the next plane equal, seen from one."""
    stack = layered(["Cu", "CuAu"], ["Cu", "Cu", "Cu"])
    layer = [(-2, -1, 1, 2, 3)[atom // 4] for atom in range(20)]
    found = find_exchanges(stack, layer, "Au", 1, 9, "x")
    distances = sorted(round(stack.get_distance(each.alloy_atom, each.metal_atom), 3) for each in found)
    assert len(found) == 1, "four partners at one distance, two Au: all of them one by symmetry"
    assert distances == [round(stack.get_distance(4 + 1, 8), 3)]
    # Two planes on the partner stands right above, or beside by one or by two edges.
    found = find_exchanges(stack, layer, "Au", 2, 9, "x")
    assert len({round(each.lateral, 3) for each in found}) == len(found) == 3


def test_exchange_is_its_own_inverse_and_moves_nothing_else(cell):
    (exchange,) = find_exchanges(cell.structure, cell.layer, "Mg", 3, 1, "x")
    start = cell.structure.copy()
    start.add_site_property("magmom", [0.1 * i for i in range(len(start))])
    once = exchanged(start, exchange.alloy_atom, exchange.metal_atom)
    assert once != start
    assert once.composition == start.composition
    assert np.allclose(once.cart_coords, start.cart_coords)
    assert once.site_properties["selective_dynamics"] == start.site_properties["selective_dynamics"]
    assert once[exchange.metal_atom].specie.symbol == "Mg"
    assert once.site_properties["magmom"][exchange.metal_atom] == 0.1 * exchange.alloy_atom
    assert exchanged(once, exchange.alloy_atom, exchange.metal_atom) == start


@pytest.mark.parametrize(
    ("element", "depth", "words"),
    [
        ("Zn", 1, "Li3Mg7/Li: the alloy holds no Zn that could move, only Li, Mg: choose another element."),
        ("Mg", 9, "Li3Mg7/Li: there is no depth 9, the metal has 8 layers: lower depth, or raise metal_layers."),
        ("Mg", 0, "Li3Mg7/Li: there is no depth 0, the metal has 8 layers: lower depth, or raise metal_layers."),
        ("Li", 2, "Li3Mg7/Li: layer 2 of the metal holds nothing but Li, so there is nothing to exchange it with"),
    ],
)
def test_what_cannot_be_exchanged_is_a_sentence(cell, element, depth, words):
    with pytest.raises(InputError) as refused:
        find_exchanges(cell.structure, cell.layer, element, depth, 1, "Li3Mg7/Li")
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize(
    ("energies", "depths"),
    [
        ([-0.10, -0.30, -0.36, -0.35, -0.365], [3, 4, 5]),
        ([-0.10, -0.30, -0.36, -0.35, -0.20], [3, 4]),
        ([-0.066, -0.052, -0.045, -0.008, 0.04], [1, 2, 3]),
        # Energies between those of others are part of the plateau, ends that stand out are not.
        ([-0.04, -0.124, -0.119, -0.121, -0.149], [2, 3, 4, 5]),
        ([-0.1, -0.2, -0.3], []),
        ([-0.1], []),
        ([], []),
    ],
)
def test_the_whole_plateau(energies, depths):
    assert whole_plateau({depth: [energy] for depth, energy in enumerate(energies, 1)}, 0.03) == depths


def test_a_missing_depth_leaves_a_gap_in_the_plateau():
    assert whole_plateau({1: [0.0], 2: [0.0], 4: [0.0]}, 0.03) == [1, 2]
    assert whole_plateau({1: [0.0], 2: [0.0], 4: [0.1], 5: [0.1]}, 0.03) == [4, 5]


def test_scatter_of_pairs_makes_no_end_of_a_plateau():
    """Medians on Li3Mg/Li with SevenNet: as single pairs they would have no plateau but of depths 1 and 2."""
    pairs = {1: [-0.0256, -0.0193, -0.0153], 2: [-0.0349, -0.0097, -0.0055], 3: [-0.0366, -0.0271, -0.0261],
             4: [-0.054, -0.0512, -0.0508], 5: [-0.0406, -0.0296, -0.0294]}  # fmt: skip
    assert whole_plateau(pairs, 0.01) == [1, 2, 3, 4, 5]


def test_planes_at_an_end_that_stand_out_together_are_no_plateau():
    """Au on Cu3Au/Cu (EMT), CuAu against Cu: each of the first two planes has the other one beside it."""
    pairs = {1: [-0.158, 0.024, 0.206], 2: [0.017, 0.018, 0.019], 3: [0.224, 0.241, 0.295], 4: [0.227, 0.241, 0.295],
             5: [0.223, 0.232, 0.242], 6: [0.226, 0.231, 0.242]}  # fmt: skip
    assert whole_plateau(pairs, 0.01) == [3, 4, 5, 6]
    turned = {7 - depth: energies for depth, energies in pairs.items()}
    assert whole_plateau(turned, 0.01) == [1, 2, 3, 4]
    two_levels = {1: [0.0, 0.01], 2: [0.0, 0.01], 3: [0.2, 0.3], 4: [0.2, 0.3]}
    assert whole_plateau(two_levels, 0.01) == [3, 4], "of several the deepest"


def test_energies_are_those_of_plain_ase(interface):
    document = study_of(interface)
    assert [point.depth for point in document.points] == [1, 2, 3, 4]
    assert all(point.converged and point.lowest and point.partner == "Al" for point in document.points)
    rows = [row for row in document.rows() if row.property == "exchange_energy"]
    assert [(row.label, row.unit, len(row.calculation_ids)) for row in rows] == [
        (f"depth {depth}", "eV", 2) for depth in (1, 2, 3, 4)
    ]
    assert document.calculation_ids["interface"] == interface.calculation_ids["interface"]
    assert (document.system, document.metal_layers, document.initial_layer) == ("Ag/Al", 4, -1)
    point = document.points[1]
    free = [flags[0] for flags in interface.structure.site_properties["selective_dynamics"]]
    energies = []
    for structure in (interface.structure, point.structure):
        atoms = AseAtomsAdaptor.get_atoms(structure)
        atoms.pbc, atoms.calc = (True, True, False), EMT()
        assert np.abs(atoms.get_forces(apply_constraint=False)[free]).max() < 0.06
        energies.append(atoms.get_potential_energy())
    assert energies[1] - energies[0] == pytest.approx(point.exchange_energy, abs=1e-6)
    assert point.structure.composition == interface.structure.composition


def test_there_and_back_gives_the_pristine_interface(interface):
    document = study_of(interface, depth=2)
    for point in document.points:
        back = AseAtomsAdaptor.get_atoms(exchanged(point.structure, point.alloy_atom, point.metal_atom))
        back.pbc, back.calc = (True, True, False), EMT()
        BFGS(back, logfile=None).run(fmax=0.01, steps=300)
        assert back.get_potential_energy() == pytest.approx(interface.energy, abs=5e-3)


def test_the_study_itself_goes_there_and_back(interface):
    document = study_of(interface, depth=2, there_and_back=True)
    for point in document.points:
        assert point.return_energy == pytest.approx(0, abs=5e-3)
        assert point.exchange_energy != point.return_energy
    assert {"depth 1 and back", "depth 2 and back"} <= set(document.calculation_ids)
    assert "no-way-back" not in codes(document)


def test_interface_that_changes_on_the_way_is_told(thick):
    exchanges = find_exchanges(thick.structure, thick.layer, "Ag", 1, 1, "x")
    back = calculation_document(structure=thick.structure, energy=thick.energy - 0.035)
    document = interdiffusion_document(
        thick, exchanges, relaxations(thick, [-0.1]), [], asking(STUDY, there_and_back=True), {"depth 1": back}
    )
    assert document.points[0].return_energy == pytest.approx(-0.035)
    assert caveats(document, "no-way-back") == [("no-way-back", "depth 1")]
    assert "-0.035 eV instead of 0" in sentence(document, "no-way-back")
    assert "-0.065 eV" in sentence(document, "no-way-back")
    # What all energies are against was not the lowest: they may be too low, which is more than the advice of one pair.
    assert "0.035 eV below" in sentence(document, "pristine-not-lowest")
    back = back.model_copy(update={"energy": thick.energy + 0.035})
    higher = interdiffusion_document(
        thick, exchanges, relaxations(thick, [-0.1]), [], asking(STUDY, there_and_back=True), {"depth 1": back}
    )
    assert "no-way-back" in codes(higher)
    assert "pristine-not-lowest" not in codes(higher)


def test_relaxations_that_ended_early_are_named_with_what_rests_on_them(thick):
    """Both of the interface itself, from which all energies count, and of an exchange."""
    early = Caveat("few-evaluations", "ended after 1 evaluation, as asked")
    began = thick.model_copy(update={"warnings": [*thick.warnings, early.under("interface")]})
    exchanges = find_exchanges(thick.structure, thick.layer, "Ag", 1, 1, "x")
    found = relaxations(thick, [-0.1])[0].model_copy(update={"warnings": [early]})
    document = interdiffusion_document(began, exchanges, [found], [], asking(STUDY))
    told = caveats(document, "few-evaluations")
    assert told == [("few-evaluations", step) for step in ("interface", exchanges[0].step)]


def test_median_and_range_of_several_pairs(interface):
    document = study_of(interface, depth=2, samples=4)
    rows = {(row.property, row.label): row for row in document.rows()}
    assert [level.pairs for level in document.levels] == [2, 3], "as many as there are that differ"
    for depth, level in zip((1, 2), document.levels, strict=True):
        energies = sorted(point.exchange_energy for point in document.points if point.depth == depth)
        assert np.diff(energies).min() > 1e-4
        expected = [energies[0], np.median(energies), energies[-1]]
        assert [level.lowest, level.median, level.highest] == pytest.approx(expected)
        names = ("exchange_energy_min", "exchange_energy", "exchange_energy_max")
        assert [rows[name, f"depth {depth}"].value for name in names] == pytest.approx(expected)
        assert len(rows["exchange_energy", f"depth {depth}"].calculation_ids) == level.pairs + 1
    assert [point.sample for point in document.typical] == [1, 1]


def test_depth_that_is_not_there_is_told_and_the_others_go_on(interface, monkeypatch):
    told = []
    monkeypatch.setattr(interdiffusion, "failure_jobs", lambda found: told.append(dict(found)) or failure_jobs(found))
    document = study_of(interface, depth=9)
    assert [point.depth for point in document.points] == [1, 2, 3, 4]
    words = sentence(document, "depth-missing")
    assert "depth 9, the metal has 4 layers" in words
    assert [{label: str(error) for label, error in found.items()} for found in told] == [
        {"Ag/Al: Ag below depth 4": words}
    ]


def test_element_that_is_not_there_ends_the_study_with_a_sentence(interface):
    with pytest.raises(InputError, match="Ag/Al: the alloy holds no Mg that could move, only Ag"):
        exchange_atoms.original(Makers(load_backend("emt")).relax(), interface, asking(STUDY, element="Mg"))


def test_depth_that_fails_is_missing_and_the_others_go_on(interface, monkeypatch):
    from anodeflow.backends.emt import EmtBackend

    execute = EmtBackend.execute
    doomed = find_exchanges(interface.structure, interface.layer, "Ag", 2, 1, "x")[0].metal_atom

    def fail_at_two(self, request, folder, lock, tell):
        if request.structure[doomed].specie.symbol == "Ag":
            raise CalculationError("EMT gave up.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_at_two)
    document = study_of(interface, depth=3)
    assert [point.depth for point in document.points] == [1, 3]
    assert "exchange-missing" in codes(document)


def relaxations(interface: InterfaceDoc, energies: list[float], lifted: int = -1) -> list[CalculationDoc]:
    """Made-up relaxations; the moved atom of number `lifted` has gone one plane up."""
    found = []
    for index, energy in enumerate(energies):
        (exchange,) = find_exchanges(interface.structure, interface.layer, "Ag", index + 1, 1, "x")
        structure = exchanged(interface.structure, exchange.alloy_atom, exchange.metal_atom)
        if index == lifted:
            structure.translate_sites([exchange.metal_atom], [0, 0, 2.0], frac_coords=False)
        found.append(calculation_document(id=f"calc-{index}", structure=structure, energy=interface.energy + energy))
    return found


def sampled(thick: InterfaceDoc, energies: list[list[float]], **changes) -> InterdiffusionDoc:
    """A made-up study of several pairs a depth: (depth, pair) energies over the pristine interface, eV."""
    exchanges, results = [], []
    for depth, here in enumerate(energies, 1):
        for sample, energy in enumerate(here, 1):
            pair = {"alloy_atom": thick.atoms_of(-1)[sample], "metal_atom": thick.atoms_of(depth)[sample]}
            exchange = Exchange(depth=depth, sample=sample, lateral=0.0, **pair)
            structure = exchanged(thick.structure, exchange.alloy_atom, exchange.metal_atom)
            exchanges.append(exchange)
            results.append(calculation_document(id=exchange.step, structure=structure, energy=thick.energy + energy))
    return interdiffusion_document(thick, exchanges, results, [], asking(STUDY, **{"samples": 3} | changes))


def made_up(interface: InterfaceDoc, energies: list[float], lifted: int = -1, **changes) -> InterdiffusionDoc:
    exchanges = [
        find_exchanges(interface.structure, interface.layer, "Ag", depth, 1, "x")[0]
        for depth in range(1, len(energies) + 1)
    ]
    results = relaxations(interface, energies, lifted)
    return interdiffusion_document(interface, exchanges, results, [], asking(STUDY, **changes))


@pytest.fixture(scope="module")
def thick(interface) -> InterfaceDoc:
    """The same interface, its metal seven planes thick: one plane counted as two more would be."""
    spacing = 2.0
    structure, layer, side = interface.structure.copy(), list(interface.layer), list(interface.side)
    for number in (5, 6, 7):
        for index in interface.atoms_of(4):
            site = interface.structure[index]
            structure.append(
                site.specie, site.coords + np.array([0, 0, spacing * (number - 4)]), coords_are_cartesian=True,
                properties=site.properties,
            )  # fmt: skip
            layer.append(number)
            side.append("metal")
    return interface.model_copy(update={"structure": structure, "layer": layer, "side": side})


def test_driving_force_is_the_median_of_the_plateau(thick):
    document = made_up(thick, [-0.1, -0.3, -0.36, -0.35, -0.34])
    assert document.plateau == [3, 4, 5]
    assert document.driving_force == pytest.approx(-0.35)
    row = next(row for row in document.rows() if row.property == "driving_force")
    assert (row.label, row.unit) == ("depths 3 to 5", "eV")
    assert row.calculation_ids == ["calc-2", "calc-3", "calc-4", thick.calculation_ids["interface"]]
    assert not {"no-plateau", "leaves-plateau"} & set(codes(document))


def test_whole_plateau_counts_with_all_of_its_pairs(thick):
    energies = [[-0.10, -0.12, -0.08], [-0.34, -0.32, -0.37], [-0.31, -0.34, -0.36], [-0.36, -0.33, -0.38],
                [-0.36, -0.39, -0.35]]  # fmt: skip
    document = sampled(thick, energies, plateau_tolerance=0.01)
    assert document.plateau == [2, 3, 4, 5]
    assert len(document.plateau_energies) == 12
    assert document.driving_force == pytest.approx(np.median(energies[1:]))
    assert document.spread == pytest.approx(0.08)
    assert document.verdict == "driven in"
    rows = {row.property: row for row in document.rows() if row.property.startswith("driving_force")}
    assert (rows["driving_force_min"].value, rows["driving_force_max"].value) == pytest.approx((-0.39, -0.31))
    assert len(rows["driving_force"].calculation_ids) == 13
    assert not {"undecided", "one-pair"} & set(codes(document))
    positive = sampled(thick, (-np.array(energies)).tolist())
    assert positive.verdict == "held back"


def test_force_no_larger_than_what_pairs_differ_by_is_undecided(thick):
    document = sampled(thick, [[-0.03, -0.11, -0.05]] * 5)
    assert (document.driving_force, document.spread) == pytest.approx((-0.05, 0.08))
    assert document.verdict == "undecided"
    assert "undecided" in codes(document)


def test_one_pair_is_a_draw(thick):
    document = made_up(thick, [-0.1, -0.3, -0.36, -0.35, -0.34])
    assert (document.spread, document.verdict) == (None, None)
    assert "one-pair" in codes(document)


def test_pair_that_left_its_plane_counts_where_there_is_no_other(thick):
    document = sampled(thick, [[-0.03, -0.11, -0.05]] * 5)
    lost = [p.model_copy(update={"final_layer": 9}) if p.step == "depth 3, sample 2" else p for p in document.points]
    level = document.model_copy(update={"points": lost}).levels[2]
    assert (level.pairs, level.sound) == (2, True)
    assert level.lowest == pytest.approx(-0.05)
    lost = [p.model_copy(update={"rearranged": 1}) if p.depth == 3 else p for p in document.points]
    level = document.model_copy(update={"points": lost}).levels[2]
    assert (level.pairs, level.sound) == (3, False)


def test_mixing_is_that_of_an_ideal_solution(thick):
    document = made_up(thick, [-0.1, -0.3, -0.36, -0.35, -0.34])
    assert document.mixing_energy == pytest.approx(-0.119, abs=5e-4)
    assert document.soluble_fractions is None
    uphill = made_up(thick, [0.1, 0.1, 0.1, 0.1, 0.1])
    # At the fraction that it takes in, mixing and driving force cancel.
    least, both = uphill.soluble_fractions
    again = uphill.model_copy(update={"mixing_fraction": least})
    assert again.mixing_energy == pytest.approx(-uphill.driving_force)
    # The atom of the metal in the alloy mixes, too: the fractions of both make exp(-E/kT) together.
    again = uphill.model_copy(update={"mixing_fraction": both})
    assert 2 * again.mixing_energy == pytest.approx(-uphill.driving_force)


def test_old_documents_are_still_read(thick):
    document = made_up(thick, [-0.1, -0.3, -0.36, -0.35, -0.34])
    old = document.model_dump(exclude={"dilute", "dilute_atoms", "mixing_fraction", "mixing_temperature"})
    assert InterdiffusionDoc.model_validate(old).driving_force == document.driving_force


# The dilute limit


def test_supercells_are_wide_though_skew():
    """The primitive cell of bcc: its shortest lattice vector is no multiple of an edge."""
    skew = Structure([[-1.7, 1.7, 1.7], [1.7, -1.7, 1.7], [1.7, 1.7, -1.7]], ["Li"], [[0, 0, 0]])
    larger, copies = wide_cell(skew, 10.0)
    assert len(larger) == copies
    images = larger.lattice.get_points_in_sphere([[0, 0, 0]], [0, 0, 0], 10.0)
    assert len(images) == 1, "nothing but itself within 10 Å"
    sheared = Structure([[3, 0, 0], [2.9, 1.5, 0], [0, 0, 3]], ["Li"], [[0, 0, 0]])
    larger, _ = wide_cell(sheared, 6.0)
    assert len(larger.lattice.get_points_in_sphere([[0, 0, 0]], [0, 0, 0], 6.0 - 1e-6)) == 1
    alloy, copies = wide_cell(load_structure("Li3Mg-Cmcm"), 10.0)
    assert [alloy[copies * i].specie for i in range(8)] == list(load_structure("Li3Mg-Cmcm").species)


@pytest.mark.slow
def test_dilute_limit_is_that_of_plain_ase(home):
    """Ag in Al and Al in L1_2-like Ag3Al, against ASE alone; the sites are those of the element."""
    backend = load_backend("emt")
    alloy = Structure(
        np.eye(3) * 4.06, ["Al", "Ag", "Ag", "Ag"], [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    )
    metal = load_structure("Al")
    relax_cell = Makers(backend).relax(cell=True)
    bulks = [relax_cell.calculate(each) for each in (alloy, metal)]
    maker = DiluteLimitMaker(
        Makers(backend).relax(), Makers(backend).static(), element="Ag", width=8.0, system="Ag3Al/Al"
    )
    found = DiluteLimit.model_validate(output_of(maker.make(*bulks)))
    (entry,) = found.exchanges
    assert (entry.sites, entry.converged, found.warnings) == ([1, 2, 3], True, [])
    assert set(entry.steps) == set(found.calculation_ids)

    def cost(bulk: CalculationDoc, atom: int, element: str) -> float:
        atoms = AseAtomsAdaptor.get_atoms(bulk.structure).repeat(
            [int(np.ceil(8 / x)) for x in bulk.structure.lattice.abc]
        )
        atoms.pbc, atoms.calc = True, EMT()
        before = atoms.get_potential_energy()
        atoms.symbols[atom] = element
        BFGS(atoms, logfile=None).run(fmax=0.01, steps=200)
        return atoms.get_potential_energy() - before

    assert entry.solution_energy == pytest.approx(cost(bulks[1], 0, "Ag"), abs=5e-3)
    assert entry.antisite_energy == pytest.approx(cost(bulks[0], 1, "Al"), abs=5e-3)
    assert entry.exchange_energy == entry.solution_energy + entry.antisite_energy


def test_study_takes_the_dilute_limit_over(interface):
    entry = DiluteExchange(sites=[0], solution_energy=1.0, antisite_energy=-1.3, converged=True, steps=["dilute metal"])
    limit = DiluteLimit(
        exchanges=[entry],
        atoms=(32, 54),
        calculation_ids={"dilute metal": "calc-m"},
        warnings=[Caveat("dilute-missing", "one")],
    )
    maker = InterdiffusionMaker(
        relax=Makers(load_backend("emt")).relax(), input=InterdiffusionInput(element="Ag", depth=1, samples=1)
    )
    document = InterdiffusionDoc.model_validate(output_of(maker.make(interface, limit)))
    row = next(row for row in document.rows() if row.property == "dilute_limit")
    assert (row.value, row.label, row.calculation_ids) == (pytest.approx(-0.3), "Ag site 0 of Ag", ["calc-m"])
    assert document.dilute_atoms == (32, 54)
    assert "dilute-missing" in codes(document)


def test_supercell_that_fails_is_missing_and_told():
    results = dict.fromkeys(
        ("metal", "alloy", "solution", "antisite 0", "antisite 4"), calculation_document(energy=1.0)
    )
    found = dilute_limit(results | {"antisite 4": None}, {"antisite 0": [0, 1], "antisite 4": [4]}, (8, 8))
    assert [entry.sites for entry in found.exchanges] == [[0, 1]]
    assert codes(found) == ["dilute-missing"]


def test_supercell_whose_relaxation_ended_early_is_told():
    early = calculation_document(energy=1.0, warnings=[Caveat("ended-by-energy", "4 meV were still to be gained")])
    results = {"metal": early, "alloy": early, "solution": early, "antisite 0": calculation_document(energy=1.0)}
    found = dilute_limit(results | {"metal": calculation_document(energy=1.0)}, {"antisite 0": [0]}, (8, 8))
    told = [f"dilute {step}: 4 meV were still to be gained" for step in ("alloy", "solution")]
    assert [each.text for each in found.warnings] == told


def test_no_plateau_is_said(thick):
    document = made_up(thick, [-0.1, -0.2, -0.3, -0.4, -0.5])
    assert document.driving_force is None
    assert not [row for row in document.rows() if row.property == "driving_force"]
    assert "no-plateau" in codes(document)


def test_planes_near_the_free_face_make_no_plateau(thick):
    # the metal has seven planes: the last two lie too near to the vacuum, whatever their energies
    document = made_up(thick, [-0.1, -0.2, -0.21, -0.3, -0.5, -0.5, -0.5])
    assert document.plateau == [2, 3]
    assert "after depth 3" in sentence(document, "leaves-plateau")


def test_atom_that_left_its_layer_is_told(thick):
    document = made_up(thick, [-0.1, -0.3, -0.36, -0.35, -0.34], lifted=3)
    assert [point.final_layer for point in document.points] == [1, 2, 3, 5, 5]
    assert caveats(document, "left-layer") == [("left-layer", "depth 4")]
    assert "the Ag atom" in sentence(document, "left-layer")
    assert "rests in layer 5" in sentence(document, "left-layer")
    assert document.plateau == [], "depth 4 is no depth 4 any more"


def test_interface_that_changed_is_told_and_makes_no_plateau(thick):
    exchanges = [find_exchanges(thick.structure, thick.layer, "Ag", depth, 1, "x")[0] for depth in range(1, 6)]
    results = relaxations(thick, [-0.1, -0.3, -0.36, -0.35, -2.0])
    bystanders = [atom for atom in thick.atoms_of(-1) if atom != exchanges[4].alloy_atom][:2]
    results[4].structure.translate_sites(bystanders, [0, 0, -1.6], frac_coords=False)
    document = interdiffusion_document(thick, exchanges, results, [], STUDY)
    assert [point.rearranged for point in document.points] == [0, 0, 0, 0, 2]
    assert caveats(document, "rearranged") == [("rearranged", "depth 5")]
    assert "2 other atoms" in sentence(document, "rearranged")
    assert document.plateau == [3, 4]


def test_interface_that_is_another_crystal_is_told_with_every_number_that_rests_on_it(thick):
    told = Caveat("not-like-bulk", "the middle of the alloy is not like its bulk")
    other = thick.model_copy(update={"warnings": [told, Caveat("registry-missing", "registry 1 is missing")]})
    document = made_up(other, [-0.1, -0.3, -0.36, -0.35, -0.34])
    assert told.under("interface") in document.warnings
    assert "registry-missing" not in codes(document)
    assert all("not-like-bulk" in row.warning_codes for row in document.rows())


def test_check_depth_for_campaigns():
    check_depth(6, 6, "Li3Mg/Li")
    with pytest.raises(InputError, match="Li3Mg/Li: there is no depth 7, the metal has 6 layers"):
        check_depth(7, 6, "Li3Mg/Li")


@pytest.mark.mlip
def test_magnesium_there_and_back_on_sevennet():
    """The bcc Li3Mg of the catalogue on Li, as thin as it may be."""
    spec = InterfaceSpec(alloy_layers=2, metal_layers=4, max_atoms=60, vacuum=8, registry_grid=(1, 1), min_width=5)
    interface = relaxed_interface(spec, "Li3Mg-Cmcm", "Li", "mlip")
    relax = Makers(load_backend("mlip")).relax()
    document = InterdiffusionDoc.model_validate(
        output_of(InterdiffusionMaker(relax=relax, input=InterdiffusionInput(depth=1, samples=1)).make(interface))
    )
    (point,) = document.points
    assert abs(point.exchange_energy) < 0.5
    back = relax.calculate(exchanged(point.structure, point.alloy_atom, point.metal_atom), "back")
    assert back.energy == pytest.approx(interface.energy, abs=5e-3)


def test_default_thickness_lets_the_default_depth_be_inside():
    """Depths that a study takes by default lie far enough below the free face to make a plateau."""
    from anodeflow.studies.interdiffusion.verdicts import NEAR_SURFACE

    assert InterdiffusionInput().depth <= InterfaceSpec().metal_layers - NEAR_SURFACE
    assert SMALL.metal_layers == 4
