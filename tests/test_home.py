"""Where anodeflow is at home is said once, by its package."""

from email.message import Message
from pathlib import Path

import pytest

from anodeflow.core import home

SOURCE = Path(__file__).parents[1] / "src" / "anodeflow"


@pytest.mark.parametrize(
    ("named", "page"),
    [
        ([], ""),
        (["Paper, https://doi.org/10.1002/adfm.202009712"], ""),
        (["Paper, https://a.example", "Homepage, https://b.example/anodeflow"], "https://b.example/anodeflow"),
    ],
)
def test_the_page_is_the_one_that_the_package_names(monkeypatch, named, page):
    package = Message()
    for each in named:
        package["Project-URL"] = each
    monkeypatch.setattr(home, "metadata", lambda name: package)
    assert home.homepage() == page


def test_no_source_names_a_registry():
    files = [file for kind in ("py", "j2", "js", "css") for file in SOURCE.rglob(f"*.{kind}")]
    assert files
    assert not [str(file) for file in files if "pypi.org" in file.read_text(encoding="utf-8")]
