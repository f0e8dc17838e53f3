"""Small but complete documents for tests, of a clean p(1x1) Li(001) slab and one adatom."""

from typing import Any

from ase.build import add_adsorbate, bcc100, bulk
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc

CALCULATIONS = {
    "bulk": "calc-bulk",
    "slab": "calc-slab",
    "atom": "calc-atom",
    "site 0": "calc-0",
    "site 1": "calc-1",
}


def codes(document: Any) -> list[str]:
    """The codes of a document's warnings."""
    return [warning.code for warning in document.warnings]


def caveats(document: Any, *wanted: str) -> list[tuple[str, str]]:
    """The codes of a document's warnings, or of those `wanted`, each with what it is about: `layers 6: clean slab`."""
    found = [warning for warning in document.warnings if not wanted or warning.code in wanted]
    return [(warning.code, ": ".join(map(str, warning.about))) for warning in found]


def sentence(document: Any, code: str) -> str:
    """The one warning of a document with this code, as it is read: for the numbers and names in it."""
    (found,) = [warning.text for warning in document.warnings if warning.code == code]
    return found


def li_bulk() -> Structure:
    """Primitive cell of bcc Li."""
    return AseAtomsAdaptor.get_structure(bulk("Li", "bcc", a=3.44))


def li_slab(layers: int = 3, adatom: bool = False) -> Structure:
    """Li(001) slab of `layers` atoms, with an adatom in the hollow on request."""
    atoms = bcc100("Li", (1, 1, layers), a=3.44, vacuum=6.0)
    if adatom:
        add_adsorbate(atoms, "Li", 1.6, "hollow")
    atoms.info.clear()  # ASE's notes on the surface, arrays which pymatgen cannot compare
    return AseAtomsAdaptor.get_structure(atoms)


def adsorbed_site(site: int = 0, **changes: Any) -> AdsorbedSite:
    """Site number `site`: 0 the fourfold hollow, bound by 1.44 eV, the others 0.1 eV weaker each."""
    values: dict[str, Any] = {
        "site": site,
        "label": "fourfold hollow" if site == 0 else "bridge",
        "multiplicity": 1,
        "initial_position": [1.72, 1.72, 11.0],
        "final_position": [1.72, 1.72, 10.9],
        "final_label": "fourfold hollow" if site == 0 else "bridge",
        "coordination": 4,
        "neighbours": {"Li": 4},
        "height": 1.52,
        "displacement": 0.0,
        "state": "stayed",
        "converged": True,
        "binding_energy": -1.4412345678901234 + 0.1 * site,
        "binding_energy_bulk": 0.1612345678901234 + 0.1 * site,
        "structure": li_slab(adatom=True),
    }
    return AdsorbedSite(**(values | changes))


def adsorption_document(**changes: Any) -> AdsorptionDoc:
    """Adsorption of Li on Li(001) at two sites; `changes` replace fields.

    With another id it is another answer, of other settings: else it would be a newer version of the same one.
    """
    values: dict[str, Any] = {
        "document_id": "document-1",
        "campaign": "test",
        "system": "Li(001)",
        "backend": "emt",
        "code": "emt 3.29.0",
        "settings": {"force_threshold": 0.03},
        "settings_hash": f"settings of {changes['document_id']}" if "document_id" in changes else "settings-1",
        "calculation_ids": CALCULATIONS,
        "adsorbate": "Li",
        "formula": "Li3",
        "miller": (0, 0, 1),
        "slab": li_slab(),
        "surface_atoms": 3,
        "sites": [adsorbed_site(0), adsorbed_site(1)],
        "most_stable": 0,
        "slab_energy": -5.0,
        "atom_energy": -0.3,
        "bulk_energy": -1.9024691357802468,
        "atom_reference_reliable": True,
    }
    return AdsorptionDoc(**(values | changes))


def calculation_document(**changes: Any) -> CalculationDoc:
    """Relaxed Li(001) slab; `changes` replace fields."""
    slab = changes.get("structure") or li_slab()
    values: dict[str, Any] = {
        "id": "calc-slab",
        "task": "relax",
        "label": "slab of Li(001)",
        "backend": "emt",
        "code": "emt",
        "code_version": "3.29.0",
        "settings": {"force_threshold": 0.03},
        "settings_hash": "settings-1",
        "formula": slab.composition.formula,
        "initial_structure": slab,
        "structure": slab,
        "energy": -5.0,
        "free_energy": -5.1,
        "forces": [[0.0, 0.0, 0.01 * n] for n in range(len(slab))],
        "max_force": 0.02,
        "converged": True,
        "ionic_steps": 4,
        "force_evaluations": 5,
        "wall_time": 1.5,
        "directory": "calculations/calc-slab",
        "finished_at": "2026-01-01T12:00:00+00:00",
    }
    return CalculationDoc(**(values | changes))


def adsorption_calculations(document: AdsorptionDoc, **changes: Any) -> dict[str, CalculationDoc]:
    """Id -> the calculations that an adsorption document follows from; `changes` replace fields of all of them."""
    energies = {"slab": document.slab_energy, "atom": document.atom_energy, "bulk": document.bulk_energy}
    structures = {"slab": document.slab, "atom": li_slab(1), "bulk": li_bulk()}
    for site in document.sites:
        energies[site.step] = document.slab_energy + document.atom_energy + site.binding_energy
        structures[site.step] = site.structure
    return {
        document.calculation_ids[step]: calculation_document(
            id=document.calculation_ids[step],
            energy=energy,
            structure=structures[step],
            initial_structure=structures[step],
            **changes,
        )
        for step, energy in energies.items()
    }
