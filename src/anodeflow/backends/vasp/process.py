"""Runs VASP in a folder through atomate2's ``run_vasp``: its command, its custodian, its settings."""

import copy
import json
import os
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

from anodeflow.backends.external.backend import tail

_PATIENCE = 20.0  # s that VASP is given to end when asked to


def run_vasp_in(
    run: Path, note: Path, *, band: bool, custodian: dict[str, Any], watch: Callable[[list[str]], None]
) -> None:
    """Run VASP in a folder that holds its inputs, until it ends or custodian gives up.

    Parameters
    ----------
    run
        The folder.
    note
        File that gets process number and exit status (:mod:`anodeflow.backends.vasp.exec`).
    band
        Whether it is a nudged elastic band.
    custodian
        Arguments of custodian.Custodian.
    watch
        Called about every second, from another thread, with the last lines of OSZICAR when they are new.

    Raises
    ------
    Exception
        Whatever run_vasp raises: custodian's errors, mostly.
    """
    from atomate2 import SETTINGS
    from atomate2.vasp.jobs.core import StaticMaker
    from atomate2.vasp.jobs.neb import NebFromImagesMaker
    from atomate2.vasp.run import run_vasp
    from pymatgen.io.vasp.inputs import UnknownPotcarWarning
    from pymatgen.io.vasp.outputs import UnconvergedVASPWarning

    from anodeflow.backends.vasp.handlers import handlers

    maker = NebFromImagesMaker() if band else StaticMaker()
    guard = shlex.join([sys.executable, os.fspath(Path(__file__).with_name("exec.py")), os.fspath(note)])
    note.unlink(missing_ok=True)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(run, band, watch, ended), daemon=True)
    watcher.start()
    try:
        with warnings.catch_warnings(), chdir(run):
            # A VASP that fails is told by what it left, not by its status; so is one that has not converged. POTCARs
            # have been looked at by `check_elements`.
            warnings.filterwarnings("ignore", "subprocess returned a non-zero return code")
            warnings.simplefilter("ignore", UnconvergedVASPWarning)
            warnings.simplefilter("ignore", UnknownPotcarWarning)
            run_vasp(
                **copy.deepcopy(maker.run_vasp_kwargs),
                vasp_cmd=f"{guard} {SETTINGS.VASP_CMD}",
                vasp_gamma_cmd=f"{guard} {SETTINGS.VASP_GAMMA_CMD}",
                handlers=handlers(),
                custodian_kwargs=dict(custodian),
            )
    except BaseException:
        end_process(note)
        raise
    finally:
        ended.set()
        watcher.join()


def _watch(run: Path, band: bool, watch: Callable[[list[str]], None], ended: threading.Event) -> None:
    """Call `watch` with the last lines of OSZICAR, whenever they are new, until the run has ended."""
    last: list[str] = []
    while not ended.wait(1.0):
        places = [run / "scratch_link", run]
        lines: list[str] = []
        for place in places:
            with suppress(OSError):
                lines = lines or tail(place / "01" / "OSZICAR" if band else place / "OSZICAR")
        if lines != last:
            last = lines
            watch(lines)


def read_note(note: Path) -> dict[str, Any]:
    """Return what :mod:`anodeflow.backends.vasp.exec` noted: `pid` and `status`; empty if it never ran."""
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def end_process(note: Path) -> None:
    """End the VASP of a note with all its ranks, if it still runs as our child."""
    found = read_note(note)
    pid = found.get("pid")
    if pid is None or found.get("status") is not None:
        return
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + _PATIENCE
        if number is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)  # custodian gave it a session, and so a group, of its own
        while time.monotonic() < until:
            try:
                # Not our child: it has ended, and the number may be somebody else's by now.
                if os.waitpid(pid, os.WNOHANG)[0]:
                    return
            except ChildProcessError:
                return
            if number is None:
                break
            time.sleep(0.05)


def corrections(run: Path) -> list[dict[str, Any]]:
    """Return what custodian changed in a run: `handler`, `errors` and `actions` of each correction."""
    try:
        log = json.loads((run / "custodian.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    found = []
    for correction in (correction for job in log for correction in job.get("corrections") or []):
        handler = correction.get("handler")
        name = handler.get("@class", "") if isinstance(handler, dict) else str(handler)
        found.append({**correction, "handler": name})
    return found
