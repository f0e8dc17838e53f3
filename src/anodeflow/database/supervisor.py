"""The process that owns the embedded server: ``python -m anodeflow.database.supervisor FOLDER``.

It starts secantusd, starts it again on the same port when it dies under its clients (they reconnect by
themselves), and stops it and itself once no client has been there for ``ANODEFLOW_DATABASE_IDLE`` seconds
(10 if unset), unless the user wants it kept (:class:`anodeflow.database.embedded.Service`).
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from anodeflow.core.errors import DatabaseError
from anodeflow.database.embedded import (
    Server,
    ServerFolder,
    listens,
    server_command,
    serves,
)
from anodeflow.database.locks import file_lock
from anodeflow.database.secret import (
    Secret,
    certificate,
    read_secret,
    set_password,
    write_secret,
)

_TICK = 0.5  # s between two looks at server and clients
_DEATH = 5.0  # s for which a port is waited for that a killed server or a connection still has
_PORTS = 4  # that are tried, one after the other
_START = 50.0  # s that the server may take until it answers, recovery included


def _print(message: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} supervisor: {message}", flush=True)


def _is_free(port: int) -> bool:
    """Return whether a server may have the port: the end of a connection takes one, too, though it is deaf."""
    with socket.socket() as probe:
        # As servers do: a connection that has ended is in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _comes_free(port: int) -> bool:
    """Return whether a port is free, or is so within `_DEATH` seconds."""
    deadline = time.monotonic() + _DEATH
    while not _is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _stop(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Stop the server on `port`, if it still runs."""
    process.terminate()
    for _ in range(300):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            return
        listens(port)  # it waits 2 s for the next connection before it looks whether it has to stop
    process.kill()  # what was acknowledged is on disk
    process.wait()


def _server_process(folder: ServerFolder, port: int, *options: str) -> "subprocess.Popen[bytes]":
    settings = folder.path / "server.toml"
    settings.touch()  # given an empty one, the server does not look for the user's own
    return subprocess.Popen(
        [
            *(server_command() or ["secantusd-py"]),
            *("--config", str(settings)),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--storage-path", str(folder.storage)),
            *("--cache-size", "256M", "--log-level", "WARNING"),
            "--sync-on-commit",  # without it a killed server loses writes that it had acknowledged
            *options,
        ],
        stdin=subprocess.DEVNULL,
    )


def _try_port(folder: ServerFolder, port: int) -> "tuple[subprocess.Popen[bytes], int] | None":
    """Start the server on `port` and record it once it answers; none: it ended instead."""
    process = _server_process(folder, port, "--auth")
    server = Server(
        host=socket.gethostname(),
        port=port,
        pid=process.pid,
        supervisor=os.getpid(),
        guarded=True,
        password=folder.password,
    )
    deadline = time.monotonic() + _START
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if listens(port) and server.answers():
                folder.record(server)
                return process, port
            time.sleep(0.02)
    except SystemExit:
        _stop(process, port)
        raise
    _stop(process, port)
    return None


def _give_password(folder: ServerFolder) -> bool:
    """See that the server's user has the password of the folder; return whether it has.

    A server that knows no user can be told one only while it lets everybody in. So it is started once on a port of
    its own where it talks, by TLS, to the holder of a certificate alone. A database of an older anodeflow is served
    so for the first time too, and whatever users it had are dropped.
    """
    secret = read_secret(folder.secret_file)
    if secret is None or secret.made:
        return secret is not None
    for _ in range(_PORTS):
        seen = _size(folder.log)
        if _told_password(folder, secret):
            return True
        if not _was_taken(folder.log, seen):
            break
    return False


def _told_password(folder: ServerFolder, secret: Secret) -> bool:
    """Start the server on a port of its own and tell it the password; return whether it has it."""
    from pymongo import MongoClient
    from pymongo.errors import ConnectionFailure

    deadline = time.monotonic() + _START
    with certificate(folder.path) as file:
        pem, port = str(file), _free_port()
        keys = ("--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-file", pem)
        process = _server_process(folder, port, *keys, "--tls-require-client-cert")
        tls = {"tls": True, "tlsCAFile": pem, "tlsCertificateKeyFile": pem}
        options: dict[str, Any] = {"directConnection": True, "serverSelectionTimeoutMS": 500, **tls}
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if not listens(port):
                    time.sleep(0.02)
                    continue
                with MongoClient("127.0.0.1", port, **options) as client, suppress(ConnectionFailure):
                    set_password(client.admin, secret.password)
                    write_secret(folder.secret_file, replace(secret, made=True))
                    return True
        finally:
            _stop(process, port)
    return False


def _start(folder: ServerFolder, port: int) -> "tuple[subprocess.Popen[bytes], int] | None":
    """Start the server, on another port if `port` is taken, and return it with its port; none: it does not start.

    A port that the user wants kept is not left: the programs that know it would talk to a stranger; a connection that
    has it ends soon, even one of a client's with itself as it looks for the server. Another one is
    free when it is chosen; a connection of any program may have it before the server does, and be gone again before
    anybody can look, so what the server says of it counts, too.
    """
    for _ in range(_PORTS):
        seen = _size(folder.log)
        started = _try_port(folder, port)
        if started is not None or not (_was_taken(folder.log, seen) or not _is_free(port)):
            return started
        if not folder.service().kept:
            port = _free_port()
        elif not _comes_free(port):
            break
    _print(f"port {port} is taken by another program")
    return None


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _was_taken(log: Path, seen: int) -> bool:
    """Return whether a server said, after the first `seen` bytes of the log, that its port is taken."""
    with suppress(OSError), log.open("rb") as lines:
        lines.seek(seen)
        return os.strerror(errno.EADDRINUSE).encode() in lines.read()
    return False


def _kill_orphan(folder: ServerFolder, server: Server) -> None:
    """End a server whose supervisor was killed: it keeps the storage locked, and nobody would ever stop it.

    One that serves another folder is none of ours, whatever the record says: the folder may be a copy.
    """
    if server.host != socket.gethostname() or not serves(server.pid, folder.storage):
        return
    _print(f"killing server {server.pid}, which lost its supervisor")
    with suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGKILL)
    deadline = time.monotonic() + _DEATH
    while listens(server.port) and time.monotonic() < deadline:
        time.sleep(0.02)


def supervise(folder: ServerFolder, port: int, idle: float, ready: Callable[[], object]) -> int:
    """Keep the server running until it has had no client for `idle` seconds; return the exit status.

    `ready` is called whenever the server has begun to answer.
    """
    try:
        if not _give_password(folder):
            return 1
    except DatabaseError as error:
        _print(str(error))
        return 1
    last_use = time.monotonic()
    while (started := _start(folder, port)) is not None:
        process, port = started
        try:
            ready()
            while process.poll() is None:
                time.sleep(min(_TICK, idle))
                try:
                    with file_lock(folder.clients_lock, patience=0.0):
                        if folder.service().kept:
                            last_use = time.monotonic()
                        elif time.monotonic() - last_use >= idle:
                            # Under the lock: a client who comes now waits, then starts a new server.
                            folder.state.unlink(missing_ok=True)
                            _stop(process, port)
                            return 0
                except TimeoutError:
                    last_use = time.monotonic()
        finally:
            folder.state.unlink(missing_ok=True)
            _stop(process, port)
        _print(f"the server ended with status {process.returncode}")
    return 1


def main(path: Path) -> int:
    """Supervise the server of the folder `path` in a process of its own; return (0: it answers) once that is clear."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return 0 if os.read(reader, 1) else 1
    os.setsid()
    os.close(reader)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def ready() -> None:
        with suppress(BrokenPipeError):  # at a later start nobody reads any more
            os.write(writer, b"1")

    folder = ServerFolder(path)
    idle = float(os.environ.get("ANODEFLOW_DATABASE_IDLE", "10"))
    with file_lock(folder.supervisor_lock, patience=5.0):
        previous, service = folder.recorded(), folder.service()
        if previous is not None:
            _kill_orphan(folder, previous)
            if not service.kept:
                return supervise(folder, previous.port, idle, ready)  # its clients look for it there
        return supervise(folder, service.port or _free_port(), idle, ready)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
