"""What ``anodeflow doctor`` runs apart: Python in processes of its own, where a crash stays, and calculations in a home
folder of their own, where nothing is found finished."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from anodeflow.core.errors import AnodeflowError

_PATIENCE = 120  # s that one process may take


def python_prints(code: str, launcher: Sequence[str] = (), options: Sequence[str] = ()) -> Any:
    """Run Python code in its own process and return the JSON that it printed last.

    Raises
    ------
    AnodeflowError
        If it fails, with its error as one line.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if os.geteuid() == 0:
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [*launcher, sys.executable, *options, "-c", code]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise AnodeflowError(f"no answer within {_PATIENCE} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "Error" in line]
        raise AnodeflowError((errors or lines or [f"ended with status {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def energy(backend: str, element: str, distance: float, **settings: float) -> str:
    """Compute a bcc cell of one atom, `distance` (Å) from its neighbours, where nothing is found finished."""
    from pymatgen.core import Lattice, Structure

    from anodeflow.backends.registry import load_backend

    a = distance / 3**0.5
    cell = Structure(Lattice([[-a, a, a], [a, -a, a], [a, a, -a]]), [element], [[0, 0, 0]])
    began = time.monotonic()
    with _scratch_home():
        from anodeflow.calculations.backend_makers import Makers

        document = Makers(load_backend(backend).with_settings(settings)).static().calculate(cell)
    return f"bcc {element} {document.energy:.3f} eV in {time.monotonic() - began:.1f} s"


@contextmanager
def _scratch_home() -> Iterator[None]:
    """Let ANODEFLOW_HOME be a folder that vanishes, so that a trial is computed and not found finished."""
    before = os.environ.get("ANODEFLOW_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANODEFLOW_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["ANODEFLOW_HOME"]
            else:
                os.environ["ANODEFLOW_HOME"] = before
