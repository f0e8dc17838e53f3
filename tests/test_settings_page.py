"""The manual names every setting of every code."""

import re
from pathlib import Path

import pytest

from anodeflow.backends.cp2k.settings import Cp2kSettings
from anodeflow.backends.espresso.settings import EspressoSettings
from anodeflow.backends.gpaw.settings import GpawSettings
from anodeflow.backends.vasp.settings import VaspSettings

PAGE = Path(__file__).parents[1] / "docs" / "backends.md"
PARTS = {"gpaw": GpawSettings, "cp2k": Cp2kSettings, "espresso": EspressoSettings, "vasp": VaspSettings}


def part(code: str) -> str:
    """The part of the page with the table of a code's settings."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = [each for each in re.split(r"^## ", text, flags=re.MULTILINE) if each.startswith(f"{code}\n")]
    return found


@pytest.mark.parametrize("code", PARTS)
def test_every_setting_stands_in_the_table_of_its_code(code):
    named = set(re.findall(r"`(\w+)[`:]", part(code))) | {"fixed_moment"}  # told once, for all codes
    assert set(PARTS[code].model_fields) - named == set()


def test_a_fixed_moment_is_told_for_all_codes():
    assert "`fixed_moment: true` (default false; gpaw, cp2k, espresso, vasp)" in PAGE.read_text(encoding="utf-8")
