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

from anodeflow import query
from anodeflow.campaign.model import Campaign
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.database.query import study_documents
from anodeflow.report.build import write_report
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.context import SlabContext
from anodeflow.studies.surface_energy.analysis import surface_energy_document
from anodeflow.studies.surface_energy.document import SurfaceEnergyDoc
from anodeflow.studies.surface_energy.faces import faces_alike

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
