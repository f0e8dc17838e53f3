"""The commands that install what is missing: they name packages, not extras of anodeflow, and were tried.

Extras would be wrong in a clone whose package is editable, and packages are right there and beside a wheel alike.
"""

import platform
import shutil
import sys
from importlib.util import find_spec
from typing import Literal

Part = Literal[
    "gpaw",
    "mlip",
    "remote",
    "database",
    "password",
    "report",
    "orderings",
    "baderkit",
    "notebook",
    "serve",
    "crate",
    "optimade",
]

PACKAGES: dict[Part, str] = {
    "gpaw": "gpaw gpaw-data",
    "mlip": "sevenn",
    "remote": "cryptography jobflow-remote 'secantusdb>=0.7.0b3'",
    "database": "cryptography 'secantusdb>=0.7.0b3'",
    "password": "cryptography",
    "report": "jinja2 matplotlib plotly scikit-image",
    "orderings": "icet",
    # BaderKit asks for older versions of pymatgen and pandas than it needs and anodeflow has: an installer that obeys
    # would put those into the place of anodeflow's own, or find no solution at all.
    "baderkit": "numba && {pip} --no-deps baderkit",
    "notebook": "ipykernel pymatviz",
    "crate": "packaging rocrate",
    "optimade": "'optimade[server]'",
    "serve": "jinja2 matplotlib plotly scikit-image starlette uvicorn",
}
"""Part of anodeflow -> what to install for it: what extras of the same name ask for."""

TORCH_CPU = "{pip} uv && {python} -m uv pip install --python {python} --torch-backend cpu torch"
"""Installs torch's build for CPUs: on Linux that of PyPI brings CUDA's libraries, some 3 GB. uv knows where it is."""


def install_command(part: Part) -> str:
    """Return the command that installs a part of anodeflow into the Python that runs."""
    return install_packages(PACKAGES[part].format(pip=pip()), torch=part == "mlip")


def install_packages(packages: str, *, torch: bool = False) -> str:
    """Return the command that installs packages into the Python that runs; torch's build for CPUs first if needed."""
    command = f"{pip()} {packages}"
    if torch and not found("torch") and platform.system() == "Linux" and platform.machine() == "x86_64":
        return f"{TORCH_CPU.format(pip=pip(), python=sys.executable)} && {command}"
    return command


def pip() -> str:
    """Return the beginning of a command that installs into this very Python: the shell's `pip` may be another's."""
    if found("pip"):
        return f"{sys.executable} -m pip install"
    if shutil.which("uv"):
        return f"uv pip install --python {sys.executable}"
    return f"{sys.executable} -m ensurepip && {sys.executable} -m pip install"


def found(module: str) -> bool:
    """Return whether a module can be found, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
