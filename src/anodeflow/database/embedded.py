"""The embedded database server: one secantusd a folder, started when needed, shared by all processes of the user.

A detached supervisor (:mod:`anodeflow.database.supervisor`) owns the server, so that the process that happened
to start it may end or be killed while others go on. Every client holds a shared lock on ``clients.lock``; once
nobody does, the supervisor stops the server. It listens on 127.0.0.1 alone, and lets in only who knows the password
in its folder (:mod:`anodeflow.database.secret`).

secantusd (SecantusDB) speaks MongoDB's protocol; being GPL software it stays a process of its own, never imported.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from anodeflow.core.errors import DatabaseError
from anodeflow.core.install import install_command
from anodeflow.database.locks import file_lock, is_locked
from anodeflow.database.server import Server, ServerFolder, Service
from anodeflow.database.space import full, is_full

__all__ = ["Server", "ServerFolder", "Service", "embedded_server"]

_PATIENCE = 60.0  # s; a server on its way down takes up to 10 s, recovery after a power cut may take longer
_FIRST = 120.0  # s; the first start is two, for the user is made before anybody else is let in
_DYING = 2.0  # s for which the port of a killed server may still be open


def listens(port: int) -> bool:
    """Return whether a program listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_taken(folder: ServerFolder, port: int) -> bool:
    """Return whether another program listens on the port: not the server of the folder, nor what a kill left of it."""
    deadline = time.monotonic() + _DYING
    while listens(port):
        server = folder.recorded()
        if server is not None and (server.host, server.port) == (socket.gethostname(), port) and server.answers():
            return False
        if time.monotonic() > deadline:
            return True
        time.sleep(0.02)
    return False


def serves(pid: int, storage: Path) -> bool:
    """Return whether the process is a server of this storage folder, going by its command line."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        if Path("/proc/self").exists():
            return False
        told = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
        return f"--storage-path {storage} " in told
    if "--storage-path" not in arguments:
        return False
    named = arguments[arguments.index("--storage-path") + 1 :][:1]
    try:
        return bool(named) and os.path.samefile(named[0], storage)
    except OSError:
        return False


def server_command() -> list[str] | None:
    """Return the command that starts secantusd; none: it is not installed."""
    if find_spec("secantus"):
        return [sys.executable, "-P", "-m", "secantus"]
    program = shutil.which("secantusd-py")
    return [program] if program else None


@contextmanager
def embedded_server(path: Path) -> Iterator[Server]:
    """Keep the server of the folder `path` running for as long as the context lasts, starting it if need be.

    Parameters
    ----------
    path
        Folder of the server, created when missing.

    Raises
    ------
    DatabaseError
        If secantusd is not installed, does not start (a damaged database), does not answer, or runs on
        another machine.
    """
    if server_command() is None:
        raise DatabaseError(
            f"secantusd, which opens the embedded database in {path}, is not installed: "
            f"{install_command('database')}, or set ANODEFLOW_EMBEDDED=sqlite or ANODEFLOW_DATABASE to a MongoDB URI."
        )
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = ServerFolder(path)
    _retire_unguarded(folder)
    with ExitStack() as held:
        try:
            # A supervisor that is stopping its server holds clients.lock until the server is gone.
            held.enter_context(file_lock(folder.clients_lock, shared=True, patience=_PATIENCE))
            with file_lock(folder.start_lock, patience=_FIRST):
                folder.claim()
                server = _running(folder) or _start(folder)
        except TimeoutError as error:
            raise DatabaseError(
                f"the server of the embedded database in {path} neither answers nor ends ({error}): see {folder.log}, "
                "end the process that holds the lock and try again."
            ) from error
        yield server


def _retire_unguarded(folder: ServerFolder) -> None:
    """Stop a server that an older anodeflow started without a password, so that it comes back with one."""
    server = folder.recorded() if is_locked(folder.supervisor_lock) else None
    if server is None or server.guarded or not server.supervisor or server.host != socket.gethostname():
        return
    try:
        with file_lock(folder.clients_lock, patience=1.0):
            with suppress(ProcessLookupError):
                os.kill(server.supervisor, signal.SIGTERM)
            with file_lock(folder.supervisor_lock, patience=_PATIENCE):
                pass
    except TimeoutError as error:
        raise DatabaseError(
            f"the server of the embedded database in {folder.path} was started by an older anodeflow, lets in every "
            "user of this machine, and is in use: end the programs that use it, or stop it under them with anodeflow "
            "db stop --force."
        ) from error


def _running(folder: ServerFolder) -> Server | None:
    """The server of the folder if a supervisor takes care of it; the caller holds the start lock."""
    deadline = time.monotonic() + _PATIENCE
    while is_locked(folder.supervisor_lock):
        server = folder.recorded()
        if server is not None:
            if server.host != socket.gethostname():
                raise DatabaseError(
                    f"the embedded database in {folder.path} is in use on the machine {server.host}: work there, set "
                    "ANODEFLOW_HOME to another folder, or ANODEFLOW_DATABASE to a MongoDB URI that both reach."
                )
            if server.answers():
                return server
        # Its supervisor is starting it again, or is about to leave.
        if time.monotonic() > deadline:
            raise TimeoutError(f"{folder.supervisor_lock} is held")
        time.sleep(0.05)
    return None


def _start(folder: ServerFolder) -> Server:
    """Start a supervisor, which detaches itself once its server answers; the caller holds the start lock."""
    # The supervisor stands in the folder of the database, so relative entries of PYTHONPATH must become absolute;
    # -P keeps the files of the folder from passing for modules.
    paths = [
        str(Path(__file__).parents[2]),
        *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)),
    ]
    service = folder.service()
    if service.kept and service.port and is_taken(folder, service.port):
        raise DatabaseError(
            f"the embedded database in {folder.path} is to be served on port {service.port}, which another program has "
            "taken: end that program, or take another port with anodeflow db start --port PORT."
        )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in paths)}
    with folder.log.open("ab") as log:
        seen = log.tell()
        late = False
        try:
            subprocess.run(
                [sys.executable, "-P", "-m", "anodeflow.database.supervisor", str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder.path,
                env=environment,
                timeout=_FIRST,
            )
        except subprocess.TimeoutExpired:
            late = True
    server = folder.recorded()
    if server is not None and server.answers():
        return server
    printed = folder.log.read_bytes()[seen:].decode(errors="replace").strip().splitlines()
    if is_full(folder.path, "\n".join(printed)):
        raise DatabaseError(full(folder.path))
    # A client that gave up waiting leaves a warning of its broken handshake: no fault of the server.
    faults = [line for line in printed if " WARNING " not in line]
    if late and not faults:
        raise DatabaseError(
            f"the server of the embedded database in {folder.path} did not answer within {_FIRST:g} s, and names no "
            "fault: this machine may be busy; run the same command again."
        )
    reason = (faults or printed or ["it printed nothing"])[-1].strip()
    raise DatabaseError(
        f"the embedded database in {folder.path} does not open ({reason}): it is damaged if {folder.log} speaks of "
        "WiredTiger; then put a copy in its place, or move the folder away and begin anew."
    )
