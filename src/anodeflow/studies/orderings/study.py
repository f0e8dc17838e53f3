"""The study of orderings: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.studies.base import Problem, Study, attempted
from anodeflow.studies.compared import Compared, compared, energy_per_atom, geometry, of_crystal
from anodeflow.studies.context import StudyContext
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.orderings.input import OrderingsInput
from anodeflow.studies.subjects.surfaces import Surfaces
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.structures.ordering.orderings import Ordering
    from anodeflow.studies.steps import Steps


class OrderingsStudy(Study[OrderingsInput, OrderingsDoc]):
    """Lowest orderings of an alloy."""

    name = "orderings"
    summary = "Lowest orderings of an alloy."
    subject = "alloy"
    Input = OrderingsInput
    Document = OrderingsDoc
    place = 80

    def flow(self, input: OrderingsInput, subject: None, steps: "Steps") -> "Flow":
        """Return the flow of one composition; output: OrderingsDoc."""
        from anodeflow.studies.orderings.flow import OrderingsMaker

        backend = steps.surfaces.backend
        rank = ranking_backend(input, steps.surfaces)
        maker = OrderingsMaker(
            rank=steps.makers(rank).relax(cell=True),
            confirm=None if rank is backend else steps.makers(backend).relax(cell=True),
            input=input,
            about=StudyContext(system=input.composition, **steps.labels),
        )

        def bulks(by: Backend) -> dict[str, Any]:
            return {element: steps.bulk(steps.surfaces.metal(element), by).output for element in _elements(input)}

        return maker.make(bulks(backend), None if rank is backend else bulks(rank))

    def entry_problems(self, input: OrderingsInput, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the composition and with the backend that ranks."""
        from anodeflow.structures.bulk.magnetism import is_magnetic

        by = ("rank_with",) if input.prescreen is None else ("prescreen",)
        try:
            rank = ranking_backend(input, world.surfaces)
        except (InputError, BackendUnavailableError) as error:
            yield Problem(str(error), by)
            rank = world.backend
        elements = set(_elements(input))
        for backend in [world.backend] if rank is world.backend else [world.backend, rank]:
            yield from attempted(by, world.check_available, backend)
            yield from attempted(("composition",), world.check_elements, backend, elements)
        if "spin" in world.backend.capabilities and is_magnetic(elements):
            yield Problem(
                "magnetic metals start with moments in surfaces alone, and without them these energies would be wrong: "
                "take other elements, or a backend without spin (mlip).",
                ("composition",),
            )
        yield from attempted(("composition",), enumerated, input, world.surfaces)

    def key(self, input: OrderingsInput, subject: Any, world: World) -> Hashable:
        """Return what is equal for the same search."""
        return input.model_dump_json()

    def metals(self, input: OrderingsInput) -> list[str]:
        """Return the elements of the alloy."""
        return _elements(input)

    def written(self, document: OrderingsDoc, folder: Path, command: str, force: bool) -> list[Path]:
        """Write the orderings that the document kept, as the catalogue keeps crystals."""
        from anodeflow.studies.orderings.files import write_orderings

        return write_orderings(folder, document, command, force)

    def compared(self, document: OrderingsDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies and structures beside what the calculations say."""
        bulks = {element: of.get(f"bulk {element}") for element in document.references}
        for element, bulk in bulks.items():
            yield from compared(f"references.{element}", document.references[element], energy_per_atom(bulk))
        entries = [(f"orderings.{index}", entry) for index, entry in enumerate(document.orderings)]
        entries += [] if document.sqs is None else [("sqs", document.sqs)]
        for place, entry in entries:
            found = of.get(document.step(entry))
            yield from of_crystal(f"{place}.formation_energy", entry.formation_energy, found, document.references)
            yield from compared(f"{place}.structure", entry.structure, geometry(found))

    def section(self, documents: list[OrderingsDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.orderings.report import orderings_section

        return orderings_section(documents, context)


ORDERINGS = OrderingsStudy()


def ranking_backend(input: OrderingsInput, surfaces: Surfaces) -> Backend:
    """Return the backend that relaxes all orderings; the campaign's own where the two have one name."""
    from anodeflow.backends.registry import load_backend

    backend, name = surfaces.backend, input.shortlist.backend
    return backend if name == backend.name else load_backend(surfaces.backend_file(name))


def enumerated(input: OrderingsInput, surfaces: Surfaces) -> "list[Ordering]":
    """Return the orderings of a study, with the volumes of the catalogue's bulks.

    Raises
    ------
    InputError
        If no cell within the limit holds the composition, or the catalogue lacks the bulk of an element.
    """
    from anodeflow.structures.ordering.orderings import enumerate_orderings

    crystals = {symbol: surfaces.structure(surfaces.metal(symbol)) for symbol in _elements(input)}
    volumes = {symbol: crystal.volume / len(crystal) for symbol, crystal in crystals.items()}
    return surfaces.once(
        ("orderings", input.composition, tuple(input.hosts), input.max_atoms),
        lambda: enumerate_orderings(input.composition, input.hosts, input.max_atoms, volumes),
    )


def _elements(input: OrderingsInput) -> list[str]:
    from pymatgen.core import Composition

    return [element.symbol for element in Composition(input.composition).elements]
