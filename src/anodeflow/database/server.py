"""The record of an embedded server, and the folder that holds its storage, its log and its password."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from anodeflow.database.secret import (
    USER,
    Identity,
    Secret,
    read_secret,
    write_secret,
)


@dataclass(frozen=True)
class Server:
    """A running server, as its supervisor recorded it."""

    host: str
    """Name of the machine on which it runs (the folder may be on a network file system)."""
    port: int
    """Its port on 127.0.0.1."""
    pid: int
    """Process id of secantusd."""
    supervisor: int = 0
    """Process id of its supervisor; 0: unknown."""
    guarded: bool = False
    """Whether it asks for the password; an anodeflow of old started servers that did not."""
    password: str = field(default="", repr=False, compare=False)
    """Password of its user; never recorded with the rest."""

    @property
    def address(self) -> str:
        """Its MongoDB URI as it may be shown, without user and password."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    @property
    def uri(self) -> str:
        """Its MongoDB URI, with user and password."""
        if not self.password:
            return self.address
        login = self.address.replace("://", f"://{USER}:{self.password}@")
        return f"{login}&authSource=admin&authMechanism=SCRAM-SHA-256"

    @property
    def login(self) -> dict[str, str]:
        """What pymongo wants beside :attr:`address`, so that the password stands in no URI."""
        if not self.password:
            return {}
        return {
            "username": USER,
            "password": self.password,
            "authSource": "admin",
            "authMechanism": "SCRAM-SHA-256",  # never one that would tell a stranger on the port the password
        }

    def answers(self) -> bool:
        """Return whether it is this server, not another one on the same port, that answers."""
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        client: MongoClient[dict[str, Any]]
        login: dict[str, Any] = self.login
        with MongoClient(self.address, serverSelectionTimeoutMS=500, **login) as client:
            try:
                return client.admin.command("serverStatus").get("pid") == self.pid
            except PyMongoError:
                return False


@dataclass(frozen=True)
class Service:
    """What the user asked of the server with ``anodeflow db start`` and ``stop``; outlives the server."""

    port: int | None = None
    """Port that other programs know; none: any."""
    kept: bool = False
    """Whether it runs on although nobody uses it, on this port or not at all."""


@dataclass(frozen=True)
class ServerFolder:
    """The folder of one embedded server: its storage, its log and the files that its users agree by."""

    path: Path

    @property
    def storage(self) -> Path:
        """Folder with the server's own files."""
        return self.path / "storage"

    @property
    def log(self) -> Path:
        """What server and supervisor printed."""
        return self.path / "server.log"

    @property
    def clients_lock(self) -> Path:
        """Shared lock of every process that uses the server."""
        return self.path / "clients.lock"

    @property
    def start_lock(self) -> Path:
        """Lock of the one process that is starting the server."""
        return self.path / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Lock of the supervisor for as long as it lives."""
        return self.path / "supervisor.lock"

    @property
    def state(self) -> Path:
        """Where the supervisor records the running server."""
        return self.path / "server.json"

    @property
    def service_file(self) -> Path:
        """Where the wish of the user is kept, be the server up or not."""
        return self.path / "service.json"

    @property
    def secret_file(self) -> Path:
        """Where the password is, for its owner alone."""
        return self.path / "secret.json"

    @property
    def password(self) -> str:
        """Password of the server; empty: it has none yet."""
        secret = read_secret(self.secret_file)
        return secret.password if secret is not None else ""

    def claim(self) -> None:
        """See that only its owner can open the folder, and that nothing in it is another folder's.

        What a copy brought along of the original's server is dropped: its record, the wish to keep it running on a
        port, and its password, of which the copy gets another one. The caller holds the start lock.
        """
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o700)
        mine, secret = Identity.of(self.path), read_secret(self.secret_file)
        if secret is None or not secret.folder.is_same(mine):
            if secret is not None:
                self.state.unlink(missing_ok=True)
                self.service_file.unlink(missing_ok=True)
            write_secret(self.secret_file, Secret.new(self.path))
        elif secret.folder != mine:
            write_secret(self.secret_file, replace(secret, folder=mine))

    def record(self, server: Server) -> None:
        """Record the running server; readers see the old record or the new one, never half of it."""
        _write(self.state, {name: value for name, value in asdict(server).items() if name != "password"})

    def record_service(self, service: Service) -> None:
        """Record what the user asked of the server."""
        _write(self.service_file, asdict(service))

    def service(self) -> Service:
        """Return what the user asked of the server."""
        try:
            return Service(**json.loads(self.service_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return Service()

    def recorded(self) -> Server | None:
        """Return the server on record, which may be gone; none: there is no readable record."""
        try:
            return replace(Server(**json.loads(self.state.read_text(encoding="utf-8"))), password=self.password)
        except (OSError, ValueError, TypeError, RecursionError):
            return None


def _write(file: Path, content: dict[str, Any]) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(file)
