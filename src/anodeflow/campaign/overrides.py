"""What the command line changes in a campaign file: studies and settings left out, and what goes before DFT."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import InputError
from anodeflow.screening.campaign import NONE, PrescreenInput
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.base import Converged

if TYPE_CHECKING:
    from anodeflow.backends.base import Backend
    from anodeflow.campaign.model import Campaign


def changed(campaign: "Campaign", changes: dict[str, Any], notes: list[str]) -> "Campaign":
    """Return the campaign with some fields changed and with notes on that."""
    other = campaign.model_copy(update=changes)
    other._notes = campaign.notes + notes
    # A copy shares what was built of the systems, which may have changed.
    other._built = {}
    return other


def without_studies(campaign: "Campaign", names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the indices of the studies that are not called so, and a note.

    Raises
    ------
    InputError
        If the campaign has no such study, or none but those.
    """
    there = list(dict.fromkeys(study.name for study in campaign.studies))
    for name in names:
        if name not in there:
            raise InputError(
                f"campaign {campaign.name} has no study {name!r} to leave out; there is {', '.join(there)}."
            )
    kept = [index for index, study in enumerate(campaign.studies) if study.name not in names]
    if not kept:
        raise InputError(f"without {', '.join(names)} campaign {campaign.name} has no study left: keep one.")
    return kept, [f"Left out by name: {', '.join(dict.fromkeys(names))}."]


def without_foreign_settings(campaign: "Campaign", backend: "Backend") -> tuple[dict[str, Any], list[str]]:
    """Return the changes and notes that leave out settings which `backend` does not have.

    A campaign file gives its systems settings for the backend that it names; on another code they mean nothing.
    """
    from anodeflow.studies.subjects.varying import declarations

    known = set(type(backend.settings).model_fields)
    notes: list[str] = []

    def drop(name: str, keys: list[str]) -> None:
        notes.append(f"{name}: {', '.join(keys)} left out, backend {backend.name} has no such setting.")

    changes: dict[str, Any] = {}
    for key, systems in (("systems", campaign.systems), ("interfaces", campaign.interfaces)):
        changes[key] = []
        for system in systems:
            foreign = [name for name in system.settings if name not in known]
            if foreign:
                drop(system.name, foreign)
            own = {name: value for name, value in system.settings.items() if name in known}
            changes[key].append(system.model_copy(update={"settings": own}))
    studies = []
    for study in campaign.studies:
        if not isinstance(study.input, Converged):
            studies.append(study)
            continue
        varied = study.input.convergence
        spec = InterfaceSpec if study.study.subject == "interface" else SlabSpec
        foreign = [key for key in varied if key not in declarations(spec, backend)]
        if foreign:
            drop(f"convergence of {study.name}", foreign)
        kept = {key: values for key, values in varied.items() if key not in foreign}
        studies.append(study.model_copy(update={study.name: study.input.model_copy(update={"convergence": kept})}))
    return changes | {"studies": studies}, notes


def with_prescreen(campaign: "Campaign", name: str) -> dict[str, Any]:
    """Return the change that lets another backend go before that of the campaign; `none`: no one does."""
    if name == NONE:
        return {"prescreen": None}
    known = campaign.prescreen or PrescreenInput()
    return {"prescreen": known.model_copy(update={"backend": name})}


def without_own_prescreen(campaign: "Campaign") -> tuple[dict[str, Any], list[str]]:
    """Return the change that leaves the prescreen out where it is the backend itself, and a note."""
    prescreen, backend = campaign.load_prescreen(), campaign.load_backend()
    if prescreen is None or not prescreen.same_as(backend):
        return {}, []
    return {"prescreen": None}, [f"No prescreen: {backend.name} is the backend itself."]
