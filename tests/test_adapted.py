"""Makers of atomate2 in the place of ours."""

import json

import numpy as np
import pytest
from interface_factories import output_of
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure
from relaxations import bridge

from anodeflow.backends.ase import AseBackend, AseSettings
from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.adapted import adapted, document_of
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.screening.makers import Prescreen, PrescreenedRelaxMaker
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.flow import AdsorptionMaker
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.context import SubjectContext

pytestmark = pytest.mark.slow

ARGON = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.25), ["Ar"], [[0, 0, 0]])
POTENTIAL = {"sigma": 3.40, "epsilon": 0.0104, "rc": 9.0, "ro": 7.0, "smooth": True}
SPEC = SlabSpec(miller=(0, 0, 1), layers=3, vacuum=12.0, min_width=5.0)
CLOSE = {"relax_kwargs": {"fmax": 5e-4}, "calculator_kwargs": POTENTIAL}


def theirs():
    """Jobs of atomate2, imported where they are needed: that takes seconds."""
    from atomate2.ase import jobs

    return jobs


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    """Makers of atomate2 leave files where they run, as jobs do in their own folders."""
    monkeypatch.chdir(tmp_path)


def adsorption(bulk: Structure, element: str, makers, spec: SlabSpec = SPEC) -> AdsorptionDoc:
    maker = AdsorptionMaker(
        **makers, input=AdsorptionInput(adsorbate=element), slab=spec, about=SubjectContext(system="surface")
    )
    return AdsorptionDoc.model_validate(output_of(maker.make(bulk, bulk)))


def test_lennard_jones_of_atomate2_gives_the_adsorption_that_ours_gives(home):
    makers_of_theirs = {
        "relax": adapted(theirs().LennardJonesRelaxMaker(relax_cell=False, **CLOSE)),
        "relax_cell": adapted(theirs().LennardJonesRelaxMaker(relax_cell=True, **CLOSE), "relax_cell"),
        "static": adapted(theirs().LennardJonesStaticMaker(calculator_kwargs=POTENTIAL), "static"),
    }
    found = adsorption(ARGON, "Ar", makers_of_theirs)
    backend = AseBackend(
        name="lj",
        settings=AseSettings(calculator="ase.calculators.lj:LennardJones", arguments=POTENTIAL),
        elements=("Ar",),
        relaxation=RelaxationSettings(force_threshold=5e-4, stress_threshold=1e-5, curvature=0.5),
    )
    makers = Makers(backend)
    own = adsorption(
        ARGON, "Ar", {"relax": makers.relax(), "relax_cell": makers.relax(cell=True), "static": makers.static()}
    )
    assert found.binding_energy == pytest.approx(own.binding_energy, abs=5e-4)
    assert found.binding_energy_bulk == pytest.approx(own.binding_energy_bulk, abs=5e-4)
    assert found.binding_energy < -0.01


@pytest.mark.mlip
def test_force_field_of_atomate2_gives_the_adsorption_that_ours_gives(home):
    from atomate2.forcefields.jobs import ForceFieldRelaxMaker, ForceFieldStaticMaker

    field = {"force_field_name": "SevenNet", "calculator_kwargs": {"model": "7net-l3i5"}}
    close = field | {"relax_kwargs": {"fmax": 0.02}, "optimizer_kwargs": {"optimizer": "BFGS"}}
    makers_of_theirs = {
        "relax": adapted(ForceFieldRelaxMaker(relax_cell=False, **close)),
        "relax_cell": adapted(ForceFieldRelaxMaker(relax_cell=True, **close), "relax_cell"),
        "static": adapted(ForceFieldStaticMaker(**field), "static"),
    }
    makers = Makers(load_backend("mlip"))
    ours = {"relax": makers.relax(), "relax_cell": makers.relax(cell=True), "static": makers.static()}
    small = SPEC.model_copy(update={"min_width": 3.0})
    found, own = (adsorption(load_structure("Li"), "Li", each, small) for each in (makers_of_theirs, ours))
    assert found.binding_energy_bulk == pytest.approx(own.binding_energy_bulk, abs=3e-3)
    assert len(found.sites) == len(own.sites)


def test_vasp_of_atomate2_is_built_and_travels():
    from atomate2.vasp.jobs.core import RelaxMaker, StaticMaker

    maker = AdsorptionMaker(
        relax=adapted(RelaxMaker()),
        relax_cell=adapted(RelaxMaker(), "relax_cell"),
        static=adapted(StaticMaker(), "static"),
        input=AdsorptionInput(),
        slab=SPEC,
    )
    flow = maker.make(load_structure("Li"), load_structure("Li"))
    again = json.loads(json.dumps(flow, cls=MontyEncoder), cls=MontyDecoder)
    names = [each.name for each, _ in again.iterflow()]
    assert "Li bulk" in names
    assert "Li bulk (relax)" in names, "atomate2's Maker is called relax"
    assert "Li atom (static)" in names


def test_document_holds_what_the_calculator_says(home):
    """Numbers of plain ASE, signs and units of the stress among them; the structure keeps what it was given."""
    strained = ARGON.copy().scale_lattice(0.92 * ARGON.volume)
    strained.add_site_property("selective_dynamics", [[False] * 3] + [[True] * 3] * 3)
    maker = adapted(theirs().LennardJonesStaticMaker(calculator_kwargs=POTENTIAL), "static")
    made = maker.make(strained, label="argon")
    document = CalculationDoc.model_validate(output_of(made))
    plain = Makers(
        AseBackend(name="lj", settings=AseSettings(calculator="ase.calculators.lj:LennardJones", arguments=POTENTIAL))
    )
    ours = plain.relax(cell=True).calculate(strained)
    first = json.loads((home / "calculations" / ours.id[:2] / ours.id / "steps.jsonl").read_text().splitlines()[0])
    assert document.energy == pytest.approx(first["energy"], abs=1e-8)
    assert document.stress == pytest.approx(first["stress"], abs=1e-8)
    assert document.stress[0] < -1e-4, "compressed"
    assert (document.label, document.task, document.converged) == ("argon", "static", True)
    assert document.structure.site_properties == strained.site_properties
    assert document.settings["maker"]["calculator_kwargs"] == POTENTIAL


def test_what_a_maker_does_must_be_the_task(home):
    with pytest.raises(InputError, match="relax_cell is True, and the task is relax: make it with relax_cell=False"):
        adapted(theirs().EmtRelaxMaker())
    with pytest.raises(InputError, match="can be relax, relax_cell, static, not neb"):
        adapted(theirs().EmtRelaxMaker(), "neb")


def vasp_document(structure: Structure, order: list[int], **changes) -> dict:
    """What emmet's TaskDoc has of a run whose atoms VASP's input set has sorted."""
    found = Structure.from_sites([structure[i] for i in order])
    step = {
        "e_0_energy": -8.0,
        "e_fr_energy": -8.1,
        "forces": [[float(i), 0.0, 0.0] for i in order],
        "stress": [[10.0, 1.0, 2.0], [1.0, 20.0, 3.0], [2.0, 3.0, 30.0]],
        "electronic_steps": [{}] * 9,
    }
    output = {"structure": found, "ionic_steps": [step]}
    told = {"calcs_reversed": [{"vasp_version": "6.4.2", "output": output}], "state": "successful", "dir_name": "x"}
    return told | changes


def test_atoms_that_vasp_sorts_are_put_back():
    structure = Structure(Lattice.cubic(4.0), ["H", "Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.99, 0]])
    assert [site.specie.symbol for site in structure.get_sorted_structure()] == ["Li", "H", "H"]
    told = vasp_document(structure, [1, 0, 2])
    told["calcs_reversed"][0]["output"]["structure"].translate_sites([2], [0, 0.02, 0])  # over the cell's edge
    document = document_of(told, structure, theirs().EmtRelaxMaker(name="vasp"), "relax", "hydride")
    assert [force[0] for force in document.forces] == [0.0, 1.0, 2.0]
    assert document.structure.species == structure.species
    assert document.structure[2].frac_coords == pytest.approx([0.5, 1.01, 0])
    assert (document.energy, document.free_energy, document.code_version) == (-8.0, -8.1, "6.4.2")
    assert document.stress == pytest.approx(np.array([-10, -20, -30, -3, -2, -1]) * 6.241509e-4, rel=1e-6)
    assert (document.converged, document.scf_cycles) == (True, 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told["calcs_reversed"][0]["output"]["ionic_steps"][0].pop("forces"), "returned no forces"),
        (lambda told: told["calcs_reversed"][0]["output"]["structure"].scale_lattice(70.0), "changed the cell"),
        (lambda told: told["calcs_reversed"][0]["output"]["structure"].translate_sites([0], [0.1, 0, 0]), "are fixed"),
        (lambda told: told["calcs_reversed"][0]["output"]["structure"].replace(0, "Na"), "returned other atoms"),
        (lambda told: told.pop("calcs_reversed"), "no document of one calculation"),
    ],
)
def test_what_is_no_result_of_the_task_is_refused(change, message):
    structure = Structure(Lattice.cubic(4.0), ["Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    structure.add_site_property("selective_dynamics", [[False] * 3, [True] * 3])
    told = vasp_document(structure, [0, 1])
    change(told)
    with pytest.raises(CalculationError, match=f"^hydride: other .*{message}"):
        document_of(told, structure, theirs().EmtRelaxMaker(name="other"), "relax", "hydride")


def test_field_names_are_those_of_emmet():
    from emmet.core.tasks import TaskDoc
    from emmet.core.vasp.calculation import Calculation, CalculationOutput, IonicStep

    for model, names in (
        (TaskDoc, {"calcs_reversed", "state", "dir_name", "output", "run_stats"}),
        (Calculation, {"vasp_version", "output"}),
        (CalculationOutput, {"ionic_steps", "structure"}),
        (IonicStep, {"e_0_energy", "e_fr_energy", "forces", "stress", "electronic_steps"}),
    ):
        assert names <= set(model.model_fields)


def test_ours_goes_through_as_it_is(home):
    copper = load_structure("Cu")
    document = Makers(load_backend("emt")).static().calculate(copper)
    again = document_of(document, copper, theirs().EmtRelaxMaker(), "static", "copper")
    assert again == document.model_copy(update={"label": "copper"})


def test_a_potential_goes_before_a_maker_of_atomate2(home):
    """What the potential found is relaxed by their Maker, whose calculation is a flow in the place of a job."""
    own = Makers(load_backend("emt"))
    screen = Prescreen(own.relax(), own.relax(cell=True), own.static(), own.neb(), backend="emt")
    costly = adapted(theirs().EmtRelaxMaker(relax_cell=False, relax_kwargs={"fmax": 5e-3}))
    found = output_of(PrescreenedRelaxMaker(screen, costly).make(bridge(), "bridge"))
    document = CalculationDoc.model_validate(found)
    alone = own.relax().calculate(bridge())
    assert document.backend == "EMT relaxation"
    assert document.prescreen.backend == "emt"
    assert document.prescreen.energy == pytest.approx(alone.energy)
    assert document.energy == pytest.approx(alone.energy, abs=2e-3)
