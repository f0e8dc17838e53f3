"""The password of the embedded server, and to which folder it belongs.

The server listens on 127.0.0.1, where every user of the machine can reach it. It has one user, with a random password
that stands in ``secret.json`` of its folder, readable by the owner of the folder alone. The user is made by a first
start of the server that talks to nobody but the holder of a certificate, which exists for that moment and in that
folder only (:func:`certificate`); from then on the server runs with ``--auth``.

The file also says which folder it was made for. A copy of the folder (cp, rsync, a snapshot) is another one: what it
brought along about a running server is the original's, and it gets a password of its own, so that no program that
knows the original ever writes into the copy.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anodeflow.core.errors import DatabaseError
from anodeflow.core.install import install_command

USER = "anodeflow"
_PRIVATE = 0o600


@dataclass(frozen=True)
class Identity:
    """Which folder of this machine it is."""

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, folder: Path) -> "Identity":
        """Return that of a folder that exists."""
        found = folder.stat()
        return cls(str(folder.resolve()), found.st_dev, found.st_ino)

    def is_same(self, other: "Identity") -> bool:
        """Return whether both are one folder, which may have been moved, or whose device has got another number."""
        return self.inode == other.inode and (self.path == other.path or self.device == other.device)


@dataclass(frozen=True)
class Secret:
    """The password, and what it is good for."""

    password: str = field(repr=False)
    folder: Identity
    """Folder for which it was made."""
    made: bool = False
    """Whether the server knows it."""

    @classmethod
    def new(cls, folder: Path) -> "Secret":
        """Return a new one, which the server does not know yet."""
        return cls(secrets.token_urlsafe(32), Identity.of(folder))


def read_secret(file: Path) -> Secret | None:
    """Return what stands in the file; none: there is no file, or a damaged one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content["password"], str) or not content["password"]:
            return None
        return Secret(content["password"], Identity(**content["folder"]), content["made"] is True)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def write_secret(file: Path, secret: Secret) -> None:
    """Write the file so that nobody else ever may read it, and a reader sees the old or the new one."""
    write_private(file, json.dumps(asdict(secret)))


def write_private(file: Path, content: str) -> None:
    """Write a file of mode 0600 in the place of whatever lay there."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def certificate(folder: Path) -> Iterator[Path]:
    """Yield a file with a certificate for 127.0.0.1 and its key, its own authority, gone at the end of the context.

    Raises
    ------
    DatabaseError
        If the package that makes it is missing.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise DatabaseError(
            f"the embedded database in {folder} gets its password with the package cryptography, which is not "
            f"installed: {install_command('password')}."
        ) from None
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, USER)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with TemporaryDirectory(prefix="first-start-", dir=folder) as private:
        file = Path(private) / "certificate.pem"
        write_private(file, (text + made.public_bytes(pem)).decode())
        yield file


def set_password(admin: Any, password: str) -> None:
    """Let the server know one user, with this password, and forget all others.

    Parameters
    ----------
    admin
        pymongo's database ``admin`` of the server.
    password
        The password.
    """
    for user in list(admin["system.users"].find({}, {"user": 1, "db": 1})):
        admin.client[user["db"]].command("dropUser", user["user"])
    roles = [{"role": "root", "db": "admin"}]
    admin.command("createUser", USER, pwd=password, roles=roles, mechanisms=["SCRAM-SHA-256"])
