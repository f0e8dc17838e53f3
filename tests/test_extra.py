"""Keywords of the codes themselves (`extra`): what may be given, what is refused; unset they change nothing."""

from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.backends.cp2k.backend import Cp2kBackend, Cp2kSettings
from anodeflow.backends.espresso.backend import EspressoSettings
from anodeflow.backends.gpaw.backend import GpawBackend, GpawSettings
from anodeflow.backends.gpaw.recovery import RECOVERY_STEPS, parameters_at
from anodeflow.backends.mlip.backend import MlipBackend
from anodeflow.backends.registry import from_recipe, load_backend
from anodeflow.backends.trust import only_looking
from anodeflow.backends.vasp.settings import VaspSettings
from anodeflow.core.errors import InputError

LITHIUM = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
UPF = {"pseudopotential_folder": ".", "pseudopotentials": {"Li": "Li.UPF"}}


@pytest.mark.parametrize("settings", [GpawSettings(), Cp2kSettings(), EspressoSettings(**UPF)])
def test_unset_it_is_in_no_recipe_and_no_hash(settings):
    assert "extra" not in settings.model_dump(mode="json")


def test_hashes_are_those_of_results_from_before_there_was_extra(monkeypatch):
    for code in (GpawBackend, MlipBackend, Cp2kBackend):
        monkeypatch.setattr(code, "version", lambda self: "1")
    # As anodeflow 0.1.0 made them.
    assert load_backend("mlip").settings_hash() == "48ad942f456fba466434"
    assert GpawBackend(name="any").settings_hash() == "0ea5a2e72b526229cc1e"
    assert Cp2kBackend(name="any").settings_hash() == "33184651fe907bc5dbe9"


@pytest.mark.parametrize(
    ("settings", "extra", "words"),
    [
        (
            GpawSettings,
            {"kpts": [3, 3, 3]},
            "kpts of GPAW cannot be set here: it is decided by the setting kpoint",
        ),
        (GpawSettings, {"occupations": {"width": 0.2}}, "smearing_width"),
        (GpawSettings, {"spinpol": True}, "moments of the structure"),
        (GpawSettings, {"mode": "lcao"}, "cutoff"),
        (GpawSettings, {"xc": "RPBE"}, "functional"),
        (GpawSettings, {"symmetry": "off"}, "the structure"),
        (GpawSettings, {"mixr": {}}, "did you mean mixer?"),
        (GpawSettings, {"convergence": {"density": 1e-3}}, "density_tolerance"),
        (GpawSettings, {"convergence": {"total_energy": 1.0}}, "total_energy_tolerance"),
        (GpawSettings, {"convergence": {"maximum iterations": 3}}, "max_scf_cycles"),
        (GpawSettings, {"experimental": {"soc": True}}, "spin-orbit"),
        (Cp2kSettings, {"FORCE_EVAL": {"DFT": {"KPOINTS": {"SCHEME": "GAMMA"}}}}, "kpoint_spacing"),
        (Cp2kSettings, {"force_eval": {"dft": {"scf": {"smear": {"method": "energy_window"}}}}}, "smearing_width"),
        (Cp2kSettings, {"FORCE_EVAL": {"DFT": {"UKS": True}}}, "moments of the structure"),
        (
            Cp2kSettings,
            {"FORCE_EVAL": {"DFT": {"XC": {"XC_FUNCTIONAL": {"BLYP": {}}}}}},
            "functional",
        ),
        (Cp2kSettings, {"FORCE_EVAL": {"DFT": {"MGRID": {"CUTOFF": 300}}}}, "setting cutoff"),
        (Cp2kSettings, {"MOTION": {}}, "one geometry at a time"),
        (Cp2kSettings, {"DFT": {"SCF": {}}}, "begin with FORCE_EVAL"),
        (EspressoSettings, {"system": {"degauss": 0.02}}, "smearing_width"),
        (EspressoSettings, {"SYSTEM": {"NSPIN": 2}}, "moments of the structure"),
        (EspressoSettings, {"system": {"starting_magnetization(1)": 0.5}}, "moments of the structure"),
        (EspressoSettings, {"system": {"nosym": True}}, "the structure"),
        (EspressoSettings, {"electrons": {"mixing_bta": 0.1}}, "did you mean mixing_beta?"),
        (EspressoSettings, {"k_points": {}}, "no namelist 'k_points'"),
        (EspressoSettings, {"system": {"lgcscf": True}}, "neutral"),
        (VaspSettings, {"NELECT": 33}, "another setting"),
        (VaspSettings, {"lsorbit": True}, "another setting"),
    ],
)
def test_what_studies_rely_on_is_refused(settings, extra, words):
    assert words in refused(settings, extra)


@pytest.mark.parametrize(
    ("settings", "extra", "words"),
    [
        (GpawSettings, {"mixer": {"bta": 0.1}}, "did you mean beta?"),
        (GpawSettings, {"mixer": {"name": "multi", "mixer_a": {"bta": 0.1}}}, "did you mean beta?"),
        (GpawSettings, {"mixer": "puly"}, "no mixer 'puly'"),
        (GpawSettings, {"mixer": {"beta": "high"}}, "beta: expected a number"),
        (GpawSettings, {"mixer": {"beta": float("inf")}}, "finite"),
        (GpawSettings, {"mixer": {"nmaxold": 3.5}}, "whole number"),
        (GpawSettings, {"mixer": {"nmaxold": 0}}, "above 0"),
        (GpawSettings, {"mixer": {"method": "sum"}}, "no argument 'method'"),
        (GpawSettings, {"eigensolver": "davidsn"}, "no eigensolver"),
        (GpawSettings, {"eigensolver": "lcao"}, "for plane waves"),
        (GpawSettings, {"eigensolver": {"niter": "two"}}, "whole number"),
        (GpawSettings, {"eigensolver": {"name": "rmm-diis", "trial_stp": 0.1}}, "did you mean trial_step?"),
        (GpawSettings, {"nbands": "many"}, "number of bands"),
        (GpawSettings, {"nbands": 10**30}, "digits"),
        (GpawSettings, {"random": 1}, "true or false"),
        (GpawSettings, {"basis": {"Li": 2}}, "name of a basis set"),
        (GpawSettings, {"convergence": {"bnds": "all"}}, "did you mean bands?"),
        (GpawSettings, {"convergence": {"bands": "ocupied"}}, "occupied"),
        (GpawSettings, {"experimental": {"ccir": True}}, "did you mean ccirs?"),
        (EspressoSettings, {"electrons": {"mixing_beta": "0.3"}}, "a number"),
        (EspressoSettings, {"electrons": {"mixing_beta": -0.3}}, "above 0"),
        (EspressoSettings, {"electrons": {"diagonalization": "davd"}}, "did you mean david?"),
        (EspressoSettings, {"system": {"nbnd": 12.5}}, "whole number"),
        (EspressoSettings, {"system": {"vdw_corr": "x'\n ecutwfc = 3"}}, "one line"),
        (EspressoSettings, {"system": {"lambda(1)=2\n ecutwfc": 3}}, "no keyword"),
        (Cp2kSettings, {"FORCE_EVAL": {"DFT": {"SCF": {"MIXING": {"ALPHA": "0.1\n&END"}}}}}, "one line"),
        (Cp2kSettings, {"FORCE_EVAL": {"DFT": {"SCF": {"MIXING": {"ALPHA 1\nBETA": 1}}}}}, "no name"),
        (Cp2kSettings, {"FORCE_EVAL": {"DFT": {"SCF": {"MIXING": {"ALPHA": [{"a": 1}, 1]}}}}}, "a number"),
        (VaspSettings, {"IVDW": "12; ISPIN = 2"}, "one line"),
        (VaspSettings, {"IVDW": "twelve"}, "whole number"),
        (VaspSettings, {"LASPH": 1}, "true or false"),
        (VaspSettings, {"AMIX": float("nan")}, "finite"),
        (VaspSettings, {"IVDW 12\nISPIN": 2}, "no tag"),
    ],
)
def test_values_and_names_that_the_code_would_not_take_are_refused(settings, extra, words):
    if settings is GpawSettings:
        pytest.importorskip("gpaw.dft")
    assert words in refused(settings, extra)


def refused(settings, extra):
    """Return why a code's own keywords are refused."""
    key = "incar" if settings is VaspSettings else "extra"
    with pytest.raises(ValueError, match=key) as caught:
        settings(**{key: extra}, **(UPF if settings is EspressoSettings else {}))
    return str(caught.value)


@pytest.mark.parametrize(
    "extra",
    [
        {"mixer": "pulay", "eigensolver": "dav", "nbands": -8},
        {"mixer": {"backend": "msr1", "beta": 1, "weight": 50}, "eigensolver": {"niter": 3}, "random": True},
        {"eigensolver": {"name": "ppcg", "tolerances": [1e-3, 1e-3, 1e-3], "blocksize": None}},
        {"convergence": {"bands": "CBM+2.0", "minimum iterations": 4, "forces": 0.01}, "basis": {"Li": "dzp"}},
        {"experimental": {"ccirs": True}, "interpolation": "fft"},
    ],
)
def test_what_gpaw_takes_is_taken(extra):
    dft = pytest.importorskip("gpaw.dft")
    GpawSettings(extra=extra)
    dft.Parameters(mode="pw", **extra)


def test_cp2k_is_asked_what_it_reads_once_it_may_be_started(tmp_path):
    program, file = tmp_path / "cp2k.fake", tmp_path / "mine.yaml"
    box = [
        " ****",
        " *   ___",
        " *  /   \\",
        " * [ABORT]",
        " *  \\___/   found an unknown keyword ALPA in section MIXING *",
    ]
    box += [" *    |", " ****"]
    program.write_text("#!/bin/sh\ntouch $0.ran\ncat <<'END'\n" + "\n".join(box) + "\nEND\nexit 1\n")
    program.chmod(0o755)
    file.write_text(
        f"code: cp2k\nparallel: {{command: {program}}}\nsettings:\n  cutoff: 5500\n"
        "  extra: {FORCE_EVAL: {DFT: {SCF: {MIXING: {ALPA: 0.1}}}}}\n"
    )
    with only_looking():
        load_backend(file)
    assert not Path(f"{program}.ran").exists()
    with pytest.raises(InputError, match=r"mine.yaml, line 5: CP2K does not take settings.extra: .*ALPA"):
        load_backend(file)
    assert Path(f"{program}.ran").exists()


@pytest.mark.slow
@pytest.mark.skipif(not Cp2kBackend.availability().works, reason="no CP2K")
@pytest.mark.parametrize(
    ("mixing", "words"),
    [("{ALPHA: 0.1}", ""), ("{ALPA: 0.1}", "unknown keyword ALPA"), ("{ALPHA: high}", "expected, found <high>.")],
)
def test_cp2k_itself_says_what_it_does_not_read(tmp_path, mixing, words):
    file = tmp_path / "mine.yaml"
    file.write_text(f"code: cp2k\nsettings:\n  extra: {{FORCE_EVAL: {{DFT: {{SCF: {{MIXING: {mixing}}}}}}}}}\n")
    if not words:
        assert load_backend(file).settings.extra
        return
    with pytest.raises(InputError) as caught:
        load_backend(file)
    assert f"{file}, line 3: CP2K does not take settings.extra: " in str(caught.value)
    assert words in str(caught.value)


def test_the_line_is_told(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("code: gpaw\nsettings:\n  cutoff: 300\n  extra: {kpts: [1, 1, 1]}\n")
    with pytest.raises(InputError, match=r"mine.yaml, line 4: settings.extra: kpts of GPAW cannot be set here"):
        load_backend(file)


def test_gpaw_gets_them_and_remedies_stand_above_them():
    extra = {"nbands": "140%", "mixer": {"name": "pulay", "beta": 0.02}, "convergence": {"bands": "occupied"}}
    plain = GpawBackend(name="x")
    mine = GpawBackend(name="x", settings=GpawSettings(extra=extra))
    assert mine.settings_hash() != plain.settings_hash()
    asked = mine.parameters(LITHIUM)
    assert asked["nbands"] == "140%"
    own = plain.parameters(LITHIUM)["convergence"]
    assert asked["convergence"] == own | {"bands": "occupied"}
    assert parameters_at(0, asked)["mixer"]["beta"] == 0.02
    assert parameters_at(1, asked)["mixer"] == RECOVERY_STEPS[0][1]["mixer"]
    assert from_recipe(mine.recipe()) == mine


def test_cp2k_gets_them(tmp_path):
    from test_cp2k import asked_input

    extra = {
        "FORCE_EVAL": {
            "DFT": {
                "SCF": {"DIAGONALIZATION": {"ALGORITHM": "FILTER_MATRIX"}, "MIXING": {"ALPHA": 0.15, "BETA": 0.8}},
                "XC": {"XC_GRID": {"XC_DERIV": "SPLINE2"}},
            }
        }
    }
    lines = asked_input(LITHIUM, tmp_path, extra=extra)
    assert lines.count("ALGORITHM FILTER_MATRIX") == 1
    assert "ALGORITHM STANDARD" not in lines
    assert "XC_DERIV SPLINE2" in lines
    assert "ALPHA 0.15" in lines
    assert "BETA 0.8" in lines
    # A remedy for a stubborn SCF mixes as it says.
    assert "ALPHA 0.05" in asked_input(LITHIUM, tmp_path, tried=3, extra=extra)


def test_espresso_gets_them(tmp_path):
    import test_espresso

    if not (test_espresso.FOLDER / test_espresso.FILE).is_file():
        pytest.skip("no pseudopotentials here")
    text = test_espresso.asked_input(
        test_espresso.LITHIUM, tmp_path, extra={"ELECTRONS": {"mixing_ndim": 12}, "system": {"nbnd": 9}}
    )
    squeezed = text.replace(" ", "")
    assert "mixing_ndim=12" in squeezed
    assert "nbnd=9" in squeezed
