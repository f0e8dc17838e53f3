"""``check`` starts no program and loads no model that a backend file names before the file is trusted."""

import json
import pickle
import stat
from pathlib import Path

import pytest

from anodeflow.backends.mlip.checkpoint import check_checkpoint
from anodeflow.backends.registry import load_backend
from anodeflow.backends.trust import is_trusted, only_looking
from anodeflow.core.data import data_folder
from anodeflow.core.errors import InputError

CAMPAIGN = """
name: looked-at
backend: {backend}
systems:
  - {{name: Li(001), structure: Li, miller: [0, 0, 1], layers: 3, vacuum: 10, min_width: 3}}
studies:
  - adsorption: {{adsorbate: Li, systems: [Li(001)]}}
"""


class Sprung:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return (open, (str(self.file), "w"))


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """A campaign whose backend is a program that leaves a file where it is started."""
    program = tmp_path / "pw.x"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\necho Program PWSCF v.7.2 starts\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    text = (data_folder("configs") / "backends" / "espresso-li-pbesol.yaml").read_text()
    assert "parallel" not in text
    (tmp_path / "mine.yaml").write_text(f"{text}\nparallel: {{command: {program}}}\n")
    file = tmp_path / "campaign.yaml"
    file.write_text(CAMPAIGN.format(backend="mine.yaml"))
    return file


def test_check_starts_no_program_of_an_untrusted_file(campaign, tmp_path, anodeflow):
    checked = anodeflow("check", campaign, "--format", "json")
    assert checked.status == 0, checked.err
    answer = json.loads(checked.out)
    assert len(answer["calculations"]) > 2
    (remark,) = [remark for remark in answer["remarks"] if "anodeflow trust" in remark]
    assert str(tmp_path / "pw.x") in remark
    assert not (tmp_path / "sprung").exists()

    trusted = anodeflow("trust", tmp_path / "mine.yaml")
    assert (trusted.status, str(tmp_path / "pw.x") in trusted.out) == (0, True)
    assert not (tmp_path / "sprung").exists()
    assert is_trusted(tmp_path / "mine.yaml")
    checked = anodeflow("check", campaign, "--prescreen", tmp_path / "mine.yaml")
    assert "anodeflow trust" not in checked.out
    assert (tmp_path / "sprung").exists()  # its version was asked for

    # what was trusted is what stood in the file
    with (tmp_path / "mine.yaml").open("a") as file:
        file.write("# another one\n")
    assert not is_trusted(tmp_path / "mine.yaml")


@pytest.mark.slow
def test_check_loads_no_model_of_an_untrusted_file(campaign, tmp_path, anodeflow):
    model = tmp_path / "model.pth"
    model.write_bytes(pickle.dumps(Sprung(tmp_path / "sprung")))
    backend = tmp_path / "mine.yaml"
    backend.write_text(f"code: mlip\nsettings: {{calculator_kwargs: {{model: {model}}}}}\n")
    checked = anodeflow("check", campaign)
    assert (checked.status, "neither starts nor loads" in " ".join(checked.out.split())) == (0, True)
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(InputError, match=r"model.pth holds more than numbers.*anodeflow trust"):
        check_checkpoint(model, trusted=False)
    assert not (tmp_path / "sprung").exists()
    anodeflow("trust", backend)
    assert is_trusted(backend)
    model.write_bytes(b"another model in its place")
    assert not is_trusted(backend)
    with pytest.raises(InputError, match=r"model.pth is no checkpoint of torch: take a whole copy"):
        check_checkpoint(model, trusted=False)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["backend", "cost", "prescreen"])
@pytest.mark.parametrize("learned", [False, True])
def test_check_imports_no_calculator_of_an_untrusted_file(learned, how, tmp_path, anodeflow, monkeypatch):
    """One that a learned model of somebody else corrects is no more trusted than one that a backend file names."""
    name = f"sprung_{how}_{learned}"
    (tmp_path / f"{name}.py").write_text(
        f"open({str(tmp_path / 'sprung')!r}, 'w')\nfrom ase.calculators.emt import EMT\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    content = {"code": "ase", "settings": {"calculator": f"{name}:EMT"}}
    if learned:
        taught = {"code": "gpaw", "version": "1", "settings": {}, "calculations": [], "force_error_before": 1.0}
        content = {"code": "learned", "settings": {"potential": content | {"name": "theirs"}, "features": "radial",
                   "weights": {"Cu atoms": 0.0}, "taught_by": taught}}  # fmt: skip
    (tmp_path / "theirs.yaml").write_text(json.dumps(content))
    text = CAMPAIGN.format(backend="emt" if how == "prescreen" else "theirs.yaml").replace("Li", "Cu")
    (tmp_path / "campaign.yaml").write_text(text + ("prescreen: theirs.yaml\n" if how == "prescreen" else ""))
    checked = anodeflow("check", tmp_path / "campaign.yaml", *(["--cost"] if how == "cost" else []))
    assert checked.status == 0, checked.err
    assert f"names {name}:EMT, which check neither starts nor loads" in " ".join(checked.out.split())
    assert not (tmp_path / "sprung").exists()
    assert anodeflow("check", tmp_path / "campaign.yaml", "--trust").status == 0
    assert (tmp_path / "sprung").exists()


def test_model_file_of_a_learned_potential_is_trusted_with_it(tmp_path, anodeflow):
    """Another file in its place is not."""
    (tmp_path / "model.pth").write_bytes(b"numbers")
    potential = {"name": "theirs", "code": "mlip", "settings": {"calculator_kwargs": {"model": "model.pth"}}}
    taught = {"code": "gpaw", "version": "1", "settings": {}, "calculations": [], "force_error_before": 1.0}
    settings = {"potential": potential, "features": "sevennet", "weights": {"Cu atoms": 0.0}, "taught_by": taught}
    file = tmp_path / "theirs.yaml"
    file.write_text(json.dumps({"code": "learned", "settings": settings}))
    assert str(tmp_path / "model.pth") in anodeflow("trust", file).out
    assert is_trusted(file)
    (tmp_path / "model.pth").write_bytes(b"others")
    assert not is_trusted(file)


def test_checkpoint_of_numbers_is_loaded(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "model.pth")
    check_checkpoint(tmp_path / "model.pth", trusted=False)
    with pytest.raises(InputError, match="there is no file"):
        check_checkpoint(tmp_path / "missing.pth", trusted=False)


def test_what_names_nothing_is_looked_at_as_ever(tmp_path):
    """Shipped files, and those of a user who sets no more than accuracy and what to ask a queue for."""
    (tmp_path / "mine.yaml").write_text("code: emt\nresources: {cores: 2}\n")
    with only_looking() as notes:
        for name in ("gpaw-demo", "emt", tmp_path / "mine.yaml"):
            with_notes = load_backend(name)
            assert type(with_notes).__module__ != "anodeflow.backends.trust"
    assert notes == {}


def test_trust_of_a_missing_file(tmp_path, anodeflow):
    refused = anodeflow("trust", tmp_path / "none.yaml")
    assert (refused.status, "there is no backend file" in refused.err) == (2, True)


@pytest.fixture
def malicious(tmp_path: Path) -> Path:
    """A backend file whose model, a pickle within a file of torch, leaves a file where it is loaded."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("sevenn")
    torch.save({"config": Sprung(tmp_path / "sprung")}, tmp_path / "model.pth")
    (tmp_path / "mine.yaml").write_text("code: mlip\nsettings: {calculator_kwargs: {model: model.pth}}\n")
    return tmp_path / "mine.yaml"


@pytest.mark.mlip
@pytest.mark.parametrize("command", ["run", "check", "prescreen", "ranking", "job"])
def test_nothing_unpickles_a_model_before_it_is_trusted(command, malicious, tmp_path, anodeflow):
    text = CAMPAIGN.format(backend=malicious if command in ("run", "check") else "emt")
    if command == "prescreen":
        text += f"prescreen: {malicious}\n"
    if command == "ranking":
        wanted = f"{{composition: Li3Mg, max_atoms: 4, rank_with: {malicious}}}"
        text = f"name: rank\nbackend: mlip\nstudies: [orderings: {wanted}]\n"
    file = tmp_path / "campaign.yaml"
    file.write_text(text.replace("Li", "Cu") if command == "prescreen" else text)
    if command == "job":
        with pytest.raises(InputError, match="anodeflow trust"):
            load_backend(malicious).calculator()
    elif command == "check":  # once a backend file is trusted, a model that took the place of another one is not
        anodeflow("trust", malicious)
        (tmp_path / "model.pth").write_bytes(pickle.dumps(Sprung(tmp_path / "sprung")))
        assert anodeflow("check", file).status == 0
    else:
        outcome = anodeflow("run", file)
        assert outcome.status == 2
        assert "model.pth holds more than numbers" in outcome.err
        assert f"anodeflow trust {tmp_path / 'model.pth'}" in outcome.err
    assert not (tmp_path / "sprung").exists()


@pytest.mark.mlip
@pytest.mark.parametrize("what", ["mine.yaml", "model.pth"])
def test_a_trusted_model_is_loaded(what, malicious, tmp_path, anodeflow):
    assert anodeflow("trust", tmp_path / what).status == 0
    with pytest.raises(
        InputError, match="finds no model of its own"
    ):  # it is no model of SevenNet, but its turn has come
        load_backend(malicious).check_available()
    assert (tmp_path / "sprung").exists()


@pytest.mark.mlip
def test_every_model_that_is_named_counts(tmp_path):
    """Lists and mappings of files are looked through; an address is no file."""
    from anodeflow.backends.mlip.model_files import beside, model_files, without_folders

    arguments = {"model_paths": ["a.model", "b.model"], "inner": {"file": "./c"}, "device": "cpu"}
    found = beside(arguments, tmp_path)
    assert sorted(model_files(found)) == [tmp_path / name for name in ("a.model", "b.model", "c")]
    assert without_folders(found) == arguments | {"inner": {"file": "c"}}
    (tmp_path / "mine.yaml").write_text("code: mlip\nsettings: {calculator_kwargs: {model: 'https://there/is'}}\n")
    with pytest.raises(InputError, match="is an address"):
        load_backend(tmp_path / "mine.yaml").check_available()


def test_only_files_of_models_and_backends_are_trusted(tmp_path, anodeflow):
    (tmp_path / "notes").write_text("nothing")
    refused = anodeflow("trust", tmp_path / "notes")
    assert (refused.status, "no model of a potential by its suffix" in refused.err) == (2, True)
