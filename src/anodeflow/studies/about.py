"""What the documents of all studies hold alike."""

from typing import Any

from anodeflow.core.address import content_hash
from anodeflow.studies.context import AdatomContext, StudyContext, SubjectContext


def study_fields(
    study: StudyContext, backend: str, code: str, settings: dict[str, Any], calculation_ids: dict[str, str]
) -> dict[str, Any]:
    """Return the fields of a :class:`~anodeflow.studies.document.StudyDoc` that tell what it is and what it rests on.

    Parameters
    ----------
    study
        What the study tells its jobs; a prescreen joins `settings`.
    backend
        Name of the backend file.
    code
        Name and version of the code.
    settings
        Settings that all of its calculations shared.
    calculation_ids
        Step of the study -> id of its calculation.

    Returns
    -------
    dict
        The document's id and settings hash are content addresses: the same study made again has the same ones.
    """
    subject = study if isinstance(study, SubjectContext) else SubjectContext()
    if subject.prescreen is not None:
        settings = settings | {"prescreen": subject.prescreen.written()}
    return {
        "document_id": content_hash({"system": study.system, "calculations": calculation_ids, "settings": settings}),
        "campaign": study.campaign,
        "system": study.system,
        "reference": study.reference,
        "backend": backend,
        "code": code,
        "settings": settings,
        "settings_hash": content_hash({"code": code, "settings": settings}),
        "calculation_ids": calculation_ids,
        "variant": subject.variant,
    } | ({"adsorbate": study.adsorbate} if isinstance(study, AdatomContext) else {})
