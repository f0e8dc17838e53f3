"""Hull, voltages and capacities against arithmetic by hand, and the workflow with what can go wrong."""

import pytest
from factories import calculation_document, caveats, codes, sentence
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.apps.battery.insertion_battery import InsertionElectrode
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.studies.context import StudyContext
from anodeflow.studies.electrochemistry.analysis import electrochemistry_document
from anodeflow.studies.electrochemistry.context import ElectrochemistryContext
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.electrochemistry.flow import ElectrochemistryMaker
from anodeflow.studies.electrochemistry.input import ElectrochemistryInput
from anodeflow.studies.electrochemistry.phases import (
    decomposition_words,
    hull_points,
    ion_charge,
    phase_capacities,
    theoretical_capacity,
    voltage_steps,
)
from anodeflow.studies.orderings.document import OrderingsDoc, RankedOrdering

STUDY = ElectrochemistryContext(campaign="test", system="Li-Mg", input=ElectrochemistryInput())
METALS = [("Li", "bulk", "bulk Li", 0.0), ("Mg", "bulk", "bulk Mg", 0.0)]


def points(**energies: float):
    """Hull points of Li-Mg: formula -> formation energy, eV/atom."""
    return hull_points([*METALS, *((f, "crystal", f, energy) for f, energy in energies.items())], "Li")


def bulks() -> dict[str, CalculationDoc]:
    cells = {name: Structure(Lattice.cubic(3), [name], [[0, 0, 0]]) for name in ("Li", "Mg")}
    energies = {"Li": -1.9, "Mg": -1.5}
    return {
        name: calculation_document(id=f"bulk-{name}", structure=cell, energy=energies[name], settings_hash="s")
        for name, cell in cells.items()
    }


def orderings(formula: str, *energies: float, sqs: float | None = None, **changes) -> OrderingsDoc:
    """A study of orderings that kept one for each formation energy (eV/atom)."""
    atoms = int(Composition(formula).num_atoms)

    def entry(index: int, energy: float, **fields) -> RankedOrdering:
        values = {
            "index": index, "name": f"hcp P{index} {atoms} atoms", "host": "hcp", "space_group": f"P{index}",
            "host_axes": ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "atoms": atoms, "state": "kept",
            "formation_energy": energy, "rank_formation_energy": energy,
        }  # fmt: skip
        return RankedOrdering(**(values | fields))

    ids = {f"ordering {n}": f"{formula}-{n}" for n in range(len(energies))}
    values = {
        "document_id": f"orderings-{formula}", "campaign": "test", "system": formula, "backend": "emt", "code": "emt",
        "settings": {}, "settings_hash": "s", "formula": formula, "hosts": ["hcp"], "max_atoms": 10, "window": 0.015,
        "keep": 3, "enumerated": {"hcp": 9}, "rank_backend": "emt", "confirmed": False,
        "calculation_ids": ids | {"sqs": f"{formula}-sqs", "bulk Li": "bulk-Li", "bulk Mg": "bulk-Mg"},
        "orderings": [entry(n, energy) for n, energy in enumerate(energies)],
        "sqs": None if sqs is None else entry(99, sqs, name=f"hcp SQS {atoms} atoms", correlation_error=0.05),
        "references": {name: bulk.energy for name, bulk in bulks().items()},
    }  # fmt: skip
    return OrderingsDoc(**(values | changes))


def run(flow: Flow) -> ElectrochemistryDoc:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False)
    return ElectrochemistryDoc.model_validate(store.get_output(flow.output.uuid, load=True))


def test_capacities_by_hand():
    assert theoretical_capacity("Li", "Li") == pytest.approx(3861, abs=1)  # 26801 mAh/mol over 6.94 g/mol
    assert theoretical_capacity("Li3Mg7", "Li") == pytest.approx(3 * 26801.4 / (3 * 6.94 + 7 * 24.305), rel=1e-4)
    assert theoretical_capacity("Li3Mg7", "Li", "host") == pytest.approx(3 * 26801.4 / (7 * 24.305), rel=1e-4)
    assert theoretical_capacity("LiMg", "Mg") == pytest.approx(2 * 26801.4 / (6.94 + 24.305), rel=1e-4)
    with pytest.raises(InputError, match="Mg holds no Li"):
        theoretical_capacity("Mg", "Li")
    with pytest.raises(InputError, match="Li holds nothing but Li"):
        theoretical_capacity("Li", "Li", "host")


def test_charges_of_ions():
    assert [ion_charge(ion) for ion in ("Li", "Na", "K", "Mg", "Zn", "Al", "Ag")] == [1, 1, 1, 2, 2, 3, 1]


def test_hull_by_hand():
    found = {point.formula: point for point in points(LiMg=-0.08, Li3Mg=-0.05, Li3Mg7=-0.02)}
    assert [*found] == ["Mg", "Li3Mg7", "LiMg", "Li3Mg", "Li"]
    # At 30 % the line from Mg to LiMg lies at -0.08 * 0.3 / 0.5.
    assert found["Li3Mg7"].energy_above_hull == pytest.approx(0.08 * 0.6 - 0.02)
    assert found["Li3Mg7"].decomposition == pytest.approx({"LiMg": 0.6, "Mg": 0.4})
    assert decomposition_words(found["Li3Mg7"].decomposition) == "0.60 LiMg + 0.40 Mg"
    assert [found[f].energy_above_hull for f in ("Mg", "LiMg", "Li3Mg", "Li")] == pytest.approx([0] * 4, abs=1e-9)
    assert found["Li3Mg"].fraction == 0.75


def test_voltage_of_two_phases_by_hand():
    first, second = voltage_steps(points(LiMg=-0.08, Li3Mg=-0.05, Li3Mg7=-0.02), "Li", "Mg")
    # Mg + Li -> LiMg gains 0.16 eV; LiMg + 2 Li -> Li3Mg gains 0.20 - 0.16 eV for two ions.
    assert (first.initial, first.final, first.voltage) == ("Mg", "LiMg", pytest.approx(0.16))
    assert (second.initial, second.final, second.voltage) == ("LiMg", "Li3Mg", pytest.approx(0.02))
    assert (first.ions, second.ions) == ((0, 1), (1, 3))
    assert second.capacity == pytest.approx((26801.4 / 24.305, 3 * 26801.4 / 24.305), rel=1e-4)
    # The area below the profile is the whole formation energy per partner.
    steps = (first, second)
    assert sum(s.voltage * (s.ions[1] - s.ions[0]) for s in steps) == pytest.approx(4 * 0.05)


def test_voltage_counts_the_charge_of_the_ion():
    found = hull_points([("Ag", "b", "b", 0.0), ("Zn", "b", "c", 0.0), ("AgZn", "x", "d", -0.06)], "Ag")
    (step,) = voltage_steps(found, "Ag", "Zn")
    assert step.voltage == pytest.approx(0.12)
    found = hull_points([("Ag", "b", "b", 0.0), ("Zn", "b", "c", 0.0), ("AgZn", "x", "d", -0.06)], "Zn")
    (step,) = voltage_steps(found, "Zn", "Ag")
    assert step.voltage == pytest.approx(0.06)


def test_phase_that_decomposes_into_the_metal_makes_no_step():
    found = points(LiMg=-0.08, Li3Mg=0.01)
    assert [step.final for step in voltage_steps(found, "Li", "Mg")] == ["LiMg"]
    # Why InsertionElectrode is not asked: with the metal left out of its hull the same phases give a negative voltage.
    entries = [
        ComputedEntry(Composition(p.formula), p.formation_energy * Composition(p.formula).num_atoms, data={"volume": 1})
        for p in found
        if p.formula != "Li"
    ]
    electrode = InsertionElectrode.from_entries(entries, ComputedEntry("Li", 0.0))
    assert min(pair.voltage for pair in electrode.voltage_pairs) < 0


def test_no_compound_no_voltage():
    found = points(LiMg=0.02)
    assert voltage_steps(found, "Li", "Mg") == []
    assert [phase.formula for phase in phase_capacities(found, "Li")] == ["LiMg", "Li"]
    assert phase_capacities(found, "Li")[1].per_host_mass is None


def test_document_of_several_compositions():
    studies = [orderings("Li3Mg7", -0.03, -0.025, sqs=-0.02), orderings("Li3Mg", -0.04)]
    document = run(ElectrochemistryMaker(about=StudyContext(campaign="test")).make(studies, bulks()))
    assert (document.system, document.charge, document.backend) == ("Li-Mg", 1, "emt")
    assert [(p.formula, p.lowest) for p in document.points] == [
        ("Mg", True), ("Li3Mg7", True), ("Li3Mg7", False), ("Li3Mg7", False), ("Li3Mg", True), ("Li", True),
    ]  # fmt: skip
    assert document.points[3].name == "hcp SQS 10 atoms"
    rows = {(row.property, row.label): row for row in document.rows()}
    assert [*rows] == [
        ("energy_above_hull", "Li3Mg7"),
        ("energy_above_hull", "Li3Mg"),
        ("voltage", "Mg -> Li3Mg7"),
        ("voltage", "Li3Mg7 -> Li3Mg"),
        ("theoretical_capacity", "Li3Mg7"),
        ("theoretical_capacity", "Li3Mg"),
        ("theoretical_capacity", "Li"),
    ]
    voltage = rows["voltage", "Mg -> Li3Mg7"]
    assert (voltage.value, voltage.unit) == (pytest.approx(10 * 0.03 / 3), "V")
    assert set(voltage.calculation_ids) == {"bulk-Mg", "bulk-Li", "Li3Mg7-0"}
    assert rows["theoretical_capacity", "Li"].unit == "mAh/g"
    assert document.point_origins["Li3Mg hcp P0 4 atoms"] == "orderings-Li3Mg"
    assert codes(document) == ["few-compositions"]
    assert "Li3Mg7, Li3Mg alone" in sentence(document, "few-compositions")
    assert [tuple(each.model_dump().values()) for each in document.searched] == [
        ("Li3Mg7", 0.3, ["hcp"], 10, 9), ("Li3Mg", 0.75, ["hcp"], 10, 9),
    ]  # fmt: skip
    old = ElectrochemistryDoc.model_validate(document.model_dump(exclude={"searched"}))
    assert old.searched == []


def test_phase_above_the_hull_is_told_with_what_it_decomposes_into():
    """The numbers of SevenNet: LiMg2 takes Li3Mg7 off the hull, and a plateau becomes two."""
    first = [orderings("Li3Mg7", -0.03367), orderings("Li3Mg", -0.04169)]
    document = electrochemistry_document(first, bulks(), STUDY)
    assert document.unstable == []
    assert [(step.initial, step.final) for step in document.steps] == [("Mg", "Li3Mg7"), ("Li3Mg7", "Li3Mg")]
    more = [orderings("LiMg2", -0.04625), orderings("LiMg", -0.05585), orderings("Li2Mg", -0.0550)]
    document = electrochemistry_document([*first, *more], bulks(), STUDY)
    (point,) = document.unstable
    assert point.formula == "Li3Mg7"
    assert point.energy_above_hull == pytest.approx(0.9 * 0.04625 - 0.03367)
    assert caveats(document, "above-hull") == [("above-hull", "Li3Mg7 (hcp P0 10 atoms)")]
    told = sentence(document, "above-hull")
    assert "8.0 meV/atom" in told
    assert "0.90 LiMg2 + 0.10 Mg" in told
    assert "few-compositions" not in codes(document)
    assert [step.final for step in document.steps] == ["LiMg2", "LiMg", "Li2Mg", "Li3Mg"]
    assert [each.formula for each in document.searched] == ["Li3Mg7", "LiMg2", "LiMg", "Li2Mg", "Li3Mg"]


def test_crystals_that_are_not_at_rest_are_told():
    metals = bulks()
    metals["Mg"] = metals["Mg"].model_copy(update={"converged": False})
    found = orderings("Li3Mg", -0.04)
    found.orderings[0].message = "its relaxation did not converge"
    document = electrochemistry_document([found], metals, STUDY)
    assert caveats(document, "not-converged") == [
        ("not-converged", "bulk Mg"),
        ("not-converged", "Li3Mg hcp P0 4 atoms"),
    ]


def test_study_that_failed_is_missing_and_told():
    document = electrochemistry_document([orderings("LiMg", -0.001), None], bulks(), STUDY)
    assert "composition-missing" in codes(document)
    assert caveats(document, "small-voltage") == [("small-voltage", "Mg -> LiMg")]
    assert "2.0 mV" in sentence(document, "small-voltage")
    with pytest.raises(CalculationError, match="Li-Mg: no composition has its orderings"):
        electrochemistry_document([None, None], bulks(), STUDY)
    assert codes(electrochemistry_document([orderings("LiMg", 0.1)], bulks(), STUDY))[0] == "no-compound"


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(InputError, match="LiZn is no alloy of Li and Mg"):
        electrochemistry_document([orderings("LiZn", -0.1)], bulks(), STUDY)
    with pytest.raises(
        InputError, match=r"formation energies of LiMg \(emt\) and the bulk of Li \(emt\) rest on different"
    ):
        electrochemistry_document([orderings("LiMg", -0.1, references={"Li": -2.0, "Mg": -1.5})], bulks(), STUDY)
    with pytest.raises(InputError, match="need the bulk of Mg"):
        electrochemistry_document([orderings("LiMg", -0.1)], {"Li": bulks()["Li"]}, STUDY)
