"""Studies of interfaces and alloys: how each is built from shared steps, and what it is going to compute.

A new one is an input model (:mod:`anodeflow.campaign.alloy_input`) and an entry of `INTERFACE_STUDIES`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anodeflow.backends.base import Backend
from anodeflow.backends.registry import load_backend
from anodeflow.campaign.alloy_input import (
    ElectrochemistryStudy,
    InterdiffusionStudy,
    InterfaceStudy,
    OrderingsStudy,
    VacancyStudy,
)
from anodeflow.campaign.interfaces import Interface, Interfaces
from anodeflow.campaign.study import Study
from anodeflow.campaign.surfaces import Surfaces
from anodeflow.structures.slab.spec import SlabSpec

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.campaign.flow import Steps
    from anodeflow.campaign.plan import Plan
    from anodeflow.structures.ordering.orderings import Ordering


@dataclass(frozen=True)
class InterfaceStudyKind:
    """How a study of an interface is built and planned.

    Attributes
    ----------
    build
        Returns the flow of the study on an interface; its output is the document.
    plan
        Plans its calculations, those of the interface excepted.
    """

    build: "Callable[[Any, Interface, Steps], Flow]"
    plan: "Callable[[Any, Interface, Plan, int, str], None]"


def build_alloy_studies(interfaces: Interfaces, studies: Sequence[Study], steps: "Steps") -> None:
    """Add the studies of interfaces and alloys to the steps of a campaign.

    Raises
    ------
    InputError
        If an interface cannot be built.
    """
    for entry in studies:
        if isinstance(entry.input, InterfaceStudy):
            for interface in interfaces.of(entry.input.interfaces):
                INTERFACE_STUDIES[entry.name].build(entry.input, interface, steps)
        elif isinstance(entry.input, OrderingsStudy):
            _build_orderings(entry.input, steps)
    for entry in studies:
        if isinstance(entry.input, ElectrochemistryStudy):
            _build_electrochemistry(entry.input, studies, steps)


def plan_alloy_studies(interfaces: Interfaces, studies: Sequence[Study], plan: "Plan") -> None:
    """Plan the studies of interfaces and alloys.

    Raises
    ------
    InputError
        If an interface cannot be built, or no cell holds a composition.
    """
    for entry in studies:
        if isinstance(entry.input, InterfaceStudy):
            for interface in interfaces.of(entry.input.interfaces):
                atoms, last = _plan_interface(interfaces, interface, plan)
                INTERFACE_STUDIES[entry.name].plan(entry.input, interface, plan, atoms, last)
        elif isinstance(entry.input, OrderingsStudy):
            _plan_orderings(entry.input, plan)
        elif isinstance(entry.input, ElectrochemistryStudy):
            for element in (entry.input.ion, entry.input.partner):
                plan.bulk(plan.surfaces.metal(element), plan.surfaces.backend)


def of_binary(study: ElectrochemistryStudy, studies: Sequence[Study]) -> list[OrderingsStudy]:
    """Return the orderings studies of a campaign whose alloy has the two elements of an electrochemistry study."""
    from pymatgen.core import Composition

    wanted = {study.ion, study.partner}
    found = [entry.input for entry in studies if isinstance(entry.input, OrderingsStudy)]
    return [each for each in found if {str(e) for e in Composition(each.composition).elements} == wanted]


def ranking_backend(study: OrderingsStudy, backend: Backend) -> Backend:
    """Return the backend that relaxes all orderings; the campaign's own where the two have one name."""
    return backend if study.rank_with == backend.name else load_backend(study.rank_with)


def _interface_flow(interface: Interface, steps: "Steps") -> "Flow":
    """Return the relaxed interface; output: InterfaceDoc."""
    from anodeflow.studies.interface.flow import InterfaceMaker

    system, backend = interface.system, interface.backend
    maker = InterfaceMaker(
        relax=backend.relax(),
        static=backend.static(),
        spec=system.interface_spec(),
        alloy=system.alloy,
        metal=system.metal,
        prescreen=steps.prescreen,
        system=interface.name,
        **steps.labels,
    )
    alloy, metal = steps.bulk(system.alloy, backend), steps.bulk(system.metal, backend)
    hosts = (steps.surfaces.host(system.alloy), steps.surfaces.host(system.metal))
    return steps.once(("interface", interface.name), lambda: maker.make(alloy.output, metal.output, *hosts))


def _plan_interface(interfaces: Interfaces, interface: Interface, plan: "Plan") -> tuple[int, str]:
    """Plan the interface; return its number of atoms and the label of its relaxation."""
    cell, name, system = interfaces.cell(interface), interface.name, interface.system
    atoms = len(cell.structure)
    bulks = [plan.bulk(system.alloy, interface.backend), plan.bulk(system.metal, interface.backend)]
    before = plan.before(f"{name}: registry", "static", atoms, bulks, name, number=None)
    scan = plan.several(f"{name}: registry", "static", atoms, before, name)
    relaxed = _relaxation(plan, f"{name}: interface", atoms, scan, name)
    for side in ("alloy", "metal"):
        _relaxation(plan, f"{name}: {side} alone", cell.side.count(side), scan, name)
    return atoms, relaxed


def _relaxation(plan: "Plan", label: str, atoms: int, after: str, group: str, several: bool = False) -> str:
    """Plan a relaxation, or as many as the run finds, and that of the potential before it."""
    before = plan.before(label, "relax", atoms, [after], group, number=None if several else 1)
    return (plan.several if several else plan.single)(label, "relax", atoms, before, group)


def _build_interdiffusion(study: InterdiffusionStudy, interface: Interface, steps: "Steps") -> "Flow":
    from anodeflow.studies.interdiffusion.dilute_flow import DiluteLimitMaker
    from anodeflow.studies.interdiffusion.flow import InterdiffusionMaker

    start, backend, system = _interface_flow(interface, steps), interface.backend, interface.system
    options = study.model_dump(exclude={"interfaces", "dilute_width"}) | {"prescreen": steps.prescreen}
    maker = InterdiffusionMaker(relax=backend.relax(), system=interface.name, **options, **steps.labels)
    dilute = None
    if study.dilute_width is not None:
        far = DiluteLimitMaker(
            relax=steps.relax(backend),
            static=backend.static(),
            element=study.element,
            width=study.dilute_width,
            system=interface.family,
        )
        alloy, metal = steps.bulk(system.alloy, backend), steps.bulk(system.metal, backend)
        where = ("dilute", interface.family, study.element, study.dilute_width)
        dilute = steps.once(where, lambda: far.make(alloy.output, metal.output)).output
    key = ("interdiffusion", interface.name, study.model_dump_json(exclude={"interfaces"}))
    return steps.once(key, lambda: maker.make(start.output, dilute))


def _plan_interdiffusion(study: InterdiffusionStudy, interface: Interface, plan: "Plan", atoms: int, last: str) -> None:
    label = f"{interface.name}: {study.element} exchanged"
    there = _relaxation(plan, label, atoms, last, interface.name, several=True)
    if study.there_and_back:
        _relaxation(plan, f"{label} and back", atoms, there, interface.name, several=True)
    if study.dilute_width is not None:
        _plan_dilute(study.element, study.dilute_width, interface, plan)


def _plan_dilute(element: str, width: float, interface: Interface, plan: "Plan") -> None:
    """Plan the bulk supercells of the dilute limit, counted on the crystals of the catalogue."""
    from anodeflow.structures.bulk.dilute import equivalent_sites, wide_cell

    system, group = interface.system, interface.family
    alloy, metal = (plan.surfaces.structure(name) for name in (system.alloy, system.metal))
    bulks = [plan.bulk(name, interface.backend) for name in (system.metal, system.alloy)]
    host, large = len(wide_cell(metal, width)[0]), len(wide_cell(alloy, width)[0])
    other = metal[0].specie.symbol
    for label, atoms, bulk in (
        (f"{group}: supercell of bulk {other}", host, bulks[0]),
        (f"{group}: supercell of the bulk alloy", large, bulks[1]),
    ):
        plan.single(label, "static", atoms, [bulk], group)
    _relaxation(plan, f"{group}: {element} in bulk {other}", host, bulks[0], group)
    for sites in equivalent_sites(alloy, element):
        label = f"{group}: {other} on {element} site {sites[0]} of the bulk alloy"
        _relaxation(plan, label, large, bulks[1], group)


def _build_vacancy(study: VacancyStudy, interface: Interface, steps: "Steps") -> "Flow":
    from anodeflow.studies.vacancy.flow import VacancyMaker
    from anodeflow.studies.vacancy.metal_face_flow import MetalFaceMaker

    backend, start = interface.backend, _interface_flow(interface, steps)
    metal = steps.surfaces.metal(study.element)
    bulk, face = steps.bulk(metal, backend), None
    if study.start == "surface":
        spec = _metal_face(study, interface, steps.surfaces)
        own = MetalFaceMaker(relax=steps.relax(backend), slab=spec, metal=study.element, system=interface.family)
        host = steps.surfaces.host(metal)
        where = ("metal's own surface", interface.family, study.element)
        face = steps.once(where, lambda: own.make(bulk.output, host)).output
    options = study.model_dump(exclude={"interfaces"}) | {"prescreen": steps.prescreen}
    maker = VacancyMaker(relax=backend.relax(), neb=backend.neb(), system=interface.name, **options, **steps.labels)
    key = ("vacancy", interface.name, study.model_dump_json(exclude={"interfaces"}))
    return steps.once(key, lambda: maker.make(start.output, bulk.output, face))


def _metal_face(study: VacancyStudy, interface: Interface, surfaces: Surfaces) -> SlabSpec:
    """Return the metal's own surface that is set beside the alloy's: the plane that meets it, as wide as the interface.

    Where the interface's metal is another one than that of the vacancy, the (001) surface of the latter.
    """
    system = interface.system
    spec = SlabSpec(vacuum=system.vacuum, min_width=system.min_width)
    if system.metal != surfaces.metal(study.element):
        return spec
    return spec.model_copy(update={"miller": system.metal_miller, "setting": system.setting})


def _plan_vacancy(study: VacancyStudy, interface: Interface, plan: "Plan", atoms: int, last: str) -> None:
    metal = plan.surfaces.metal(study.element)
    bulk = plan.bulk(metal, interface.backend)
    name = f"{interface.name}: {study.element} vacancy"
    stops = _relaxation(plan, f"{name}, its stops", atoms - 1, last, interface.name, several=True)
    if study.start == "surface":
        from anodeflow.structures.slab.slabs import build_slab

        spec = _metal_face(study, interface, plan.surfaces)
        size = len(build_slab(plan.surfaces.structure(metal), spec, plan.surfaces.host(metal)).structure)
        label = f"{interface.family}: {study.element}({' '.join(map(str, spec.miller))}) alone"
        clean = _relaxation(plan, label, size, bulk, interface.family)
        _relaxation(plan, f"{label}, without an atom", size - 1, clean, interface.family)
    if study.barriers and study.steps:
        label = f"{name}, its hops"
        before = plan.before(label, "neb", atoms - 1, [stops], interface.name, number=None)
        plan.several(label, "neb", atoms - 1, before, interface.name)


def _build_orderings(study: OrderingsStudy, steps: "Steps") -> "Flow":
    from anodeflow.studies.orderings.flow import OrderingsMaker

    backend = steps.surfaces.backend
    rank = ranking_backend(study, backend)
    maker = OrderingsMaker(
        rank=rank.relax(cell=True),
        confirm=None if rank is backend else backend.relax(cell=True),
        system=study.composition,
        **study.model_dump(exclude={"rank_with"}),
        **steps.labels,
    )

    def bulks(by: Backend) -> dict[str, Any]:
        return {element: steps.bulk(steps.surfaces.metal(element), by).output for element in _elements(study)}

    rank_bulks = None if rank is backend else bulks(rank)
    return steps.once(("orderings", study.model_dump_json()), lambda: maker.make(bulks(backend), rank_bulks))


def enumerated(study: OrderingsStudy, surfaces: Surfaces) -> "list[Ordering]":
    """Return the orderings of a study, with the volumes of the catalogue's bulks.

    Raises
    ------
    InputError
        If no cell within the limit holds the composition, or the catalogue lacks the bulk of an element.
    """
    from anodeflow.structures.ordering.orderings import enumerate_orderings

    crystals = {symbol: surfaces.structure(surfaces.metal(symbol)) for symbol in _elements(study)}
    volumes = {symbol: crystal.volume / len(crystal) for symbol, crystal in crystals.items()}
    return surfaces.once(
        ("orderings", study.composition, tuple(study.hosts), study.max_atoms),
        lambda: enumerate_orderings(study.composition, study.hosts, study.max_atoms, volumes),
    )


def _plan_orderings(study: OrderingsStudy, plan: "Plan") -> None:
    surfaces, group = plan.surfaces, study.composition
    rank = ranking_backend(study, surfaces.backend)
    backends = [rank] if rank is surfaces.backend else [rank, surfaces.backend]
    bulks = [plan.bulk(surfaces.metal(element), backend) for element in _elements(study) for backend in backends]
    ranked = []
    for each in enumerated(study, surfaces):
        label = f"{group}: ordering {each.index} on {each.host.lattice}"
        ranked.append(plan.single(label, "relax_cell", len(each.structure), bulks, group))
    if rank is not surfaces.backend:
        plan.several(f"{group}: confirmation of the lowest", "relax_cell", study.max_atoms, ranked, group)
    if study.sqs_atoms is not None:
        plan.several(f"{group}: special quasi-random structure", "relax_cell", study.sqs_atoms, ranked, group)


def _elements(study: OrderingsStudy) -> list[str]:
    from pymatgen.core import Composition

    return [element.symbol for element in Composition(study.composition).elements]


def _build_electrochemistry(study: ElectrochemistryStudy, studies: Sequence[Study], steps: "Steps") -> "Flow":
    from anodeflow.studies.electrochemistry.flow import ElectrochemistryMaker

    backend = steps.surfaces.backend
    documents = [_build_orderings(each, steps).output for each in of_binary(study, studies)]
    bulks = {
        element: steps.bulk(steps.surfaces.metal(element), backend).output for element in (study.ion, study.partner)
    }
    maker = ElectrochemistryMaker(
        ion=study.ion, partner=study.partner, system=f"{study.ion}-{study.partner}", **steps.labels
    )
    return steps.once(("electrochemistry", study.ion, study.partner), lambda: maker.make(documents, bulks))


INTERFACE_STUDIES = {
    "interdiffusion": InterfaceStudyKind(_build_interdiffusion, _plan_interdiffusion),
    "vacancy": InterfaceStudyKind(_build_vacancy, _plan_vacancy),
}
"""Name of a study of interfaces in a campaign file -> how it is built and planned."""
