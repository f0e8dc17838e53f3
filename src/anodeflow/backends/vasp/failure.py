"""Says in one sentence why VASP ended without a result."""

import re
import signal
from itertools import groupby
from pathlib import Path
from typing import Any

from anodeflow.backends.external.backend import ending_signal, last_error, tail
from anodeflow.backends.vasp.process import corrections, read_note
from anodeflow.core.errors import CalculationError, InterruptedCalculationError

_NOT_FOUND = 127
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_BANNER = re.compile(r"[ERO#!\s]+")  # the letters that VASP draws ERROR with
_ERROR_BOX = re.compile(r"EEEEEEE\s+RRRRRR|REFUSE TO CONTINUE|BYE!!!|internal error in:|submit a bug report")
"""In boxes of errors; others have warnings and advice."""
_NO_WORDS = ("REFUSE TO CONTINUE", "BYE!!!")
_COMPLAINTS = (
    "VERY BAD NEWS",
    "internal error",
    "ZBRENT: fatal",
    "Error EDD",
    "ERROR",
    "No space left",
    "oom-kill",
    "oom_kill",
)
_NOISE = ("PMIX", "UCX", "ld.so")  # errors of what is around VASP, which goes on


def failure(what: str, run: Path, note: Path, error: BaseException) -> CalculationError:
    """Return the error to be raised.

    Parameters
    ----------
    what
        The calculation, for people.
    run
        Folder of the run: vasp.out, std_err.txt, custodian.json.
    note
        How its command ended (:mod:`anodeflow.backends.vasp.exec`).
    error
        What custodian raised.
    """
    logs = f"(logs: vasp.out, std_err.txt, custodian.json in {run})"
    found = read_note(note)
    if not found:
        return CalculationError(f"{what} could not be started: {_first_line(error)} {logs}.")
    status = found["status"]
    ended = signal.SIGKILL if status is None else ending_signal(status)
    if ended and ended not in _CRASHES:
        return InterruptedCalculationError(
            f"{what} was killed by {ended.name}; run again to go on from its last step {logs}."
        )
    if status == _NOT_FOUND:
        return CalculationError(
            f"{what} could not be started: {last_error(run / 'std_err.txt')}; set VASP_CMD in ~/.atomate2.yaml {logs}."
        )
    fixes = corrections(run)
    if fixes and not fixes[-1].get("actions"):
        return CalculationError(f"{what} failed: {_unfixed(fixes)} {logs}.")
    words = complaint(run)
    if words:
        return CalculationError(f"{what} failed: {words} {logs}.")
    if ended:
        return CalculationError(f"{what} crashed with {ended.name}, perhaps out of memory or of stack {logs}.")
    if status:
        return CalculationError(f"{what} ended with status {status}: {_last_words(run)} {logs}.")
    if fixes:
        return CalculationError(f"{what} failed: {_unfixed(fixes)} {logs}.")
    if "Validat" in type(error).__name__ or "Validat" in str(error):
        return CalculationError(
            f"{what} ended without error and its vasprun.xml, CONTCAR, OSZICAR or OUTCAR is missing or cut short: is "
            f"the disk full, or was it stopped? {logs}."
        )
    return CalculationError(f"{what} failed: {type(error).__name__}: {_first_line(error)} {logs}.")


def unconverged(what: str, run: Path, cycles: int) -> CalculationError:
    """Return the error of a run whose last SCF ended unconverged."""
    tried = remedies(run)
    after = f", after custodian's remedies ({'; '.join(tried)})" if tried else ""
    return CalculationError(
        f"{what}: the SCF did not converge in {cycles} cycles{after}: raise max_scf_cycles, or set algorithm or mixing "
        f"(incar: AMIX, BMIX) in the backend file (logs: OSZICAR, OUTCAR in {run})."
    )


def remedies(run: Path) -> list[str]:
    """Return what custodian changed in a run, a line a correction: ``Unconverged: ALGO = All, ISEARCH = 1``."""
    return [f"{', '.join(fix.get('errors') or [fix['handler']])}: {_actions(fix)}" for fix in corrections(run)]


def changed_tags(run: Path) -> dict[str, Any]:
    """Return the INCAR tags, and `KPOINTS`, that custodian set in a run."""
    tags: dict[str, Any] = {}
    for fix in corrections(run):
        for action in fix.get("actions") or []:
            for settings in action.get("action", {}).values() if action.get("dict") == "INCAR" else []:
                tags |= settings
            if action.get("dict") == "KPOINTS":
                tags["KPOINTS"] = action.get("action")
    return tags


def complaint(run: Path) -> str:
    """Return VASP's own words on what is wrong; empty: it has none.

    They are those of its last box of an error; else the last line that tells of one; else the last line that custodian
    knows from runs that failed. Its boxes and lines of warnings and advice stand in sound runs, too.
    """
    files = [tail(run / name, 20000) for name in ("vasp.out", "std_err.txt")]
    for lines in files:
        for box in reversed(_boxes(lines)):
            if any(_ERROR_BOX.search(line) for line in box):
                words = [
                    line for line in box if not _BANNER.fullmatch(line) and not any(no in line for no in _NO_WORDS)
                ]
                if any(words):
                    return _shortened(" ".join(words))
    unboxed = [[line for line in lines if not line.lstrip().startswith("|")] for lines in files]
    for signs in (_COMPLAINTS, _known_messages()):
        for lines in unboxed:
            found = [n for n, line in enumerate(lines) if any(sign in line for sign in signs) and not _is_noise(line)]
            if found:
                line = lines[found[-1]]
                following = lines[found[-1] + 1] if found[-1] + 1 < len(lines) else ""
                return _shortened(f"{line} {following}" if line.rstrip().endswith(":") else line)
    return ""


def _boxes(lines: list[str]) -> list[list[str]]:
    """Return the lines of each box."""
    grouped = groupby(lines, key=lambda line: line.lstrip().startswith("|"))
    return [[line.strip().strip("|").strip() for line in box] for is_box, box in grouped if is_box]


def _is_noise(line: str) -> bool:
    return line.lstrip().startswith("WARNING") or any(word in line for word in _NOISE)


def _known_messages() -> list[str]:
    """Return what custodian looks for in the output of runs that failed."""
    from custodian.vasp.handlers import StdErrHandler, VaspErrorHandler

    messages = [*VaspErrorHandler.error_msgs.values(), *StdErrHandler.error_msgs.values()]
    return [message for several in messages for message in several]


def _unfixed(fixes: list[dict[str, Any]]) -> str:
    """Return what custodian could not put right."""
    names = ", ".join(fixes[-1].get("errors") or [fixes[-1]["handler"]])
    tried = [fix for fix in fixes if fix.get("actions")]
    before = "; ".join(f"{', '.join(fix.get('errors') or [])}: {_actions(fix)}" for fix in tried[-3:])
    return f"custodian found {names!r} and knows no more remedy" + (f", after {before}" if before else "")


def _actions(fix: dict[str, Any]) -> str:
    words = []
    for action in fix.get("actions") or []:
        for kind, changes in action.get("action", {}).items():
            if kind == "_file_copy":
                words.append(f"{action.get('file')} becomes {changes.get('dest')}")
            elif isinstance(changes, dict):
                words += [f"{tag} = {value}" for tag, value in changes.items()]
            else:
                words.append(f"{kind.strip('_')} {changes}")
    return ", ".join(words) or "nothing"


def _last_words(run: Path) -> str:
    for name in ("std_err.txt", "vasp.out"):
        if any(line.strip() for line in tail(run / name)):
            return _shortened(last_error(run / name))
    return "it printed nothing"


def _first_line(error: BaseException) -> str:
    return _shortened((str(error).splitlines() or [type(error).__name__])[0])


def _shortened(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= 240 else f"{text[:237]}..."
