"""What the documents of all studies are told alike."""

from typing import Any

from anodeflow.core.address import content_hash


def study_fields(
    study: dict[str, Any], backend: str, code: str, settings: dict[str, Any], calculation_ids: dict[str, str]
) -> dict[str, Any]:
    """Return the fields of a :class:`~anodeflow.studies.document.StudyDoc` that tell what it is and what it rests on.

    Parameters
    ----------
    study
        `campaign`, `system`, `reference`, if it is one `variant`, `adsorbate` where there is one, and the settings of
        a `prescreen` if it has one, which join `settings`.
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
    if study.get("prescreen"):
        settings = settings | {"prescreen": study["prescreen"]}
    return {
        "document_id": content_hash({"system": study["system"], "calculations": calculation_ids, "settings": settings}),
        "campaign": study["campaign"],
        "system": study["system"],
        "reference": study["reference"],
        "backend": backend,
        "code": code,
        "settings": settings,
        "settings_hash": content_hash({"code": code, "settings": settings}),
        "calculation_ids": calculation_ids,
        "variant": study.get("variant", {}),
    } | ({"adsorbate": study["adsorbate"]} if "adsorbate" in study else {})
