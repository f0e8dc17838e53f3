"""Homes that may not be written to, a snapshot or somebody else's: results are read, and nothing in them changes."""

import json
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from urllib.parse import urlparse

import pytest
from factories import adsorption_document
from jobflow import job, run_locally

from anodeflow import query
from anodeflow.core.errors import DatabaseError, InputError
from anodeflow.core.settings import Settings, get_settings
from anodeflow.database import read_only
from anodeflow.database.service import stop_service
from anodeflow.database.store import open_store
from anodeflow.serve.source import Source


@job
def adsorption():
    return adsorption_document()


@pytest.fixture(params=["secantusd", "sqlite"])
def theirs(request, tmp_path, monkeypatch):
    """A home with a study of which no rows were made yet; temporary folders lie beside it."""
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", request.param)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with open_store() as store:
        run_locally(adsorption(), store=store, ensure_success=True, log=False)
    if request.param == "secantusd":
        stop_service(database(tmp_path / "home"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(read_only, "_copies", {})
    yield tmp_path / "home"
    for _, copy in read_only._copies.values():
        read_only._remove(copy)
    assert not any((tmp_path / "tmp").iterdir())


@pytest.fixture
def closed(theirs, monkeypatch) -> dict[str, int]:
    """What may be done with the home, as ``os.access`` tells: `mode`, which is to read."""
    allowed = {"mode": os.R_OK | os.X_OK}
    access = os.access

    def told(path, mode, **options):
        inside = Path(path).is_relative_to(theirs)
        return access(path, mode, **options) and not (inside and mode & ~allowed["mode"])

    monkeypatch.setattr(os, "access", told)
    return allowed


def content(folder: Path) -> dict[str, bytes]:
    """What the files of a home hold."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def database(home: Path) -> Path:
    return read_only.named_place(get_settings(), home / "database").folder


@pytest.mark.slow
def test_results_are_read_from_a_copy(theirs, closed, anodeflow, tmp_path):
    before = content(theirs)
    with pytest.warns(UserWarning, match=r"may not be written to: a copy of it \(\d+\.\d MB\) in .*tmp is read"):
        found = query(property="binding_energy")
    assert list(found["system"].unique()) == ["Li(001)"]
    told = anodeflow("query", "--format", "csv")
    assert (told.status, told.err) == (0, ""), "one copy does for a process"
    assert "binding_energy" in told.out
    assert anodeflow("status").status == 0
    assert anodeflow("db", "backup", tmp_path / "backup.zip").status == 0
    after = content(theirs)
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name] and "server.log" not in name] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the database in")
def test_what_only_looks_needs_no_home_to_write_to(theirs, closed, anodeflow, monkeypatch):
    """``db status``, ``learn`` and ``serve`` look at the home of somebody else as ``query`` does."""
    monkeypatch.setattr(Settings, "prepare", lambda settings: pytest.fail("it wants to write there"))
    before = content(theirs)
    told = anodeflow("db", "status", "--format", "json")
    assert told.status == 0, told.err
    found = json.loads(told.out)
    assert (found["studies"], found["uri"], found["place"]) == (1, None, str(database(theirs)))
    told = anodeflow("learn")
    assert (told.status, told.out.startswith("Nothing was learned yet.")) == (0, True)
    source = Source()
    try:
        assert source.rows().page({}).total == 2
    finally:
        source.close()
    monkeypatch.setattr("anodeflow.serve.server.run_server", lambda port, ready: ready("http://127.0.0.1:1/"))
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(Path(urlparse(address).path).read_text()))
    told = anodeflow("serve", "--open")
    assert (told.status, "may not be written to: results are those of now" in told.out) == (0, True)
    assert "url=http://127.0.0.1:1/" in opened[0]
    after = content(theirs)
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name] and "server.log" not in name] == []


@pytest.mark.slow
def test_what_is_written_is_never_lost_in_a_copy(theirs, tmp_path, monkeypatch):
    """A mount that is read-only, as of a snapshot: only root can make one."""
    place = tmp_path / "mounted"
    place.mkdir()
    mounts = [["mount", "--bind", str(theirs), str(place)], ["mount", "-o", "remount,ro,bind", str(place)]]
    if os.geteuid() != 0 or any(subprocess.run(each, capture_output=True).returncode for each in mounts):
        subprocess.run(["umount", str(place)], capture_output=True)
        pytest.skip("nothing can be mounted here")
    try:
        monkeypatch.setenv("ANODEFLOW_HOME", str(place))
        with pytest.warns(UserWarning, match="may not be written to"):
            assert not query(property="binding_energy").empty
        with pytest.raises(InputError, match=r"cannot write to .*mounted"), open_store():
            pass
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_home_that_others_may_not_read_is_a_sentence(theirs, closed, anodeflow):
    closed["mode"] = 0
    told = anodeflow("query")
    assert (told.status, told.err.count("\n")) == (2, 1)
    assert "may be read by its owner only: ask its owner for what anodeflow export or anodeflow db backup" in told.err
    told = anodeflow("status")
    assert (told.status, told.err.startswith("anodeflow: cannot read ")) == (2, True)


def test_a_copy_that_does_not_fit_is_a_sentence(theirs, closed, monkeypatch):
    monkeypatch.setattr(read_only, "_ROOM", 1e15)
    with pytest.raises(DatabaseError, match=r"a copy of it \(\d+\.\d MB\) does not fit into .*have TMPDIR name"):
        query()


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 1000])
def test_a_database_that_changes_under_the_copy_is_copied_again(theirs, closed, monkeypatch, times):
    folder, copyfile, left = database(theirs), shutil.copyfile, [times]

    def changing(source, target):
        copyfile(source, target)
        if left[0]:
            left[0] -= 1
            (folder / "new").write_text("x" * left[0])

    monkeypatch.setattr(shutil, "copyfile", changing)
    if times > 1:
        monkeypatch.setattr(warnings, "warn", lambda *told, **options: None)
        with pytest.raises(DatabaseError, match="is written to all the time: try again later"):
            query()
        return
    with pytest.warns(UserWarning, match="may not be written to"):
        assert not query().empty


@pytest.mark.slow
def test_a_copy_that_is_damaged_is_told_of_the_original(theirs, closed):
    for file in database(theirs).rglob("*"):
        if file.is_file() and (file.suffix in (".wt", ".collection") or file.name.startswith("WiredTiger")):
            file.write_bytes(b"damage" * 1000)
    with (
        pytest.warns(UserWarning, match="may not be written to"),
        pytest.raises(DatabaseError, match=r"a copy of the database in .*home.*cannot be read"),
    ):
        query()
