"""Campaign files: what is right becomes a plan, what is wrong becomes a sentence with its line."""

import json
import re
import socket
from pathlib import Path

import pytest

from anodeflow.backends import registry as load
from anodeflow.backends.emt import EmtBackend
from anodeflow.calculations.progress import listen
from anodeflow.campaign.model import Campaign
from anodeflow.core.data import data_folder, shipped_backends
from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command
from anodeflow.execution.local import run_campaign

GOOD = """\
name: aluminium
backend: emt
systems:
  - {name: Al(001), structure: Al, miller: [0, 0, 1], layers: 4, vacuum: 10, min_width: 5.5}
studies:
  - adsorption: {adsorbate: Al, systems: [Al(001)]}
"""


@pytest.fixture
def campaign_file(tmp_path: Path):
    """Write a campaign file; `changes` are pairs (old, new) in the good one."""

    def write(*changes: tuple[str, str]) -> Path:
        text = GOOD
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "campaign.yaml"
        file.write_text(text)
        return file

    return write


def test_plan_names_every_calculation(campaign_file):
    planned = Campaign.from_file(campaign_file()).check()
    assert [calculation.label for calculation in planned] == [
        "Al bulk",
        "Al(001): clean slab",
        "Al atom",
        "Al(001): Al at site 0 (onefold top)",
        "Al(001): Al at site 1 (bridge)",
        "Al(001): Al at site 2 (fourfold hollow)",
    ]
    assert planned[3].after == ("Al atom", "Al bulk", "Al(001): clean slab")
    assert planned[3].atoms == planned[1].atoms + 1


def test_check_prints_the_plan_and_computes_nothing(anodeflow, campaign_file, home):
    ended = anodeflow("check", campaign_file(), "--format", "json")
    assert ended.status == 0
    assert len(json.loads(ended.out)["calculations"]) == 6
    assert not list(home.glob("calculations/*"))
    assert "6 calculations" in anodeflow("check", campaign_file()).out


def test_shared_steps_are_one_job_and_uuids_are_stable(campaign_file):
    file = campaign_file(
        ("studies:", "  - {name: Al(111), structure: Al, miller: [1, 1, 1], layers: 3, vacuum: 10}\nstudies:"),
        ("systems: [Al(001)]", "systems: all"),
    )
    first, second = (Campaign.from_file(file).flow() for _ in range(2))

    def jobs(flow):
        return [job for job, _ in flow.iterflow()]

    names = [job.name for job in jobs(first)]
    assert names.count("Al bulk") == names.count("Al atom") == 1
    assert len([name for name in names if "clean slab" in name]) == 2
    assert [job.uuid for job in jobs(first)] == [job.uuid for job in jobs(second)]
    assert len({job.uuid for job in jobs(first)}) == len(names)
    other = Campaign.from_file(campaign_file(("layers: 4", "layers: 5"))).flow()
    changed = {job.uuid for job in jobs(other)}
    kept = {job.uuid for job in jobs(Campaign.from_file(campaign_file()).flow())} & changed
    assert 0 < len(kept) < len(changed), "bulk and atom stay the same jobs, the slab becomes another"


@pytest.mark.slow
def test_all_terminations_become_systems(campaign_file):
    file = campaign_file(
        ("backend: emt", "backend: mlip"),
        ("Al(001), structure: Al", "X, structure: Li3Mg7, termination: all"),
        ("adsorbate: Al, systems: [Al(001)]", "adsorbate: Li"),
    )
    labels = [calculation.label for calculation in Campaign.from_file(file).check()]
    assert "X:0: clean slab" in labels
    assert "X:1: clean slab" in labels


def test_structure_file_beside_the_campaign(campaign_file, tmp_path):
    from anodeflow.structures.bulk.catalogue import load_structure

    load_structure("Al").to(str(tmp_path / "mine.cif"))
    file = campaign_file(("structure: Al,", "structure: mine.cif,"))
    assert Campaign.from_file(file).check()[0].label == "mine bulk"


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("vacuum: 10", "vaccum: 10"), 4, "unknown key 'vaccum'; did you mean vacuum?"),
        (("name: aluminium", "nmae: aluminium"), 1, "unknown key 'nmae'; did you mean name?"),
        (("layers: 4", "layers: four"), 4, "layers"),
        (("layers: 4", "layers: 0"), 4, "expected a number of at least 1 (given: "),
        (("vacuum: 10", "vacuum: -3"), 4, "expected a number above 0 (given: "),
        (("miller: [0, 0, 1]", "miller: [0, 0, 0]"), 4, "name no plane"),
        (("miller: [0, 0, 1]", "miller: [1, 0, -1, 2]"), 4, "leave out the third: write [1, 0, 2]"),
        (("miller: [0, 0, 1]", "miller: [1, 0, 1, 2]"), 4, "is no plane of hexagonal axes"),
        (("miller: [0, 0, 1]", "miller: 110"), 4, "as a list: [1, 1, 0]"),
        (("structure: Al", "structure: Unobtainium"), 4, "Unobtainium"),
        (("systems: [Al(001)]", "systems: [Al(100)]"), 6, "unknown system 'Al(100)'"),
        (("adsorbate: Al", "adsorbate: Xx"), 6, "'Xx' is no chemical element"),
        (("adsorbate: Al", "adsorbate: Li"), 6, "EMT has no parameters for Li"),
        (("structure: Al", "structure: Li"), 4, "EMT has no parameters for Li"),
        (("adsorption:", "adsorbtion:"), 6, "unknown key 'adsorbtion'; did you mean adsorption?"),
        (("  - adsorption: {adsorbate: Al, systems: [Al(001)]}", "  []"), 5, "expected more values"),
        (("layers: 4", "layers: 4, thickness: 9"), 4, "not both"),
        (("layers: 4", "layers: 4, fixed_layers: 9"), 4, "cannot fix 9 layers"),
        (("layers: 4", "layers: 4, termination: 7"), 4, "termination 7"),
        (("backend: emt", "backend: gpaw-dmeo"), None, "unknown backend 'gpaw-dmeo'"),
        (("name: aluminium", "name: [aluminium"), 2, "not valid YAML"),
        (("name: aluminium", "name: a/b"), 1, "name"),
        (
            ("systems:\n", "systems:\n  - {name: 'Al(001) [layers 4]', structure: Al, layers: 3, vacuum: 10}\n"),
            4,
            "'Al(001) [layers 4]' is how Al(001) with something changed is called",
        ),
    ],
)
def test_wrong_input_is_a_sentence_with_its_line(anodeflow, campaign_file, home, change, line, words):
    for command in ("check", "run"):
        ended = anodeflow(command, campaign_file(change))
        assert ended.status == 2, ended
        assert words in ended.err
        if line:
            assert f"campaign.yaml, line {line}" in ended.err
        assert "Traceback" not in ended.err
        assert not list(home.glob("calculations/*/*")), "nothing ran"


def test_every_mistake_is_told_at_once(anodeflow, campaign_file):
    ended = anodeflow("check", campaign_file(("vacuum: 10", "vaccum: 10"), ("layers: 4", "layers: four")))
    assert ended.status == 2
    assert {"vaccum", "layers"} <= set(re.findall(r"vaccum|layers", ended.err))


@pytest.mark.mlip
def test_shipped_campaign_by_its_name(anodeflow):
    by_name, by_file = (
        anodeflow("check", name, "--format", "json", "--backend", "mlip").out
        for name in ("quickstart", data_folder("workflows") / "quickstart.yaml")
    )
    assert json.loads(by_name) == json.loads(by_file)


def test_missing_file(anodeflow, tmp_path):
    ended = anodeflow("run", tmp_path / "nothing.yaml")
    assert ended.status == 2
    assert f"there is no file {tmp_path / 'nothing.yaml'}" in ended.err
    assert "are named alone (dendrite-free-anode" in ended.err
    assert "are named alone" in anodeflow("check", "quickstart.yaml").err, "as somebody without a clone tries it"


def test_overlapping_atoms_are_refused(anodeflow, campaign_file, tmp_path):
    from pymatgen.core import Lattice, Structure

    Structure(Lattice.cubic(4), ["Al", "Al"], [[0, 0, 0], [0.05, 0, 0]]).to(str(tmp_path / "bad.cif"))
    ended = anodeflow("check", campaign_file(("structure: Al,", "structure: bad.cif,")))
    assert ended.status == 2
    assert "line 4" in ended.err
    assert "overlap" in ended.err or "apart" in ended.err or "close" in ended.err


def test_element_without_paw_dataset(anodeflow, campaign_file):
    ended = anodeflow("check", campaign_file(("adsorbate: Al", "adsorbate: U")), "--backend", "gpaw-demo")
    assert ended.status == 2
    assert "GPAW has no PAW dataset U.PBE for U" in ended.err
    assert "line 6" in ended.err


def test_study_that_the_backend_cannot_do(campaign_file, monkeypatch):
    """A code without stress (a plug-in, registered as plug-ins are) cannot relax the bulk."""

    class NoStress(EmtBackend):
        capabilities = frozenset({"relax"})

    monkeypatch.setattr(load, "backend_class", lambda code: NoStress)
    with pytest.raises(InputError, match=r"line 6: adsorption needs stress, which backend emt \(emt\) does not have"):
        Campaign.from_file(campaign_file()).check()


def test_wrong_backend_file_names_its_line(anodeflow, campaign_file, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("code: gpaw\nsettings:\n  cutof: 300\n")
    ended = anodeflow("check", campaign_file(), "--backend", file)
    assert ended.status == 2
    assert "mine.yaml, line 3: unknown key 'cutof'; did you mean cutoff?" in ended.err
    file.write_text("code: vaps\n")
    assert "line 1: code is 'vaps'" in anodeflow("check", campaign_file(), "--backend", file).err


def test_home_that_cannot_be_written(anodeflow, campaign_file, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "file" / "home"))
    ended = anodeflow("run", campaign_file())
    assert ended.status == 2
    assert "cannot write to" in ended.err
    assert "set ANODEFLOW_HOME" in ended.err


def test_gpaw_not_installed(anodeflow, campaign_file, monkeypatch):
    from anodeflow.backends.gpaw import backend as gpaw

    monkeypatch.setattr(gpaw, "find_spec", lambda name: None)
    ended = anodeflow("run", campaign_file(), "--backend", "gpaw-demo")
    assert ended.status == 2
    assert f"GPAW is not installed; install it with {install_command('gpaw')}" in ended.err
    assert ended.err.count("\n") == 1, "that GPAW then has no PAW datasets is no second error"


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(Path(__file__).parents[1].joinpath("workflows").glob("[!z]*.yaml")))
def test_shipped_campaigns_are_valid(file):
    if not file.name.endswith("reference.yaml"):
        assert Campaign.from_file(file).check()


@pytest.mark.parametrize("name", shipped_backends())
def test_shipped_backends_are_valid(name):
    backend = load.load_backend(name)
    assert backend.description
    assert backend.settings_hash() != load.load_backend("emt" if name != "emt" else "mlip").settings_hash()


def test_database_that_does_not_answer(anodeflow, campaign_file, home, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("ANODEFLOW_DATABASE", f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=300")
    ended = anodeflow("run", campaign_file())
    assert ended.status == 2
    assert f"127.0.0.1:{port}" in ended.err
    assert "Traceback" not in ended.err
    assert not list(home.glob("calculations/*/*")), "nothing ran"


@pytest.mark.slow
def test_damaged_database_file(anodeflow, campaign_file, home):
    assert anodeflow("run", campaign_file()).status == 0
    file = home / "database" / "sqlite" / "anodeflow" / "outputs.collection"
    assert file.stat().st_size > 4096
    file.write_bytes(b"garbage" * 1000)
    for command in (("run", campaign_file()), ("query",)):
        ended = anodeflow(*command)
        assert ended.status == 2
        assert str(file.parents[1]) in ended.err
        assert "Traceback" not in ended.err


def test_parts_that_share_nothing_run_one_after_the_other_without_a_warning(campaign_file, capfd, recwarn):
    """jobflow's own order of such parts is random, as it warns; on two metals there are always two of them."""
    small = "layers: 2, vacuum: 6, min_width: 5}"
    file = campaign_file(
        ("layers: 4, vacuum: 10, min_width: 5.5}", f"{small}\n  - {{name: Cu(001), structure: Cu, {small}"),
        ("systems: [Al(001)]}", "systems: [Al(001)]}\n  - adsorption: {adsorbate: Cu, systems: [Cu(001)]}"),
    )
    told: list[str] = []
    with listen(lambda progress: told.append(progress.label)):
        assert run_campaign(Campaign.from_file(file)).succeeded
    of_copper = ["Cu" in label.replace("Cu(001): Al", "") for label in told]
    assert of_copper == sorted(of_copper) or of_copper == sorted(of_copper, reverse=True)
    assert "not connected" not in "".join(str(each.message) for each in recwarn) + "".join(capfd.readouterr())
