"""Servers that speak MongoDB's protocol and are none of anodeflow's business."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import wait_until

EVERY_KIND = [
    pytest.param("secantusd", marks=pytest.mark.slow),
    "sqlite",
    pytest.param("mongodb", marks=pytest.mark.slow),
]
"""Databases, as parameters of tests: only that without a server is in the quick lane."""


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mongodb_server(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """A server that keeps its documents in a folder: its address and process."""
    pytest.importorskip("secantus")
    port = free_port()
    (folder / "server.toml").touch()
    command = [sys.executable, "-m", "secantus", "--config", "server.toml", "--port", str(port), *options]
    process = subprocess.Popen([*command, "--host", "127.0.0.1", "--storage-path", "storage"], cwd=folder)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(answers, seconds=30)
        yield f"127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()
