"""The steps of a campaign that several studies need: each is one job in its flow."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jobflow import Flow, Job, Maker
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.structures.bulk.magnetism import with_moments
from anodeflow.studies.context import SubjectContext
from anodeflow.studies.shared.references import atom_job, bulk_job, slab_flow
from anodeflow.studies.subjects.surfaces import Surface, Surfaces, backend_key
from anodeflow.studies.subjects.varying import Subject
from anodeflow.studies.world import StudyLike, World


class Steps:
    """The steps of a campaign, each once however many studies ask for it.

    Parameters
    ----------
    world
        The campaign's surfaces, interfaces and studies.
    labels
        `campaign` and `reference`, for the documents.
    """

    def __init__(self, world: World, labels: dict[str, Any]) -> None:
        self.world, self.labels = world, labels
        self.made: dict[tuple[Any, ...], Flow | Job] = {}
        potential = world.surfaces.prescreen
        self.prescreen = None if potential is None else potential.makers()

    @property
    def surfaces(self) -> Surfaces:
        """Surfaces of the campaign."""
        return self.world.surfaces

    def about(self, subject: Subject) -> SubjectContext:
        """Return the names that the document of a study on a subject carries, and how a convergence test varied it."""
        return SubjectContext(system=subject.name, variant=subject.variant, **self.labels)

    def screened(self, subject: Subject) -> SubjectContext:
        """Return the same, for a study of slabs that a potential relaxed before DFT, if one goes before."""
        return replace(self.about(subject), prescreen=None if self.prescreen is None else self.prescreen.settings())

    def study(self, study: StudyLike, input: Any, subject: Any) -> Any:
        """Return the flow of a study on a subject, made once; its output is the document."""
        key = (study.name, subject and subject.name, study.key(input, subject, self.world))
        return self.once(key, lambda: study.flow(input, subject, self))

    def start(self, study: StudyLike, input: Any, surface: Surface) -> Any:
        """Return the flow of the study that another one starts from on a surface."""
        first, told, _ = self.world.start(study, input, surface)
        return self.study(first, told, surface)

    def once(self, key: tuple[Any, ...], make: Callable[[], Flow | Job]) -> Any:
        """Return the step called `key`, made by `make` when it is asked for the first time."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def bulk(self, structure: str, backend: Backend) -> Flow | Job:
        """Return the relaxation of a bulk, with moments where the code knows spin; output: CalculationDoc."""

        def crystal() -> Structure:
            found = self.surfaces.structure(structure)
            return with_moments(found) if "spin" in backend.capabilities else found

        return self.once(
            ("bulk", structure, backend_key(backend)),
            lambda: bulk_job(
                self.makers(backend).relax(cell=True),
                crystal(),
                self.surfaces.bulk_name(structure, backend),
            ),
        )

    def atom(self, element: str, box: tuple[float, float, float], backend: Backend) -> Flow | Job:
        """Return the calculation of an isolated atom; output: CalculationDoc."""
        return self.once(
            ("atom", element, box, backend_key(backend)),
            lambda: atom_job(
                self.makers(backend).static(), element, box, self.surfaces.atom_name(element, box, backend)
            ),
        )

    def makers(self, backend: Backend) -> Makers:
        """Return the Makers of a backend."""
        return Makers(backend)

    def relax(self, backend: Backend) -> Maker:
        """Return the Maker that relaxes positions, after the potential if one goes before."""
        potential = self.surfaces.prescreen
        return self.makers(backend).relax() if potential is None else potential.relax(backend)

    def slab(self, surface: Surface) -> Flow:
        """Return the relaxed slab; output: `cell` and `calculation` (:func:`slab_flow`)."""
        system = surface.system
        bulk = self.bulk(surface.structure, surface.backend)
        return self.once(
            ("slab", surface.name),
            lambda: slab_flow(
                self.relax(surface.backend),
                bulk.output,
                system.slab_spec(),
                self.surfaces.host(surface.structure),
                surface.name,
                spin="spin" in surface.backend.capabilities,
            ),
        )
