"""The Tab key: names of campaigns, backends and crystals, and files, by the shell's own way of asking."""

import json
import os
import subprocess
import sys

import pytest

from anodeflow.cli import completion


def asked(words: str, folder, home) -> list[str]:
    """Return what bash is told of the last word of a command line."""
    answer = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'anodeflow'; from anodeflow.cli import main; main()"],
        cwd=folder,
        env=os.environ
        | {
            "ANODEFLOW_HOME": str(home),
            "_ANODEFLOW_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert not answer.stderr
    return answer.stdout.split()


def test_a_shell_is_told_shipped_campaigns_and_files_that_are_there(tmp_path):
    (tmp_path / "question.yaml").write_text("name: question")
    (tmp_path / "queue.txt").write_text("")
    (tmp_path / "quarry").mkdir()
    assert asked("anodeflow check qu", tmp_path, tmp_path / "home") == ["quickstart", "quarry/", "question.yaml"]


def test_a_shell_is_told_backends_and_campaigns_of_the_home(tmp_path):
    campaigns = tmp_path / "home" / "campaigns"
    campaigns.mkdir(parents=True)
    (campaigns / "copper.json").write_text(json.dumps({}))
    assert asked("anodeflow run quickstart --backend gpaw-s", tmp_path, tmp_path / "home") == [
        "gpaw-standard",
        "gpaw-surfaces",
    ]
    assert asked("anodeflow report co", tmp_path, tmp_path / "home") == ["copper"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["Li.cif", "deep/"]),
        ("deep/", ["deep/Mg.cif"]),
        ("deep/M", ["deep/Mg.cif"]),
        ("no/such", []),
        (".", [".hidden.cif"]),
    ],
)
def test_files_are_those_in_the_folder_that_was_typed(tmp_path, monkeypatch, typed, found):
    (tmp_path / "deep").mkdir()
    for name in ("Li.cif", "deep/Mg.cif", "notes.txt", ".hidden.cif"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    names = completion.crystals(typed)
    assert [name for name in names if "/" in name or "." in name] == found
    assert ("Li3Mg7" in names) is (typed == "")
