"""Convergence: a study and its repetitions with one parameter changed become one document."""

from dataclasses import dataclass, field

from jobflow import Job, JobConfig, Maker, OnMissing, OutputReference

from anodeflow.core.errors import CalculationError
from anodeflow.core.jobs import job
from anodeflow.studies.convergence.analysis import ConvergenceParameter, convergence_document
from anodeflow.studies.convergence.document import ConvergenceDoc
from anodeflow.studies.document import StudyDoc


@dataclass
class ConvergenceMaker(Maker):
    """Makes the job that compares a study with its variants.

    Attributes
    ----------
    name
        Name of the job.
    of
        Name of the study: adsorption, diffusion ...
    system
        Name of the system.
    parameters
        What was varied.
    not_varied
        Parameters of slab and backend that were not.
    """

    name: str = "convergence"
    of: str = ""
    system: str = ""
    parameters: list[ConvergenceParameter] = field(default_factory=list)
    not_varied: list[str] = field(default_factory=list)

    def make(
        self,
        base: StudyDoc | OutputReference,
        variants: list[list[StudyDoc | OutputReference]],
        joint: StudyDoc | OutputReference | None = None,
    ) -> Job:
        """Build the job.

        Parameters
        ----------
        base
            Document of the study itself.
        variants
            For each of `parameters` the documents at its values, in their order.
        joint
            Document with all parameters at their finest together, where two of them or more have a finer value.

        Returns
        -------
        Job
            Output: ConvergenceDoc. Variants that failed are missing in it, and it says so.
        """
        made = collect_convergence(base, self.parameters, variants, f"{self.system}: {self.of}", joint, self.not_varied)
        made.name = f"{self.system}: {self.name} of {self.of}"
        made.config = JobConfig(on_missing_references=OnMissing.NONE)
        return made


@job(output_schema=ConvergenceDoc)
def collect_convergence(
    base: StudyDoc | None,
    parameters: list[ConvergenceParameter],
    variants: list[list[StudyDoc | None]],
    study: str,
    joint: StudyDoc | None = None,
    not_varied: list[str] | None = None,
) -> ConvergenceDoc:
    """Put the document together from the study's documents.

    Raises
    ------
    CalculationError
        If the study itself failed.
    """
    if base is None:
        raise CalculationError(f"{study} failed, so there is nothing whose convergence could be judged; see its steps.")
    return convergence_document(base, parameters, variants, joint, not_varied)
