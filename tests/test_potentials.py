"""Any potential: package, version, model file, arguments and elements are those of the one that is named."""

import json
import sys

import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.backends.mlip.force_fields import (
    FORCE_FIELDS,
    force_field,
    known_elements,
    provider,
)
from anodeflow.backends.registry import from_recipe, load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.core.install import PACKAGES, TORCH_CPU, install_command

LITHIUM = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
SLAB = """
name: two
backend: {backend}
prescreen: {prescreen}
systems:
  - {{name: Li(001), structure: Li, layers: 3, vacuum: 8, min_width: 4.5}}
studies:
  - adsorption: {{adsorbate: Li, sites: [hollow]}}
"""


def backend(folder, name="SevenNet", file="mine.yaml", **arguments):
    """Backend of a potential from its file."""
    path = folder / file
    settings = {"force_field_name": name, "calculator_kwargs": arguments}
    loose = {"force_threshold": 0.1, "stress_threshold": 0.005}
    path.write_text(json.dumps({"code": "mlip", "settings": settings, "relaxation": loose}))
    return load_backend(path)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A checkpoint of SevenNet whose weights are a little off, as after a fine-tuning."""
    torch = pytest.importorskip("torch")
    const = pytest.importorskip("sevenn._const")
    content = torch.load(const.SEVENNET_l3i5, map_location="cpu", weights_only=False)
    for name, weights in content["model_state_dict"].items():
        if name.endswith("linear.weight"):
            weights.mul_(1.01)
    content["optimizer_state_dict"] = content["scheduler_state_dict"] = None
    file = tmp_path_factory.mktemp("tuned") / "tuned.pth"
    torch.save(content, file)
    return file


def test_every_force_field_of_atomate2_is_known():
    from atomate2.forcefields import MLFF

    # MACE-Field tells how charges answer to a field, for which it needs a MACE of its own and a file of weights.
    names = {member.value for member in MLFF} - {"Forcefield", "MACE-Field"}
    assert names == set(FORCE_FIELDS)
    for member in MLFF:
        if member.value in names:
            assert force_field(member.value) == force_field(str(member)) == force_field(member.name) == member.value


def test_an_unknown_name_is_refused_with_its_line(tmp_path):
    file = tmp_path / "typo.yaml"
    file.write_text("code: mlip\nsettings:\n  force_field_name: SevenNett\n")
    with pytest.raises(InputError, match=r"typo.yaml, line 3: .* did you mean SevenNet\?"):
        load_backend(file)


def test_one_that_is_not_installed_is_told_in_a_sentence(tmp_path, anodeflow):
    mace = backend(tmp_path, "MACE_MP_0", model="medium")
    if provider("MACE-MP-0").installed:
        pytest.skip("MACE is installed here")
    with pytest.raises(BackendUnavailableError, match="MACE_MP_0 needs the package mace-torch, which is not installed"):
        mace.check_available()
    file = tmp_path / "campaign.yaml"
    file.write_text(SLAB.format(backend="mine.yaml", prescreen="emt").replace("prescreen: emt\n", ""))
    outcome = anodeflow("check", file)
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert "campaign.yaml, line 3" in outcome.err
    assert f"{sys.executable} -m pip install mace-torch" in outcome.err


@pytest.mark.mlip
def test_missing_sevenn_is_one_sentence(tmp_path, anodeflow, monkeypatch):
    monkeypatch.setitem(sys.modules, "sevenn", None)
    file = tmp_path / "campaign.yaml"
    file.write_text(SLAB.format(backend="mlip", prescreen="emt").replace("prescreen: emt\n", ""))
    outcome = anodeflow("check", file)
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert install_command("mlip") in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"modle": "7net-l3i5"}, r"takes no argument 'modle' .* did you mean model\?"),
        ({"model": "7net-l3i5", "calculator": 3}, "takes no argument 'calculator'"),
        ({"model": "./absent.pth"}, "there is no model file .*absent.pth"),
        ({"model": "7net-nine"}, "cannot be loaded: Given 7net-nine does not exist"),
    ],
)
@pytest.mark.mlip
def test_arguments_are_checked_before_anything_runs(tmp_path, arguments, words):
    with pytest.raises(InputError, match=words):
        backend(tmp_path, **arguments).check_available()


@pytest.mark.mlip
def test_a_file_that_has_the_name_of_a_model_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("7net-l3i5").write_text("not a model")
    with pytest.raises(InputError, match="is the name of a model, and there is a file of this name"):
        load_backend("mlip").check_available()


@pytest.mark.mlip
def test_a_model_file_is_known_by_what_it_holds(tuned, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    here.joinpath("tuned.pth").write_bytes(tuned.read_bytes())
    mine, other = backend(here, model="tuned.pth"), backend(tuned.parent, model="tuned.pth")
    assert mine.version().startswith("sevenn ")
    assert "model " in mine.version()
    assert mine.settings_hash() == other.settings_hash(), "the same file in another folder is the same potential"
    assert from_recipe(mine.recipe()) == mine, "nodes of a cluster find it by its path"
    shipped = load_backend("mlip")
    energies = [Makers(each).static().calculate(LITHIUM).energy for each in (mine, shipped)]
    assert abs(energies[0] - energies[1]) > 0.01
    with pytest.raises(InputError, match="was not trained on Po"):
        mine.check_elements({"Po"})
    before = mine.version()
    here.joinpath("tuned.pth").write_bytes(tuned.read_bytes() + b"0")
    assert mine.version() != before


def test_a_potential_that_is_only_named_does_not_get_the_model_of_another(tmp_path):
    file = tmp_path / "named.yaml"
    arguments = {}
    for name in ("CHGNet", "chgnet", "MACE_MP_0", "SevenNet", "MLFF.SevenNet"):
        file.write_text(f"code: mlip\nsettings: {{force_field_name: {name}}}\n")
        arguments[name] = load_backend(file).settings.calculator_kwargs
    seven = {"model": "7net-l3i5"}
    assert list(arguments.values()) == [{}, {}, {}, seven, seven]
    file.write_text("code: mlip\n")
    assert load_backend(file).settings.calculator_kwargs == seven


@pytest.mark.mlip
def test_chgnet_is_itself(tmp_path):
    pytest.importorskip("chgnet")
    chgnet, sevennet = backend(tmp_path, "CHGNet"), load_backend("mlip")
    chgnet.check_available()
    assert chgnet.version().startswith("chgnet ")
    with pytest.raises(InputError, match="CHGNet was not trained on Rn"):
        chgnet.check_elements({"Li", "Rn"})
    # Both were trained on the 89 elements of MPtrj, and SevenNet says which.
    assert known_elements(chgnet.calculator()) == known_elements(sevennet.calculator())
    with pytest.raises(InputError, match="takes no argument 'stress_unit'"):
        backend(tmp_path, "CHGNet", stress_unit="GPa").check_available()


@pytest.mark.mlip
def test_a_potential_that_does_not_tell_its_elements_says_so(tmp_path, anodeflow, monkeypatch):
    """Neither a model without a table of elements nor one with an empty one passes for one that knows them all."""
    from types import SimpleNamespace

    for calculator in (
        SimpleNamespace(),
        SimpleNamespace(z_table=SimpleNamespace(zs=[])),
        SimpleNamespace(type_dict={}),
    ):
        assert known_elements(calculator) is None
    assert known_elements(SimpleNamespace(z_table=SimpleNamespace(zs=[3, 12]))) == {3, 12}
    assert load_backend("mlip").open_questions() == []
    monkeypatch.setattr("anodeflow.backends.mlip.backend.known_elements", lambda calculator: None)
    monkeypatch.setattr("anodeflow.backends.mlip.backend.recall", lambda name: (False, None))
    file = tmp_path / "campaign.yaml"
    file.write_text(SLAB.format(backend="mlip", prescreen="emt").replace("prescreen: emt\n", ""))
    outcome = anodeflow("check", file)
    assert outcome.status == 0
    told = " ".join(outcome.out.split())
    assert told.count("SevenNet does not tell on which elements it was trained, so none was checked") == 1


@pytest.mark.mlip
def test_two_kinds_in_one_campaign(tmp_path, anodeflow):
    pytest.importorskip("chgnet")
    backend(tmp_path, "CHGNet", file="chgnet.yaml")
    backend(tmp_path, model="7net-l3i5", file="sevennet.yaml")
    file = tmp_path / "campaign.yaml"
    file.write_text(SLAB.format(backend="chgnet.yaml", prescreen="sevennet.yaml"))
    outcome = anodeflow("run", file)
    assert outcome.status == 0, outcome.err
    rows = json.loads(anodeflow("query", "--format", "json").out)
    assert {row["backend"] for row in rows} == {"chgnet"}
    from anodeflow.database.query import study_documents

    (document,) = study_documents("two")
    assert document.prescreen.backend == "sevennet"
    assert document.code.startswith("mlip chgnet ")
    # Bulk Li on its own surface lacks neighbours: some tenths of an eV, by either potential.
    assert 0.0 < next(row["value"] for row in rows if row["property"] == "binding_energy_bulk") < 0.6


def test_commands_install_into_this_python():
    for part in PACKAGES:
        assert sys.executable in install_command(part)
        assert "anodeflow[" not in install_command(part)


@pytest.mark.parametrize(
    ("there", "system", "machine", "first"),
    [
        ({"pip", "torch"}, "Linux", "x86_64", False),
        ({"pip"}, "Linux", "x86_64", True),
        ({"pip"}, "Linux", "aarch64", False),
        ({"pip"}, "Darwin", "arm64", False),
    ],
)
def test_a_potential_asks_for_torch_without_cuda_first_where_it_would_come_with_it(
    monkeypatch, there, system, machine, first
):
    monkeypatch.setattr("anodeflow.core.install.found", there.__contains__)
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    pip = f"{sys.executable} -m pip install"
    torch = f"{TORCH_CPU.format(pip=pip, python=sys.executable)} && " if first else ""
    assert ("--torch-backend cpu" in install_command("mlip")) is first
    assert install_command("mlip") == f"{torch}{pip} sevenn"
    assert provider("MACE-MP-0").remedy.startswith(f"{torch}{pip} mace-torch (")
    assert install_command("report").startswith(f"{pip} jinja2 ")


@pytest.mark.parametrize(("uv", "command"), [("/usr/bin/uv", "uv pip install --python "), (None, " -m ensurepip && ")])
def test_a_python_without_pip_is_helped_to_one(monkeypatch, uv, command):
    monkeypatch.setattr("anodeflow.core.install.found", lambda module: False)
    monkeypatch.setattr("shutil.which", lambda name: uv)
    assert command in install_command("report")


@pytest.mark.mlip
def test_a_check_need_not_load_again_what_was_loaded_before(tmp_path, monkeypatch):
    pytest.importorskip("sevenn")
    one = backend(tmp_path, model="7net-l3i5")
    one.check_available()

    def loaded(*arguments):
        raise AssertionError("it was loaded")

    monkeypatch.setattr("anodeflow.backends.mlip.backend._load", loaded)
    again = backend(tmp_path, model="7net-l3i5")
    again.check_available()
    again.check_elements(["Li", "Mg"])
    assert again.open_questions() == []
    with pytest.raises(InputError, match="was not trained on Og"):
        again.check_elements(["Og"])
    with pytest.raises(InputError, match="it was loaded"):
        again.calculator()
    with pytest.raises(InputError, match="it was loaded"):
        backend(tmp_path, model="7net-0").check_available()
    monkeypatch.setattr("anodeflow.backends.mlip.backend.MlipBackend.version", lambda self: "sevenn 99")
    with pytest.raises(InputError, match="it was loaded"):
        again.check_available()


@pytest.mark.mlip
def test_a_potential_computes_in_as_many_threads_as_it_is_told(monkeypatch):
    torch = pytest.importorskip("torch")
    from anodeflow.backends.mlip import backend

    monkeypatch.setattr("atomate2.forcefields.utils.ase_calculator", lambda name, **arguments: name)
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("ANODEFLOW_THREADS", str(before + 1))
        assert backend._load.__wrapped__("one", "{}", "1") == "one"
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_potential_without_torch_needs_none_for_threads(monkeypatch):
    from anodeflow.backends.mlip import backend

    pytest.importorskip("atomate2.forcefields.utils")
    monkeypatch.setattr("atomate2.forcefields.utils.ase_calculator", lambda name, **arguments: name)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("ANODEFLOW_THREADS", "2")
    assert backend._load.__wrapped__("GAP", "{}", "1") == "GAP"
