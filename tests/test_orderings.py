"""Orderings: enumeration against known numbers, hosts lost, the workflow on EMT against plain ASE, and its files."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk as ase_bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from asking import asking, told
from factories import calculation_document, caveats, codes, sentence
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pydantic import ValidationError
from pymatgen.core import Lattice, Structure
from ruamel.yaml import YAML

from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.bulk.catalogue import CatalogueEntry, load_structure
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.ordering import orderings as orderings_module
from anodeflow.structures.ordering.host_check import (
    LARGEST_DISPLACEMENT,
    host_survived,
    ordering_name,
    resembled_host,
    symmetrised,
)
from anodeflow.structures.ordering.orderings import Ordering, cell_sizes, enumerate_orderings
from anodeflow.structures.ordering.sqs import special_quasirandom
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.orderings.analysis import orderings_document
from anodeflow.studies.orderings.context import OrderingsContext
from anodeflow.studies.orderings.diffraction import diffraction_pattern
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.orderings.files import write_ordering, write_orderings
from anodeflow.studies.orderings.flow import OrderingsMaker
from anodeflow.studies.orderings.input import OrderingsInput
from anodeflow.studies.orderings.search import formation_energy, rank_orderings

CUBIC = HostLattice(lattice="fcc", axes=((1, 0, 0), (0, 1, 0), (0, 0, 1)))
STUDY = OrderingsContext(
    campaign="test",
    system="Li3Mg",
    input=OrderingsInput(composition="Li3Mg", hosts=["bcc"], max_atoms=4),
    enumerated={"bcc": 7},
)


def conventional(element: str, a: float = 4.0) -> Structure:
    """An fcc metal."""
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), [element], [[0, 0, 0]])


def run(flow: Flow) -> OrderingsDoc:
    """Run a flow without a database of ours."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False)
    output = store.get_output(flow.output.uuid, load=True)
    return output if isinstance(output, OrderingsDoc) else OrderingsDoc.model_validate(output)


def bulks(backend: str, *elements: str) -> dict[str, CalculationDoc]:
    relax = Makers(load_backend(backend)).relax(cell=True)
    metals = {"Au": conventional("Au", 4.07), "Pd": conventional("Pd", 3.9)}
    return {
        element: relax.calculate(metals[element] if element in metals else load_structure(element), f"{element} bulk")
        for element in elements
    }


def maker(**fields) -> OrderingsMaker:
    relax = Makers(load_backend("emt")).relax(cell=True)
    fields = {
        "rank": relax,
        "composition": "Cu3Au",
        "hosts": ["bcc", "fcc"],
        "max_atoms": 4,
        "campaign": "gold",
    } | fields
    return OrderingsMaker(**told(OrderingsInput, **fields))


@pytest.fixture(scope="module")
def gold(tmp_path_factory) -> OrderingsDoc:
    """Orderings of Cu3Au, ranked by EMT alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("gold")))
        return run(maker().make(bulks("emt", "Cu", "Au")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("formula", "host", "atoms", "number"),
    # fcc, four atoms, 3:1: the seven of G. L. W. Hart, R. W. Forcade, Phys. Rev. B 77, 224115 (2008); the others were
    # counted once by icet alone.
    [("Cu3Au", "fcc", 4, 7), ("Li3Mg", "bcc", 8, 49), ("Li3Mg", "hcp", 8, 38), ("Li3Mg7", "hcp", 10, 68)],
)
def test_number_of_orderings(formula, host, atoms, number):
    found = enumerate_orderings(formula, [host], atoms)
    assert [ordering.index for ordering in found] == list(range(number))
    assert {ordering.structure.reduced_formula for ordering in found} == {formula}
    assert set(map(len, (ordering.structure for ordering in found))) == set(cell_sizes(formula, host, atoms))
    for ordering in found:
        check = host_survived(ordering, ordering.structure)
        assert check.survived
        assert check.displacement < 1e-9
        assert check.edges[0] == pytest.approx(check.edges[1])
        assert resembled_host(ordering.structure) == host


def test_volume_lies_between_those_of_the_elements():
    first = enumerate_orderings("Li3Mg", ["bcc"], 4, {"Li": 20.0, "Mg": 24.0})[0]
    assert first.structure.volume == pytest.approx(4 * 21.0)
    by_itself = enumerate_orderings("LiMg", ["bcc"], 2)[0]
    assert by_itself.structure.volume == pytest.approx(21.62 + 23.25, abs=0.1)  # 13.02 and 14.00 cm³/mol


@pytest.mark.parametrize(
    ("composition", "hosts", "atoms", "words"),
    [
        ("Li3Mg7", ["bcc", "hcp"], 8, "the smallest cells that do are bcc with 10 atoms, hcp with 10 atoms; raise"),
        ("Li2Mg", ["hcp"], 4, "hcp with 6 atoms"),
        ("Li3Mg", ["bcc"], 8, "more than 20 orderings in cells of up to 8 atoms on bcc: lower max_atoms"),
        ("Li3Mg", ["sc"], 8, "no parent lattice 'sc': orderings stand on bcc, fcc, hcp"),
        ("Li3Mg", [], 8, "need a parent lattice"),
        ("Li4", ["bcc"], 8, "Li has nothing to order"),
        ("quartz", ["bcc"], 8, "no chemical formula"),
    ],
)
def test_impossible_orderings_are_refused_in_a_sentence(composition, hosts, atoms, words, monkeypatch):
    monkeypatch.setattr(orderings_module, "MOST", 20)
    orderings_module._orderings.cache_clear()  # other tests may have asked for the same ones
    with pytest.raises(InputError, match=words):
        enumerate_orderings(composition, hosts, atoms)


def test_host_survives_strain_and_small_moves():
    (ordering, *_) = enumerate_orderings("Li3Mg7", ["hcp"], 10)
    strained = ordering.structure.copy()
    strained.apply_strain([0.02, -0.02, 0.01])
    moved = strained.frac_coords.copy()
    moved[0] += strained.lattice.get_fractional_coords([0, 0, 0.2])
    moved[1] += [1, 0, -1]  # the same atom in another cell
    check = host_survived(ordering, Structure(strained.lattice, strained.species, moved))
    assert check.survived
    assert check.displacement == pytest.approx(0.2 * 0.9, abs=1e-6), "the mean of all atoms stays"
    edges = host_survived(ordering, ordering.structure).edges
    assert check.edges[2] == pytest.approx(1.01 * edges[2], rel=1e-6)


def test_host_is_lost_by_displacement_and_by_the_cell():
    ordering = Ordering(index=0, structure=conventional("Cu"), host=CUBIC)
    far = ordering.structure.copy()
    far.translate_sites([0], [0.15, 0, 0])
    check = host_survived(ordering, far)
    assert not check.survived
    assert check.displacement == pytest.approx(0.15 * 4.0 * 3 / 4)
    assert check.edges is not None
    bain = Structure(Lattice.tetragonal(4.0, 4.0 / np.sqrt(2)), ["Cu"] * 4, ordering.structure.frac_coords)
    check = host_survived(ordering, bain)
    assert (check.survived, check.edges) == (False, None)
    assert check.displacement < 1e-9
    assert resembled_host(bain) == "bcc"


def test_planes_of_hcp_that_slid_over_bridges_are_hcp_no_more():
    # Copper is small: its atoms need not go far (0.38 Å) from hollows onto bridges, where all sites are alike.
    places = np.array([[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]])
    hcp = Structure(Lattice.hexagonal(2.6, 2.6 * 1.63), ["Cu"] * 2, places)
    ordering = Ordering(index=0, structure=hcp, host=HostLattice(lattice="hcp", axes=CUBIC.axes))
    assert host_survived(ordering, hcp).survived
    slid = Structure(hcp.lattice, ["Cu"] * 2, places + np.array([[0, 0, 0], [1 / 6, -1 / 6, 0]]))
    check = host_survived(ordering, slid)
    assert check.displacement == pytest.approx(2.6 / np.sqrt(12) / 2)
    assert check.displacement < LARGEST_DISPLACEMENT
    assert check.edges is not None
    assert not check.survived


def test_symmetry_is_made_exact_again():
    (ordering, *_) = enumerate_orderings("Cu3Au", ["fcc"], 4)
    symbol, _ = ordering.structure.get_space_group_info(1e-5)
    blurred = ordering.structure.copy()
    blurred.perturb(0.002, seed=1)
    assert blurred.get_space_group_info(1e-5)[0] == "P1"
    exact = symmetrised(blurred)
    assert exact.get_space_group_info(1e-5)[0] == symbol
    assert host_survived(ordering, exact).displacement < 0.005
    assert exact.species == blurred.species


@pytest.mark.slow
def test_quasirandom_structure_has_the_pairs_of_a_random_alloy():
    found = special_quasirandom("CuAu", "fcc", 8, {"Cu": 12.0, "Au": 17.0})
    assert found == special_quasirandom("CuAu", "fcc", 8, {"Cu": 12.0, "Au": 17.0})
    assert found.structure.volume == pytest.approx(8 * 14.5)
    assert host_survived(found, found.structure).survived
    near = (4 * 14.5) ** (1 / 3) / np.sqrt(2)
    first, second, _, apart = found.structure.get_neighbor_list(1.3 * near)
    pairs = abs(apart - near) < 0.05
    assert pairs.sum() == 8 * 12
    elements = np.array([site.specie.symbol for site in found.structure])
    unlike = np.mean(elements[first[pairs]] != elements[second[pairs]])
    assert unlike == pytest.approx(0.5, abs=0.05), "half of the pairs of a random AB alloy"
    assert found.correlation_error < 0.12
    ordered = special_quasirandom("CuAu", "fcc", 2)
    assert ordered.correlation_error > 0.3, "two atoms are always ordered"


def test_quasirandom_structure_of_impossible_size_is_refused():
    with pytest.raises(
        InputError, match=r"no hcp cell of 16 atoms holds Li3Mg7: choose a multiple of 10, such as 10 or 20"
    ):
        special_quasirandom("Li3Mg7", "hcp", 16)


def test_lines_lie_where_braggs_law_says():
    a, wavelength = 3.75, 1.54184
    ordered = Structure.from_spacegroup("Pm-3m", Lattice.cubic(a), ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0]])
    pattern = diffraction_pattern(ordered, CUBIC, "fcc Pm-3m 4 atoms")
    assert pattern.wavelength == wavelength
    for peak in pattern.peaks:
        for plane in peak.indices:  # 300 and 221 fall together
            assert peak.spacing == pytest.approx(a / np.linalg.norm(plane))
        assert np.sin(np.radians(peak.two_theta / 2)) == pytest.approx(wavelength / 2 / peak.spacing)
    lines = {tuple(map(int, peak.indices[0])): peak for peak in pattern.peaks}
    assert list(lines)[:4] == [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 0, 0)]
    assert [lines[plane].fundamental for plane in list(lines)[:4]] == [False, False, True, True]
    assert lines[1, 1, 1].intensity == 100
    # Amplitudes at small angles: (79 - 29)² against (79 + 3·29)², and a larger Lorentz factor at the smaller angle.
    assert 9 < lines[1, 0, 0].intensity < 40


def test_lines_are_named_by_the_host_whatever_the_cell():
    (first, *_) = enumerate_orderings("Li3Mg", ["hcp"], 4)
    pattern = diffraction_pattern(first.structure, first.host, "x")
    hcp = Structure(Lattice.hexagonal(*np.array(host_survived(first, first.structure).edges)[[0, 2]]), ["Li", "Li"],
                    [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])  # fmt: skip
    plain = diffraction_pattern(hcp, HostLattice(lattice="hcp", axes=CUBIC.axes), "hcp")
    expected = {tuple(peak.indices[0]): peak.two_theta for peak in plain.peaks}
    assert (1.0, 0.0, 1.0) in expected
    found = {tuple(plane): peak.two_theta for peak in pattern.peaks if peak.fundamental for plane in peak.indices}
    for plane, angle in expected.items():
        assert found[plane] == pytest.approx(angle, abs=5e-3)


@pytest.mark.slow
def test_formation_energy_is_that_of_plain_ase(gold):
    def energy(atoms) -> float:
        atoms.calc = EMT()
        BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-3)
        return atoms.get_potential_energy() / len(atoms)

    alloy = ase_bulk("Cu", "fcc", a=3.75, cubic=True)
    alloy.symbols[0] = "Au"
    expected = energy(alloy) - 0.75 * energy(ase_bulk("Cu")) - 0.25 * energy(ase_bulk("Au"))
    (ordering,) = [entry for entry in gold.orderings if (entry.host, entry.space_group) == ("fcc", "Pm-3m")]
    assert ordering.formation_energy == pytest.approx(expected, abs=2e-5)
    assert ordering.state == "kept"
    assert ordering.host_edges == pytest.approx((alloy.cell.lengths()), abs=1e-3)


@pytest.mark.slow
def test_document_tells_of_all_orderings(gold):
    assert (gold.study, gold.system, gold.campaign, gold.confirmed) == ("orderings", "Cu3Au", "gold", False)
    assert gold.enumerated == {"bcc": 7, "fcc": 7}
    assert Counter(entry.state for entry in gold.orderings) == {"kept": 3, "not kept": 6, "host lost": 5}
    energies = [entry.formation_energy for entry in gold.orderings if entry.state in ("kept", "not kept")]
    assert energies == sorted(energies)
    lost = {entry.index: entry for entry in gold.orderings if entry.state == "host lost"}
    assert any(entry.message.endswith("nearly fcc now: it has become ordering 13 on fcc") for entry in lost.values())
    assert len({entry.name for entry in gold.orderings}) == 14
    assert all((entry.structure is None) == (entry.state != "kept") for entry in gold.orderings)
    assert gold.warnings == [], "those that left bcc are no lower than the same crystals of fcc"
    assert set(gold.calculation_ids) == {*(f"ordering {n}" for n in range(14)), "bulk Cu", "bulk Au"}
    assert gold.pattern.of == gold.kept[0].name
    assert gold.settings["orderings"]["window"] == 0.015


@pytest.mark.slow
def test_rows_lead_to_the_calculations(gold):
    rows = gold.rows()
    assert {(row.property, row.unit, row.backend) for row in rows} == {("formation_energy", "eV/atom", "emt")}
    assert [row.label for row in rows] == [entry.name for entry in gold.kept]
    assert rows[0].label == "fcc I4/mmm 4 atoms"
    ids = gold.calculation_ids
    assert rows[0].calculation_ids == [ids[f"ordering {gold.kept[0].index}"], ids["bulk Cu"], ids["bulk Au"]]


@pytest.mark.slow
def test_confirmation_decides_and_a_failure_stops_nothing(monkeypatch):
    references = bulks("emt", "Cu", "Au")
    backend = load_backend("emt")
    # A deciding backend of other settings: forces converged further.
    finer = backend.model_copy(
        update={"name": "fine", "relaxation": backend.relaxation.model_copy(update={"force_threshold": 0.001})}
    )
    fine = {
        element: Makers(finer).relax(cell=True).calculate(doc.structure, element) for element, doc in references.items()
    }
    execute = EmtBackend.execute

    def fail_on_some(self, request, folder, lock, tell):
        symbol, _ = request.structure.get_space_group_info(0.05)
        if symbol == "R-3m" or (self.name == "fine" and symbol == "Pm-3m" and len(request.structure) == 4):
            raise CalculationError(f"EMT gave up in {folder.path}.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_on_some)
    made = maker(hosts=["fcc"], confirm=Makers(finer).relax(cell=True), window=0.02)
    document = run(made.make(fine, references))
    assert (document.backend, document.rank_backend, document.confirmed) == ("fine", "emt", True)
    states = {entry.space_group: entry.state for entry in document.orderings}
    assert (states["I4/mmm"], states["R-3m"], states["Pm-3m"]) == ("kept", "failed", "failed")
    best = document.kept[0]
    step = f"ordering {best.index} confirmed"
    assert document.step(best) == step
    assert document.rows()[0].calculation_ids == [document.calculation_ids[s] for s in (step, "bulk Cu", "bulk Au")]
    assert best.formation_energy == pytest.approx(best.rank_formation_energy, abs=1e-4)
    assert "ordering-missing" in codes(document)
    above = [e for e in document.orderings if e.state == "not kept" and e.formation_energy is None]
    lowest = min(e.rank_formation_energy for e in document.orderings if e.rank_formation_energy is not None)
    assert all(entry.rank_formation_energy > lowest + 0.02 for entry in above)


@pytest.mark.slow
def test_quasirandom_structure_has_its_row():
    document = run(maker(composition="CuAu", hosts=["fcc"], max_atoms=2, sqs_atoms=8).make(bulks("emt", "Cu", "Au")))
    assert document.sqs.name == "fcc SQS 8 atoms"
    assert 0 < document.sqs.correlation_error < 0.2
    row = document.rows()[-1]
    assert (row.label, row.calculation_ids[0]) == (document.sqs.name, document.calculation_ids["sqs"])
    assert row.value == document.sqs.formation_energy > document.kept[0].formation_energy
    odd = run(maker(composition="CuAu", hosts=["fcc", "hcp"], max_atoms=2, sqs_atoms=7).make(bulks("emt", "Cu", "Au")))
    assert odd.sqs is None
    assert "sqs-missing" in codes(odd)


@pytest.mark.slow
def test_host_without_a_cell_is_told():
    document = run(maker(composition="Cu2Au", hosts=["fcc", "hcp"], max_atoms=3).make(bulks("emt", "Cu", "Au")))
    assert document.enumerated == {"fcc": 3}
    told = sentence(document, "no-cell")
    assert all(part in told for part in ("hcp", "3 atoms", "Cu2Au", "one of 6"))


def test_missing_bulk_is_refused():
    with pytest.raises(InputError, match="formation energies of Li3Mg need the bulk of Mg"):
        formation_energy(
            calculation_document(structure=enumerate_orderings("Li3Mg", ["bcc"], 4)[0].structure), {"Li": None}
        )


def ranked(energies: list[float], lost: set[int] = frozenset(), missing: set[int] = frozenset()):
    """Orderings of Li3Mg on bcc, and relaxations of them with energies over the elements (eV/atom)."""
    orderings = enumerate_orderings("Li3Mg", ["bcc"], 4)[: len(energies)]
    results = []
    for ordering, energy in zip(orderings, energies, strict=True):
        structure = ordering.structure.copy()
        if ordering.index in lost:
            structure.translate_sites([0], [0, 0, 0.9 / structure.lattice.c], to_unit_cell=False)
        document = calculation_document(id=f"calc-{ordering.index}", structure=structure, energy=4 * energy)
        results.append(None if ordering.index in missing else document)
    return orderings, results


def elements() -> dict[str, CalculationDoc]:
    cells = {
        "Li": Structure(Lattice.cubic(3), ["Li"], [[0, 0, 0]]),
        "Mg": Structure(Lattice.cubic(3), ["Mg"], [[0, 0, 0]]),
    }
    return {name: calculation_document(id=f"bulk-{name}", structure=cell, energy=0.0) for name, cell in cells.items()}


def test_lowest_that_lost_its_host_is_told():
    orderings, results = ranked([-0.03, -0.05, -0.02, -0.04], lost={1, 3}, missing={2})
    search = rank_orderings(orderings, results, elements(), STUDY, confirm=False)
    document = orderings_document(search, None, None, elements(), STUDY)
    assert [entry.index for entry in document.kept] == [0]
    warning = sentence(document, "host-lost")
    assert "ordering 1 (bcc " in warning
    assert "by emt" in warning
    assert warning.endswith("(1 more of this kind)")
    assert "ordering-missing" in codes(document)
    lost = [entry for entry in document.orderings if entry.state == "host lost"]
    assert [(entry.index, entry.structure is not None) for entry in lost] == [(1, True), (3, True)]
    assert lost[0].displacement == pytest.approx(0.9 * 0.75)


def test_all_hosts_lost_is_an_error():
    orderings, results = ranked([-0.03, -0.05], lost={0, 1})
    with pytest.raises(
        CalculationError, match=r"Li3Mg: all 2 relaxed orderings left their parent lattice \(bcc; atoms moved by 0.6"
    ):
        rank_orderings(orderings, results, elements(), STUDY, confirm=False)
    with pytest.raises(CalculationError, match="none of 2 orderings could be relaxed"):
        rank_orderings(orderings, [None, None], elements(), STUDY, confirm=False)


def test_window_chooses_what_is_confirmed():
    orderings, results = ranked([-0.03, -0.05, -0.036, -0.034])
    search = rank_orderings(orderings, results, elements(), STUDY, confirm=True)
    assert [ordering.index for ordering in search.chosen] == [1, 2]
    assert [entry.index for entry in search.entries if entry.structure is not None] == [1, 2]
    with pytest.raises(CalculationError, match="none of the 2 orderings close to the lowest could be confirmed"):
        orderings_document(search, [None, None], None, elements(), STUDY)
    search = rank_orderings(orderings, results, elements(), STUDY, confirm=True)
    other = results[2].model_copy(
        update={"energy": 4 * -0.06, "id": "confirmed-2", "backend": "dft", "converged": False}
    )
    document = orderings_document(search, [results[1], other], None, elements(), STUDY)
    assert [(entry.index, round(entry.formation_energy, 3)) for entry in document.kept] == [(2, -0.06), (1, -0.05)]
    assert document.backend == "dft"
    assert caveats(document) == [("not-converged", document.kept[0].name)]


def test_one_shortlist_chooses_the_lowest_within_the_window():
    orderings, results = ranked([-0.03, -0.05, -0.036, -0.034])
    two = asking(STUDY, prescreen={"window": 0.018, "keep": 2})
    chosen = rank_orderings(orderings, results, elements(), two, confirm=True).chosen
    assert [ordering.index for ordering in chosen] == [1, 2]
    chosen = rank_orderings(orderings, results, elements(), asking(STUDY, window=0.018), confirm=True).chosen
    assert [ordering.index for ordering in chosen] == [1, 2, 3]


@pytest.mark.parametrize(
    ("told", "shortlist"),
    [
        ({}, ("mlip", None, 0.015)),
        ({"rank_with": "emt", "window": 0.005}, ("emt", None, 0.005)),
        ({"prescreen": "emt"}, ("emt", None, 0.015)),
        ({"prescreen": {"backend": "emt", "keep": 20, "window": 0.01}}, ("emt", 20, 0.01)),
    ],
)
def test_keys_of_the_shortlist_old_and_new(told, shortlist):
    read = OrderingsInput.model_validate({"composition": "AgAl"} | told)
    assert tuple(read.shortlist.model_dump().values()) == shortlist
    if "prescreen" not in told:
        assert "prescreen" not in read.model_dump(exclude_defaults=True), "editions of older files stay"


def test_a_shortlist_is_told_once():
    told = {"composition": "AgAl", "prescreen": "emt", "rank_with": "emt", "window": 0.01}
    with pytest.raises(ValidationError, match="prescreen says what rank_with and window would"):
        OrderingsInput.model_validate(told)


def test_orderings_that_relaxed_into_one_count_once():
    orderings, results = ranked([-0.05, -0.0502, -0.03])
    results[0] = results[0].model_copy(update={"structure": results[1].structure})
    orderings = [orderings[1].model_copy(update={"index": 0}), *orderings[1:]]
    search = rank_orderings(orderings, results, elements(), STUDY, confirm=False)
    document = orderings_document(search, None, None, elements(), STUDY)
    assert [entry.index for entry in document.kept] == [1, 2]
    (double,) = [entry for entry in document.orderings if entry.state == "duplicate"]
    assert (double.index, double.same_as, double.message) == (0, 1, "the same crystal as ordering 1")


@pytest.mark.slow
def test_kept_orderings_become_files_that_slabs_are_cut_from(gold, tmp_path):
    files = write_orderings(tmp_path, gold, "anodeflow run gold.yaml")
    assert [file.name for file in files] == ["Cu3Au.cif", "Cu3Au-Pm-3m.cif", "Cu3Au-Pmmm.cif"]
    provenance = YAML(typ="safe").load(tmp_path / "Cu3Au.yaml")
    entry = CatalogueEntry(file=files[0], **provenance)
    assert (entry.formula, entry.space_group, entry.command) == ("Cu3Au", "I4/mmm", "anodeflow run gold.yaml")
    assert provenance["ordering"].startswith(
        "fcc I4/mmm, 4 atoms: 0.0 meV/atom above the lowest, formation energy -0.0106"
    )
    assert provenance["others_within_2_meV"][0].startswith("fcc Pm-3m, 4 atoms: 0.4 meV/atom above the lowest")
    structure = load_structure(str(files[0]))
    assert entry.host.cell(structure) is not None
    slab = build_slab(structure, SlabSpec(miller=(0, 0, 1), layers=4, min_width=0), entry.host)
    assert slab.layers == 4
    assert slab.setting == "host (fcc)"
    (lost, *_) = [each for each in gold.orderings if each.structure is None]
    with pytest.raises(InputError, match="holds no structure of ordering"):
        write_ordering(tmp_path, "x", gold, lost, "y")
    with pytest.raises(InputError, match=r"cannot write Cu3Au to .*: choose another folder"):
        write_orderings(Path("/proc/missing"), gold, "y")


@pytest.mark.mlip
def test_lithium_and_magnesium_stand_on_bcc():
    rank = Makers(load_backend("mlip")).relax(cell=True)
    made = OrderingsMaker(rank=rank, input=OrderingsInput(composition="LiMg", hosts=["bcc"], max_atoms=2))
    document = run(made.make(bulks("mlip", "Li", "Mg")))
    assert document.enumerated == {"bcc": 2}
    assert {entry.state for entry in document.orderings} == {"kept", "duplicate"}
    assert document.kept[0].name == "bcc Pm-3m 2 atoms"
    assert -0.1 < document.kept[0].formation_energy < -0.02
    names = [line for line in document.pattern.peaks if line.fundamental and line.intensity > 50]
    assert (1.0, 1.0, 0.0) in names[0].indices
    assert 35 < names[0].two_theta < 39, "bcc Li has its 110 at 36 degrees"
    assert ordering_name(document.kept[0].structure, "bcc") == document.kept[0].name
