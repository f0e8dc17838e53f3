"""How far the binding energy of Li on Li(001) is from converged, one parameter at a time.

Takes the relaxed geometries of a finished quickstart campaign (`make demo`) and evaluates them again, without
relaxing, with other cutoffs, k-points and smearings, and with the three GPAW presets; prints one line each. Run
again, it finds what is done.

    python benchmarks/accuracy.py [--presets-only]
"""

import sys

from surroundings import in_sentences

from anodeflow.backends.gpaw.backend import GpawBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import InputError
from anodeflow.database.query import calculation_documents, study_documents
from anodeflow.structures.bulk.atom import isolated_atom
from anodeflow.studies.adsorption.document import AdsorptionDoc


def variants() -> dict[str, GpawBackend]:
    """Name -> backend: the demo preset, each of its parameters sharpened alone, and the other presets."""
    demo = load_backend("gpaw-demo")
    assert isinstance(demo, GpawBackend)
    found = {"gpaw-demo": demo}
    if "--presets-only" not in sys.argv:
        for name, change in (
            ("cutoff 400 eV", {"cutoff": 400.0}),
            ("cutoff 600 eV", {"cutoff": 600.0}),
            ("k-points 0.25 1/Å", {"kpoint_spacing": 0.25}),
            ("k-points 0.20 1/Å", {"kpoint_spacing": 0.20}),
            ("k-points 0.15 1/Å", {"kpoint_spacing": 0.15}),
            ("k-points 0.12 1/Å", {"kpoint_spacing": 0.12}),
            ("k-points 0.10 1/Å", {"kpoint_spacing": 0.10}),
            ("smearing 0.05 eV", {"smearing_width": 0.05}),
            ("SCF tolerances 1e-5", {"energy_tolerance": 1e-5, "density_tolerance": 1e-5}),
        ):
            found[f"demo, {name}"] = demo.model_copy(update={"settings": demo.settings.model_copy(update=change)})
    for name in ("gpaw-standard", "gpaw-tight"):
        backend = load_backend(name)
        assert isinstance(backend, GpawBackend)
        found[name] = backend
    return found


def main() -> None:
    """Print binding energies (eV) at the geometry of the demo."""
    found = [
        document
        for document in study_documents("quickstart")
        if isinstance(document, AdsorptionDoc) and document.backend == "gpaw-demo"
    ]
    if not found:
        raise InputError("there is no result of gpaw-demo for quickstart: run it first (make demo).")
    document = found[0]
    best = document.sites[document.most_stable].structure
    bulk = calculation_documents([document.calculation_ids["bulk"]])[document.calculation_ids["bulk"]].structure
    print(f"{'settings':34s} {'binding_energy':>15s} {'binding_energy_bulk':>20s}   k-points of slab, bulk")
    for name, backend in variants().items():
        static = Makers(backend).static()
        adsorbed, slab, atom, crystal = (
            static.calculate(structure) for structure in (best, document.slab, isolated_atom("Li"), bulk)
        )
        shared = adsorbed.energy - slab.energy
        grids = [backend.parameters(structure)["kpts"]["size"] for structure in (best, bulk)]
        print(f"{name:34s} {shared - atom.energy:15.4f} {shared - crystal.energy_per_atom:20.4f}   {grids}", flush=True)


if __name__ == "__main__":
    with in_sentences():
        main()
