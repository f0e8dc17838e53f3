"""Finished calculations of others become ours: found where a campaign asks for the same, or kept to be looked at.

A run is *reused* where every setting that decides its numbers was proved to be that of a backend: it then lies at the
content address that a campaign asks for. Any other finished run is *kept*: it stands in the database with what differs,
and no campaign takes it.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import NAMESPACE_URL, uuid5

from monty.json import MontyEncoder

from anodeflow.backends.base import Backend
from anodeflow.backends.foreign import ForeignRun, FoundRun
from anodeflow.backends.registry import backend_class, foreign_readers
from anodeflow.calculations.document import Adoption, CalculationDoc
from anodeflow.calculations.finished import finished_document
from anodeflow.calculations.folder import CalculationFolder, append_step
from anodeflow.calculations.recorded import calculation_document
from anodeflow.core.address import content_hash
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import AnodeflowError, InputError
from anodeflow.core.settings import get_settings
from anodeflow.structures.geometry.positions import placed

if TYPE_CHECKING:
    from jobflow import JobStore


@dataclass(frozen=True)
class Adopted:
    """What became of one run.

    Attributes
    ----------
    source
        Folder or file of the run.
    state
        reused: campaigns find it; known: they would have found it before; kept: it can be looked at; refused.
    detail
        In words: whose calculation it is, what differs, or why it was refused.
    calculation
        Its document; none if it was refused.
    """

    source: str
    state: Literal["reused", "known", "kept", "refused"]
    detail: str
    calculation: CalculationDoc | None = None

    def row(self) -> dict[str, Any]:
        """Return it as plain data, without structures."""
        found: dict[str, Any] = {"source": self.source, "state": self.state, "detail": self.detail}
        document = self.calculation
        if document is None or document.adopted is None:
            return found
        return found | {
            "id": document.id,
            "formula": document.formula,
            "task": document.task,
            "program": document.adopted.program,
            "energy": document.energy,
            "max_force": document.max_force,
            "settings": document.adopted.settings,
            "settings_hash": document.settings_hash,
            "equal_to": document.adopted.equal_to,
            "differs": document.adopted.differs,
            "files": document.adopted.files,
            "adopted_at": document.adopted.adopted_at,
        }


def found_runs(folders: Iterable[Path]) -> Iterator[FoundRun]:
    """Yield every run in folders and their subfolders of a code whose runs are read, with what reads it.

    Raises
    ------
    InputError
        If a folder is none.
    """
    readers = foreign_readers().values()
    for top in folders:
        if not top.is_dir():
            raise InputError(f"there is no folder {top}: give folders of finished calculations.")
        for name, inside, _ in os.walk(top):
            inside.sort()
            inside[:] = [each for each in inside if not each.startswith(".")]
            for runs_in in readers:
                yield from runs_in(Path(name))


def adopt(
    folders: Sequence[Path], backends: Sequence[Backend], store: "JobStore | None" = None, dry: bool = False
) -> list[Adopted]:
    """Take over the finished calculations in folders.

    Parameters
    ----------
    folders
        Folders, walked with their subfolders.
    backends
        Backends whose calculations they may be.
    store
        Connected store of the database; none with `dry`.
    dry
        Write nothing: say what would become of them.

    Raises
    ------
    InputError
        If a folder is none, or none of them holds a run.
    """
    found = []
    for source, read in found_runs(folders):
        try:
            found += _adopt_one(read(), source, backends, store, dry)
        except AnodeflowError as error:
            found.append(Adopted(str(source), "refused", str(error)))
    if not found:
        listed, known = ", ".join(map(str, folders)), " or ".join(foreign_readers())
        raise InputError(f"no calculation of {known} was found in {listed}: give other folders.")
    return found


def _adopt_one(
    run: ForeignRun, source: Path, backends: Sequence[Backend], store: "JobStore | None", dry: bool
) -> list[Adopted]:
    mine = [backend for backend in backends if backend.code == run.code]
    compared = [(backend, run.differences(backend)) for backend in mine]
    equal: dict[str, Backend] = {}
    for backend, differs in compared:
        if not differs:
            equal.setdefault(backend.address(run.request), backend)
    if equal:
        return [_reused(run, source, backend, address, store, dry) for address, backend in equal.items()]
    closest = min(compared, key=lambda each: len(each[1]), default=None)
    differs = closest[1] if closest else [f"no backend of {run.code} was named"]
    document = _kept_document(run, differs)
    if store is not None and not dry:
        store_calculation(store, document)
    return [Adopted(str(source), "kept", f"not reused: {'; '.join(differs)}", document)]


def _reused(
    run: ForeignRun, source: Path, backend: Backend, address: str, store: "JobStore | None", dry: bool
) -> Adopted:
    request, label = run.request, f"{run.task} {run.structure.composition.reduced_formula}"
    folder = CalculationFolder(get_settings().calculation(address))
    words = f"the {run.task} of {run.structure.composition.reduced_formula} that {backend.name} asks for"
    known = finished_document(folder, request, CalculationDoc)
    if known is not None:
        if known.adopted is not None and store is not None:
            store_calculation(store, known)  # the database may be another one
        return Adopted(str(source), "known", f"{words} is there already", known)
    if dry:
        return Adopted(str(source), "reused", words, _kept_document(run, [], backend, address))
    get_settings().prepare()

    def busy() -> None:
        raise AnodeflowError(f"{source}: a job is computing {words} at this moment: adopt it once that has ended.")

    with folder.locked(on_wait=busy):
        if folder.steps():
            raise AnodeflowError(
                f"{source}: {words} was begun in {folder.path}: run its campaign to the end, or move that folder away."
            )
        for step in run.steps:
            append_step(folder.steps_file, step)
        adoption = _adoption(run, equal_to=backend.name)
        told = Caveat("adopted", f"computed by {adoption.program} outside of anodeflow, adopted from {run.folder.name}")
        folder.write(folder.outcome, json.dumps({"converged": True, "warnings": [told.model_dump()]}))
        document = calculation_document(backend, request, folder, address, label).model_copy(
            update={"adopted": adoption, "finished_at": run.finished_at}
        )
        folder.write(folder.document, json.dumps(document, cls=MontyEncoder))
        if finished_document(folder, request, CalculationDoc) is None:
            for file in (folder.document, folder.outcome, folder.steps_file):
                file.unlink(missing_ok=True)
            raise AnodeflowError(f"{source}: what was read of it does not agree with itself: compute it again.")
    if store is not None:
        store_calculation(store, document)
    return Adopted(str(source), "reused", words, document)


def _adoption(run: ForeignRun, equal_to: str = "", differs: Sequence[str] = ()) -> Adoption:
    return Adoption(
        folder=str(run.folder.resolve()),
        program=f"{backend_class(run.code).program} {run.version}",
        files=run.hashes(),
        settings=run.settings,
        adopted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        equal_to=equal_to,
        differs=list(differs),
    )


def _kept_document(
    run: ForeignRun, differs: Sequence[str], backend: Backend | None = None, address: str = ""
) -> CalculationDoc:
    """Return the document of a run that no campaign asks for, under an address of its own."""
    last = run.steps[-1]
    hashed = {"code": run.code, "version": run.version, "settings": run.settings}
    cycles = [step["scf_cycles"] for step in run.steps if step.get("scf_cycles")]
    return CalculationDoc(
        id=address or content_hash({"adopted": run.request.content()} | hashed),
        task=run.task,
        label=f"{run.task} {run.structure.composition.reduced_formula}",
        backend=backend.name if backend else "adopted",
        code=run.code,
        code_version=run.version,
        settings=run.settings,
        settings_hash=content_hash(hashed),
        formula=run.structure.composition.formula,
        initial_structure=run.structure,
        structure=placed(run.structure, last["positions"], last["cell"]),
        energy=last["energy"],
        free_energy=last["free_energy"],
        forces=last["forces"],
        stress=last["stress"],
        magnetic_moment=last.get("magnetic_moment"),
        max_force=run.largest_force,
        converged=True,
        ionic_steps=len(run.steps),
        force_evaluations=len(run.steps),
        scf_cycles=sum(cycles) if cycles else None,
        wall_time=sum(step["seconds"] for step in run.steps),
        warnings=[Caveat("adopted", f"computed outside of anodeflow, adopted from {run.folder.name}")],
        adopted=_adoption(run, backend.name if backend else "", differs),
        directory=str(run.folder.resolve()),
        finished_at=run.finished_at,
    )


def store_calculation(store: "JobStore", document: CalculationDoc) -> None:
    """Write a calculation as a job would; the same one adopted again takes its own place."""
    record: Any = {
        "uuid": str(uuid5(NAMESPACE_URL, f"anodeflow adopt/{document.id}")),
        "index": 1,
        "output": json.loads(json.dumps(document, cls=MontyEncoder)),
        "completed_at": document.finished_at,
        "metadata": {"adopted": True},
        "hosts": [],
        "name": "adopted",
    }
    store.update(record)


def adopted_calculations(store: "JobStore") -> list[Adopted]:
    """Return the calculations that were adopted, as the database has them, the oldest first."""
    found = []
    for entry in store.query({"metadata.adopted": True}, properties=["output"], load=True):
        document = CalculationDoc.model_validate(entry["output"])
        adoption = document.adopted
        if adoption is not None:
            equal = f"the {document.task} that {adoption.equal_to} asks for"
            detail = equal if adoption.equal_to else f"not reused: {'; '.join(adoption.differs)}"
            found.append(Adopted(adoption.folder, "reused" if adoption.equal_to else "kept", detail, document))
    return sorted(found, key=lambda each: each.row()["adopted_at"])
