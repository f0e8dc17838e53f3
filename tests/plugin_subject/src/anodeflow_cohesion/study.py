"""The study: on which crystals it is made, how it becomes jobs, and what is wrong with what it is told."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from anodeflow.studies.base import Problem, Study, attempted
from anodeflow.studies.world import World
from anodeflow_cohesion.document import CohesiveEnergyDoc
from anodeflow_cohesion.input import CohesiveEnergyInput
from anodeflow_cohesion.subject import Crystal, CrystalSpec

if TYPE_CHECKING:
    from jobflow import Job

    from anodeflow.studies.steps import Steps


class CohesiveEnergyStudy(Study[CohesiveEnergyInput, CohesiveEnergyDoc]):
    """The atom against its crystal."""

    name = "cohesive_energy"
    summary = "Energy that holds a crystal together."
    subject = "crystal"
    spec = CrystalSpec
    Input = CohesiveEnergyInput
    Document = CohesiveEnergyDoc

    def subjects(self, input: CohesiveEnergyInput, world: World) -> Sequence[Crystal]:
        """Return the crystals that the input names."""
        geometry = CrystalSpec(box=input.box)
        return [Crystal(name, world.surfaces.structure(name), geometry, world.backend) for name in input.crystals]

    def crystals(self, input: CohesiveEnergyInput) -> Sequence[str]:
        """Return their names."""
        return input.crystals

    def entry_problems(self, input: CohesiveEnergyInput, world: World) -> Iterator[Problem]:
        """Yield that no crystal is named: jobs are told what is done, without `crystals`, so that has a default."""
        if not input.crystals:
            yield Problem("it names no crystal: list some under crystals.", ("crystals",))

    def problems(self, input: CohesiveEnergyInput, subject: Crystal, world: World) -> Iterator[Problem]:
        """Yield that a crystal is a compound, or that the backend does not know its element."""
        at = ("crystals", input.crystals.index(subject.crystal))
        yield from attempted(at, subject.check)
        yield from attempted(at, world.check_elements, subject.backend, subject.elements)

    def flow(self, input: CohesiveEnergyInput, subject: Crystal, steps: "Steps") -> "Job":
        """Return the job that puts the document together; the crystal and the atom are steps of the campaign."""
        from anodeflow_cohesion.flow import CohesiveEnergyContext, collect_cohesive_energy

        (element,) = subject.elements
        bulk = steps.bulk(subject.crystal, subject.backend)
        atom = steps.atom(element, subject.box, subject.backend)
        made = collect_cohesive_energy(
            bulk.output, atom.output, CohesiveEnergyContext.told(steps.about(subject), input=input)
        )
        made.name = f"{subject.name}: cohesive energy"
        return made
