"""Work functions: read from a potential that is known, refused where none is, and beside a plain GPAW script."""

import numpy as np
import pytest
from factories import calculation_document, codes
from pymatgen.core import Lattice, Structure

from anodeflow import Campaign
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import PlanarPotential
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.database.query import study_documents
from anodeflow.report.build import write_report
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.context import SlabContext
from anodeflow.studies.work_function.analysis import vacuum_levels, work_function_document
from anodeflow.studies.work_function.study import WorkFunctionStudy

CAMPAIGN = """\
name: lithium
backend: {backend}
systems:
  - {{name: Li(001), structure: Li, layers: 3, fixed_layers: 3, min_width: 0, vacuum: 12}}
studies:
  - surface_energy: {{}}
  - work_function: {{}}
"""
STUDY = SlabContext(campaign="lithium", system="Li(001)", slab_spec={})
HEIGHT = 20.0


def potential(bottom: float = 1.0, top: float = 1.5, slope: float = 0.0, **changes) -> PlanarPotential:
    """Vacua of two faces that a dipole layer at the cell's ends parts; a slab from 8 to 12 Å."""
    heights = HEIGHT * np.arange(200) / 200
    values = np.where(heights < HEIGHT / 2, bottom, top) + slope * (heights - HEIGHT / 2)
    values[(heights > 6) & (heights < 14)] = -8.0
    values[[*range(8), *range(193, 200)]] = (bottom + top) / 2
    return PlanarPotential(**{"values": values.tolist(), "height": HEIGHT, "fermi_level": -2.0, "edge": 1.0} | changes)


def slab() -> Structure:
    return Structure(
        Lattice.from_parameters(3.44, 3.44, HEIGHT, 90, 90, 90, pbc=(True, True, False)),
        ["Li"] * 3,
        [[0, 0, 8], [1.72, 1.72, 10], [0, 0, 12]],
        coords_are_cartesian=True,
    )


def document(**changes):
    cell = build_slab(Structure(Lattice.cubic(3.44), ["Li"], [[0, 0, 0]]), SlabSpec(layers=3, min_width=0))
    static = calculation_document(**({"id": "static", "structure": slab(), "potential": potential()} | changes))
    return work_function_document(cell, calculation_document(structure=static.structure), static, STUDY)


def test_levels_of_both_vacua():
    levels = vacuum_levels(potential(), 8.0, 12.0)
    assert levels["bottom"] == pytest.approx((1.0, 0.0))
    assert levels["top"] == pytest.approx((1.5, 0.0))
    assert vacuum_levels(potential(slope=0.1), 8.0, 12.0)["top"][1] == pytest.approx(0.1)
    with pytest.raises(CalculationError, match=r"the vacuum of 9\.0 Å is too thin"):
        vacuum_levels(potential(), 4.5, 15.5)


@pytest.mark.slow
def test_document_and_its_rows(tmp_path):
    found = document()
    assert [(row.property, row.label, row.value, row.unit) for row in found.rows()] == [
        ("work_function", "top", pytest.approx(3.5), "eV"),
        ("work_function", "bottom", pytest.approx(3.0), "eV"),
    ]
    assert found.warnings == []
    assert found.calculation_ids == {"slab": "calc-slab", "potential": "static"}
    page = write_report("lithium", [found], {}, tmp_path / "report", tell=lambda words: None).read_text()
    assert "The work function of Li(001) is 3.50 eV on top (Li) and 3.00 eV at the bottom" in page
    assert list((tmp_path / "report" / "figures").glob("potential-Li-001-*.svg"))


@pytest.mark.slow
def test_a_study_that_draws_no_section_has_a_table_of_its_rows(tmp_path, monkeypatch):
    monkeypatch.delattr(WorkFunctionStudy, "section")
    found = document()
    page = write_report("lithium", [found], {}, tmp_path / "report", tell=lambda words: None).read_text()
    assert f'id="study-{found.document_id}"' in page, "the main table leads there"
    (table,) = (tmp_path / "report" / "tables").glob("work_function-Li-001-*.csv")
    assert [line.split(",")[:2] for line in table.read_text().splitlines()[1:]] == [
        ["work_function", "top"],
        ["work_function", "bottom"],
    ]


def test_what_the_document_warns_of_and_refuses():
    steep = document(potential=potential(slope=0.1))
    told = [warning.text for warning in steep.warnings if warning.code == "vacuum-not-flat"]
    assert "over the top" in told[0]
    assert "+0.100 eV/Å" in told[0]
    salt = slab().replace(0, "H")
    assert codes(document(structure=salt))[-1] == "no-metal"
    with pytest.raises(CalculationError, match=r"Li\(001\): emt gave no electrostatic potential"):
        document(potential=None)


@pytest.mark.slow
def test_codes_without_a_potential_are_refused(tmp_path):
    (tmp_path / "al.yaml").write_text(CAMPAIGN.format(backend="emt").replace("Li", "Al"))
    with pytest.raises(InputError, match=r"line 7: work_function needs potential, which backend emt \(emt\) does not"):
        Campaign.from_file(tmp_path / "al.yaml").check()
    thin = CAMPAIGN.format(backend="gpaw-demo").replace("vacuum: 12", "vacuum: 11")
    (tmp_path / "li.yaml").write_text(thin)
    with pytest.raises(InputError, match=r"line 7: Li\(001\): 11 Å of vacuum are too few"):
        Campaign.from_file(tmp_path / "li.yaml").check()
    aluminium = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.05), ["Al"], [[0, 0, 0]])
    with pytest.raises(CalculationError, match="emt records no electrostatic potential"):
        Makers(load_backend("emt")).static(potential=True).calculate(aluminium)


@pytest.mark.gpaw
@pytest.mark.slow
def test_lithium_is_that_of_a_plain_script(tmp_path):
    from ase.build import bcc100, bulk
    from gpaw import GPAW, PW, FermiDirac

    (tmp_path / "li.yaml").write_text(CAMPAIGN.format(backend="gpaw-demo"))
    campaign = Campaign.from_file(tmp_path / "li.yaml")
    assert "Li(001): potential" in {each.label for each in campaign.check()}
    report = campaign.run()
    assert report.succeeded, report.failures
    found = {each.study: each for each in study_documents("lithium")}
    surface, function = found["surface_energy"], found["work_function"]

    length = float(np.sqrt(surface.area))

    def calculator(points: tuple[int, int, int], **more) -> GPAW:
        return GPAW(
            mode=PW(300),
            xc="PBE",
            kpts={"size": points, "gamma": True},
            occupations=FermiDirac(0.1),
            txt=None,
            convergence={"energy": 5e-4, "density": 1e-4, "eigenstates": 1e-6},
            **more,
        )

    crystal = bulk("Li", "bcc", a=length, cubic=True)
    crystal.calc = calculator((4, 4, 4))
    per_atom = crystal.get_potential_energy() / 2
    plain = bcc100("Li", (1, 1, 3), a=length, vacuum=6)
    plain.pbc = (True, True, False)
    plain.calc = calculator((4, 4, 1), poissonsolver={"dipolelayer": "xy"})
    gamma = (plain.get_potential_energy() - 3 * per_atom) / (2 * length**2)
    levels = plain.calc.get_electrostatic_potential().mean(axis=(0, 1))
    place = len(levels) // 12  # 1.3 Å from the end of the cell
    plain_top, plain_bottom = (levels[at] - plain.calc.get_fermi_level() for at in (-place, place))

    assert surface.surface_energy == pytest.approx(gamma, abs=1e-3)
    assert function.work_function_top == pytest.approx(plain_top, abs=0.02)
    assert function.work_function_bottom == pytest.approx(plain_bottom, abs=0.02)
    assert 2.5 < function.work_function_top < 3.5, "2.9 eV is measured on polycrystalline Li"
    again = campaign.run()
    assert again.computed == 0
