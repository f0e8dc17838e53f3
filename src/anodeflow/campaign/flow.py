"""From a campaign's surfaces and studies to its flow: steps that several studies need are one job in it."""

from collections.abc import Callable, Sequence
from typing import Any

from jobflow import Flow, Job, Maker
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.campaign.alloys import build_alloy_studies
from anodeflow.campaign.interfaces import Interfaces
from anodeflow.campaign.metal import metal_pairs
from anodeflow.campaign.studies import STUDIES, cases
from anodeflow.campaign.study import Study
from anodeflow.campaign.surfaces import Surface, Surfaces, backend_key
from anodeflow.campaign.systems import AdsorptionStudy
from anodeflow.core.address import content_hash
from anodeflow.structures.bulk.magnetism import is_magnetic, with_moments
from anodeflow.structures.sites.site_choice import SiteChoice
from anodeflow.studies.adsorption.flow import AdsorptionMaker
from anodeflow.studies.convergence.flow import ConvergenceMaker
from anodeflow.studies.metal_reference.flow import metal_reference_job
from anodeflow.studies.shared.references import atom_job, bulk_job, slab_flow


class Steps:
    """The steps of a campaign, each once however many studies ask for it.

    Parameters
    ----------
    surfaces
        Surfaces of the campaign.
    labels
        `campaign` and `reference`, for the documents.
    """

    def __init__(self, surfaces: Surfaces, labels: dict[str, Any]) -> None:
        self.surfaces, self.labels = surfaces, labels
        self.made: dict[tuple[Any, ...], Flow | Job] = {}
        self.prescreen = None if surfaces.prescreen is None else surfaces.prescreen.makers()

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
                backend.relax(cell=True),
                crystal(),
                self.surfaces.bulk_name(structure, backend),
            ),
        )

    def atom(self, element: str, box: tuple[float, float, float], backend: Backend) -> Flow | Job:
        """Return the calculation of an isolated atom; output: CalculationDoc."""
        return self.once(
            ("atom", element, box, backend_key(backend)),
            lambda: atom_job(backend.static(), element, box, self.surfaces.atom_name(element, box, backend)),
        )

    def relax(self, backend: Backend) -> Maker:
        """Return the Maker that relaxes positions, after the potential if one goes before."""
        potential = self.surfaces.prescreen
        return backend.relax() if potential is None else potential.relax(backend)

    def slab(self, surface: Surface) -> Flow:
        """Return the relaxed slab; output: `cell` and `calculation` (:func:`slab_flow`)."""
        system = surface.system
        bulk = self.bulk(surface.structure, surface.backend)
        return self.once(
            ("slab", surface.name),
            lambda: slab_flow(
                self.relax(surface.backend),
                bulk.output.structure,
                system.slab_spec(),
                self.surfaces.host(surface.structure),
                surface.name,
                spin="spin" in surface.backend.capabilities,
            ),
        )

    def adsorption(self, surface: Surface, study: AdsorptionStudy, choice: SiteChoice | None) -> Flow:
        """Return the adsorption of one adatom on a surface; output: AdsorptionDoc."""
        system, backend = surface.system, surface.backend
        metal = self.surfaces.metal(study.adsorbate)
        slab = self.slab(surface)
        atom = self.atom(study.adsorbate, study.atom_box, surface.references)
        bulk = self.bulk(metal, surface.references)
        maker = AdsorptionMaker(
            relax=backend.relax(),
            relax_cell=backend.relax(cell=True),
            static=backend.static(),
            adsorbate=study.adsorbate,
            slab=system.slab_spec(),
            # A magnetic atom has its moment wherever it sits.
            spin_polarized=system.spin_polarized or ("spin" in backend.capabilities and is_magnetic([study.adsorbate])),
            atom_box=study.atom_box,
            atom_reference_reliable=backend.atom_reference_reliable,
            choice=choice,
            prescreen=self.prescreen,
            system=surface.name,
            variant=surface.variant,
            **self.labels,
        )
        return self.once(
            ("adsorption", surface.name, study.adsorbate, study.atom_box, content_hash(choice and choice.numbers)),
            lambda: maker.make(
                self.surfaces.structure(surface.structure),
                self.surfaces.structure(metal),
                self.surfaces.host(surface.structure),
                slab=slab,
                atom=atom,
                bulk=bulk,
            ),
        )


def campaign_jobs(
    surfaces: Surfaces, interfaces: Interfaces, studies: Sequence[Study], labels: dict[str, Any]
) -> list[Flow | Job]:
    """Return all jobs and flows of a campaign: shared steps, studies, their variants and convergence tests."""
    steps = Steps(surfaces, labels)
    tests = []
    for case in cases(surfaces, studies):
        build = STUDIES[case.name].build
        base = build(case, case.base, steps)
        variants = [[build(case, surface, steps) for surface in row] for row in case.variants]
        if variants:
            maker = ConvergenceMaker(
                of=case.name,
                system=case.base.name,
                parameters=case.parameters,
                not_varied=surfaces.not_varied(case.base, [each.name for each in case.parameters]),
            )
            joint = None if case.joint is None else build(case, case.joint, steps).output
            tests.append(maker.make(base.output, [[variant.output for variant in row] for row in variants], joint))
    for pair in metal_pairs(surfaces, studies):
        surface, metal = pair.case, pair.metal
        own, other = (steps.adsorption(each.base, each.adsorption, each.choice).output for each in (surface, metal))
        tests.append(metal_reference_job(own, other, surface.base.name, metal.base.name))
    build_alloy_studies(interfaces, studies, steps)
    return [*steps.made.values(), *tests]
