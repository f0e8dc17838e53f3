"""Interrupted relaxations go on from their last whole step; damaged files are worked around."""

import json
import threading
import time
from pathlib import Path

import pytest
from factories import codes
from relaxations import limited

from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import CalculationFolder, append_step, read_steps
from anodeflow.calculations.progress import listen
from anodeflow.calculations.request import Request
from anodeflow.core.errors import CalculationError


def steps_of(document) -> list[dict]:
    return read_steps(Path(document.directory) / "steps.jsonl")


@pytest.mark.parametrize("calls", [1, 2, 5])
def test_interrupted_relaxation_takes_the_same_path(adatom, home, tmp_path, monkeypatch, calls):
    maker = Makers(load_backend("emt")).relax()
    whole = maker.calculate(adatom)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "interrupted"))
    with monkeypatch.context() as patch:
        limited(EmtBackend, calls, patch)
        with pytest.raises(CalculationError):
            maker.calculate(adatom)
    messages = []
    with listen(messages.append):
        resumed = maker.calculate(adatom)
    assert [messages[0].state, messages[0].ionic_step] == ["resumed", calls]
    assert resumed.restarts == 1
    assert resumed.energy == pytest.approx(whole.energy, abs=1e-9)
    assert resumed.ionic_steps == whole.ionic_steps, "the Hessian was rebuilt, nothing was computed twice"
    for one, other in zip(steps_of(whole), steps_of(resumed), strict=True):
        assert one["energy"] == pytest.approx(other["energy"], abs=1e-9)


def test_half_a_line_is_forgotten(adatom, monkeypatch):
    maker = Makers(load_backend("emt")).relax()
    with monkeypatch.context() as patch:
        limited(EmtBackend, 3, patch)
        with pytest.raises(CalculationError):
            maker.calculate(adatom)
    backend = load_backend("emt")
    (file,) = Path(backend_home()).glob("calculations/*/*/steps.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]) + lines[2][: len(lines[2]) // 2])
    assert len(read_steps(file)) == 2
    document = maker.calculate(adatom)
    assert document.converged
    assert len(steps_of(document)) == document.ionic_steps
    assert backend.address(Request("relax", adatom)) == document.id


def backend_home() -> Path:
    from anodeflow.core.settings import get_settings

    return get_settings().home


def test_damaged_document_is_made_again_from_its_steps(adatom):
    maker = Makers(load_backend("emt")).relax()
    first = maker.calculate(adatom)
    file = Path(first.directory) / "calculation.json"
    file.write_text(file.read_text()[:500])
    messages = []
    with listen(messages.append):
        again = maker.calculate(adatom)
    assert again.energy == first.energy
    assert again.ionic_steps == first.ionic_steps
    assert not [message for message in messages if message.state == "running"], "no step was computed again"


def test_relaxation_out_of_steps_says_so_and_goes_on_when_asked_again(adatom):
    data = load_backend("emt").recipe()
    data["relaxation"]["max_steps"] = 3
    maker = Makers(EmtBackend.model_validate(data)).relax()
    first = maker.calculate(adatom)
    assert not first.converged
    assert codes(first)[0] == "not-converged"
    second = maker.calculate(adatom)
    assert second.ionic_steps > first.ionic_steps
    assert steps_of(second)[: first.ionic_steps] == steps_of(first)[: first.ionic_steps]


def test_append_cuts_off_what_a_kill_left(tmp_path):
    file = tmp_path / "steps.jsonl"
    append_step(file, {"n": 1})
    with file.open("a") as stream:
        stream.write('{"n": 2, "pos')
    append_step(file, {"n": 3})
    assert read_steps(file) == [{"n": 1}, {"n": 3}]
    assert [json.loads(line)["n"] for line in file.read_text().splitlines()] == [1, 3]


def test_the_same_calculation_at_once_is_computed_once(adatom):
    """Another process (here: another open file) computes it: wait, then take what it found."""
    maker = Makers(load_backend("emt")).relax()
    backend = load_backend("emt")
    address = backend.address(Request("relax", adatom))
    folder = CalculationFolder(backend_home() / "calculations" / address[:2] / address)
    messages, results = [], []
    waiter = threading.Thread(target=lambda: results.append(maker.calculate(adatom)))
    with listen(messages.append):
        with folder.locked():
            waiter.start()
            deadline = time.monotonic() + 10
            while not messages and time.monotonic() < deadline:
                time.sleep(0.01)
            assert [message.state for message in messages] == ["waiting"]
            assert not folder.document.exists()
            # what the other process does meanwhile
            finished = _elsewhere(maker, adatom, folder)
        waiter.join(timeout=30)
    assert [message.state for message in messages] == ["waiting", "reused"]
    assert results[0].energy == finished.energy


def _elsewhere(maker, structure, folder):
    """Compute it in another home, unheard, and put the document where the waiter looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(folder.path.parent / "elsewhere"))
        patch.setattr("anodeflow.calculations.makers.report", lambda message: None)
        document = maker.calculate(structure)
    folder.document.write_text((Path(document.directory) / "calculation.json").read_text())
    return document
