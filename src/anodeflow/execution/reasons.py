"""Why a job of the queue failed, in a few words, out of what Python, the queue and the scheduler left behind."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "walltime",
    "cancelled",
    "out of memory",
    "node failure",
    "preempted",
    "disk full",
    "SCF",
    "signal",
    "submission",
    "queue unreachable",
    "Python error",
    "unknown",
]

_ADVICE: dict[Kind, str] = {
    "walltime": "it goes on from its last step with anodeflow retry, with more time by --time",
    "cancelled": "anodeflow retry runs it again",
    "out of memory": "give it more with anodeflow retry --memory, or spread it over more cores",
    "node failure": "anodeflow retry runs it on another node",
    "preempted": "anodeflow retry goes on from its last step",
    "disk full": "make room, then anodeflow retry",
    "SCF": "see the log; a finer or smoother backend may help",
    "signal": "anodeflow retry goes on from its last step",
    "submission": "correct it, then anodeflow retry (--queue, --time ... for this campaign)",
    "queue unreachable": "it is tried again by itself; after it was given up, anodeflow retry goes on",
    "Python error": "the whole of it: anodeflow status NAME --format json",
    "unknown": "see the folder of the job",
}

# What the output of a queue says, most telling first: Slurm, then PBS and SGE, then programs.
_OUTPUT: tuple[tuple[str, Kind], ...] = (
    (r"DUE TO TIME LIMIT|walltime \S+ exceeded limit|job killed: walltime|exceeded.{0,20}run.?time", "walltime"),
    (r"oom[-_ ]?kill|out[- ]of[- ]memory|exceeded (job|step) memory|mem(ory)? \S* ?exceeded", "out of memory"),
    (r"DUE TO NODE FAILURE|NODE_FAIL|Node failure", "node failure"),
    (r"DUE TO PREEMPTION|PREEMPTED", "preempted"),
    (r"No space left on device|Disk quota exceeded|Errno 28|Errno 122", "disk full"),
    (r"\*\*\* (JOB|STEP) \S+ (ON \S+ )?CANCELLED", "cancelled"),
)
_ERROR: tuple[tuple[str, Kind], ...] = (
    (r"No space left on device|Disk quota exceeded", "disk full"),
    (r"MemoryError|oom[-_ ]?kill|Cannot allocate memory", "out of memory"),
    (r"was killed by SIG\w+|signal \d+ \(|Segmentation fault", "signal"),
    (r"SCF did not converge|ConvergenceError|SCF.{0,40}not converge", "SCF"),
)
_SLURM: dict[str, Kind] = {
    "TIMEOUT": "walltime",
    "DEADLINE": "walltime",
    "CANCELLED": "cancelled",
    "OUT_OF_MEMORY": "out of memory",
    "NODE_FAIL": "node failure",
    "BOOT_FAIL": "node failure",
    "PREEMPTED": "preempted",
}
_NEVER_STARTED = "was not present in the download|does not contain the response"


@dataclass(frozen=True)
class Reason:
    """Why a job failed."""

    kind: Kind
    """One of a few causes."""
    detail: str = ""
    """The line that tells it."""

    def __str__(self) -> str:
        text = f"{self.kind}: {self.detail}" if self.detail else str(self.kind)
        return f"{text.rstrip('.')}; {_ADVICE[self.kind]}"


def reason(error: str | None, remote_error: str | None, output: str | None, verdict: str | None = None) -> Reason:
    """Return why a job failed.

    Parameters
    ----------
    error
        What jobflow-remote keeps of a failed job: a Python traceback, or that the output is missing.
    remote_error
        What went wrong between runner and queue.
    output
        What the job printed, queue.out and queue.err.
    verdict
        State and exit code that the scheduler reports (``TIMEOUT 0:15``), where it still knows the job.
    """
    if remote_error:
        return _of_runner(remote_error)
    traceback = error if error and "Traceback" in error else None
    if traceback:
        return _of_python(traceback)
    found = _search(_OUTPUT, output or "")
    if found:
        return found
    state = re.match(r"[A-Z_]+", verdict or "")
    if state and state[0] in _SLURM:
        return Reason(_SLURM[state[0]], f"the scheduler says {verdict}")
    found = _search(_ERROR, output or "")
    if found:
        return found
    if output and "Traceback" in output:
        return _of_python(output)
    number = re.search(r"\b0:(\d+)$", verdict or "")
    if number and number[1] != "0":
        return Reason("signal", f"the scheduler says {verdict}")
    if error and re.search(_NEVER_STARTED, error):
        detail = "it ended without an answer" + (f", the scheduler says {verdict}" if verdict else "")
        return Reason("unknown", detail)
    return Reason("unknown", _last_line(error or output or ""))


def _of_runner(text: str) -> Reason:
    """Cause of an error between the runner and the queue."""
    found = re.search(r"stderr='([^']*)'|stderr=\"([^\"]*)\"", text)
    said = " ".join((found[1] or found[2] or "").replace("\\n", " ").split()) if found else ""
    if "submission failed" in text:
        if re.search(r"Unable to contact slurm controller|Connection refused|Socket timed out|connect failure", text):
            return Reason("queue unreachable", said)
        return Reason("submission", said or _last_line(text))
    lost = r"squeue failed|Unable to contact slurm controller|SSHException|Connection (refused|reset)|timed out"
    if re.search(lost, text):
        line = next(line for line in text.splitlines() if re.search(lost, line))
        return Reason("queue unreachable", " ".join(line.split())[:200])
    return _search(_ERROR, text) or Reason("Python error", _last_line(text))


def _of_python(text: str) -> Reason:
    line = _last_line(text)
    for pattern, kind in _ERROR:
        if re.search(pattern, line):
            return Reason(kind, _without_class(line))
    return Reason("Python error", _without_class(line))


def _search(patterns: tuple[tuple[str, Kind], ...], text: str) -> Reason | None:
    """The first pattern that occurs, with its line."""
    for pattern, kind in patterns:
        for line in reversed(text.splitlines()):
            if re.search(pattern, line, re.IGNORECASE if kind == "out of memory" else 0):
                return Reason(kind, " ".join(line.split())[:300])
    return None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""


def _without_class(line: str) -> str:
    """Leave out the module of our own errors: their sentence says enough."""
    return re.sub(r"^anodeflow(\.core)?\.errors\.\w+: ", "", line)
