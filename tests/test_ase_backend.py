"""Calculators of ASE that a backend file names."""

import pickle
import sys
from pathlib import Path

import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from anodeflow.backends.ase import AseBackend, AseSettings
from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.registry import load_backend
from anodeflow.backends.trust import is_trusted, only_looking, trust
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.request import Request
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.testing.backend_conformance import BackendConformance


class Sprung:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return (open, (str(self.file), "w"))


ALUMINIUM = Structure(Lattice.cubic(4.05), ["Al"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.47, 0.5, 0]])


def backend(calculator: str, elements: tuple[str, ...] = (), **arguments) -> AseBackend:
    return AseBackend(
        name="mine",
        settings=AseSettings(calculator=calculator, arguments=arguments),
        elements=elements,
        relaxation=RelaxationSettings(stress_threshold=1e-4),
    )


class TestEmtByName(BackendConformance):
    atom = "H"

    def make_backend(self) -> AseBackend:
        return backend("ase.calculators.emt:EMT")


class TestLennardJones(BackendConformance):
    """Solid argon; any element is an atom of it, so the file lists those that are meant."""

    element, lattice_constant, unknown_element = "Ar", 5.25, "Li"
    force_tolerance = 0.002

    def make_backend(self) -> AseBackend:
        made = backend(
            "ase.calculators.lj:LennardJones", ("Ar",), sigma=3.40, epsilon=0.0104, rc=9.0, ro=7.0, smooth=True
        )
        relaxation = RelaxationSettings(force_threshold=2e-4, stress_threshold=1e-5, curvature=0.5)
        return made.model_copy(update={"relaxation": relaxation})


class TestTblite(BackendConformance):
    """GFN1-xTB of the shipped file, at the Γ point alone: a crystal of neon, which has no bands to speak of."""

    backend_file = "tblite"
    element, lattice_constant = "Ne", 3.6
    force_tolerance = 0.01
    small_hop = False  # 31 atoms an image

    @pytest.fixture
    def backend(self) -> AseBackend:
        pytest.importorskip("tblite")
        return self.make_backend()

    def make_backend(self) -> AseBackend:
        relaxation = RelaxationSettings(force_threshold=1e-3, stress_threshold=1e-5, curvature=0.5)
        return load_backend("tblite").model_copy(update={"relaxation": relaxation})


def test_numbers_are_those_of_the_calculator(home):
    document = Makers(backend("ase.calculators.emt:EMT")).static().calculate(ALUMINIUM)
    atoms = ALUMINIUM.to_ase_atoms()
    atoms.calc = EMT()
    assert document.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    assert document.code_version.startswith("ase ")
    assert document.settings["calculator"] == "ase.calculators.emt:EMT"


def test_what_it_can_do_is_what_it_implements():
    assert backend("ase.calculators.emt:EMT").capabilities == {"relax", "stress", "neb"}
    assert backend("ase.calculators.morse:MorsePotential").cheap_forces
    assert not backend("ase.calculators.dftb:Dftb").cheap_forces
    assert "stress" not in backend("ase.calculators.qmmm:SimpleQMMM").capabilities


@pytest.mark.parametrize(
    ("calculator", "arguments", "kind", "message"),
    [
        ("ase.calculators.lj:LennardJones", {"sigmaa": 3}, InputError, "no argument 'sigmaa'.*did you mean sigma"),
        ("ase.calculators.emt:Emt", {}, InputError, "has no class Emt .*did you mean EMT"),
        ("no_such_package.there:X", {}, BackendUnavailableError, "no_such_package.there cannot be imported .*install"),
        ("ase.calculators.lj:LennardJones", {"sigma": "3 A"}, InputError, "cannot be made with"),
    ],
)
def test_mistakes_are_told_in_a_sentence(calculator, arguments, kind, message):
    with pytest.raises(kind, match=f"^backend mine: .*{message}") as told:
        backend(calculator, **arguments).check_available()
    assert "\n" not in str(told.value)


def test_spin_is_promised_only_by_a_calculator_that_has_moments():
    spin = {"spin": True}
    assert "spin" in backend("ase.calculators.emt:EMT").model_copy(update=spin).capabilities
    with pytest.raises(InputError, match=r"implements no magnetic moment \(magmom\): leave spin out"):
        backend("ase.calculators.lj:LennardJones").model_copy(update=spin).check_available()


def test_a_name_that_is_none_is_refused_with_its_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("code: ase\nsettings:\n  calculator: ase.calculators.emt.EMT\n")
    with pytest.raises(InputError, match=r"mine.yaml.*3.*package.module:Class"):
        load_backend(file)


@pytest.mark.slow
def test_version_of_a_module_of_ones_own_is_its_content(tmp_path, monkeypatch):
    (tmp_path / "my_potential.py").write_text("from ase.calculators.emt import EMT\nclass Mine(EMT): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    first = backend("my_potential:Mine").version()
    assert first.startswith("my_potential ")
    (tmp_path / "my_potential.py").write_text("from ase.calculators.emt import EMT\nclass Mine(EMT): x = 1\n")
    from anodeflow.backends import ase

    ase._version.cache_clear()
    assert backend("my_potential:Mine").version() != first
    request = Request("static", ALUMINIUM)
    assert backend("my_potential:Mine").address(request) != backend("ase.calculators.emt:EMT").address(request)


def test_check_imports_no_module_that_an_untrusted_file_names(tmp_path, monkeypatch):
    (tmp_path / "sprung_module.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\nclass C: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    file = tmp_path / "mine.yaml"
    file.write_text("code: ase\nsettings: {calculator: 'sprung_module:C'}\n")
    with only_looking() as notes:
        looked = load_backend(file)
        looked.check_available()
        looked.check_elements({"Al"})
        assert (looked.capabilities >= {"relax", "stress", "neb"}, looked.cheap_forces) == (True, True)
        assert looked.settings_hash()
    assert "sprung_module:C" in notes[str(file)]
    assert not is_trusted(file)
    assert not (tmp_path / "sprung").exists()
    assert "sprung_module" not in sys.modules


@pytest.mark.slow
def test_a_model_that_holds_more_than_numbers_is_loaded_only_when_trusted(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "loading_calculator.py").write_text(
        "import pickle\nfrom ase.calculators.emt import EMT\n"
        "class Loading(EMT):\n    def __init__(self, model):\n        super().__init__()\n"
        "        pickle.load(open(model, 'rb'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "model.pth").write_bytes(pickle.dumps(Sprung(tmp_path / "sprung")))
    file = tmp_path / "mine.yaml"
    file.write_text("code: ase\nsettings: {calculator: 'loading_calculator:Loading', arguments: {model: model.pth}}\n")
    with pytest.raises(InputError, match=r"model\.pth holds more than numbers"):
        load_backend(file).check_available()
    assert not (tmp_path / "sprung").exists()
    assert trust(file, load_backend(file)) == ["loading_calculator:Loading", str(tmp_path / "model.pth")]
    load_backend(file).check_available()
    assert (tmp_path / "sprung").exists()


FILES = """
from pathlib import Path

import numpy as np
from ase.calculators.calculator import FileIOCalculator
from ase.calculators.emt import EMT


class Printing(FileIOCalculator):
    '''Writes the geometry, starts a program that copies it, and reads energy and forces (of EMT) from that copy.'''

    implemented_properties = ["energy", "forces"]
    default_parameters = {"note": ""}
    _legacy_default_command = "cp geometry.xyz answer.xyz"

    def __init__(self, **kwargs):
        super().__init__(command="cp geometry.xyz answer.xyz", **kwargs)

    def write_input(self, atoms, properties=None, system_changes=None):
        super().write_input(atoms, properties, system_changes)
        atoms.write(Path(self.directory) / "geometry.xyz", format="extxyz", plain=False)

    def read_results(self):
        from ase.io import read

        atoms = read(Path(self.directory) / "answer.xyz")
        atoms.calc = EMT()
        self.results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(apply_constraint=False)}
"""


def test_calculators_that_write_files_do_so_in_the_folder_of_the_calculation(tmp_path, home, monkeypatch):
    (tmp_path / "printing_calculator.py").write_text(FILES)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    printing = backend("printing_calculator:Printing", ("Al",))
    document = Makers(printing).relax().calculate(ALUMINIUM)
    plain = Makers(backend("ase.calculators.emt:EMT")).relax().calculate(ALUMINIUM)
    assert document.energy == pytest.approx(plain.energy, abs=1e-5)
    assert list((tmp_path / "work").iterdir()) == []
    assert (Path(document.directory) / "calculator-1" / "answer.xyz").is_file()
    assert printing.capabilities == {"relax", "neb"}
    assert printing.open_questions() == []
    (question,) = backend("printing_calculator:Printing").open_questions()
    assert "whether printing_calculator:Printing knows the elements shows when it runs" in question
    with pytest.raises(InputError, match="all second derivatives take hundreds of calculations with mine"):
        Makers(printing).modes().calculate(document.structure, full=True)
