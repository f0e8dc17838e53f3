"""Runs the application until it is stopped."""

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command

HOST = "127.0.0.1"


def run_server(port: int, ready: Callable[[str], None]) -> None:
    """Serve on this machine until the process is interrupted.

    Parameters
    ----------
    port
        Port to listen on; 0: a free one.
    ready
        Called with the address, token included, once it is bound.

    Raises
    ------
    InputError
        If a package is missing or the port is taken.
    """
    for package in ("starlette", "uvicorn", "jinja2"):
        try:
            import_module(package)
        except ImportError as error:
            raise InputError(f"the live view needs {package}: {install_command('serve')}.") from error
    import uvicorn

    from anodeflow.serve.app import create_app

    with listening(port) as listener:
        token = secrets.token_urlsafe(32)
        chosen = listener.getsockname()[1]
        config = uvicorn.Config(
            create_app(token, chosen), log_level="critical", access_log=False, server_header=False, lifespan="on",
            timeout_graceful_shutdown=2, ws="none",
        )  # fmt: skip
        ready(f"http://{HOST}:{chosen}/?token={token}")
        with suppress(KeyboardInterrupt):  # which it hands on after it has ended in order
            uvicorn.Server(config).run(sockets=[listener])


def listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone; 0: on a free port.

    Raises
    ------
    InputError
        If the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"port {port} of {HOST} cannot be used ({error.strerror}): choose another --port, or leave it out."
        ) from error
    listener.listen()  # the address that is printed can be opened at once
    return listener
