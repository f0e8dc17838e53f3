"""What finished calculations have cost: one record each, from the documents under ANODEFLOW_HOME."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.hessian import hessian_file
from anodeflow.backends.work import Work
from anodeflow.core.caveats import told_by

_ONE_IMAGE = 3  # images of a path whose saddle alone is computed: it stands between two ends


@dataclass(frozen=True)
class Past:
    """A finished calculation.

    Attributes
    ----------
    id, label
        Content address, and what it is for people.
    task
        relax, relax_cell, static, density, neb, modes or hessian.
    guided
        Whether a potential went before it.
    settings_hash
        Hash of code, version and settings.
    work
        What one of its force evaluations has to do.
    volume
        Of the cell, Å³.
    force_evaluations, scf_cycles
        Their numbers; cycles: none without an SCF.
    processor_seconds
        Time of all processors together, s.
    peak_memory
        MiB; none: not recorded.
    cut_short
        Whether it ended after as many evaluations as were asked for, before its thresholds did.
    """

    id: str
    label: str
    task: str
    guided: bool
    settings_hash: str
    work: Work
    volume: float
    force_evaluations: int
    scf_cycles: int | None
    processor_seconds: float
    peak_memory: float | None
    cut_short: bool = False


def read_history(calculations: Path, backends: Iterable[Backend]) -> dict[str, list[Past]]:
    """Return the finished calculations of some codes.

    Parameters
    ----------
    calculations
        Folder of the calculations of an ANODEFLOW_HOME.
    backends
        A backend of each code that is asked about; it knows valences and reads the code's log.

    Returns
    -------
    dict of str to list of Past
        Code -> its calculations. Those that others made (``adopted``), and those that are parts of another one
        (displaced geometries of a search for modes), are left out; so are documents that cannot be read.
    """
    by_code = {backend.code: backend for backend in backends}
    found: dict[str, list[Past]] = {code: [] for code in by_code}
    parts: set[str] = set()
    for folder, document in _documents(calculations):
        parts.update(document.get("static_ids") or ())
        backend = by_code.get(str(document.get("code")))
        if backend is None or not document.get("converged") or document.get("adopted"):
            continue
        past = _past(folder, document, backend)
        if past is not None:
            found[backend.code].append(past)
    return {code: [each for each in pasts if each.id not in parts] for code, pasts in found.items()}


def _documents(calculations: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield folder and document of every calculation, in the order of their addresses."""
    for file in sorted(calculations.glob("??/*/calculation.json")):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # damaged: it is computed again when it is asked for
        if isinstance(document, dict):
            yield file.parent, document


def _past(folder: Path, document: dict[str, Any], backend: Backend) -> Past | None:
    """Return the record of a document; none if it lacks something, or was made with settings unknown today."""
    try:
        structure = Structure.from_dict(document["initial_structure"])
        facts = backend.log_facts(folder)
        processors = document.get("processors") or facts.processors or 1
        seconds = document.get("processor_time")
        memory = document.get("peak_memory") or facts.peak_memory
        return Past(
            id=folder.name,
            label=str(document["label"]),
            task=str(document["task"]),
            guided=_guided(folder, document),
            settings_hash=str(document["settings_hash"]),
            work=_with(backend, document["settings"]).work(structure),
            volume=structure.lattice.volume,
            force_evaluations=int(document["force_evaluations"]),
            scf_cycles=document.get("scf_cycles"),
            processor_seconds=float(document["wall_time"]) * processors if seconds is None else float(seconds),
            peak_memory=memory,
            cut_short=any(caveat.code == "few-evaluations" for caveat in told_by(document)),
        )
    except (KeyError, TypeError, ValueError, ValidationError):
        return None


def _guided(folder: Path, document: dict[str, Any]) -> bool:
    """Return whether a potential went before: its Hessian lies there, or it found the path to a single image."""
    if document["task"] in ("neb", "modes", "hessian"):
        return bool(document.get("guide")) or len(document.get("images") or ()) == _ONE_IMAGE
    return hessian_file(folder / "steps.jsonl").is_file()


def _with(backend: Backend, settings: dict[str, Any]) -> Backend:
    """Return the backend with the settings of a document, as far as the code has them today."""
    known = type(backend.settings).model_fields
    told = {name: value for name, value in settings.items() if name in known}
    return backend.model_copy(update={"settings": type(backend.settings).model_validate(told)})
