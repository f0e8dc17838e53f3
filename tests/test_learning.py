"""A potential that learns from DFT: features, the correction, campaigns whose calculations begin where it says."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_stress
from prescreen_factories import Stretched, register
from pymatgen.io.ase import AseAtomsAdaptor
from typer.testing import CliRunner

from anodeflow import Campaign
from anodeflow.backends.features import RadialFeatures
from anodeflow.backends.learned import potential_hash
from anodeflow.backends.registry import load_backend
from anodeflow.calculations import guide, guide_learns
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide_files import started
from anodeflow.calculations.request import Request
from anodeflow.cli import app
from anodeflow.cli import commands as _commands  # noqa: F401  (registers them)
from anodeflow.core.address import content_hash
from anodeflow.core.errors import InputError
from anodeflow.database.query import study_documents
from anodeflow.learning import data
from anodeflow.learning.data import chosen, keep, lesson_of, lessons
from anodeflow.learning.model import LearnedModel, fit
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

CAMPAIGN = """\
name: copper
backend: costly.yaml
prescreen: {backend: emt, learn: LEARN, keep: 4, window: 1}
systems:
  - {name: Cu(110), structure: Cu, miller: [1, 1, 0], layers: 4, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu}
  - diffusion: {adsorbate: Cu}
"""


def slab(seed):
    """Three layers of Cu and Al, shaken."""
    atoms = fcc111("Cu", (2, 2, 3), a=3.7, vacuum=6)
    atoms.symbols[:5] = "Al"
    atoms.rattle(0.1, seed=seed)
    return atoms


def geometries(seed, count=3, calculator=None):
    """Return atoms, and geometries as a record has them, by a stiffer EMT."""
    atoms, steps = slab(seed), []
    for number in range(count):
        there = atoms.copy()
        there.rattle(0.05, seed=100 * seed + number)
        there.calc = calculator or Stretched(1.1, 1.005)
        steps.append(
            {
                "positions": there.positions.tolist(),
                "free_energy": there.get_potential_energy(),
                "forces": there.get_forces(),
            }
        )
    return atoms, steps


def taught(*seeds, calculator=None):
    features = RadialFeatures(EMT())
    return [
        lesson_of(f"calculation-{seed}", *geometries(seed, calculator=calculator), EMT(), features) for seed in seeds
    ]


def check_features(features, atoms, elements, shift, tolerance):
    """Derivatives are those of the values; a corrected potential is the potential plus the weighted features."""
    values, gradients = features.evaluate(atoms, elements)
    labels = features.labels(elements)
    assert len(labels) == len(set(labels)) == len(values)
    assert features.values(atoms, elements) == pytest.approx(values, rel=1e-5, abs=1e-5)
    assert gradients.shape == (len(values), len(atoms), 3)
    assert np.abs(gradients.sum(axis=1)).max() < tolerance  # nothing changes when all atoms move
    beside = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[3, 1] += sign * shift
        beside.append(features.evaluate(moved, elements)[0])
    assert (beside[0] - beside[1]) / (2 * shift) == pytest.approx(gradients[:, 3, 1], abs=tolerance)
    weights = dict(zip(labels, np.random.default_rng(0).normal(0, 0.01, len(labels)), strict=True))
    plain, corrected = atoms.copy(), atoms.copy()
    plain.calc, corrected.calc = features.calculator, features.corrected(weights)
    listed = np.array(list(weights.values()))
    assert corrected.get_potential_energy() - plain.get_potential_energy() == pytest.approx(listed @ values, abs=1e-4)
    expected = plain.get_forces() - np.einsum("f,fnx->nx", listed, gradients)
    assert corrected.get_forces() == pytest.approx(expected, abs=1e-5)
    assert np.abs(expected - plain.get_forces()).max() > 1e-3


def test_radial_features_and_their_derivatives():
    check_features(RadialFeatures(EMT()), slab(1), ["Al", "Cu"], 1e-4, 1e-6)


def test_stress_of_a_corrected_potential_is_that_of_its_energies():
    features = RadialFeatures(EMT())
    weights = dict.fromkeys(features.labels(["Al", "Cu"]), 0.0) | {"Al-Cu 2": 0.3, "Cu: Al0·Cu1": -0.02}
    atoms = bulk("Cu", cubic=True)
    atoms.symbols[0] = "Al"
    atoms.rattle(0.1, seed=2)
    atoms.calc = features.corrected(weights)
    numerical = calculate_numerical_stress(atoms, eps=1e-5)
    assert atoms.get_stress() == pytest.approx(numerical, abs=1e-6)
    atoms.calc = EMT()
    assert np.abs(atoms.get_stress() - numerical).max() > 1e-3


@pytest.mark.slow
def test_features_of_sevennet_and_their_derivatives():
    pytest.importorskip("sevenn")
    from anodeflow.backends.mlip.backend import MlipBackend, MlipSettings
    from anodeflow.backends.mlip.sevennet_features import SevenNetFeatures

    calculator = MlipBackend(name="mlip", settings=MlipSettings(calculator_kwargs={"model": "7net-0"})).calculator()
    assert SevenNetFeatures.fits(calculator)
    assert not SevenNetFeatures.fits(EMT())
    atoms = fcc111("Cu", (2, 1, 2), a=3.7, vacuum=6)
    atoms.symbols[:2] = "Al"
    atoms.rattle(0.1, seed=1)
    before = atoms.copy()
    before.calc = calculator
    energy = before.get_potential_energy()
    check_features(SevenNetFeatures(calculator), atoms, ["Al", "Cu"], 0.01, 5e-3)
    after = atoms.copy()
    after.calc = calculator
    assert after.get_potential_energy() == energy  # the model that everybody shares is as it was


@pytest.mark.slow
def test_what_is_linear_in_the_features_is_learned_whole():
    features = RadialFeatures(EMT())
    weights = dict.fromkeys(features.labels(["Al", "Cu"]), 0.0) | {
        "Al-Cu 2": 0.3,
        "Cu: Al0·Cu1": -0.02,
        "Al atoms": 5.0,
    }
    model = fit(taught(1, 2, 3, calculator=features.corrected(weights)))
    assert model.helps
    assert model.error_after < 0.02 * model.error_before
    found, steps = geometries(9, count=2, calculator=features.corrected(weights))
    found.calc, energies = features.corrected(model.by_label()), []
    for step in steps:
        found.positions = np.array(step["positions"])
        assert found.get_forces() == pytest.approx(step["forces"], abs=0.02)
        energies.append(found.get_potential_energy())
    assert np.diff(energies)[0] == pytest.approx(steps[1]["free_energy"] - steps[0]["free_energy"], abs=5e-3)


@pytest.mark.slow
def test_it_judges_itself_by_what_it_had_not_seen():
    model = fit(taught(1, 2, 3, 4))
    assert model.helps
    (unseen,) = taught(7)
    free = np.einsum("kfnx,f->knx", unseen.gradients, model.weights)
    before, after = np.sqrt(np.mean(unseen.forces**2)), np.sqrt(np.mean((unseen.forces + free) ** 2))
    assert after < 0.9 * before
    assert model.error_before == pytest.approx(before, rel=0.5)
    assert model.error_after == pytest.approx(after, rel=0.5)


def test_forces_that_mean_nothing_are_not_believed():
    rng, wrong = np.random.default_rng(3), []
    for lesson in taught(1, 2, 3, 4):
        forces = rng.permutation(lesson.forces.reshape(-1, 3)).reshape(lesson.forces.shape)
        wrong.append(data.Lesson(**(vars(lesson) | {"forces": forces})))
    assert not fit(wrong).helps


def test_one_calculation_is_nothing_to_judge_by():
    assert fit([]) is None
    model = fit(taught(1))
    assert model.error_after is None
    assert not model.helps


def test_the_unknown_is_uncertain():
    model = fit(taught(1, 2))
    atoms, _ = geometries(1)
    features = RadialFeatures(EMT())
    elements = ["Al", "Cu"]
    here = features.evaluate(atoms, elements)[0]
    near, far = atoms.copy(), atoms.copy()
    near.positions[-1, 2] += 0.1
    far.positions[-1, 2] += 2.0
    labels = features.labels(elements)
    known, unknown = (model.uncertainty(labels, features.evaluate(there, elements)[0] - here) for there in (near, far))
    assert 0 < known < unknown
    assert model.uncertainty(["Ag atoms", "Al atoms"], np.array([1.0, 0.0])) == np.inf


def test_lessons_are_kept_and_damaged_ones_left_out(tmp_path):
    whole, other = taught(1, 2)
    keep(tmp_path, whole)
    file = keep(tmp_path, other)
    assert [lesson.id for lesson in lessons(tmp_path)] == ["calculation-1", "calculation-2"]
    assert lessons(tmp_path)[0].forces == pytest.approx(whole.forces)
    assert fit(lessons(tmp_path)).id == fit([whole, other]).id != fit([whole]).id
    file.write_bytes(file.read_bytes()[:500])
    keep(tmp_path, data.Lesson(**(vars(whole) | {"id": "nan", "energies": whole.energies * np.nan})))
    keep(tmp_path, data.Lesson(**(vars(whole) | {"id": "short", "energies": whole.energies[:1]})))
    assert [lesson.id for lesson in lessons(tmp_path)] == ["calculation-1"]


@pytest.mark.parametrize(("count", "kept"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (11, [0, 1, 5, 10])])
def test_few_geometries_of_a_relaxation_are_kept(count, kept):
    assert [step["number"] for step in chosen([{"number": number} for number in range(count)])] == kept


@pytest.mark.slow
def test_two_hundred_calculations_are_learned_from_in_seconds():
    import resource
    import time

    rng, size, count = np.random.default_rng(0), 130, 60
    wide = np.ones(count, dtype=bool)
    labels = tuple([f"{element} atoms" for element in ("Li", "Mg")] + [f"Li {k}" for k in range(size - 2)])
    many = []
    for number in range(200):
        gradients = rng.normal(size=(1, size, count, 3)).astype(np.float32)
        forces, values = rng.normal(size=(1, count, 3)), rng.normal(size=(1, size))
        many.append(data.Lesson(f"{number:03d}", labels, values, gradients, rng.normal(size=1), forces, wide))
    began = time.process_time()
    assert isinstance(fit(many), LearnedModel)
    assert time.process_time() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2e6  # kB


# --- models as files ---


def model_file(folder: Path, potential: object = None) -> Path:
    """Write a model of EMT."""
    taught = {"code": "gpaw", "version": "25", "settings": {}, "calculations": [], "force_error_before": 0.1}
    settings = {
        "potential": {"name": "emt", "code": "emt"} if potential is None else potential,
        "features": "radial",
        "weights": {"Cu atoms": 0.0},
        "taught_by": taught,
    }
    file = folder / "model.yaml"
    file.write_text(json.dumps({"code": "learned", "settings": settings}))
    return file


@pytest.mark.parametrize(
    ("potential", "said"),
    [
        ({}, "unknown code ''"),
        ({"code": ["emt"]}, "unknown code"),
        ({"code": "none"}, "unknown code 'none'"),
        ({"code": "gpaw", "name": "x", "settings": {}}, "gpaw has no calculator that could be corrected"),
        ({"code": "emt", "name": "x", "settings": 3}, "no backend of a potential .settings: expected keys and values"),
        ({"code": "emt"}, "no backend of a potential .name"),
    ],
)
def test_a_model_of_no_potential_is_refused(tmp_path, potential, said):
    with pytest.raises(InputError, match=f"line 1: settings.potential: .*{said}"):
        load_backend(model_file(tmp_path, potential))


def test_weights_of_another_potential_are_refused(tmp_path):
    load_backend(model_file(tmp_path)).check_available()  # one from before: nothing is recorded
    same = model_file(tmp_path)
    content = json.loads(same.read_text())
    content["settings"]["taught_by"]["potential"] = potential_hash(load_backend("emt"))
    same.write_text(json.dumps(content))
    load_backend(same).check_available()
    content["settings"]["taught_by"]["potential"] = "0" * 20
    same.write_text(json.dumps(content))
    with pytest.raises(InputError, match="were not learned with emt as it is here"):
        load_backend(same).check_available()


# --- campaigns ---


@dataclass
class Done:
    """A campaign that ran: values by study, property and label, and its calculations by the costly code."""

    folder: Path
    values: dict
    calculations: dict


def run(folder: Path, patch: pytest.MonkeyPatch, learn: bool) -> Done:
    """Run the campaign in a home of its own."""
    folder.mkdir(exist_ok=True)
    register(patch, folder)
    file = folder / "copper.yaml"
    file.write_text(CAMPAIGN.replace("LEARN", str(learn).lower()))
    patch.setenv("ANODEFLOW_HOME", str(folder / "home"))
    patch.setenv("ANODEFLOW_EMBEDDED", "sqlite")  # no server to be started for each
    report = Campaign.from_file(file).run()
    assert report.succeeded, report.failures
    rows = [row for document in study_documents("copper") for row in document.rows() if row.unit == "eV"]
    contents = [json.loads(each.read_text()) for each in (folder / "home").glob("calculations/*/*/calculation.json")]
    return Done(
        folder,
        {(row.study, row.property, row.label): row.value for row in rows},
        {each["label"]: each for each in contents if each["code"] == "costly" and each["task"] != "relax_cell"},
    )


def evaluations(done: Done) -> int:
    """Force evaluations of relaxations and paths: the order of saddles takes as many whatever was learned."""
    return sum(each["force_evaluations"] for each in done.calculations.values() if each["task"] != "modes")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return run(tmp_path_factory.mktemp("plain") / "campaign", patch, learn=False)


@pytest.mark.slow
def test_campaigns_that_learn_come_to_the_same_in_fewer_steps(tmp_path, monkeypatch, plain):
    learned = run(tmp_path / "learn", monkeypatch, learn=True)
    assert learned.values.keys() == plain.values.keys()
    for key, value in plain.values.items():
        assert learned.values[key] == pytest.approx(value, abs=0.005), key
    assert evaluations(learned) < 0.85 * evaluations(plain)
    starts = {label: each["learned"] for label, each in learned.calculations.items() if each["learned"]}
    assert any(" at site " in label for label in starts)
    assert any(" hop " in label for label in starts)
    for label, start in starts.items():
        assert start["calculations"] >= 2
        assert start["force_error_after"] < 0.9 * start["force_error_before"]
        assert learned.calculations[label]["force_evaluations"] <= 2


@pytest.mark.slow
def test_what_was_computed_without_learning_is_found_with_it(tmp_path, monkeypatch, plain):
    """The model is in no address."""
    shutil.copytree(plain.folder, tmp_path / "again")
    again = run(tmp_path / "again", monkeypatch, learn=True)
    ids = [{each["id"] for each in done.calculations.values()} for done in (plain, again)]
    assert len(ids[0]) > 9
    assert ids[0] == ids[1]
    assert again.values == plain.values


def command(*words: str):
    """Return what the command line prints; what it refuses is raised."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


@pytest.mark.slow
def test_what_was_learned_is_a_backend_of_its_own(tmp_path, monkeypatch):
    """Listed, kept as a file, and used: its minima lie nearer to those of the code that taught it."""
    run(tmp_path / "learn", monkeypatch, learn=True)
    (listed,) = json.loads(command("learn", "--format", "json"))
    assert (listed["code"], listed["potential"], listed["features"], listed["used"]) == (
        "costly",
        "emt",
        "radial",
        True,
    )
    assert listed["force_error_after"] < 0.5 * listed["force_error_before"]
    assert listed["pair"] in command("learn")
    assert f"{listed['calculations']} calculations of costly" in command("learn", "cu")
    for words, said in {
        ("learn", "cu"): "exists already",
        ("learn", "../cu"): "is no name",
        ("learn", "cu", "--pair", "0000"): "nothing was learned that could be kept",
        ("check", "quickstart", "--backend", "learned:ag"): "no learned model 'ag'",
    }.items():
        with pytest.raises(InputError, match=said):
            command(*words)
    model, emt, costly = load_backend("learned:cu"), load_backend("emt"), load_backend(tmp_path / "learn/costly.yaml")
    assert model.settings.taught_by.force_error_after == pytest.approx(listed["force_error_after"])
    assert len(model.all_settings()["model"]) == 20
    assert "weights" not in json.dumps(model.all_settings())
    copied = tmp_path / "elsewhere.yaml"
    copied.write_bytes((tmp_path / "learn/home/learning/models/cu.yaml").read_bytes())
    assert load_backend(copied).settings_hash() == model.settings_hash()
    forces = {}
    atoms = AseAtomsAdaptor.get_atoms(build_slab(load_structure("Cu"), SlabSpec(layers=4, vacuum=8)).structure)
    for backend in (model, emt, costly):
        there = atoms.copy()
        there.set_constraint()
        there.calc = backend.calculator()
        forces[backend.code] = there.get_forces()
    wrong = {code: np.abs(forces[code] - forces["costly"]).max() for code in ("learned", "emt")}
    assert wrong["learned"] < 0.5 * wrong["emt"]
    with pytest.raises(InputError, match="it learned nothing of Al, only of Cu"):
        model.check_elements({"Al", "Cu"})
    again = Campaign.from_file(tmp_path / "learn/copper.yaml", "learned:cu", ["diffusion"], "none").run()
    assert again.succeeded, again.failures


@pytest.mark.slow
def test_a_potential_that_learned_nonsense_changes_no_answer(tmp_path, monkeypatch, plain):
    """Forces are shuffled among the atoms before they are learned from."""
    rng, honest = np.random.default_rng(5), guide_learns.lesson_of

    def shuffled(*args):
        lesson = honest(*args)
        forces = rng.permutation(lesson.forces.reshape(-1, 3)).reshape(lesson.forces.shape)
        return data.Lesson(**(vars(lesson) | {"forces": 5 * forces}))

    monkeypatch.setattr(guide_learns, "lesson_of", shuffled)
    wrong = run(tmp_path / "wrong", monkeypatch, learn=True)
    assert list((tmp_path / "wrong").rglob("learning/*/*.npz"))
    for key, value in plain.values.items():
        assert wrong.values[key] == pytest.approx(value, abs=0.005), key


def test_a_start_that_is_damaged_is_none(tmp_path):
    folder = CalculationFolder(tmp_path)
    structure = AseAtomsAdaptor.get_structure(slab(1))
    request = Request("relax", structure, guide={"learn": True, "name": "emt"})
    moved = (structure.cart_coords + 0.1).tolist()
    note = {"model": "0", "potential": "emt", "calculations": 2, "force_error_before": 0.1, "force_error_after": 0.01,
            "displacement": 0.1 * 3**0.5}  # fmt: skip
    for content in (
        "{",
        "[]",
        '{"images": [[0, 0, 0]]}',
        '{"images": ["a"]}',
        json.dumps({"images": [[[float("nan")] * 3] * 12]}),
    ):
        (tmp_path / guide.START).write_text(content)
        assert started(request, folder) is request
    (tmp_path / guide.START).write_text(json.dumps(note | {"images": [moved]}))
    for asked in (request, Request("relax", structure)):  # what is on record began there, whoever goes on with it
        assert started(asked, folder).structure.cart_coords == pytest.approx(np.array(moved))


@pytest.mark.parametrize("learn", ["", ", learn: false", ", learn: true"])
def test_jobs_are_the_same_whether_a_potential_learns_or_not(tmp_path, monkeypatch, learn):
    """As they were before potentials learned: what is on record is found, and nothing is stored twice."""
    register(monkeypatch, tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    file = tmp_path / "copper.yaml"
    file.write_text(CAMPAIGN.replace(", learn: LEARN", learn))
    uuids = [job.uuid for job, _ in Campaign.from_file(file).flow().iterflow()]
    assert content_hash(sorted(uuids)) == "486413cd2fe71794e8ea"
