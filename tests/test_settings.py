"""Settings files: what stands in them, what goes before what, and what is wrong with them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anodeflow.core.errors import InputError
from anodeflow.core.settings import Settings, get_settings, user_file


@pytest.fixture
def files(home, tmp_path, monkeypatch) -> tuple[Path, Path]:
    """Return the user's file and that of the home folder; the environment names the home alone."""
    monkeypatch.delenv("ANODEFLOW_CONFIG")
    monkeypatch.delenv("ANODEFLOW_EMBEDDED")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    home.mkdir()
    return tmp_path / "config" / "anodeflow.toml", home / "config.toml"


def test_the_environment_goes_before_the_home_and_the_home_before_the_user(files, monkeypatch):
    user, own = files
    assert get_settings().embedded == "auto"
    user.write_text('embedded = "sqlite"\ndatabase_name = "mine"\n')
    assert (get_settings().embedded, get_settings().database_name) == ("sqlite", "mine")
    own.write_text('embedded = "secantusd"\n')
    assert (get_settings().embedded, get_settings().database_name) == ("secantusd", "mine")
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
    assert get_settings().embedded == "sqlite"


def test_the_users_file_names_the_home_whose_file_counts_too(files, tmp_path, monkeypatch):
    user, _ = files
    monkeypatch.delenv("ANODEFLOW_HOME")
    user.write_text(f'home = "{tmp_path / "elsewhere"}"\n')
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "config.toml").write_text('embedded = "sqlite"\n')
    assert get_settings().home == (tmp_path / "elsewhere").resolve()
    assert get_settings().embedded == "sqlite"


def test_another_file_can_be_named(files, tmp_path, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_CONFIG", str(tmp_path / "other.toml"))
    assert user_file() == tmp_path / "other.toml"
    (tmp_path / "other.toml").write_text('database_name = "other"\n')
    assert get_settings().database_name == "other"


@pytest.mark.parametrize(
    ("which", "text", "words"),
    [
        (0, "embedded = sqlite\n", r"anodeflow.toml cannot be read \(Invalid value \(at line 1"),
        (0, 'databse = "x"\n', "sets 'databse', which is no setting there: take one of database, "),
        (1, 'home = "x"\n', "config.toml sets 'home', which is no setting there"),
        (1, "database_name = 3\n", r"the setting database_name is wrong \(.*\): correct it in .*config.toml\.$"),
        (0, "threads = 0\n", r"the setting threads is wrong \(.*\): correct it in .*anodeflow.toml\.$"),
    ],
)
def test_what_is_wrong_is_said_with_its_file(files, which, text, words):
    files[which].write_text(text)
    with pytest.raises(InputError, match=words):
        get_settings()


@pytest.mark.parametrize("value", ["0", "-1", "two", "1e3", "100000"])
def test_a_variable_that_is_wrong_is_named(files, monkeypatch, value):
    monkeypatch.setenv("ANODEFLOW_THREADS", value)
    with pytest.raises(InputError, match=r"threads is wrong .* the environment \(ANODEFLOW_THREADS\)\.$"):
        get_settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_variable_is_none(files, monkeypatch, tmp_path, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(f"ANODEFLOW_{name.upper()}", raising=False)
    unset = get_settings()
    monkeypatch.setenv(f"ANODEFLOW_{name.upper()}", "")
    assert get_settings() == unset


def test_the_command_line_says_it_in_one_sentence(files, anodeflow):
    files[0].write_text("[[\n")
    done = anodeflow("status")
    assert done.status == 2
    assert done.err.count("\n") == 1


def test_threads_that_prepare_a_home_at_once_do_not_disturb_each_other(home):
    with ThreadPoolExecutor(8) as threads:
        attempts = [threads.submit(get_settings().prepare) for _ in range(200)]
    assert [str(each.exception()) for each in attempts if each.exception() is not None] == []
    assert sorted(each.name for each in home.iterdir()) == ["calculations", "campaigns"]
