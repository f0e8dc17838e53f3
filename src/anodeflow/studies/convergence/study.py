"""The study of convergence: made of any other study that a campaign repeats with finer parameters."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.base import Study, StudyInput
from anodeflow.studies.compared import Compared, compared
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

    def compared(self, document: ConvergenceDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield errors beside what the calculations say."""
        for index, series in enumerate(document.series):
            own = next((point.properties for point in series.points if point.chosen), {})
            finest = next((p.properties for p in reversed(series.points) if p.document_id is not None), {})
            for name, error in series.errors.items():
                if name in own and name in finest:
                    yield from compared(f"series.{index}.errors.{name}", error, own[name] - finest[name])

    def section(self, documents: list[ConvergenceDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.convergence.report import convergence_section

        return convergence_section(documents, context)
