"""Charge-density difference, the document of a charge-transfer study, and its workflow on a made-up code."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from ase.io.cube import read_cube
from ase.units import Bohr
from factories import adsorbed_site, adsorption_document, calculation_document, codes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jobflow import Flow, JobStore, Maker, job, run_locally
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure
from test_bader import gaussians

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import CalculationError
from anodeflow.core.grid import pack_grid, unpack_grid
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.charge import difference as difference_module
from anodeflow.studies.charge.analysis import charge_document, charge_parts, load_density
from anodeflow.studies.charge.context import ChargeContext
from anodeflow.studies.charge.difference import (
    charge_difference,
    isovalue,
    planar_average,
    subtract,
)
from anodeflow.studies.charge.document import ChargeDoc
from anodeflow.studies.charge.flow import ChargeMaker
from anodeflow.studies.charge.input import ChargeInput
from anodeflow.studies.context import SubjectContext

CELL = np.diag([5.0, 5.0, 14.0])
SHAPE = (40, 40, 112)
SLAB = [[1.2, 1.2, 3.0], [3.7, 3.7, 3.0], [1.2, 3.7, 5.0], [3.7, 1.2, 5.0]]
ADATOM = [1.2, 1.2, 7.5]
CLOUD = [3.7, 3.7, 5.5]
"""Place between the atoms to which the adatom's electron goes."""


def adsorbed(magmom: list[float] | None = None) -> Structure:
    """Four Li atoms and an adatom, the lower two fixed."""
    properties: dict = {"selective_dynamics": [[False] * 3] * 2 + [[True] * 3] * 3}
    if magmom:
        properties["magmom"] = magmom
    return Structure(
        Lattice(CELL, pbc=(True, True, False)),
        ["Li"] * 5,
        [*SLAB, ADATOM],
        coords_are_cartesian=True,
        site_properties=properties,
    )


def density_of(structure: Structure, shape=SHAPE) -> DensityGrid:
    """A density made up of Gaussians: 0.6 e leave an adatom that is on a slab, for a place between the atoms."""
    places, electrons, widths = list(structure.cart_coords), [3.0] * len(structure), [0.4] * len(structure)
    if len(structure) == 5:
        electrons[-1] -= 0.6
        places, electrons, widths = [*places, CLOUD], [*electrons, 0.6], [*widths, 0.4]
    values = gaussians(places, electrons, widths, CELL, shape)
    return DensityGrid(values, CELL, structure.cart_coords, np.array(structure.atomic_numbers))


@pytest.fixture
def three() -> tuple[DensityGrid, DensityGrid, DensityGrid]:
    whole = adsorbed()
    return density_of(whole), *(density_of(part) for part in charge_parts(whole))


def test_the_difference_integrates_to_zero_and_shows_what_moved_where(three, tmp_path):
    found = charge_difference(*three, tmp_path)
    assert abs(found.integral) < 1e-9
    assert found.accumulated == pytest.approx(0.6, abs=1e-3)
    heights, average = np.array(found.z), np.array(found.planar_average)
    step = heights[1] - heights[0]
    assert average.sum() * step == pytest.approx(0, abs=1e-9)
    # Its first moment is the dipole of moving 0.6 e from the adatom to the cloud.
    assert (average * heights).sum() * step == pytest.approx(0.6 * (CLOUD[2] - ADATOM[2]), abs=1e-6)
    assert heights[average.argmin()] == pytest.approx(ADATOM[2], abs=step)
    assert heights[average.argmax()] == pytest.approx(CLOUD[2], abs=step)


@pytest.mark.slow
def test_cube_file_holds_the_whole_grid_in_atomic_units(three, tmp_path):
    found = charge_difference(*three, tmp_path)
    with open(found.cube_file) as stream:
        cube = read_cube(stream)
    assert Path(found.cube_file).parent == tmp_path
    assert cube["data"] == pytest.approx(subtract(*three) * Bohr**3, abs=1e-6)
    assert cube["atoms"].positions == pytest.approx(three[0].positions, abs=1e-5)
    assert np.array(cube["atoms"].cell) == pytest.approx(CELL, abs=1e-3)
    assert list(tmp_path.iterdir()) == [Path(found.cube_file)]


def test_stored_grid_is_the_same_field_and_small(three, tmp_path):
    found = charge_difference(*three, tmp_path)
    assert len(found.grid.data) < 150_000
    values = unpack_grid(found.grid)
    origin, steps = np.array(found.grid.origin), np.array(found.grid.steps)
    assert (steps * np.array(found.grid.shape)[:, None])[:2] == pytest.approx(CELL[:2])
    highest = origin + np.array(np.unravel_index(values.argmax(), values.shape)) @ steps
    lowest = origin + np.array(np.unravel_index(values.argmin(), values.shape)) @ steps
    assert highest == pytest.approx(CLOUD, abs=0.11)
    assert lowest == pytest.approx(ADATOM, abs=0.11)
    exact = 0.6 / ((2 * np.pi) ** 1.5 * 0.4**3)
    assert values.max() == pytest.approx(exact, rel=0.1)
    assert origin[2] == pytest.approx(5.0 - 5.0, abs=0.25)
    assert origin[2] + steps[2, 2] * (found.grid.shape[2] - 1) == pytest.approx(7.5 + 3.5, abs=0.25)
    assert values.sum() * np.linalg.det(steps) == pytest.approx(0, abs=1e-3)


def test_a_large_cell_is_stored_coarser(three, tmp_path, monkeypatch):
    monkeypatch.setattr(difference_module, "MOST_POINTS", 3000)
    found = charge_difference(*three, tmp_path)
    assert 1500 < np.prod(found.grid.shape) < 5000
    assert unpack_grid(found.grid).max() > 0.3


def test_isosurfaces_enclose_half_of_the_changes():
    values = np.array([0.0, 0.1, -0.2, 0.3, 0.4, -0.5, 0.5, 0.0])
    assert isovalue(values) == 0.5
    assert isovalue(values * 0.0123) == pytest.approx(0.0062)


@given(arrays(np.float64, (3, 4, 5), elements=st.floats(-1e3, 1e3).map(lambda x: x if abs(x) > 1e-30 else 0.0)))
def test_packed_values_are_kept_within_five_ten_thousandths(values):
    grid = pack_grid(values, np.zeros(3), np.eye(3))
    assert grid.shape == (3, 4, 5)
    assert np.allclose(unpack_grid(grid), values, rtol=5e-4, atol=0)


def test_planar_average_of_a_slanted_cell():
    cell = np.array([[4.0, 0, 0], [1.0, 3.0, 0], [0, 0, 10.0]])
    heights, average = planar_average(np.ones((6, 6, 20)), cell)
    assert heights[:3] == pytest.approx([0, 0.5, 1.0])
    assert average == pytest.approx([12.0] * 20)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda part: DensityGrid(part.values[:, :, ::2], part.cell, part.positions, part.numbers), "40x40x56 points"),
        (lambda part: replace(part, cell=part.cell * 1.01), "their cells differ"),
        (lambda part: replace(part, positions=part.positions + np.array([0, 0, 0.1])), "at other places"),
        (lambda part: replace(part, numbers=part.numbers + 1), "at other places"),
        (lambda part: replace(part, values=part.values * 1.001), r"integrates to -0\.0120 e instead of 0"),
    ],
)
def test_densities_that_do_not_belong_together_are_refused(three, tmp_path, broken, message):
    combined, slab, adatom = three
    with pytest.raises(CalculationError, match=message):
        charge_difference(combined, broken(slab), adatom, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_parts_stay_where_they_are_with_their_spins():
    whole = adsorbed(magmom=[0.1, 0.0, 0.2, 0.0, 0.9])
    slab, adatom = charge_parts(whole)
    assert slab.lattice == adatom.lattice == whole.lattice
    assert slab.lattice.pbc == adatom.lattice.pbc == (True, True, False)
    assert slab.cart_coords.tolist() == whole.cart_coords[:4].tolist()
    assert slab.site_properties["magmom"] == [0.1, 0.0, 0.2, 0.0]
    assert slab.site_properties["selective_dynamics"] == whole.site_properties["selective_dynamics"][:4]
    assert adatom.cart_coords.tolist() == [ADATOM]
    assert adatom.site_properties["magmom"] == [1.0]  # a free Li atom, whatever it was on the slab
    assert "magmom" not in charge_parts(adsorbed())[0].site_properties


def calculate(structure: Structure, label: str, root: str, missing: float = 0.0) -> CalculationDoc:
    """What a backend would do: write the density on two grids and say where."""
    folder = Path(root) / label.replace(" ", "-").replace(":", "")
    folder.mkdir(parents=True)
    density = density_of(structure)
    replace(density, values=density.values * (1 - missing)).save(folder / "density.npz")
    density_of(structure, shape=(20, 20, 56)).save(folder / "coarse.npz")
    return calculation_document(
        id=folder.name,
        task="density",
        label=label,
        structure=structure,
        initial_structure=structure,
        directory=str(folder),
        density_file="density.npz",
        coarse_density_file="coarse.npz",
    )


@job
def made_up_density(structure: Structure, label: str, root: str) -> CalculationDoc:
    return calculate(structure, label, root)


@dataclass
class MadeUpDensity(Maker):
    """Maker of a code that puts Gaussians on atoms."""

    root: str
    name: str = "made up"

    def make(self, structure: Structure, label: str = ""):
        return made_up_density(structure, label, self.root)


def adsorption(**changes) -> AdsorptionDoc:
    best = adsorbed_site(1, structure=adsorbed(), final_label="fourfold hollow", **changes)
    return adsorption_document(sites=[adsorbed_site(0), best], most_stable=1)


def run_study(tmp_path: Path, found: AdsorptionDoc) -> tuple[ChargeDoc, Flow]:
    maker = ChargeMaker(
        density=MadeUpDensity(str(tmp_path)),
        about=SubjectContext(campaign="test", system="Li(001)", reference="10.1/x", variant={"layers": 2}),
    )
    flow = maker.make(found)
    output = flow.output
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, ensure_success=True, create_folders=True, root_dir=tmp_path)
    return output.resolve(store), flow


def test_study_from_adsorption_to_document(tmp_path):
    document, _ = run_study(tmp_path, adsorption())
    assert isinstance(document, ChargeDoc)
    assert document.charge_donated == pytest.approx(0.6, abs=0.03)
    assert document.charge_donated_coarse == pytest.approx(document.charge_donated, abs=0.05)
    assert document.atom_donated[:4] == pytest.approx([0.0] * 4, abs=0.03)
    (cloud,) = document.non_nuclear_basins
    assert cloud.electrons == pytest.approx(0.6, abs=0.05)
    assert cloud.position == pytest.approx(CLOUD, abs=0.05)
    assert cloud.distance == pytest.approx(2.5, abs=0.05)
    assert document.total_electrons == 15
    assert abs(document.partition_error) < 0.015
    assert document.equivalent_spread < 0.02
    assert document.site == 1
    assert document.site_label == "fourfold hollow"
    assert document.grid_shape == SHAPE
    assert document.program.startswith("anodeflow ")
    assert set(document.calculation_ids) == {"density", "slab density", "atom density"}
    assert document.calculation_ids["density"] == "Li(001)-density-of-Li-on-slab"
    assert (document.campaign, document.system, document.reference) == ("test", "Li(001)", "10.1/x")
    assert document.variant == {"layers": 2}
    assert document.warnings == []
    rows = {row.property: row for row in document.rows()}
    assert rows["charge_donated"].value == document.charge_donated
    assert rows["charge_donated"].calculation_ids == ["Li(001)-density-of-Li-on-slab"]
    assert rows["non_nuclear_electrons"].value == pytest.approx(0.6, abs=0.05)
    assert Path(document.difference.cube_file).parent == tmp_path / "Li(001)-density-of-Li-on-slab"
    assert rows["surface_charge_donated"].value == pytest.approx(0.0, abs=0.03)
    assert rows["surface_charge_donated"].label == "Li of the surface"
    assert "charge_donated_shoulder_apart" not in rows
    stored = json.dumps(document, cls=MontyEncoder)
    assert len(stored) < 200_000
    again = json.loads(stored, cls=MontyDecoder)
    assert isinstance(again, ChargeDoc)
    assert again.difference == document.difference


@pytest.mark.slow
def test_both_charges_are_given_where_a_shoulder_decides_the_sign(calculations):
    document = charge_document(adsorption(), *calculations, STUDY)
    doubtful = document.model_copy(update={"charge_donated": -1.4, "shoulder_electrons": 2.1})
    assert doubtful.shoulder_decides
    rows = {row.property: row.value for row in doubtful.rows()}
    assert rows["charge_donated"] == -1.4
    assert rows["charge_donated_shoulder_apart"] == pytest.approx(0.7)
    clear = document.model_copy(update={"charge_donated": 0.4, "shoulder_electrons": 0.1})
    assert clear.charge_donated_shoulder_apart == pytest.approx(0.5)
    assert "charge_donated_shoulder_apart" not in {row.property for row in clear.rows()}


def test_an_adatom_that_sank_is_said_so_in_the_document(tmp_path):
    document, _ = run_study(tmp_path, adsorption(state="sunk", converged=False))
    assert "adatom-not-on-surface" in codes(document)
    assert "not-converged" in codes(document)


def test_a_site_whose_relaxation_ended_early_is_said_so_in_the_document(tmp_path):
    found = adsorption()
    early = Caveat("ended-by-energy", "4 meV were still to be gained")
    found.warnings = [early.under(Subject("site", number)) for number in (0, 1)]
    document, _ = run_study(tmp_path, found)
    assert [each.text for each in document.warnings] == ["site 1: 4 meV were still to be gained"]


STUDY = ChargeContext(campaign="test", system="Li(001)", input=ChargeInput())


@pytest.fixture
def calculations(tmp_path) -> list[CalculationDoc]:
    whole = adsorbed()
    return [
        calculate(part, name, str(tmp_path)) for name, part in zip("abc", (whole, *charge_parts(whole)), strict=True)
    ]


def cut_short(calculation: CalculationDoc) -> None:
    file = Path(calculation.directory) / "density.npz"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def other_atoms(calculation: CalculationDoc) -> None:
    density = load_density(calculation)
    replace(density, numbers=density.numbers + 1).save(Path(calculation.directory) / "density.npz")


def lost(calculation: CalculationDoc) -> None:
    (Path(calculation.directory) / "density.npz").unlink()


@pytest.mark.parametrize(
    ("harm", "message"),
    [(cut_short, "damaged or cut short"), (other_atoms, "is of other atoms"), (lost, "is missing")],
)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_broken_density_file_is_one_sentence_and_no_document(calculations, harm, message, which):
    harm(calculations[which])
    with pytest.raises(CalculationError, match=rf"^Li\(001\): .*{message}"):
        charge_document(adsorption(), *calculations, STUDY)


def test_a_calculation_without_density_is_refused(calculations):
    calculations[1] = calculations[1].model_copy(update={"density_file": None})
    with pytest.raises(CalculationError, match="b: the calculation b has no charge density"):
        charge_document(adsorption(), *calculations, STUDY)


@pytest.mark.slow
def test_a_coarse_grid_that_disagrees_or_fails_is_a_warning(calculations):
    coarse = Path(calculations[0].directory) / "coarse.npz"
    density = DensityGrid.load(coarse)
    moved = gaussians([ADATOM, CLOUD], [-0.1, 0.1], [0.4, 0.4], CELL, density.values.shape)
    replace(density, values=density.values + moved).save(coarse)
    document = charge_document(adsorption(), *calculations, STUDY)
    assert codes(document) == ["coarse-grid"]
    assert document.charge_donated_coarse == pytest.approx(0.7, abs=0.05)
    coarse.write_bytes(b"PK")
    document = charge_document(adsorption(), *calculations, STUDY)
    assert document.charge_donated_coarse is None
    assert codes(document)[0] == "grid-error-unknown"
