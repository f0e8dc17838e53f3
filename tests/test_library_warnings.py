"""Warnings of the libraries: each that is left out is named with its reason, the others are one line each."""

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from anodeflow.core.library_warnings import KNOWN, known_left_out, said_of, sentence

SOURCE = Path(__file__).parents[1] / "src" / "anodeflow"
JUDGED = {"UnknownPotcarWarning", "UnconvergedVASPWarning"}
"""Categories of one warning each, whose matter the code that ignores them looks at itself."""

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


@pytest.mark.slow
def test_nothing_is_ignored_but_one_warning_each():
    """By its words, or by a category of one; what is for developers alone is left out for the whole process."""
    found = []
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
            if name not in ("simplefilter", "filterwarnings") or getattr(node.args[0], "value", "") != "ignore":
                continue
            given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
            if file.name == "library_warnings.py":
                assert [each.id for each in given if isinstance(each, ast.Name)]
            elif name == "simplefilter":
                assert {getattr(each, "id", "") for each in given} <= JUDGED, file
                assert given, file
            else:
                assert given, file
                assert isinstance(given[0], ast.Name) or len(given[0].value) > 15, file
            found.append(file.name)
    assert len(found) > 10


def test_recorded_warnings_are_said_once_without_those_for_developers():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            warnings.warn("divide by\n zero", RuntimeWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        warnings.warn("sites merged", UserWarning, stacklevel=1)
    assert said_of(caught) == ["divide by zero", "sites merged"]


def test_in_a_notebook_the_known_ones_are_left_out_and_others_are_told():
    (known, (_, category, _)), *_ = KNOWN.items()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with known_left_out():
            warnings.warn(f"{known} on 2028-01-01", category, stacklevel=1)
            warnings.warn("something new", category, stacklevel=1)
        warnings.warn(known, category, stacklevel=1)
    assert [str(each.message) for each in caught] == ["something new", known]
