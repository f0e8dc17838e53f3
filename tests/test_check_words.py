"""What `anodeflow check` says of structures, backends and tags that are none, with the line, and of damaged models."""

import pickle
import zipfile

import pytest
from pydantic import BaseModel

from anodeflow.backends.mlip import backend as mlip
from anodeflow.backends.mlip.model_files import files_hash
from anodeflow.backends.registry import load_backend
from anodeflow.campaign.model import Campaign
from anodeflow.core.errors import InputError
from anodeflow.core.yamlfile import YamlFile

CAMPAIGN = """\
name: x
backend: {backend}
systems:
  - {{name: A, structure: {structure}, miller: [0, 0, 1], layers: {layers}, fixed_layers: 1, vacuum: 10, min_width: 5}}
studies:
  - adsorption: {{adsorbate: Cu}}
"""
TAG = "is not read, for it makes something else of a value"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"structure": "'http://localhost/x.cif'"}, "line 4: the structure 'http://localhost/x.cif' is an address"),
        ({"structure": "'file:///tmp/x.cif'"}, "line 4: the structure 'file:///tmp/x.cif' is an address, and"),
        ({"structure": "''"}, "line 4: a structure has an empty name: give a file, or one of the catalogue"),
        ({"structure": "' '"}, "line 4: a structure has an empty name"),
        ({"structure": "."}, "is a folder: name a file in it."),
        ({"structure": "/"}, "line 4: the structure '/' is a folder: name a file in it."),
        ({"backend": "etm"}, "line 2: unknown backend 'etm'; there is"),
        ({"backend": "/tmp"}, "line 2: unknown backend '/tmp'; there is"),
        ({"backend": "none.yaml"}, "none.yaml"),
        ({"layers": "!!python/object/apply:os.system ['touch x']"}, "line 4: the tag !!python/object/apply:os"),
        ({"layers": "!!int '3'"}, f"line 4: the tag !!int {TAG}"),
        ({"layers": "!mine 3"}, f"line 4: the tag !mine {TAG}"),
        ({"layers": "!!set {{1, 2}}".replace("{{", "{").replace("}}", "}")}, f"line 4: the tag !!set {TAG}"),
        ({"layers": "!!binary aGVsbG8="}, f"line 4: the tag !!binary {TAG}"),
        ({"layers": "!!timestamp 2026-01-01"}, f"line 4: the tag !!timestamp {TAG}"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_said_with_its_line(changes, words, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(CAMPAIGN.format(**({"backend": "emt", "structure": "Cu", "layers": "3"} | changes)))
    with pytest.raises(InputError) as refused:
        Campaign.from_file(file).check()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == [file]


def test_a_backend_of_the_command_line_has_no_line(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(CAMPAIGN.format(backend="emt", structure="Cu", layers="3"))
    with pytest.raises(InputError, match=r"^unknown backend 'etm'"):
        Campaign.from_file(file, backend="etm")


def test_a_prescreen_that_is_none_has_its_line(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(CAMPAIGN.format(backend="emt", structure="Cu", layers="3") + "prescreen: etm\n")
    with pytest.raises(InputError, match=r"c\.yaml, line 7: unknown backend 'etm'"):
        Campaign.from_file(file).check()


def test_an_error_in_a_backend_file_has_its_own_line_alone(tmp_path):
    (tmp_path / "b.yaml").write_text("code: emt\nrelaxation: {force_treshold: 1}\n")
    file = tmp_path / "c.yaml"
    file.write_text(CAMPAIGN.format(backend="b.yaml", structure="Cu", layers="3"))
    with pytest.raises(InputError, match=f"^{tmp_path}/b.yaml, line 2: unknown key"):
        Campaign.from_file(file).check()


class Texts(BaseModel):
    """A file of texts."""

    a: str
    b: str
    c: list[str]


def test_a_number_that_is_meant_as_text_and_exclamation_marks_are_read(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("a: !!str 2024\nb: really!\nc: !!seq [!!str 1e5, '!x']\n")
    assert YamlFile.read(file).validate(Texts) == Texts(a="2024", b="really!", c=["1e5", "!x"])


def checkpoint(file, harmed=()):
    """A ZIP archive of numbers, as checkpoints of torch are; `harmed` parts have other bytes than they had."""
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(4):
            archive.writestr(f"m/data/{number}", f"part {number}: ".encode() * 100)
    content = file.read_bytes()
    for number in harmed:
        content = content.replace(f"part {number}: ".encode(), f"xart {number}: ".encode(), 1)
    file.write_bytes(content)
    return file


def test_a_model_file_that_is_damaged_in_the_middle_is_refused(tmp_path):
    whole, hurt, without = (tmp_path / f"{name}.pth" for name in ("whole", "hurt", "without"))
    assert len(files_hash([checkpoint(whole)], "b.yaml")) == 16
    with pytest.raises(InputError, match=r"^b.yaml: the model file .*hurt.pth is damaged \(m/data/2 is"):
        files_hash([checkpoint(hurt, [2])], "b.yaml")
    # Written without checksums, which torch can do.
    assert files_hash([checkpoint(without, range(4))], "b.yaml") != files_hash([whole], "b.yaml")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty: take a whole copy."),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a pointer of Git LFS, without what it"),
        (b"\n<!DOCTYPE html><title>404</title>", "is a web page: download the model itself."),
        (None, "is cut short or damaged at its end: take a whole copy."),
    ],
)
def test_a_file_that_is_no_model_is_said_before_it_is_loaded(tmp_path, content, words):
    file = checkpoint(tmp_path / "m.pth")
    file.write_bytes(file.read_bytes()[:-50] if content is None else content)
    with pytest.raises(InputError) as refused:
        files_hash([file], "b.yaml")
    assert str(refused.value).startswith(f"b.yaml: the model file {file} {words}")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (pickle.UnpicklingError("invalid load key, '\\x0a'."), ""),
        (RuntimeError("PytorchStreamReader failed reading zip archive: this is an internal miniz error"), ""),
        (EOFError("Ran out of input"), ""),
        (KeyError("cutoff"), " (KeyError: 'cutoff')"),
    ],
)
def test_a_model_that_does_not_load_is_said_in_our_words(tmp_path, monkeypatch, error, told):
    file = checkpoint(tmp_path / "m.pth")
    (tmp_path / "b.yaml").write_text(
        "code: mlip\nsettings:\n  force_field_name: SevenNet\n  calculator_kwargs: {model: m.pth}\n"
    )

    def fail(*arguments):
        raise error

    for name in ("_load", "check_checkpoint"):
        monkeypatch.setattr(mlip, name, fail if name == "_load" else lambda *arguments: None)
    backend = load_backend(tmp_path / "b.yaml")
    monkeypatch.setattr(type(backend), "_check_installed", lambda self: None)
    with pytest.raises(InputError) as refused:
        backend.calculator()
    expected = f"backend b: SevenNet finds no model of its own in {file}{told}: take a whole copy of one that sevenn"
    assert str(refused.value).startswith(expected)
