"""``anodeflow new``: every kind of campaign that it writes passes check, and nothing is overwritten."""

import io
import json
import shlex
import shutil

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


def test_it_asks_on_a_terminal_for_what_was_not_said(folder, anodeflow, monkeypatch):
    answers = ["surfaces", "surface", "absent.cif", "Cu", "Xx", "Al", "one", "1 1 1", "absent", "emt"]
    monkeypatch.setattr("sys.stdin", Terminal("".join(f"{answer}\n" for answer in answers)))
    done = anodeflow("new")
    assert done.status == 0, done.err
    assert "Kind of campaign (alloy, interface, sei, surface)" in done.out
    for wrong in ("no kind of campaign 'surfaces'", "'absent.cif'", "'Xx'", "'one' are no Miller", "backend 'absent'"):
        assert wrong in done.out
    campaign = Campaign.from_file("surface-Cu.yaml")
    assert [system.name for system in campaign.systems] == ["Cu(111)"]
    assert (campaign.backend, campaign.studies[0].input.adsorbate) == ("emt", "Al")


def test_what_was_said_is_not_asked_for(folder, anodeflow, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal(""))
    said = ("-s", "Cu", "-m", "Cu", "--miller", "0", "0", "1", "-b", "emt")
    assert anodeflow("new", "surface", *said).status == 0


def test_two_files_of_one_formula_are_two_campaigns(folder, anodeflow):
    shutil.copy("mine.cif", "mine (v 2), günstig.cif")
    for file, name in (("mine.cif", "alloy-mine"), ("mine (v 2), günstig.cif", "alloy-mine-v-2-g-nstig")):
        done = anodeflow("new", "alloy", "-s", file, "-m", "Cu", "-b", "emt")
        assert done.status == 0, done.err
        assert Campaign.from_file(f"{name}.yaml").name == name


def test_a_refusal_names_no_line_of_a_file_that_is_not_there(folder, anodeflow):
    for wrong in (("-b", "absent"), ("--miller", "0", "0", "0"), ("-s", "Li"), ("--name", "a / b"), ("--name", "../a")):
        done = anodeflow("new", "surface", "-s", "Cu", "-b", "emt", *wrong)
        assert done.status == 2
        assert ".yaml" not in done.err.replace("YAML file", "")
        assert len(done.err.splitlines()) == 1, "said once, though three lines of the file would be wrong"


def test_a_code_that_is_not_on_this_machine_is_a_note(folder, anodeflow, monkeypatch):
    monkeypatch.setattr("atomate2.SETTINGS.VASP_CMD", "vasp_unheard_of")
    done = anodeflow("new", "surface", "-s", "K", "-b", "vasp-standard")
    assert done.status == 0, done.err
    assert "note: not on this machine" in done.err
    assert Campaign.from_file("surface-K.yaml").backend == "vasp-standard"
