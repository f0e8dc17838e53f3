"""What a run shows: a live table on a terminal, lines elsewhere."""

import io
import sys

import pytest
from rich.console import Console

from anodeflow.calculations.progress import Progress
from anodeflow.cli.progress import at_work
from anodeflow.execution import display
from anodeflow.execution.display import RunDisplay, clock


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120)


def shown(display_console: Console) -> str:
    return display_console.file.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3725, "1:02:05")])
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_lines_say_which_of_how_many_and_how_far():
    out = console(terminal=False)
    with RunDisplay(["bulk", "slab"], out) as show:
        show(Progress("bulk", "1", "started"))
        show(Progress("bulk", "1", "running", scf_iteration=3, elapsed=1.0))
        show(Progress("bulk", "1", "running", ionic_step=1, energy=-1.5, max_force=0.25, elapsed=2.0))
        show(Progress("bulk", "1", "finished", ionic_step=1, energy=-1.5, max_force=0.01, elapsed=3.0))
        show(Progress("slab", "2", "failed", message="the SCF did not converge"))
    lines = shown(out).splitlines()
    assert lines == [
        "[1/2] bulk: started (0:00; 0 done)",
        "[1/2] bulk: running - ionic step 1, E = -1.5000 eV, max force 0.250 eV/Å (0:02; 0 done)",
        "[1/2] bulk: finished - ionic step 1, E = -1.5000 eV, max force 0.010 eV/Å (0:03; 1 done)",
        "[2/2] slab: failed - the SCF did not converge (0:00; 2 done)",
    ]


def test_what_is_told_at_the_beginning_is_printed():
    out = console(terminal=False)
    with RunDisplay(["bulk"], out) as show:
        show(Progress("bulk", "1", "running", message="its record is damaged after step 2"))
        show(Progress("bulk", "1", "resumed", ionic_step=2))
        show(Progress("bulk", "1", "running", message="its guide is damaged"))
    told = [line.partition(" (")[0] for line in shown(out).splitlines()]
    assert told == [
        "[1/1] bulk: running - its record is damaged after step 2",
        "[1/1] bulk: resumed - ionic step 2",
        "[1/1] bulk: running - its guide is damaged",
    ]


def test_a_long_scf_is_not_silent(monkeypatch):
    monkeypatch.setattr(display, "_SILENCE", -1.0)
    out = console(terminal=False)
    with RunDisplay(["bulk"], out) as show:
        show(Progress("bulk", "1", "running", scf_iteration=3, elapsed=25.0))
    assert "SCF 3 (0:25" in shown(out)


def test_terminal_gets_a_table_with_what_is_to_come():
    out = console(terminal=True)
    with RunDisplay(["bulk", "slab"], out) as show:
        show(Progress("bulk", "1", "reused", ionic_step=4))
        show(Progress("unplanned", "3", "running", ionic_step=2, scf_iteration=7))
    text = shown(out)
    assert "found finished" in text
    assert "slab" in text
    assert "ionic step 2, next: SCF 7" in text
    assert "1 of 3 calculations done" in text


def test_a_line_shows_the_cycles_of_its_own_step():
    out = console(terminal=False)
    with RunDisplay(["bulk"], out) as show:
        show(Progress("bulk", "1", "running", ionic_step=1, scf_cycles=10, scf_iteration=1, energy=-1.5))
    assert "ionic step 1, SCF 10, E = -1.5000 eV, next: SCF 1" in shown(out)


def test_calculations_are_counted_as_they_begin():
    """Not as they stand in the plan: sites and hops are computed in another order."""
    out = console(terminal=False)
    with RunDisplay(["bulk", "slab", "site"], out) as show:
        show(Progress("site", "3", "finished"))
        show(Progress("bulk", "1", "finished"))
        show(Progress("site", "3", "finished"))
    heads = [line.split(" ")[0] + line[line.index(";") :] for line in shown(out).splitlines()]
    assert heads == ["[1/3]; 1 done)", "[2/3]; 2 done)"]


def test_watcher_does_not_take_the_last_cycle_of_a_step_for_one_of_the_next(tmp_path):
    from pymatgen.core import Lattice, Structure

    from anodeflow.backends.external.backend import StepWatcher
    from anodeflow.calculations.folder import CalculationFolder
    from anodeflow.calculations.request import Request
    from anodeflow.calculations.steps import append_step

    folder = CalculationFolder(tmp_path)
    iteration, told = [None], []
    request = Request("relax", Structure(Lattice.cubic(3), ["Li"], [[0, 0, 0]]))
    watch = StepWatcher(request, folder, lambda state, **fields: told.append(fields), lambda: iteration[0])
    step = {"energy": -1.0, "free_forces": [[0.0, 0.0, 0.1]], "positions": [[0.0, 0.0, 0.0]]}
    for now, recorded in ((9, 0), (10, 1), (10, 0), (1, 0), (2, 0)):
        iteration[0] = now
        for _ in range(recorded):
            append_step(folder.steps_file, step | {"scf_cycles": 10})
        watch()
    seen = [(fields["ionic_step"], fields["scf_cycles"], fields["scf_iteration"]) for fields in told]
    assert seen == [(0, None, 9), (1, 10, None), (1, 10, 1), (1, 10, 2)]


def test_progress_reads_each_line_of_a_record_once(tmp_path, monkeypatch):
    """What is told of a band is what its whole record says, however it grows; no line is decoded a second time."""
    from types import SimpleNamespace

    from anodeflow.calculations import steps
    from anodeflow.calculations.follow import RecordFollower, band_progress

    decoded, decode = [], steps._step
    file = tmp_path / "steps.jsonl"
    record, request = RecordFollower(file), SimpleNamespace(images=[None] * 5, options={"energies": [-1.0, -1.0]})
    for number in range(9):
        energy = [0.5, 0.25, 1.5][number % 3] / (1 + number // 3)
        steps.append_step(file, {"image": number % 3 + 1, "iteration": number // 3, "energy": energy})
        with monkeypatch.context() as patch:
            patch.setattr(steps, "_step", lambda line: decoded.append(line) or decode(line))
            record.look()
            record.look()
        whole = steps.read_steps(file)
        assert (record.count, record.last) == (len(whole), whole[-1])
        highest = max({step["image"]: step["energy"] for step in whole}.values()) + 1.0
        told = f"image {number % 3 + 1} of 3, highest so far {highest:+.3f} eV"
        assert band_progress(record, request) == {"ionic_step": number // 3 + 1, "message": told}
    assert len(decoded) == 9
    with file.open("a") as stream:
        stream.write('{"image": 1, "iter')  # being written, or cut off by a kill
    record.look()
    assert record.count == 9
    steps.append_step(file, {"image": 1, "iteration": 3, "energy": 0.0})
    record.look()
    assert (record.count, record.last["iteration"]) == (10, 3)
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])  # begun anew
    record.look()
    assert (record.count, record.energies) == (1, {1: 0.5})
    file.unlink()
    record.look()
    assert (record.count, record.last) == (0, None)


def test_a_terminal_shows_what_is_done_and_a_pipe_nothing(monkeypatch, capsys):
    for terminal, words in ((True, True), (False, False)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setenv("TTY_COMPATIBLE", "1" if terminal else "0")
        with at_work("reading the campaign") as tell:
            tell("counting")
        assert ("counting" in capsys.readouterr().err) is words
