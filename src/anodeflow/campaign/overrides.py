"""What the command line changes in a campaign file: studies and settings left out, and what goes before DFT."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from anodeflow.campaign.entry import StudyEntry
from anodeflow.core.errors import InputError
from anodeflow.screening.campaign import NONE, CampaignPrescreen, PrescreenInput
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.base import Converged, Kind
from anodeflow.studies.subjects.systems import InterfaceSystem, System

if TYPE_CHECKING:
    from anodeflow.backends.base import Backend

_SPECS: dict[Kind, type[BaseModel]] = {"surface": SlabSpec, "interface": InterfaceSpec}


def without_studies(campaign: str, studies: Sequence[StudyEntry], names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the indices of the studies that are not called so, and a note.

    Raises
    ------
    InputError
        If the campaign (its name) has no such study, or none but those.
    """
    there = list(dict.fromkeys(study.name for study in studies))
    for name in names:
        if name not in there:
            raise InputError(f"campaign {campaign} has no study {name!r} to leave out; there is {', '.join(there)}.")
    kept = [index for index, study in enumerate(studies) if study.name not in names]
    if not kept:
        raise InputError(f"without {', '.join(names)} campaign {campaign} has no study left: keep one.")
    return kept, [f"Left out by name: {', '.join(dict.fromkeys(names))}."]


def without_foreign_settings(
    systems: Mapping[str, Sequence[System] | Sequence[InterfaceSystem]],
    studies: Sequence[StudyEntry],
    backend: "Backend",
) -> tuple[dict[str, Any], list[str]]:
    """Return the changes and notes that leave out settings which `backend` does not have.

    `systems`: field of the campaign (systems, interfaces) -> what it holds.

    A campaign file gives its systems settings for the backend that it names; on another code they mean nothing.
    """
    from anodeflow.studies.subjects.varying import declarations

    known = set(type(backend.settings).model_fields)
    notes: list[str] = []

    def drop(name: str, keys: list[str]) -> None:
        notes.append(f"{name}: {', '.join(keys)} left out, backend {backend.name} has no such setting.")

    changes: dict[str, Any] = {}
    for key, listed in systems.items():
        changes[key] = []
        for system in listed:
            foreign = [name for name in system.settings if name not in known]
            if foreign:
                drop(system.name, foreign)
            own = {name: value for name, value in system.settings.items() if name in known}
            changes[key].append(system.model_copy(update={"settings": own}))
    changes["studies"] = []
    for study in studies:
        if not isinstance(study.input, Converged):
            changes["studies"].append(study)
            continue
        varied = study.input.convergence
        spec = _SPECS.get(study.study.subject, study.study.spec)
        foreign = [key for key in varied if key not in declarations(spec, backend)]
        if foreign:
            drop(f"convergence of {study.name}", foreign)
        kept = {key: values for key, values in varied.items() if key not in foreign}
        changed = study.input.model_copy(update={"convergence": kept})
        changes["studies"].append(study.model_copy(update={study.name: changed}))
    return changes, notes


def with_prescreen(known: PrescreenInput | None, name: str) -> dict[str, Any]:
    """Return the change that lets another backend go before that of the campaign; `none`: no prescreen."""
    if name == NONE:
        return {"prescreen": None}
    return {"prescreen": (known or PrescreenInput()).model_copy(update={"backend": name})}


def without_own_prescreen(prescreen: CampaignPrescreen | None, backend: "Backend") -> tuple[dict[str, Any], list[str]]:
    """Return the change that leaves the prescreen out where it is the backend itself, and a note."""
    if prescreen is None or not prescreen.same_as(backend):
        return {}, []
    return {"prescreen": None}, [f"No prescreen: {backend.name} is the backend itself."]
