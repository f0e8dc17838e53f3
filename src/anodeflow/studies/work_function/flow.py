"""Work function: the potential of the relaxed clean slab."""

from dataclasses import dataclass, field

from jobflow import Flow, Maker

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.jobs import job
from anodeflow.structures.slab.slabs import SlabCell
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.context import SlabContext, SubjectContext, in_context
from anodeflow.studies.shared.steps import named
from anodeflow.studies.work_function.analysis import work_function_document
from anodeflow.studies.work_function.document import WorkFunctionDoc


@dataclass
class WorkFunctionMaker(Maker):
    """Makes the flow of the work functions of one slab.

    Attributes
    ----------
    static
        Maker that evaluates a structure, with its potential.
    name
        Name of the flow.
    slab
        The slab.
    about
        Names that the document and its rows carry, and what a convergence test changed, and the
        potential that relaxed the slab before.
    """

    static: Maker
    name: str = "work function"
    slab: SlabSpec = field(default_factory=SlabSpec)
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(self, slab: Flow) -> Flow:
        """Build the flow.

        Parameters
        ----------
        slab
            Flow of the relaxed slab (:func:`anodeflow.studies.shared.references.slab_flow`).

        Returns
        -------
        Flow
            Output: WorkFunctionDoc.
        """
        study = SlabContext.told(self.about, slab_spec=self.slab.model_dump(mode="json"))
        cell, relaxed = slab.output["cell"], slab.output["calculation"]
        label = f"{study.system}: potential"
        static = named(self.static.make(relaxed.structure, label=label), label)
        last = collect_work_function(cell, relaxed, static.output, study)
        last.name = f"{study.system}: {self.name} document"
        return Flow([static, last], output=last.output, name=f"{study.system}: {self.name}")


@job(output_schema=WorkFunctionDoc)
@in_context
def collect_work_function(
    cell: SlabCell, slab: CalculationDoc, static: CalculationDoc, study: SlabContext
) -> WorkFunctionDoc:
    """Put the document together (see :func:`work_function_document`)."""
    return work_function_document(cell, slab, static, study)
