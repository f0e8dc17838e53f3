"""Runs a command as its child and notes how it ended: ``python exec.py NOTE COMMAND ...``.

custodian starts VASP in a session of its own, out of reach of the job's end, and of a failure it tells no more than
that there was one. This program stands between the two: it ends with the job, ends its command first, and writes
process number and exit status to NOTE, as JSON. It imports the standard library alone, for it starts with every VASP.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys


def main(note: str, command: list[str]) -> int:
    """Run the command; return its status as a shell would say it (127: not found; 128 and more: killed)."""
    die_with_parent()
    write(note, {"pid": os.getpid(), "status": None})
    guard = os.getpid()
    # A SIGTERM that comes while the command is being started waits until there is somebody to pass it on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        child = subprocess.Popen(command, preexec_fn=lambda: begin(guard))
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        write(note, {"pid": os.getpid(), "status": 127})
        return 127
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    status = child.wait()
    write(note, {"pid": os.getpid(), "status": status})
    return status if status >= 0 else 128 - status


def begin(guard: int) -> None:
    """Make ready, in the child, for the command: it ends with its parent, the guard, and can be asked to end."""
    die_with_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if os.getppid() != guard:
        os._exit(128 + signal.SIGTERM)  # the guard was gone before the first line could ask for a signal


def die_with_parent() -> None:
    """Ask Linux for a SIGTERM when the parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG


def write(note: str, content: dict) -> None:
    """Write the note so that a reader sees all of it or none."""
    with open(f"{note}.new", "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(f"{note}.new", note)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
