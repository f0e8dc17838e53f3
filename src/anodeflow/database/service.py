"""The embedded server as a service: kept running on a port of its own until it is stopped, and who uses it."""

import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from anodeflow.core.errors import DatabaseError, InputError
from anodeflow.core.masking import masked
from anodeflow.database.embedded import (
    Server,
    ServerFolder,
    embedded_server,
    is_taken,
)
from anodeflow.database.locks import file_lock, is_locked

_STOP = 60.0  # s; it takes 2 to 10 s
_COMMAND = 100  # characters of a command line that are shown


@dataclass(frozen=True)
class User:
    """A program that is connected to the server."""

    pid: int | None
    """Its process id; none: that of another user, or on another machine."""
    command: str
    """Its command line, or what else is known of it."""

    def __str__(self) -> str:
        return self.command if self.pid is None else f"{self.command} (process {self.pid})"


def start_service(path: Path, port: int | None = None) -> Server:
    """Start the server of the folder `path`, or find it running, and keep it running until :func:`stop_service`.

    The port is remembered: the server comes back on it after a crash, a restart of the machine or a stop.

    Parameters
    ----------
    path
        Folder of the server, created when missing.
    port
        Port on 127.0.0.1; default: the one it has or had, else a free one.

    Raises
    ------
    InputError
        If `port` is taken by another program.
    DatabaseError
        If the server does not start, or would have to change its port while programs use it.
    """
    folder = ServerFolder(path)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file_lock(folder.start_lock):
        folder.claim()
    before = folder.service()
    running = folder.recorded() if is_locked(folder.supervisor_lock) else None
    if port is not None and (running is None or port != running.port):
        if is_taken(folder, port):
            raise InputError(f"port {port} is taken by another program: give another one with --port, or none.")
        if running is not None:
            stop_service(path)
            running = None
    folder.record_service(replace(before, port=port or (running or before).port, kept=True))
    try:
        with embedded_server(path) as server:
            folder.record_service(replace(folder.service(), port=server.port))
            return server
    except DatabaseError:
        folder.record_service(before)
        raise


def stop_service(path: Path, force: bool = False) -> bool:
    """Stop the server of the folder `path`, and keep it no longer; it starts again when a command needs it.

    Parameters
    ----------
    path
        Folder of the server.
    force
        Stop it under the programs that use it. What it acknowledged is kept all the same.

    Returns
    -------
    bool
        Whether it was running.

    Raises
    ------
    DatabaseError
        If programs use it, or it does not end.
    """
    folder = ServerFolder(path)
    if not path.is_dir():
        return False
    with ExitStack() as held:
        try:
            # A supervisor that stops its server by itself holds this lock until the server is gone; clients share it.
            stopping = is_locked(folder.clients_lock)
            held.enter_context(file_lock(folder.clients_lock, patience=_STOP if stopping else 1.0))
            used = False
        except TimeoutError:
            used = True
        server = folder.recorded() if is_locked(folder.supervisor_lock) else None
        if server is not None and not force:
            programs = users(server)
            if used or programs:
                names = ", ".join(str(program) for program in programs) or "another program"
                raise DatabaseError(
                    f"the embedded database in {path} is in use by {names}: end that first, or stop the server all "
                    "the same with anodeflow db stop --force."
                )
        folder.record_service(replace(folder.service(), kept=False))
        if server is None or not server.supervisor:
            return False
        os.kill(server.supervisor, signal.SIGTERM)
        deadline = time.monotonic() + _STOP
        while is_locked(folder.supervisor_lock) and folder.recorded() in (server, None):
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"the server of the embedded database in {path} does not end: see {folder.log} and end process "
                    f"{server.pid}."
                )
            time.sleep(0.05)
    return True


def users(server: Server) -> list[User]:
    """Return the programs of this machine that are connected to the server, this one and its supervisor left out."""
    try:
        import psutil
    except ImportError:
        return []
    pids = {
        connection.pid
        for connection in psutil.net_connections("tcp4")
        if connection.raddr
        and (connection.raddr.ip, connection.raddr.port) == ("127.0.0.1", server.port)
        and connection.status == psutil.CONN_ESTABLISHED
    }
    found = []
    for pid in sorted(pids - {os.getpid(), server.supervisor, None}):
        try:
            command = masked(" ".join(" ".join(psutil.Process(pid).cmdline()).split()))[:_COMMAND]
        except psutil.Error:  # it has just ended
            continue
        found.append(User(pid, command))
    return found + [User(None, "a program of another user")] * (None in pids)
