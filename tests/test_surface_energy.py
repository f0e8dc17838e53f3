"""Surface energies: a campaign end to end, beside plain ASE scripts that know nothing of it."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bcc100, fcc100
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.lattice.compounds import L1_2
from ase.optimize import BFGS
from factories import calculation_document
from pymatgen.core import Lattice, Structure

from anodeflow import Campaign, query
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.database.query import study_documents
from anodeflow.report.build import write_report
from anodeflow.report.context import Context
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.context import SlabContext
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.electrochemistry.phases import hull_points
from anodeflow.studies.surface_energy.analysis import surface_energy_document
from anodeflow.studies.surface_energy.document import SurfaceEnergyDoc
from anodeflow.studies.surface_energy.faces import faces_alike
from anodeflow.studies.surface_energy.report import surface_energy_section
from anodeflow.studies.surface_energy.stability import Phase, hull_words, place

CAMPAIGN = """\
name: faces
backend: emt
systems:
  - {name: Al(001), structure: Al, layers: 7, min_width: 0, vacuum: 10}
  - {name: Al free, structure: Al, layers: 7, fixed_layers: 0, min_width: 0, vacuum: 10}
  - {name: Cu3Au(001), structure: Cu3Au.cif, layers: 8, min_width: 0, vacuum: 10, termination: all}
studies:
  - surface_energy: {metal: Cu}
"""
CLOSE = 1e-3  # eV/Å²


def crystal(space_group: str, length: float, elements: list[str], sites: list[list[float]]) -> Structure:
    return Structure.from_spacegroup(space_group, Lattice.cubic(length), elements, sites)


@pytest.fixture
def campaign_file(tmp_path):
    crystal("Pm-3m", 3.75, ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0]]).to(str(tmp_path / "Cu3Au.cif"))
    crystal("F-43m", 5.6, ["Au", "Cu"], [[0, 0, 0], [0.25, 0.25, 0.25]]).to(str(tmp_path / "AuCu.cif"))
    crystal("P4/mmm", 3.9, ["Au", "Cu", "Al"], [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]).to(
        str(tmp_path / "three.cif")
    )

    def write(*changes: tuple[str, str]):
        text = CAMPAIGN
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (tmp_path / "faces.yaml").write_text(text)
        return tmp_path / "faces.yaml"

    return write


def relaxed(atoms: Atoms, calculator, cell: bool = False) -> float:
    """Energy of atoms relaxed by plain ASE, eV."""
    atoms.calc = calculator
    BFGS(FrechetCellFilter(atoms) if cell else atoms, logfile=None).run(fmax=2e-3, steps=500)
    return atoms.get_potential_energy()


@pytest.mark.slow
def test_campaign_and_plain_ase_agree(campaign_file, tmp_path):
    campaign = Campaign.from_file(campaign_file())
    planned = {each.label: each for each in campaign.check()}
    report = campaign.run()
    assert report.succeeded, report.failures
    found: dict[str, SurfaceEnergyDoc] = {each.system: each for each in study_documents("faces")}
    assert set(found) == {"Al(001)", "Al free", "Cu3Au(001):0", "Cu3Au(001):1"}
    assert report.computed == len(planned), "the plan, derived from the flow, is what runs"
    assert {"Al bulk", "Al(001): clean slab", "Al(001): slab as cut", "Cu bulk"} <= set(planned)
    assert "Al free: slab as cut" not in planned, "where nothing is held the slab as cut is not needed"

    bulk = Atoms(
        "Al4", scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], cell=[4.0] * 3, pbc=True
    )
    per_atom = relaxed(bulk, EMT(), cell=True) / 4
    slab = fcc100("Al", (1, 1, 11), a=bulk.cell.lengths()[0], vacuum=8)
    slab.pbc = (True, True, False)
    area = np.linalg.norm(np.cross(*slab.cell[:2]))
    gamma = (relaxed(slab, EMT()) - len(slab) * per_atom) / (2 * area)
    assert found["Al(001)"].surface_energy == pytest.approx(gamma, abs=CLOSE)
    assert found["Al free"].surface_energy == pytest.approx(gamma, abs=CLOSE)
    rows = {row.property: row for row in found["Al(001)"].rows()}
    assert rows["surface_energy_ev"].unit == "eV/Å²"
    assert rows["surface_energy_ev"].value == found["Al(001)"].surface_energy
    assert rows["surface_energy"].unit == "J/m²"
    assert rows["surface_energy"].value == pytest.approx(16.021766 * found["Al(001)"].surface_energy, rel=1e-5)
    assert rows["surface_energy"].value == pytest.approx(0.73, abs=0.01)
    assert rows["surface_energy_unrelaxed"].value > rows["surface_energy"].value

    # A slab with one face of each kind has the composition of the bulk: no chemical potential enters its energy.
    alloy = L1_2(("Au", "Cu"), latticeconstant=3.75, size=(1, 1, 1), pbc=True)
    bulk_energy = relaxed(alloy, EMT(), cell=True)
    length = alloy.cell.lengths()[0]
    both = L1_2(("Au", "Cu"), latticeconstant=length, size=(1, 1, 5), pbc=(True, True, False))
    both.center(8, axis=2)
    both.calc = EMT()
    cleavage = (both.get_potential_energy() - 5 * bulk_energy) / length**2
    cut = [found["Cu3Au(001):0"], found["Cu3Au(001):1"]]
    assert sum(each.unrelaxed for each in cut) == pytest.approx(cleavage, abs=CLOSE)
    assert [each.layers for each in cut] == [9, 9], "eight planes of two kinds have two different faces"
    assert cut[0].excess == pytest.approx(-cut[1].excess)
    assert abs(cut[0].excess) * cut[0].area == pytest.approx(1), "a plane Cu2 more or less, one atom a face"
    assert [each.metal for each in cut] == ["Cu", "Cu"]
    assert found["Al(001)"].metal is None

    table = query(campaign="faces", property="surface_energy")
    assert len(table) == 4
    folder = tmp_path / "report"
    page = write_report("faces", list(found.values()), {}, folder, tell=lambda words: None).read_text()
    assert "The face Al of Al(001) costs 0.731 J/m² [emt]." in page
    assert "in equilibrium with bulk Cu" in page
    assert (folder / "figures" / "surface-energies.png").is_file()
    assert "0.0456" in (folder / "tables" / "surface-energies.csv").read_text()


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("{metal: Cu}", "{}"), 8, "Cu3Au.cif is a compound, and no metal is named: give the metal (Au or Cu)"),
        (("{metal: Cu}", "{metal: Al}"), 8, "it holds no Al"),
        (("{metal: Cu}", "{metal: Xx}"), 8, "'Xx' is no chemical element"),
        (("Cu3Au.cif, layers: 8", "three.cif, layers: 8"), 8, "has 3 elements (Al, Au, Cu)"),
        (("Cu3Au.cif, layers: 8", "AuCu.cif, miller: [1, 1, 1], layers: 8"), 8, "no symmetry operation of the crystal"),
    ],
)
def test_what_has_no_surface_energy_is_refused_with_its_line(campaign_file, change, line, words):
    with pytest.raises(InputError) as error:
        Campaign.from_file(campaign_file(change)).check()
    assert words in str(error.value)
    assert f"faces.yaml, line {line}" in str(error.value)


def test_faces_of_slabs():
    cu3au = crystal("Pm-3m", 3.75, ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0]])
    alike = [faces_alike(build_slab(cu3au, SlabSpec(layers=n, min_width=0)).structure) for n in (3, 4, 5, 6)]
    assert alike == [True, False, True, False]
    bcc = crystal("Im-3m", 3.44, ["Li"], [[0, 0, 0]])
    assert all(faces_alike(build_slab(bcc, SlabSpec(layers=n)).structure) for n in (3, 4))


def test_what_the_document_warns_of():
    bulk = crystal("Fm-3m", 4.05, ["Al"], [[0, 0, 0]])
    cell = build_slab(bulk, SlabSpec(layers=4, fixed_layers=1, min_width=0))
    moved = cell.structure.copy()
    moved.translate_sites([1], [0, 0, 0.2], frac_coords=False)
    slab = calculation_document(structure=moved, energy=-16.0, converged=False)
    study = SlabContext(campaign="c", system="Al(001)", slab_spec={})
    steps = (cell, slab, calculation_document(structure=cell.structure, energy=-15.9),
             calculation_document(structure=bulk, energy=-15.0), None)  # fmt: skip
    document = surface_energy_document(*steps, study)
    told = " | ".join(map(str, document.warnings))
    for words in (
        "slab: the relaxation did not converge",
        "only 1 of 4 planes were held",
        "the free plane next to those held moved by 0.20 Å",
        "a negative surface energy",
    ):
        assert words in told
    unlike = cell.model_copy(update={"structure": cell.structure.copy().replace(0, "Cu")})
    with pytest.raises(CalculationError, match="lost the symmetry"):
        surface_energy_document(unlike, *steps[1:], study)


def faces_of(energy: float, other: float | None, layers: int = 5) -> SurfaceEnergyDoc:
    """Document of Cu3Au(001) at the potential of Cu: energies of both bulks, eV/atom; that of copper is -3."""
    crystal_ = crystal("Pm-3m", 3.75, ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0]])
    cell = build_slab(crystal_, SlabSpec(layers=layers, fixed_layers=0, min_width=0))
    bulks = [
        None if per_atom is None else calculation_document(structure=each, energy=per_atom * len(each), backend="emt")
        for each, per_atom in (
            (crystal_, energy),
            (crystal("Fm-3m", 3.6, ["Cu"], [[0, 0, 0]]), -3.0),
            (crystal("Fm-3m", 4.1, ["Au"], [[0, 0, 0]]), other),
        )
    ]
    slab = calculation_document(structure=cell.structure, energy=-2.9 * len(cell.structure))
    study = SlabContext(campaign="c", system="Cu3Au(001)", slab_spec={})
    return surface_energy_document(cell, slab, None, *bulks[:2], study, bulks[2])


@pytest.mark.slow
def test_a_compound_that_is_not_stable_against_its_elements_is_told():
    unknown, stable, unstable = faces_of(-3.0, None), faces_of(-3.05, -3.0), faces_of(-2.98, -3.0)
    assert (unknown.formation_energy, "other element" in unknown.calculation_ids) == (None, False)
    assert stable.formation_energy == pytest.approx(-0.05)
    assert unstable.formation_energy == pytest.approx(0.02)
    assert unstable.surface_energy > 0, "so it is not told by a negative energy"
    assert [each.code for each in unknown.warnings + stable.warnings] == []
    (told,) = unstable.warnings
    assert told.code == "unstable-compound"
    assert "Cu3Au is not stable against Cu and Au" in told.text, "which"
    assert all(number in told.text for number in ("+0.020 eV/atom", "0.080 eV above"))
    assert all("other element" not in row.calculation_ids for row in unstable.rows())


def test_place_of_a_compound_among_phases():
    """Checked by hand: A3B at x = 0.75 of the metal A, on the hull and 0.02 above it."""
    ends = [Phase("A", 1.0, 0.0), Phase("B", 0.0, 0.0)]
    alone = place(Phase("A3B", 0.75, -0.06), ends)
    assert (alone.above_hull, [each.formula for each in alone.parts], alone.potential) == (
        0.0,
        ["B", "A"],
        pytest.approx(0),
    )
    # AB at -0.20: the line from it to A has -0.10 at 0.75.
    above = place(Phase("A3B", 0.75, -0.08), [*ends, Phase("AB", 0.5, -0.2)])
    assert (above.above_hull, above.potential) == (pytest.approx(0.02), None)
    assert [each.formula for each in above.parts] == ["AB", "A"]
    # AB itself is not in equilibrium with A where A3B at -0.15 lies between: the line has 2 · -0.15 + 0.2 = -0.1 at 1.
    twin = Phase("A3B", 0.75, -0.09)
    other = place(Phase("A3B", 0.75, -0.06), [*ends, twin])
    assert (other.above_hull, other.parts, other.potential) == (pytest.approx(0.03), (twin, twin), None)
    assert "another structure of A3B lies 30.0 meV/atom lower" in hull_words("A3B", "A", other, 1.0, 0.0)
    assert place(twin, [*ends, Phase("A3B", 0.75, -0.06)]).potential is not None
    between = place(Phase("AB", 0.5, -0.2), [*ends, Phase("A3B", 0.75, -0.15), Phase("AB", 0.5, -0.1)])
    assert [each.formula for each in between.parts] == ["B", "A3B"]
    assert (between.above_hull, between.potential) == (0.0, pytest.approx(-0.1))
    # A face with an excess of A costs more where there is less of it.
    words = hull_words("AB", "A", between, 0.5, 2.0)
    assert "A3B lies between them on the hull" in words
    assert "is 0.100 eV lower; there the face costs 0.700 J/m²." in words
    assert hull_words("A3B", "A", alone, 0.5, 2.0) == ""
    assert "20.0 meV/atom above the hull, on which it decomposes into AB and A" in hull_words("A3B", "A", above, 1, 0)


def test_the_report_says_what_the_hull_of_the_campaign_says():
    face = faces_of(-3.05, -3.0)
    fields = {"campaign": "c", "system": "Au-Cu", "backend": "emt", "code": "x", "settings": {}, "settings_hash": "s"}
    points = hull_points(
        [("Au", "bulk", "bulk Au", 0.0), ("Cu", "bulk", "bulk Cu", 0.0), ("CuAu", "fcc", "CuAu fcc", -0.2)], "Au"
    )
    ids = {f"bulk {name}": face.calculation_ids[step] for name, step in (("Cu", "metal"), ("Au", "other element"))}
    hull = ElectrochemistryDoc(
        **fields, document_id="hull", calculation_ids=ids, ion="Au", partner="Cu", charge=3, points=points, steps=[],
        capacities=[],
    )  # fmt: skip
    (answer,) = surface_energy_section([face], Context.of([face, hull], [], print)).answer
    assert "Cu3Au lies 50.0 meV/atom above the hull, on which it decomposes into CuAu and Cu" in answer.replace(
        "AuCu", "CuAu"
    )
    elsewhere = hull.model_copy(update={"calculation_ids": ids | {"bulk Au": "another"}})
    (answer,) = surface_energy_section([face], Context.of([face, elsewhere], [], print)).answer
    assert "hull" not in answer, "of other calculations"


def test_the_bulk_of_the_other_element_is_asked_for_where_the_campaign_has_it(campaign_file):
    change = ("  - surface_energy: {metal: Cu}", "  - surface_energy: {metal: Cu, systems: [Cu3Au(001)]}")
    alone = {each.label for each in Campaign.from_file(campaign_file(change)).check()}
    assert "Au bulk" not in alone, "nothing more is computed for a caveat"
    more = (change[0], change[1] + "\n  - adsorption: {adsorbate: Au, systems: [Al(001)]}")
    flow = Campaign.from_file(campaign_file(more)).flow()
    names = [job.name for job, _ in flow.iterflow()]
    assert names.count("Au bulk") == 1
    assert names.count("Cu3Au(001):0: bulk of the other element") == 1
    assert {each.label for each in Campaign.from_file(campaign_file(more)).check()} >= alone | {"Au bulk"}


@pytest.mark.mlip
def test_lithium_by_sevennet_is_that_of_plain_ase(tmp_path):
    from sevenn.calculator import SevenNetCalculator

    (tmp_path / "li.yaml").write_text(
        "name: li\nbackend: mlip\nsystems:\n  - {name: Li(001), structure: Li, layers: 8, min_width: 0}\n"
        "studies:\n  - surface_energy: {}\n"
    )
    report = Campaign.from_file(tmp_path / "li.yaml").run()
    assert report.succeeded, report.failures
    (document,) = study_documents("li")
    calculator = SevenNetCalculator("7net-l3i5")
    bulk = Atoms("Li2", scaled_positions=[[0, 0, 0], [0.5] * 3], cell=[3.45] * 3, pbc=True)
    per_atom = relaxed(bulk, calculator, cell=True) / 2
    slab = bcc100("Li", (1, 1, 10), a=bulk.cell.lengths()[0], vacuum=8)
    slab.pbc = (True, True, False)
    gamma = (relaxed(slab, calculator) - len(slab) * per_atom) / (2 * np.linalg.norm(np.cross(*slab.cell[:2])))
    assert document.surface_energy == pytest.approx(gamma, abs=CLOSE)
