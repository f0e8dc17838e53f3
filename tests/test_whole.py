"""A file that is written is there whole or not at all."""

import os
import signal

import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.core.whole import whole, whole_place
from anodeflow.structures.bulk.files import read_crystal
from anodeflow.structures.bulk.writing import write_structure


def killed_while(write) -> None:
    """Run `write` in a process of its own, which kills itself where it calls `die`."""
    if not (child := os.fork()):
        write(lambda: os.kill(os.getpid(), signal.SIGKILL))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


@pytest.mark.parametrize("before", [None, "the old one"])
def test_a_kill_leaves_the_old_file_or_none(tmp_path, before):
    file = tmp_path / "result.json.gz"
    if before:
        file.write_text(before)

    def write(die):
        with whole(file) as draft:
            draft.write_text("half")
            die()

    killed_while(write)
    assert (file.read_text() if file.exists() else None) == before
    with whole(file) as draft:
        draft.write_text("the new one")
    assert file.read_text() == "the new one"


def test_an_exception_leaves_nothing_else(tmp_path):
    file = tmp_path / ("x" * 240 + ".json")
    file.write_text("old")

    def fail():
        with whole(file) as draft:
            draft.write_text("half")
            raise OSError

    with pytest.raises(OSError, match=r"^$"):
        fail()
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert file.read_text() == "old"


def test_a_link_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with whole(tmp_path / "link") as draft:
        draft.write_text("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"


@pytest.mark.parametrize("name", ["x.cif", "POSCAR", "x.vasp", "x.xyz", "x.json", "y" * 245 + ".cif"])
def test_structures_of_every_format_are_written_under_their_name(tmp_path, name):
    crystal = Structure(Lattice.cubic(3.4), ["Li", "Mg"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    write_structure(crystal, tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert read_crystal(tmp_path / name)[0].composition == crystal.composition


def test_a_folder_takes_the_place_of_another_when_it_is_whole(tmp_path):
    target = tmp_path / "new" / "crate"
    for content in ("first", "second"):
        with whole_place(target) as draft:
            draft.mkdir()
            (draft / content).touch()
        assert [each.name for each in target.iterdir()] == [content]

    def fail():
        with whole_place(target) as draft:
            draft.mkdir()
            (draft / "third").touch()
            raise OSError

    with pytest.raises(OSError, match=r"^$"):
        fail()
    assert [each.name for each in target.iterdir()] == ["second"]
    assert [each.name for each in target.parent.iterdir()] == ["crate"], "no draft is left"
