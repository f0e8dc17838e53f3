"""Warnings of the libraries: each that is left out is named with its reason, the others are one line each."""

import subprocess
import sys

import pytest

from anodeflow.core.library_warnings import KNOWN, sentence

WARN = """
import warnings
from anodeflow.core.library_warnings import tell_warnings
tell_warnings()
def warn(text, category=UserWarning):
    warnings.warn_explicit(text, category, "/venv/site-packages/pymatgen/io/vasp/sets.py", 7, registry={})
"""


def told(code: str, *options: str) -> list[str]:
    """What a process prints on stderr that warns."""
    done = subprocess.run([sys.executable, *options, "-c", WARN + code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_a_warning_is_told_once_in_a_line():
    lines = told(
        "warn('the grid\\n  is \\x1b[1mcoarse\\x1b[0m'); warn('the grid\\n  is coarse'); warn('other', RuntimeWarning)"
    )
    assert lines == ["anodeflow: pymatgen warns: the grid is coarse", "anodeflow: pymatgen warns: other"]


def test_those_for_developers_are_left_out_unless_the_user_wants_them():
    assert told("warn('old', DeprecationWarning); warn('file', ResourceWarning)") == []
    assert "old" in told("warn('old', DeprecationWarning)", "-W", "default")[0]


@pytest.mark.parametrize("message", KNOWN)
def test_known_ones_are_exact_and_have_a_reason(message):
    package, category, why = KNOWN[message]
    assert len(message) > 15
    assert issubclass(category, Warning)
    assert package
    assert len(why.split()) > 3


def test_known_ones_are_left_out():
    assert (
        told("warn('cd is deprecated, and will be removed on 2028-01-01\\nUse contextlib.chdir', FutureWarning)") == []
    )
    assert told("warn('df is deprecated', FutureWarning)") == ["anodeflow: pymatgen warns: df is deprecated"]


def test_the_package_is_named():
    assert sentence("x", UserWarning, "/a/site-packages/ase/io/cif.py") == "anodeflow: ase warns: x"
    assert sentence("x", UserWarning, "/a/site-packages/six.py") == "anodeflow: six warns: x"
    assert sentence("x", UserWarning, "/usr/lib/python3.11/tarfile.py") == "anodeflow: tarfile warns: x"
    assert len(sentence("x" * 1000, UserWarning, "/a/b.py")) < 350
