"""Tasks are open: a backend may have one of its own, and refuses those that it does not have."""

from typing import ClassVar

import pytest
from pydantic import ValidationError
from relaxations import bridge

from anodeflow.backends import registry
from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.document import TASKS, CalculationDoc, Task
from anodeflow.calculations.makers import CalculationMaker
from anodeflow.core.errors import CalculationError


class Shaking(EmtBackend):
    """EMT that can do one thing more: it evaluates a geometry and calls that `shake`."""

    tasks: ClassVar[frozenset[Task]] = EmtBackend.tasks | {"shake"}

    def execute(self, request, folder, lock, tell):
        """Evaluate, whatever is asked for."""
        super().execute(type(request)("static", request.structure), folder, lock, tell)


def test_a_backend_has_a_task_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    monkeypatch.setitem(registry.codes(), "emt", f"{__name__}:Shaking")
    maker = CalculationMaker("shake", "shake", load_backend("emt").recipe())
    document = maker.calculate(bridge())
    assert isinstance(document, CalculationDoc)
    assert document.task == "shake"
    assert maker.calculate(bridge()).finished_at == document.finished_at
    static = CalculationMaker("static", "static", load_backend("emt").recipe()).calculate(bridge())
    assert static.energy == document.energy
    assert static.id != document.id


@pytest.mark.parametrize("task", ["shake", "Relax", "relaxx", ""])
def test_a_task_that_a_code_does_not_have_is_refused(tmp_path, monkeypatch, task):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    with pytest.raises(CalculationError, match=f"emt has no task '{task}', only density, neb, relax"):
        CalculationMaker("x", task, load_backend("emt").recipe()).calculate(bridge(), "bridge")
    assert not list(tmp_path.rglob("lock"))


def test_all_codes_do_the_tasks_of_our_studies():
    for code in registry.codes():
        assert registry.backend_class(code).tasks >= TASKS


@pytest.mark.parametrize("task", ["", "Relax", "a b", "../x", "x" * 51])
def test_documents_do_not_take_any_word_for_a_task(task):
    field = CalculationDoc.__pydantic_validator__
    with pytest.raises(ValidationError, match="task"):
        field.validate_assignment(CalculationDoc.model_construct(), "task", task)
