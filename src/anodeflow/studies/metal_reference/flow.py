"""The job that puts the binding on a surface beside that on the adatom's own metal."""

from jobflow import Job, OutputReference

from anodeflow.core.jobs import job
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.metal_reference.analysis import metal_reference_document
from anodeflow.studies.metal_reference.document import MetalReferenceDoc


def metal_reference_job(
    surface: AdsorptionDoc | OutputReference, metal: AdsorptionDoc | OutputReference, system: str, metal_system: str
) -> Job:
    """Return the job that compares two adsorption studies.

    Parameters
    ----------
    surface, metal
        Their documents.
    system, metal_system
        Their names, for the name of the job.

    Returns
    -------
    Job
        Output: MetalReferenceDoc.
    """
    made = collect_metal_reference(surface, metal)
    made.name = f"{system}: binding against {metal_system}"
    return made


@job(output_schema=MetalReferenceDoc)
def collect_metal_reference(surface: AdsorptionDoc, metal: AdsorptionDoc) -> MetalReferenceDoc:
    """Put the document together from the two studies."""
    return metal_reference_document(surface, metal)
