"""``anodeflow doctor`` on machines where something is missing or broken: once in a process of its own, else in this."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from anodeflow.cli.doctor import _print_table
from anodeflow.cli.doctor_trials import Check
from anodeflow.core.install import install_command

# What a test does not look at is hidden from it: importing these takes seconds.
SLOW = (
    *("chgnet", "sevenn", "jobflow_remote", "matplotlib"),
    *("anodeflow.backends.cp2k.backend", "anodeflow.backends.espresso.backend"),
)
# Programs that a set-up without root does not install, or that nobody can install without a licence.
PROGRAMS = {"CP2K", "Quantum ESPRESSO", "VASP"}


@pytest.fixture
def hide(tmp_path, monkeypatch):
    """Let packages be missing from the processes that the command starts, other folders be first on their path."""

    def hidden(missing=(), path=()):
        folder = tmp_path / "hidden"
        folder.mkdir()
        folder.joinpath("sitecustomize.py").write_text(
            "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in missing)
        )
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *map(str, path), *sys.path]))
        monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)

    return hidden


@pytest.fixture
def doctor_process(hide):
    """Run the command in a process of its own; return its exit status and checks by name."""

    def run(*options, missing=()):
        hide(missing)
        command = [sys.executable, "-m", "anodeflow", "doctor", "--format", "json", *options]
        done = subprocess.run(command, capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}

    return run


@pytest.fixture
def doctor(hide, anodeflow, monkeypatch):
    """Run the command in this process; return exit status, checks by name and output."""

    def run(*options, missing=(), path=(), **environment):
        hide(missing, path)
        for name in missing:
            monkeypatch.setitem(sys.modules, name, None)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = anodeflow("doctor", *options)
        assert "Traceback" not in done.err
        checks = json.loads(done.out)["checks"] if "json" in options else []
        return done.status, {check["name"]: check for check in checks}, done.out

    return run


@pytest.mark.gpaw
@pytest.mark.mlip
def test_all_works_after_the_setup(doctor_process):
    status, checks = doctor_process("--run")
    assert status == 0
    assert {name for name, check in checks.items() if not check["works"]} <= PROGRAMS
    for name in PROGRAMS & checks.keys():
        assert checks[name]["works"] or checks[name]["remedy"]
    assert checks["GPAW"]["detail"].startswith(version("gpaw"))
    # Zeros: the atom without spin (GPAW) and VASP's (SevenNet). So the cohesive energy, 1.6 eV, and some 0.3 eV.
    for name in ("GPAW", "SevenNet"):
        energy = float(checks[name]["detail"].split("bcc Li ")[1].split()[0])
        assert -2.1 < energy < -1.5
    for name, least, most in (("CP2K", -205, -201), ("Quantum ESPRESSO", -205, -200)):
        if checks[name]["works"]:
            assert least < float(checks[name]["detail"].split("bcc Li ")[1].split()[0]) < most


@pytest.mark.slow
def test_without_gpaw_the_potential_is_left(doctor_process):
    status, checks = doctor_process(missing=("gpaw", "jobflow_remote", "matplotlib"))
    assert status == 0
    assert not checks["GPAW"]["works"]
    assert "gpaw" in checks["GPAW"]["detail"]
    assert "make setup" in checks["GPAW"]["remedy"]
    assert checks["SevenNet"]["works"]
    assert checks["jobflow-remote"]["remedy"] == install_command("remote")
    assert checks["report"]["remedy"] == install_command("report")


def test_without_a_backend_for_metals_nothing_works(doctor):
    status, _, table = doctor(missing=("gpaw", "chgnet", *SLOW), COLUMNS="200")
    assert status == 1
    assert "Not ready" in table
    assert "✓  EMT" in table
    assert "✗  GPAW" in table


@pytest.mark.slow
def test_an_extension_that_crashes_takes_nothing_with_it(doctor, tmp_path):
    tmp_path.joinpath("broken").mkdir()
    tmp_path.joinpath("broken", "_gpaw.py").write_text("import os\nos.abort()\n")
    status, checks, _ = doctor("--format", "json", missing=SLOW, path=[tmp_path / "broken"])
    assert status == 1
    assert not checks["GPAW"]["works"]
    assert checks["database"]["works"]


@pytest.mark.mlip
def test_every_force_field_that_is_installed_is_named(doctor):
    """With its version and its weights, and without importing it."""
    pytest.importorskip("chgnet")
    _, checks, _ = doctor("--format", "json", missing=("torch", "gpaw", *(name for name in SLOW if name != "chgnet")))
    assert checks["CHGNet"]["detail"].startswith(f"chgnet {version('chgnet')}, installed; ")
    assert checks["CHGNet"]["detail"].endswith(" files of weights")
    assert {"MACE", "MatterSim", "UPET"}.isdisjoint(checks)


def test_weights_are_looked_for_where_a_package_keeps_them(tmp_path, monkeypatch):
    from anodeflow.backends.mlip.force_fields import FORCE_FIELDS
    from anodeflow.cli.doctor_trials import weights

    monkeypatch.setenv("HOME", str(tmp_path))
    (mace,) = FORCE_FIELDS["MACE"]
    assert weights(mace) == "no weights yet in ~/.cache/mace/: it downloads them when a model is first used"
    (tmp_path / ".cache" / "mace").mkdir(parents=True)
    (tmp_path / ".cache" / "mace" / "model").touch()
    assert weights(mace) == "1 file of weights"
    assert "files of your own" in weights(FORCE_FIELDS["NEP"][0])


@pytest.mark.slow
def test_an_mpiexec_that_fails_is_found_out(doctor, tmp_path):
    import _gpaw

    if not hasattr(_gpaw, "Communicator"):
        pytest.skip("GPAW was compiled without MPI here")
    launcher = tmp_path / "bin" / "mpiexec"
    launcher.parent.mkdir()
    launcher.write_text("#!/bin/sh\necho 'Error: not enough slots' >&2\nexit 1\n")
    launcher.chmod(0o755)
    path = f"{launcher.parent}{os.pathsep}{os.environ['PATH']}"
    status, checks, _ = doctor("--format", "json", missing=SLOW, PATH=path)
    assert status == 1
    assert "not enough slots" in checks["GPAW"]["detail"]
    assert "ranks: 1" in checks["GPAW"]["remedy"]


def test_a_home_that_cannot_be_written_is_named(doctor, tmp_path):
    # Root may write anywhere, but not below a file.
    tmp_path.joinpath("file").touch()
    home = tmp_path / "file" / "home"
    status, checks, _ = doctor("--format", "json", missing=("gpaw", *SLOW), ANODEFLOW_HOME=str(home))
    assert status == 1
    for name in ("home", "database"):
        assert not checks[name]["works"]
        assert str(home) in checks[name]["detail"]
        assert "ANODEFLOW_HOME" in checks[name]["detail"]
    assert checks["EMT"]["works"]


def test_a_database_that_does_not_answer_is_named(doctor, tmp_path):
    uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"  # no server listens on port 1
    status, checks, _ = doctor("--format", "json", missing=("gpaw", *SLOW), ANODEFLOW_DATABASE=uri)
    assert status == 1
    assert not checks["database"]["works"]
    assert uri in checks["database"]["detail"]
    assert checks["home"]["works"]
    assert Path(tmp_path / "home").is_dir()


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_what_to_do_can_be_copied_from_a_window_of_any_width(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    command = f"/a/{'long/' * 30}python -m pip install sevenn"
    _print_table([Check("SevenNet", False, f"/b/{'deep/' * 30}x is missing", command)], works=False)
    shown = capsys.readouterr().out
    assert f"SevenNet: {command}" in shown
    assert "…" not in shown
