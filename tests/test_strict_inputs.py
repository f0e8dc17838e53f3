"""What a user's file may say: no value of another kind is guessed at, and no number beyond what a key can mean."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from anodeflow.backends.registry import backend_class, codes, load_backend
from anodeflow.campaign.model import Campaign
from anodeflow.core.errors import InputError

ESPRESSO = {"pseudopotential_folder": "/pseudo", "pseudopotentials": {"Li": "Li.upf"}}
CAMPAIGN = """
name: strict
backend: emt
systems:
  - {{name: Cu(001), structure: Cu, layers: 3, vacuum: 8, min_width: 4{system}}}
interfaces:
  - {{name: Cu/Au, alloy: Cu, metal: Au{interface}}}
studies:
  - {study}
{rest}
"""


def refused(tmp_path: Path, text: str) -> str:
    """The sentences with which a backend file is refused."""
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        load_backend(file)
    return str(error.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("code", ["gpaw", "cp2k", "espresso", "vasp"])
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("cutoff", "-300", "expected a number above"),
        ("cutoff", "'350'", "expected a number (given: '350'), write it without quotes"),
        ("cutoff", "true", "expected a number (given: true)"),
        ("cutoff", "1e9", "expected a number of at most"),
        ("kpoint_spacing", "0", "expected a number of at least 0.01"),
        ("kpoint_spacing", "1e9", "expected a number of at most 5"),
        ("kpoint_spacing", "nan", "expected a number (given: 'nan')"),
        ("kpoint_spacing", ".nan", "expected a number of at most 1e+20 (given: nan)"),
        ("smearing_width", "-0.1", "expected a number above 0"),
        ("max_scf_cycles", "0", "expected a number of at least 1"),
        ("max_scf_cycles", "1000000000", "expected a number of at most 10000"),
        ("max_scf_cycles", "3.0", "expected a whole number (given: 3.0)"),
        ("dipole_correction", "yes", "expected true or false (given: 'yes')"),
        ("dipole_correction", "1", "expected true or false (given: 1)"),
    ],
)
def test_settings_of_a_code(code, key, value, words, tmp_path):
    settings = json.dumps(ESPRESSO)[1:-1] + ", " if code == "espresso" else ""
    told = refused(tmp_path, f"code: {code}\nsettings:\n  {{{settings}{key}: {value}}}\n")
    assert told.startswith(f"mine.yaml, line 3: settings.{key}: ")
    assert words in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("relaxation: {force_threshold: 0}", "relaxation.force_threshold: expected a number above 0 (given: 0)"),
        ("relaxation: {force_threshold: inf}", "expected a number (given: 'inf')"),
        ("relaxation: {max_steps: 0}", "expected a number of at least 1"),
        ("relaxation: {max_steps: 1e9}", "expected a whole number"),
        ("relaxation: {max_steps: true}", "expected a whole number (given: true)"),
        ("relaxation: {curvature: 1e-9}", "expected a number of at least 0.1"),
        ("path: {spring_constant: -1}", "expected a number above 0"),
        ("resources: {time: '0:00:00'}", "a wall time of nothing"),
        ("resources: {memory: 0G}", "no memory lets no job run"),
        ("resources: {cores: '4'}", "write it without quotes"),
        ("placement: {worker: other}", "placement is what anodeflow submit sets"),
        ("settings: 5", "expected keys and values"),
    ],
)
def test_what_every_backend_has(text, words, tmp_path):
    told = refused(tmp_path, f"code: emt\n{text}\n")
    assert told.startswith("mine.yaml, line 2: ")
    assert words in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings: {setups: {Mgg: '2'}}", "'Mgg' is no chemical element"),
        ("settings: {setups: {Mg: 2}}", "put it in quotes if it is a name"),
        ("parallel: {ranks: 0}", "ranks are 1 to 1,000,000, or auto"),
        ("parallel: {ranks: true}", "parallel.ranks: expected a whole number, or 'auto' (given: true)"),
        ("parallel: {launcher: 'mpiexec -n {n}'}", "write mpiexec -n {ranks}"),
        ('parallel: {launcher: "mpiexec \'a"}', "is no command"),
    ],
)
def test_what_gpaw_has_besides(text, words, tmp_path):
    assert words in refused(tmp_path, f"code: gpaw\n{text}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code: [emt]", "code is ['emt']; it must be one of"),
        ("code: vasp\nrelease: ''", "release: "),
        ("code: vasp\nsettings: {incar: {IVDWW: 12}}", "VASP has no tag IVDWW: did you mean IVDW?"),
        ("code: vasp\nparallel: {incar: {NCORE: -4}}", "NCORE is a whole number of at least 1, not -4"),
        ("code: vasp\nparallel: {incar: {NCORE: true}}", "NCORE is a whole number of at least 1"),
        ("code: vasp\nparallel: {custodian: {polling_time: 1}}", "custodian has no argument 'polling_time'"),
        ("code: vasp\nparallel: {custodian: {polling_time_step: -1}}", "is not negative"),
        ("code: cp2k\nsettings: {cutoff: 600, relative_cutoff: 5000}", "at most the cutoff of the finest grid"),
        ("code: emt\nresources: {nodes: 4, cores: 2}", "2 cores do not spread over 4 nodes"),
        ("code: emt\npath: {climb_below: 0.01}", "climb_below is at least force_threshold"),
        ("code: espresso\nsettings: {}", "the key 'settings.pseudopotentials' is missing"),
        ("%YAML 1.1\n---\ncode: emt", "%YAML 1.1 makes yes a true"),
    ],
)
def test_what_no_calculation_could_mean(text, words, tmp_path):
    told = refused(tmp_path, f"{text}\n")
    assert words in told
    assert told.startswith("mine.yaml, line ")


def test_density_cutoff_of_espresso(tmp_path):
    settings = json.dumps({**ESPRESSO, "cutoff": 900, "density_cutoff": 500})
    assert "at least 4 times the cutoff" in refused(tmp_path, f"code: espresso\nsettings: {settings}\n")


def test_an_anchored_value_is_what_it_says(tmp_path):
    """ruamel makes an integer of an anchored boolean."""
    file = tmp_path / "mine.yaml"
    file.write_text("code: gpaw\nsettings: {dipole_correction: &no false, cutoff: &much 400}\n")
    settings = load_backend(file).settings
    assert (settings.dipole_correction, type(settings.cutoff)) == (False, float)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"system": ", fixed_layers: true"}, "systems.0.fixed_layers: expected a whole number (given: true)"),
        ({"system": ", fixed_layers: '1'"}, "expected a whole number (given: '1'), write it without quotes"),
        ({"system": ", spin_polarized: on"}, "expected true or false (given: 'on')"),
        ({"system": ", miller: [0, 0, 1.0]"}, "expected a whole number (given: 1.0)"),
        ({"system": ", miller: [0, false, 1]"}, "expected a whole number (given: false)"),
        (
            {"system": ", termination: -1"},
            "systems.0.termination: expected a number of at least 0, or 'all' (given: -1)",
        ),
        ({"system": ", termination: true"}, "systems.0.termination: expected a whole number, or 'all' (given: true)"),
        ({"interface": ", max_strain: nan"}, "interfaces.0.max_strain: expected a number (given: 'nan')"),
        ({"interface": ", registry_grid: [true, 1]"}, "expected a whole number (given: true)"),
        ({"interface": ", fixed_layers: 1000"}, "expected a number of at most 200"),
        ({"rest": "prescreen: {backend: emt, keep: 0}"}, "prescreen.keep: expected a number of at least 1"),
        ({"rest": "prescreen: {backend: emt, keep: true}"}, "prescreen.keep: expected a whole number"),
        ({"rest": "prescreen: {backend: emt, window: -0.1}"}, "prescreen.window: expected a number of at least 0"),
        ({"rest": "prescreen: {backend: emt, window: nan}"}, "prescreen.window: expected a number"),
        ({"study": "adsorption: {systems: [Cu(001), Cu(001)]}"}, "'Cu(001)' stands there twice"),
        ({"study": "adsorption: {systems: []}"}, "expected more values"),
        ({"study": "adsorption: {atom_box: [10, 11, '12']}"}, "expected a number (given: '12')"),
        ({"study": "adsorption: {convergence: {layers: [4, true]}}"}, "expected a number (given: true)"),
        ({"study": "adsorption: {convergence: {vacuum: [nan]}}"}, "expected a number (given: 'nan')"),
        ({"study": "charge: {grid_spacing: 1e-9}"}, "expected a number of at least 0.02"),
        ({"study": "diffusion: {temperatures: []}"}, "expected more values (given: [])"),
        ({"study": "diffusion: {temperatures: [300, 300]}"}, "stands there twice"),
        ({"study": "diffusion: {modes: 0}"}, "expected true or false (given: 0)"),
        ({"study": "diffusion: {images: 5.0}"}, "expected a whole number (given: 5.0)"),
        ({"study": "diffusion: {prefactor: true}"}, "diffusion.prefactor: expected a number, or 'vineyard'"),
        ({"study": "interdiffusion: {dilute_width: 0.1}"}, "expected a number of at least 1"),
        ({"study": "vacancy: {paths: [I, I]}"}, "'I' stands there twice"),
        ({"study": "vacancy: {barriers: no}"}, "expected true or false (given: 'no')"),
        ({"study": "vacancy: {element: Cu, helper: Cu}"}, "element and helper of path II are two elements"),
        ({"rest": "references: {cu: Cu}"}, "'cu' is no chemical element"),
        ({"rest": "reference: 2020-01-01"}, "expected text (given: 2020-01-01), put it in quotes"),
        ({"study": "orderings: {composition: CuAu, hosts: [fcc, fcc]}"}, "'fcc' stands there twice"),
        ({"study": "orderings: {composition: CuAu, keep: 1e30}"}, "expected a number of at most 1e+20"),
    ],
)
def test_keys_of_a_campaign(where, words, tmp_path):
    names = {"system": "", "interface": "", "study": "adsorption: {adsorbate: Cu}", "rest": ""}
    file = tmp_path / "campaign.yaml"
    file.write_text(CAMPAIGN.format(**names | where))
    with pytest.raises(InputError) as error:
        Campaign.from_file(file)
    told = str(error.value)
    assert words in told
    assert "campaign.yaml, line " in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("'Cu(001) '", "begins or ends with a blank"),
        ('"Cu\\u200b"', "a character that nobody sees (U+200B)"),
        ('"Cu\\u202Ex"', "a character that nobody sees (U+202E)"),
        ('"Cu\\u2028x"', "a character that nobody sees (U+2028)"),
        ('"A\\u030A"', "accents as characters of their own"),
        ("all", "all means every system"),
    ],
)
def test_names_that_look_like_others(name, words, tmp_path):
    text = CAMPAIGN.format(system="", interface="", study="adsorption: {adsorbate: Cu}", rest="")
    for old in ("name: Cu(001)", "name: Cu/Au"):
        file = tmp_path / "campaign.yaml"
        file.write_text(text.replace(old, f"name: {name}"))
        with pytest.raises(InputError) as error:
            Campaign.from_file(file)
        assert words in str(error.value)


def test_files_that_a_campaign_names_are_those_beside_it(tmp_path, monkeypatch):
    """Backend, prescreen and ranking, whatever the working folder; what the command line names is in that folder."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, force in ((here, 0.5), (there, 0.25)):
        folder.mkdir()
        (folder / "mine.yaml").write_text(f"code: emt\nrelaxation: {{force_threshold: {force}}}\n")
    text = CAMPAIGN.format(system="", interface="", study="adsorption: {adsorbate: Cu}", rest="prescreen: mine.yaml")
    file = there / "campaign.yaml"
    file.write_text(text.replace("backend: emt", "backend: mine.yaml"))
    monkeypatch.chdir(here)
    campaign = Campaign.from_file(file)
    assert campaign.load_backend().relaxation.force_threshold == 0.25
    assert campaign.load_prescreen().backend.relaxation.force_threshold == 0.25
    assert Campaign.from_file(file, backend="mine.yaml").load_backend().relaxation.force_threshold == 0.5
    (there / "mine.yaml").unlink()
    with pytest.raises(InputError, match=r"there is no file .*there/mine.yaml"):
        campaign.load_backend()

    study = "orderings: {composition: CuAu, max_atoms: 2, hosts: [fcc], rank_with: mine.yaml}"
    file.write_text(f"name: rank\nbackend: emt\nstudies: [{study}]\n")
    with pytest.raises(InputError, match=r"campaign.yaml, line 3: there is no file .*there/mine.yaml"):
        Campaign.from_file(file).check()


def test_a_file_called_like_a_crystal_of_the_catalogue_is_told(tmp_path):
    (tmp_path / "Cu").write_text("c\n1.0\n4.09 0 0\n0 4.09 0\n0 0 4.09\nAg\n1\nDirect\n0 0 0\n")
    file = tmp_path / "campaign.yaml"
    systems = "[{name: A, structure: Cu, layers: 3}]"
    file.write_text(f"name: a\nbackend: emt\nsystems: {systems}\nstudies: [adsorption: {{adsorbate: Cu}}]\n")
    campaign = Campaign.from_file(file)
    campaign.check()
    assert campaign.notes == ["Structure Cu is the catalogue's: the file Cu beside the campaign is called ./Cu."]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("layers: [2.5]", "layers 2.5: expected a whole number (given: 2.5)"),
        ("layers: [0]", "layers 0: expected a number of at least 1"),
        ("vacuum: [-3]", "vacuum -3: expected a number above 0"),
        ("min_width: [1e6]", "expected a number of at most 1000"),
    ],
)
def test_values_of_a_convergence_test(values, words, tmp_path):
    study = f"adsorption: {{adsorbate: Cu, systems: [Cu(001)], convergence: {{{values}}}}}"
    file = tmp_path / "campaign.yaml"
    file.write_text(CAMPAIGN.format(system="", interface="", study=study, rest=""))
    with pytest.raises(InputError, match=r"campaign.yaml, line 9: ") as error:
        Campaign.from_file(file).check()
    assert words in str(error.value)


def models() -> set[type[BaseModel]]:
    """Every model that a campaign file or a backend file is read into."""
    found: set[type[BaseModel]] = set()
    pending: list[object] = [Campaign, *(backend_class(code) for code in codes())]
    while pending:
        kind = pending.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind not in found:
                found.add(kind)
                pending += [field.annotation for field in kind.model_fields.values()]
        else:
            pending += getattr(kind, "__args__", ())
    return found


def test_every_number_has_bounds():
    """No number of an input file is without an upper bound, but those with a rule of their own."""
    own_rule = {
        *("miller", "alloy_miller", "metal_miller", "registry_grid", "termination", "atom_box", "sites"),
        *("prefactor", "temperatures", "ranks", "convergence"),
        *("incar", "custodian"),  # VASP's and custodian's own
        "weights",  # each has bounds, in a mapping
    }
    looked_at = 0
    for kind in models():
        config = kind.model_config
        assert (config.get("strict"), config.get("allow_inf_nan"), config.get("extra")) == (True, False, "forbid"), kind
        for name, field in kind.model_fields.items():
            if name in own_rule or not {"int", "float"} & set(str(field.annotation).replace("'", " ").split()):
                continue
            looked_at += 1
            limits = {type(limit).__name__ for limit in field.metadata}
            assert limits & {"Le", "Lt"}, f"{kind.__name__}.{name}"
            assert limits & {"Ge", "Gt"}, f"{kind.__name__}.{name}"
    assert looked_at > 60


def test_characters_that_are_no_text_and_endless_brackets(tmp_path):
    assert refused(tmp_path, "code: gpaw\ndescription: a\x07b\n").startswith(
        "mine.yaml, line 2: it holds the character U+0007"
    )
    deep = "code: gpaw\ndescription: &a [*a]\nsettings: " + "[" * 20_000
    assert "levels deep" in refused(tmp_path, deep)
