"""The Makers of calculations: relax, static, density; each runs in the folder of its content address, or is found."""

import json
import time
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from jobflow import Maker
from monty.json import MontyEncoder
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.calculations.admission import ask
from anodeflow.calculations.document import CalculationDoc, Task
from anodeflow.calculations.finished import finished_document
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide import prepare_guide, with_surrogate
from anodeflow.calculations.guide_files import clear_damage, started
from anodeflow.calculations.guide_learns import teach
from anodeflow.calculations.guide_of import NEARBY
from anodeflow.calculations.placement import placed_job
from anodeflow.calculations.progress import Progress, State, report
from anodeflow.calculations.recorded import calculation_document
from anodeflow.calculations.rehearsal import rehearse
from anodeflow.calculations.request import Request
from anodeflow.calculations.screening_document import PrescreenRecord
from anodeflow.core.errors import CalculationError
from anodeflow.core.settings import get_settings
from anodeflow.structures.geometry.positions import largest_distance

Document = TypeVar("Document", bound=CalculationDoc)


@dataclass
class CalculationMaker(Maker):
    """Makes the job that runs one calculation of a backend, or finds it finished.

    Attributes
    ----------
    name
        Name of the job.
    task
        relax, relax_cell, static or density.
    backend
        The backend as plain data (it travels to the cluster with the job).
    options
        What belongs to the task: `grid_spacing` (Å) of a density; `potential`, whether a static calculation of a slab
        gives its potential, too.
    guide
        A potential as plain data: a relaxation from its geometry begins with its Hessian. Empty: none does.
    """

    name: str = "calculation"
    task: Task = "static"
    backend: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    guide: dict[str, Any] = field(default_factory=dict)

    @placed_job(output_schema=CalculationDoc)
    def make(
        self,
        structure: Structure,
        label: str = "",
        prescreen: PrescreenRecord | None = None,
        guided: bool = False,
    ) -> CalculationDoc:
        """Compute `structure`, or return what was computed before.

        Parameters
        ----------
        structure
            Start geometry; `selective_dynamics`, `magmom` and `lattice.pbc` count.
        label
            What it is, for people: shown in progress, status and report.
        prescreen
            Relaxation by a potential that `structure` comes from, for the document. The relaxation begins with the
            Hessian of `guide` then (:mod:`anodeflow.backends.drivers.hessian`): another way to the same minimum.
        guided
            Whether it does so without such a relaxation, too. It is to say then whether it ends near its beginning, and
            nothing that the potential learned takes it elsewhere.

        Returns
        -------
        CalculationDoc

        Raises
        ------
        CalculationError
            If the code fails; the message names its log.
        """
        document = self.calculate(structure, label, guided or prescreen is not None, nearby=prescreen is None)
        if prescreen is None:
            return document
        away = largest_distance(prescreen.structure, document.structure)
        return document.model_copy(update={"prescreen": prescreen.model_copy(update={"displacement": away})})

    def calculate(
        self, structure: Structure, label: str = "", guided: bool = False, nearby: bool = False
    ) -> CalculationDoc:
        """Do at once, outside a workflow, what the job of :meth:`make` does.

        Parameters
        ----------
        structure, label
            As of :meth:`make`.
        guided
            Whether a relaxation begins with the Hessian of `guide`; else with one curvature for all directions.
        nearby
            Whether it is to say if it ends near its beginning.
        """
        from anodeflow.backends.registry import from_recipe

        label = label or f"{self.task} {structure.composition.reduced_formula}"
        guide = self.guide | ({NEARBY: True} if nearby else {}) if guided and self.guide else {}
        request = Request(self.task, structure, options=self.options, guide=guide)
        return compute(from_recipe(self.backend), request, label, CalculationDoc, calculation_document)


def compute(
    backend: Backend,
    request: Request,
    label: str,
    kind: type[Document],
    make_document: Any,
    execute: Any = None,
) -> Document:
    """Do what is requested, in the folder of its content address, or find it done.

    Parameters
    ----------
    backend
        Who computes.
    request
        What is computed.
    label
        What it is, for people.
    kind
        Class of the document.
    make_document
        Makes it: takes backend, request, folder, address, label.
    execute
        Computes, as :meth:`~anodeflow.backends.base.Backend.execute` does: takes request, folder, lock, tell. None: the
        backend does it itself.

    Raises
    ------
    CalculationError
        If the code fails; the message names its log.
    """
    if execute is None and request.task not in backend.tasks:
        known = ", ".join(sorted(backend.tasks))
        raise CalculationError(f"{label}: {backend.code} has no task {request.task!r}, only {known}.")
    if (rehearsed := rehearse(backend, request, label)) is not None:
        return cast(Document, rehearsed)
    address = backend.address(request)
    folder = CalculationFolder(get_settings().prepare().calculation(address))
    began = time.monotonic()

    def tell(state: State, **fields: Any) -> None:
        report(Progress(label, address, state, elapsed=time.monotonic() - began, **fields))

    document = finished_document(folder, request, kind)
    if document is None:
        ask(backend, request, label, folder)
        backend.check_available()
        backend.check_elements({site.specie.symbol for site in request.structure})
        with folder.locked(on_wait=lambda: tell("waiting")) as lock:
            document = finished_document(folder, request, kind)
            if document is None:
                if damage := folder.cut_damage():
                    tell("running", message=damage)
                earlier = len(folder.steps())
                tell("resumed" if earlier else "started", ionic_step=earlier)
                if earlier:
                    clear_damage(request, folder, tell)
                else:
                    prepare_guide(request, folder, backend, tell)
                try:
                    begun = with_surrogate(started(request, folder), folder, backend, tell)
                    (execute or backend.execute)(begun, folder, lock.fileno(), tell)
                    document = make_document(backend, request, folder, address, label)
                except CalculationError as error:
                    tell("failed", message=str(error))
                    raise
                folder.write(folder.document, json.dumps(document, cls=MontyEncoder))
                teach(request, folder, backend, tell)
                tell("finished", **_numbers(document))
                return document
    teach(request, folder, backend, tell)  # one from before may not have taught yet
    # Somebody else may have computed it, under another name of the same settings.
    document = document.model_copy(update={"label": label, "backend": backend.name})
    tell("reused", **_numbers(document))
    return document


def _numbers(document: CalculationDoc) -> dict[str, Any]:
    return {"ionic_step": document.ionic_steps, "energy": document.energy, "max_force": document.max_force}
