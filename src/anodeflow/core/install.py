"""The commands that install what is missing: they name packages, not extras of anodeflow, and were tried."""

import sys
from importlib.util import find_spec
from typing import Literal

Part = Literal["gpaw", "mlip", "remote", "report", "charge", "orderings"]

PACKAGES: dict[Part, str] = {
    "gpaw": "gpaw gpaw-data",
    "mlip": "sevenn",
    "remote": "jobflow-remote 'secantusdb>=0.7.0b3'",
    "report": "jinja2 matplotlib plotly scikit-image",
    # BaderKit asks for older versions of pymatgen and pandas than it needs and anodeflow has: an installer that obeys
    # would put those into the place of anodeflow's own, or find no solution at all.
    "charge": "numba && {pip} --no-deps baderkit",
    "orderings": "icet",
}
"""Part of anodeflow -> what to install for it: what extras of the same name ask for."""


def install_command(part: Part) -> str:
    """Return the command that installs a part of anodeflow into the Python that runs."""
    return f"{pip()} {PACKAGES[part].format(pip=pip())}"


def pip() -> str:
    """Return the beginning of a command that installs into this very Python: the shell's `pip` may be another's."""
    if find_spec("pip") is not None:
        return f"{sys.executable} -m pip install"
    return f"uv pip install --python {sys.executable}"
