"""``anodeflow new``: every kind of campaign that it writes passes check, and nothing is overwritten."""

import io
import json
import shlex

import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.campaign.model import Campaign
from anodeflow.campaign.start import kinds

CASES = [
    ("surface", ["--structure", "Cu"], ["Cu(001)"]),
    ("surface", ["--structure", "Ag", "--miller", "1", "1", "1"], ["Ag(111)"]),
    ("surface", ["--structure", "Al", "--miller", "-1", "1", "0", "--metal", "Cu"], ["Al(-1 1 0)"]),
    ("sei", ["--structure", "mine.cif", "--metal", "Al"], ["CuAu(001)"]),
    ("alloy", ["--structure", "mine.cif", "--metal", "Al"], ["CuAu(001)", "Al(001)"]),
    ("alloy", ["--structure", "deep folder/yes.cif", "--metal", "Cu"], ["CuAu(001)", "Cu(001)"]),
    ("interface", ["--structure", "Ag", "--metal", "Al"], []),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    crystal = Structure(Lattice.tetragonal(2.8, 3.7), ["Cu", "Au"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    (tmp_path / "deep folder").mkdir()
    for name in ("mine.cif", "deep folder/yes.cif"):
        crystal.to(filename=str(tmp_path / name))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "options", "systems"), CASES)
def test_every_kind_passes_check(folder, anodeflow, kind, options, systems):
    done = anodeflow("new", kind, *options, "--backend", "emt", "-o", "campaigns.yaml")
    assert done.status == 0, done.err
    assert done.err == ""
    assert "anodeflow check campaigns.yaml" in done.out
    checked = anodeflow("check", "campaigns.yaml", "--format", "json")
    assert checked.status == 0, checked.err
    assert json.loads(checked.out)["calculations"]
    campaign = Campaign.from_file("campaigns.yaml")
    assert [system.name for system in campaign.systems] == systems
    assert "#" in (folder / "campaigns.yaml").read_text()


def test_a_name_with_blanks_and_brackets_can_be_typed_as_it_is_printed(folder, anodeflow):
    name = "alloy (v 2).yaml"
    done = anodeflow("new", "surface", "-s", "Cu", "-b", "emt", "-o", name)
    assert done.out.strip().endswith("Next: anodeflow check 'alloy (v 2).yaml'")
    command = shlex.split(done.out.strip().split("Next: ")[1])
    assert anodeflow(*command[1:]).status == 0
    assert f"#   anodeflow run '{name}'" in (folder / name).read_text()


def test_every_template_is_tried():
    assert {kind for kind, _, _ in CASES} == set(kinds())


def test_a_file_is_replaced_with_force_only(folder, anodeflow):
    (folder / "mine.yaml").write_text("mine")
    arguments = ("new", "surface", "-s", "Cu", "-b", "emt", "-o", "mine.yaml")
    refused = anodeflow(*arguments)
    assert refused.status == 2
    assert "mine.yaml exists already" in refused.err
    assert (folder / "mine.yaml").read_text() == "mine"
    assert anodeflow(*arguments, "--force").status == 0
    assert "Cu(001)" in (folder / "mine.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "which kind of campaign? Take one of alloy, interface, sei, surface"),
        (("surfaces",), "there is no kind of campaign 'surfaces'"),
        (("alloy", "-s", "mine.cif"), "mine.cif holds none of Li, Na"),
        (("surface", "-s", "absent.cif"), "absent.cif"),
        (("surface", "-s", "Cu", "-b", "absent"), "absent"),
        (("surface", "-s", "Li", "-b", "emt"), "Li"),
        (("surface", "-s", "Cu", "-b", "emt", "--name", "a b"), "expected letters without accents, digits and . _ + -"),
        (("alloy", "-s", "Cu", "-m", "Cu", "-b", "emt"), "Cu is the metal Cu itself"),
        (("interface", "-s", "Li"), "Li is the metal Li itself"),
        (("sei", "-s", "Li"), "take anodeflow new surface"),
        (("surface", "-s", "Cu", "-b", "emt", "-o", "no/such/place.yaml"), "cannot write"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_file(folder, anodeflow, arguments, words):
    done = anodeflow("new", *arguments)
    assert done.status == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert list(folder.glob("*.yaml")) == []


class Terminal(io.StringIO):
    """A keyboard."""

    def isatty(self) -> bool:
        return True


def test_it_asks_on_a_terminal(folder, anodeflow, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("surface\nCu\n"))
    done = anodeflow("new", "-b", "emt")
    assert done.status == 0, done.err
    assert "Kind of campaign (alloy, interface, sei, surface)" in done.out
    assert Campaign.from_file("surface-Cu.yaml").systems[0].name == "Cu(001)"
