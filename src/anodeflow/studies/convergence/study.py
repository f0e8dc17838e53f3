"""The study of convergence: made of any other study that a campaign repeats with finer parameters."""

from typing import TYPE_CHECKING, Any

from anodeflow.studies.base import Study, StudyInput
from anodeflow.studies.convergence.document import ConvergenceDoc

if TYPE_CHECKING:
    from anodeflow.studies.steps import Steps


class ConvergenceStudy(Study[StudyInput, ConvergenceDoc]):
    """How far a study's answer moves with finer parameters; campaigns ask for it by `convergence` of a study."""

    name = "convergence"
    summary = "A study repeated with finer parameters."
    subject = "campaign"
    Document = ConvergenceDoc
    place = 1000

    def flow(self, input: StudyInput, subject: None, steps: "Steps") -> None:
        """Return none: a campaign makes it of the variants of its studies (:mod:`anodeflow.campaign.cases`)."""

    def section(self, documents: list[ConvergenceDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.convergence.report import convergence_section

        return convergence_section(documents, context)
