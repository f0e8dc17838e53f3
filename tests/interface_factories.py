"""Small relaxed interfaces for tests."""

from typing import Any

from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.studies.context import SubjectContext
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.interface.flow import InterfaceMaker
from anodeflow.studies.shared.references import bulk_job

SMALL = InterfaceSpec(alloy_layers=3, metal_layers=4, max_atoms=100, vacuum=8)
"""Some 70 atoms of Ag(001) and Al(001), a second with EMT."""


def output_of(made: Flow, *before: Any) -> dict[str, Any]:
    """Run a flow (after those jobs) and return what it put out."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(Flow([*before, made]), store=store, log=False)
    return store.get_output(made.output.uuid, load=True)


def relaxed_interface(
    spec: InterfaceSpec = SMALL, alloy: str = "Ag", metal: str = "Al", backend: str = "emt"
) -> InterfaceDoc:
    """The document of an interface, made by its workflow."""
    code = load_backend(backend)
    bulks = [bulk_job(Makers(code).relax(cell=True), load_structure(name), name) for name in (alloy, metal)]
    maker = InterfaceMaker(
        relax=Makers(code).relax(),
        static=Makers(code).static(),
        spec=spec,
        alloy=alloy,
        metal=metal,
        about=SubjectContext(campaign="test"),
    )
    made = maker.make(*(bulk.output for bulk in bulks), host_lattice(alloy), host_lattice(metal))
    return InterfaceDoc.model_validate(output_of(made, *bulks))
