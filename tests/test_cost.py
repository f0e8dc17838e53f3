"""What a campaign will cost, from what its like has cost; what a run used; a budget."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from jobflow import Flow, job
from monty.json import MontyEncoder

from anodeflow import Campaign
from anodeflow.backends.registry import load_backend
from anodeflow.backends.work import Work
from anodeflow.calculations.displaced import part_of
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.progress import Progress
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import append_step, processor_seconds
from anodeflow.core.errors import BudgetSpentError, InputError
from anodeflow.core.settings import get_settings
from anodeflow.database.query import result_rows
from anodeflow.execution.cost.budget import Budget, budget_hours, left_sentence
from anodeflow.execution.cost.estimate import Estimator
from anodeflow.execution.cost.history import Past, read_history
from anodeflow.execution.cost.meter import Meter
from anodeflow.execution.cost.model import Asked, CostModel
from anodeflow.execution.cost.order import in_order
from anodeflow.execution.cost.regression import Expected, LogRegression
from anodeflow.execution.cost.words import hours, number
from anodeflow.execution.cost.yields import yields
from anodeflow.execution.state import CampaignStatus, OpenEntry, StepStatus
from anodeflow.studies.plan import PlannedCalculation

CAMPAIGN = """\
name: hops
backend: emt
systems:
  - {name: Al(001), structure: Al, layers: 3, min_width: 5, vacuum: 8}
studies:
  - adsorption: {adsorbate: Al}
  - diffusion: {adsorbate: Al, images: 3, modes: false}
"""


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "hops.yaml"
    file.write_text(CAMPAIGN)
    return file


def past(index, task="relax", guided=False, atoms=20, kpoints=4, label="", **fields):
    """A calculation whose time is 0.01 s a cycle for 20 atoms at 4 k-points, and goes with what the waves hold."""
    work = Work(atoms, float(atoms), kpoints, 500.0 * atoms)
    evaluations = fields.pop("force_evaluations", 1 if task == "static" else 6)
    cycles = 10 * evaluations
    seconds = 0.01 * cycles * work.weight / (4 * 20 * 1e4)
    known = Past(f"{index:020x}", label, task, guided, "", work, 1.0, evaluations, cycles, seconds, 300.0)
    return replace(known, **fields)


def test_left_out_residuals_are_those_of_fits_without_one():
    random = np.random.default_rng(1)
    rows = np.column_stack([np.ones(9), random.normal(size=9), random.normal(size=9)])
    values = rows @ [1.0, 0.5, -0.3] + 0.1 * random.normal(size=9)
    expected = [Expected(0.0, 3.0), Expected(1.0, 0.5), Expected(0.0, 0.5)]
    found = LogRegression(rows, values, expected)
    precision = np.diag([1 / each.width**2 for each in expected])
    mean = np.array([each.mean for each in expected])
    noise = found.fitted_noise
    for index in range(9):
        kept = np.arange(9) != index
        fit = np.linalg.solve(
            rows[kept].T @ rows[kept] / noise**2 + precision,
            rows[kept].T @ values[kept] / noise**2 + precision @ mean,
        )
        assert found.left_out[index] == pytest.approx(values[index] - rows[index] @ fit, abs=1e-9)


def test_regression_finds_the_law_and_its_ranges_hold():
    random = np.random.default_rng(2)
    x = random.uniform(-2, 2, size=60)
    rows = np.column_stack([np.ones(60), x])
    values = 1.0 + 0.8 * x + 0.3 * random.normal(size=60)
    expected = [Expected(0.0, 3.0), Expected(1.0, 0.5)]
    found = LogRegression(rows[:30], values[:30], expected)
    assert found.coefficients == pytest.approx([1.0, 0.8], abs=0.15)
    assert found.noise == pytest.approx(0.3, abs=0.1)
    low, high = np.quantile(found.draw(rows[30:], 4000, np.random.default_rng(3)), [0.05, 0.95], axis=0)
    held = np.mean((values[30:] > low) & (values[30:] < high))
    assert 0.8 <= held <= 1.0


def test_time_goes_with_what_the_waves_hold():
    history = [past(index, atoms=atoms) for index, atoms in enumerate((10, 15, 20, 30, 40, 50, 20, 30))]
    history += [past(100 + index, "static", atoms=atoms) for index, atoms in enumerate((10, 20, 40))]
    model = CostModel(history)
    assert model.error < 1.5
    small, large = Work(20, 20.0, 4, 1e4), Work(60, 60.0, 8, 3e4)
    for work in (small, large):
        asked = Asked("relax", False, work)
        draws = model.draw([asked, Asked("static", False, work)], 2000, np.random.default_rng(0))
        truth = 0.01 * 60 * work.weight / small.weight
        low, middle, high = np.quantile(draws.processor_seconds[:, 0], [0.05, 0.5, 0.95])
        assert low < truth < high
        assert model.median(asked)[0] * 3600 == pytest.approx(middle, rel=0.15)
        assert (draws.force_evaluations[:, 1] == 1).all(), "a static calculation has one geometry"


def test_evaluations_that_are_counted_out_are_predicted_and_teach_nothing_of_others():
    history = [past(index, guided=True, atoms=atoms) for index, atoms in enumerate((18, 20, 22, 20))]
    short = [past(9 + index, guided=True, force_evaluations=1, cut_short=True) for index in range(20)]
    few = load_backend("emt")
    few = few.model_copy(update={"relaxation": few.relaxation.model_copy(update={"evaluations": 2})})
    model, work = CostModel([*history, *short]), Work(20, 20.0, 4, 1e4)
    cut, whole = (Asked.of("relax", True, work, backend) for backend in (few, load_backend("emt")))
    assert model.median(cut)[1] == 2
    assert model.median(whole)[1] == pytest.approx(6, rel=0.1)
    draws = model.draw([cut, whole], 500, np.random.default_rng(0))
    assert (draws.force_evaluations[:, 0] <= 2).all()
    assert np.median(draws.processor_seconds[:, 0]) < np.median(draws.processor_seconds[:, 1]) / 2
    assert Asked.of("relax", False, work, few).most is None
    assert Asked.of("relax_cell", True, work, few).most is None


def test_a_guess_beyond_the_history_is_wide():
    model = CostModel([past(index, atoms=atoms) for index, atoms in enumerate((18, 20, 22, 20))])
    near, far = (Asked("relax", False, Work(n, float(n), 4, 500.0 * n)) for n in (20, 200))
    other = replace(near, task="neb")
    draws = model.draw([near, far, other], 2000, np.random.default_rng(0)).processor_seconds
    widths = np.log(np.quantile(draws, 0.95, axis=0) / np.quantile(draws, 0.05, axis=0))
    assert widths[1] > 1.3 * widths[0]
    assert widths[2] > 1.3 * widths[0]


def test_valence_is_that_of_the_dataset():
    pytest.importorskip("gpaw_data")
    default, two = load_backend("gpaw-surfaces"), load_backend("gpaw-surfaces").with_settings({"setups": {}})
    assert (default.valence("Mg"), two.valence("Mg"), default.valence("Li")) == (2, 10, 1)
    assert load_backend("emt").valence("Al") == 3


def test_log_tells_cores_and_memory(tmp_path):
    backend = load_backend("gpaw-surfaces")
    assert backend.log_facts(tmp_path).processors is None
    log = "cores:  2\n ...\nMax RSS: 400.5  # MiB\ncores:  2\nMax RSS: 410.25  # MiB\n"
    (tmp_path / "gpaw.txt").write_text(log)
    facts = backend.log_facts(tmp_path)
    assert (facts.processors, facts.peak_memory) == (2, 820.5)


def test_processor_time_of_a_record():
    steps = [{"seconds": 2.0}, {"seconds": 2.0, "processors": 4}, {"seconds": 9.0, "processor_seconds": 3.5}]
    assert processor_seconds(steps) == 2 + 8 + 3.5


def test_nothing_is_predicted_without_history(file, anodeflow):
    ended = anodeflow("check", file, "--cost", "--format", "json")
    assert ended.status == 0, ended.err
    cost = json.loads(ended.out)["cost"]
    assert cost["total"]["calculations"] == 9
    assert cost["total"]["atoms"] == [1, 13]
    assert all(kind["processor_hours"] is None for kind in [*cost["kinds"], cost["total"]])
    assert any(note.startswith("Nothing is predicted of emt") for note in cost["notes"])
    table = anodeflow("check", file, "--cost").out
    assert "Nothing is predicted of emt" in table
    assert "?" in table


@pytest.mark.slow
def test_what_is_finished_costs_nothing(file, anodeflow):
    ran = anodeflow("run", file, "--quiet")
    assert ran.status == 0, ran.err
    assert "nothing was predicted" in ran.out
    cost = json.loads(anodeflow("check", file, "--cost", "--format", "json").out)["cost"]
    # The campaign itself taught how many there are of what only a run finds.
    assert cost["total"]["finished"] == cost["total"]["calculations"] == 12
    assert cost["total"]["processor_hours"]["high"] == 0
    wide = file.with_name("wide.yaml")
    wide.write_text(CAMPAIGN.replace("name: hops", "name: wide").replace("layers: 3", "layers: 5"))
    cost = json.loads(anodeflow("check", wide, "--cost", "--format", "json").out)["cost"]["total"]
    assert cost["finished"] == 2, "the bulk and the atom"
    assert cost["calculations"] == 12
    assert 0 < cost["processor_hours"]["low"] < cost["processor_hours"]["value"] < cost["processor_hours"]["high"]
    assert "used" in anodeflow("status", "hops").out


def test_history_leaves_out_what_is_no_calculation_of_its_own(tmp_path):
    from relaxations import bridge

    backend = load_backend("emt")
    document = {
        "label": "x", "task": "relax", "code": "emt", "settings": {"relaxation": {}}, "settings_hash": "h",
        "initial_structure": bridge().as_dict(), "force_evaluations": 3, "wall_time": 2.0, "converged": True,
    }  # fmt: skip

    def put(name, text):
        folder = tmp_path / name[:2] / name
        folder.mkdir(parents=True)
        (folder / "calculation.json").write_text(text)

    put("aa1", json.dumps(document))
    put("aa2", json.dumps(document | {"processors": 4}))
    put("bb1", json.dumps(document | {"adopted": {"folder": "there"}}))
    put("bb2", json.dumps(document | {"converged": False}))
    put("bb3", json.dumps(document)[:-40])
    put("bb4", json.dumps(document | {"initial_structure": {}}))
    put("cc1", json.dumps(document | {"code": "gpaw"}))
    put("dd1", json.dumps(document | {"task": "static"}))
    put("dd2", json.dumps(document | {"task": "modes", "static_ids": ["dd1"]}))
    found = read_history(tmp_path, [backend])
    assert [each.id for each in found["emt"]] == ["aa1", "aa2", "dd2"]
    assert [each.processor_seconds for each in found["emt"]] == [2.0, 8.0, 2.0]


def test_entries_become_what_they_became():
    def entry(label, task, prescreen=""):
        return OpenEntry(label=f"Li(001): {label}", task=task, group="Li(001)", prescreen=prescreen)

    found = [
        past(1, label="Li(001): Li at site 2"), past(2, label="Li(001): Li at site 1"),
        past(3, "neb", label="Li(001): Li hop 0"), past(4, "neb", label="Li(001): Li hop 0 [mlip]"),
        past(5, label="Mg(001): Li at site 0"), past(6, label="Li(001): clean slab"),
    ]  # fmt: skip
    opens = [
        entry("Li at the best sites, at most 3", "relax"),
        entry("hops", "neb"),
        entry("hops [mlip]", "neb", "mlip"),
    ]
    status = CampaignStatus(
        campaign="c", state="finished", planned=1, open=opens,
        steps=[StepStatus(label=each.label, calculation_id=each.id) for each in (found[-1], *found[:-1])],
    )  # fmt: skip
    known = {each.id: each for each in found}
    learnt = yields([status, status.model_copy(update={"state": "failed"})], known)
    assert learnt["X at the best sites, at most #", False].tasks == {"relax": 2.0}
    assert learnt["hops", False].tasks == {"neb": 1.0}
    assert learnt["hops", True].tasks == {"neb": 1.0}


def test_an_entry_of_which_nothing_is_known_counts_as_one():
    estimator = Estimator(load_backend("emt"), {})
    planned = PlannedCalculation("Al(001): hops", "neb", 13, number=None, group="Al(001)")
    cost = estimator.cost([planned])
    assert cost.total.calculations == 1
    assert any("one each is counted (Al(001): hops)" in note for note in cost.notes)


def test_plans_know_cells_and_spins(tmp_path):
    file = tmp_path / "spin.yaml"
    text = CAMPAIGN.replace("emt", "gpaw-surfaces").replace("Al", "Li")
    text = text[: text.index("  - diffusion")]
    found = []
    for spin in ("", ", spin_polarized: true"):
        file.write_text(text.replace("vacuum: 8", f"vacuum: 8{spin}"))
        campaign = Campaign.from_file(file)
        planned = list(campaign.plan().calculations.values())
        expected = Estimator(campaign.load_backend(), {}).expectations(planned)
        found.append({each.entry.label: each.asked.work for each in expected})
        assert [work.atoms for work in found[-1].values()] == [each.atoms for each in planned]
    plain, spin = found
    adatom, slab = "Li(001): Li at site 0 (onefold top)", "Li(001): clean slab"
    assert spin[adatom].kpoints == 2 * plain[adatom].kpoints == 2 * plain[slab].kpoints
    assert spin[slab] == plain[slab]
    assert plain[adatom].electrons == plain[slab].electrons + 1
    assert plain["Li atom"].kpoints == 2, "one, with both spins"


def test_sites_that_are_handed_on_have_the_atoms_of_the_slab_and_one(tmp_path):
    file = tmp_path / "handed.yaml"
    file.write_text(CAMPAIGN.replace("backend: emt", "backend: gpaw-surfaces\nprescreen: emt"))
    planned = Campaign.from_file(file).plan().calculations
    (best,) = (each for label, each in planned.items() if "best sites" in label)
    assert best.atoms == planned["Al(001): clean slab"].atoms + 1
    assert best.structure is not None
    assert len(best.structure) == best.atoms


def test_ranges_hold_the_error_of_numbers_that_only_the_run_finds():
    history = [replace(past(index, atoms=13), volume=900.0) for index in range(12)]
    known = PlannedCalculation("Al(001): known", "relax", 13, number=1, group="Al(001)")
    spreads = []
    for entry in (known, replace(known, number=None)):
        found = Estimator(load_backend("emt"), {"emt": history}).cost([entry]).total.force_evaluations
        spreads.append(found.high - found.low)
    assert spreads[1] > 1.3 * spreads[0]


@pytest.mark.parametrize(("text", "found"), [("90m", 1.5), ("6h", 6.0), ("3d", 72.0), ("1.5 h", 1.5)])
def test_budgets_are_read(text, found):
    assert budget_hours(text) == found


@pytest.mark.parametrize("text", ["6", "h", "-1h", "0h", "6 weeks", "nan h"])
def test_other_budgets_are_refused(text, file, anodeflow):
    with pytest.raises(InputError, match="--budget"):
        budget_hours(text)
    ended = anodeflow("run", file, f"--budget={text}")
    assert ended.status == 2
    assert "--budget" in ended.err


def values():
    """Energies of the campaign that has run; directions of equal diffusivity are a matter of rounding."""
    found = {(row.property, row.label): row.value for row in result_rows({"campaign": "hops"})}
    return {key: value for key, value in found.items() if key[0].startswith(("binding", "barrier"))}


@pytest.mark.slow
def test_budget_that_does_not_last_leaves_the_rest_for_the_next_run(file, tmp_path, anodeflow, monkeypatch):
    monkeypatch.setattr("anodeflow.execution.cost.budget._HOURS", {"m": 0.01 / 3600})
    ended = anodeflow("run", file, "--quiet", "--budget", "1m")
    assert ended.status == 3, ended.err
    assert "the same command goes on" in ended.err
    assert len(ended.err.splitlines()) == 1
    state = json.loads((get_settings().campaigns / "hops.json").read_text())
    assert (state["state"], state["failures"]) == ("budget", [])
    assert "its budget left something" in anodeflow("status", "hops").out
    runs = [Campaign.from_file(file).run(budget=0.04 / 3600)]
    while not runs[-1].succeeded and len(runs) < 20:
        assert runs[-1].failures == []
        runs.append(Campaign.from_file(file).run(budget=0.04 * 2 ** len(runs) / 3600))
    assert runs[-1].succeeded
    made = {document for run in runs for document in run.document_ids}
    assert made == set(runs[-1].document_ids), "no document was made of a part of its calculations"
    in_parts = values()

    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "other"))
    whole = Campaign.from_file(file).run(budget=1.0)
    assert (whole.succeeded, whole.used.calculations) == (True, 12)
    at_once = values()
    assert in_parts == pytest.approx(at_once, abs=2e-3)
    together = state["used"]["force_evaluations"] + sum(run.used.force_evaluations for run in runs)
    # No geometry is computed or counted twice; a cell that was cut off may take a step or two more.
    assert together == pytest.approx(whole.used.force_evaluations, abs=5)


def test_what_is_left_is_said_in_one_sentence():
    assert "the same command goes on" in left_sentence("c", {"a": 2.0, "b": None}, 0.5, "1h")
    nothing = left_sentence("c", {"a": 2.0, "b": 1.5}, 0.0, "1h")
    assert "1.5 h" in nothing
    assert "goes on" not in nothing


def takes(budget, folder, hours):
    """A calculation that was admitted puts a step of so many hours on record."""
    folder.path.mkdir(exist_ok=True)
    append_step(folder.steps_file, {"seconds": 3600 * hours})
    budget.meter.look_at_all()


def test_budget_lets_pass_what_fits(adatom, tmp_path):
    backend = load_backend("emt")
    slow = Past("1", "", "relax", False, "", backend.work(adatom), 1.0, 10, None, 3600.0, None)
    budget = Budget(2.5, Meter("emt"), Estimator(backend, {"emt": [slow] * 8}))
    folder = CalculationFolder(tmp_path)
    request = Request("relax", adatom)
    assert budget.predicted(backend, request, folder) == pytest.approx(1.0, rel=0.2)
    budget.admit(backend, request, "first", folder)
    budget.meter.admit(backend, request, "first", folder)
    budget.meter(Progress("first", folder.path.name, "started"))
    takes(budget, folder, 2.0)
    with pytest.raises(BudgetSpentError, match="predicted to take"):
        budget.admit(backend, request, "second", folder)
    assert list(budget.left) == ["second"]
    potential = load_backend("emt").model_copy(update={"code": "other"})
    budget.admit(potential, request, "a potential's", folder)


def test_forces_of_a_search_for_modes_pass_with_it(adatom, tmp_path):
    backend = load_backend("emt")
    slow = Past("1", "", "modes", False, "", backend.work(adatom), 1.0, 10, None, 3600.0, None)
    slow = [slow, slow, slow, replace(slow, task="static", force_evaluations=1)]
    budget = Budget(3.0, Meter("emt"), Estimator(backend, {"emt": slow}))
    folder = CalculationFolder(tmp_path)
    modes, static = Request("modes", adatom), Request("static", adatom)
    budget.admit(backend, modes, "modes of it", folder)
    first = CalculationFolder(tmp_path / "first")
    budget.meter.admit(backend, static, "modes of it, force 0", first)
    budget.meter(Progress("modes of it, force 0", "first", "started"))
    takes(budget, first, 2.9)
    with part_of("modes of it"):
        budget.admit(backend, static, "modes of it, force 1", folder)
    with pytest.raises(BudgetSpentError):
        budget.admit(backend, static, "another one", folder)
    takes(budget, first, 0.2)
    with part_of("modes of it"), pytest.raises(BudgetSpentError, match="used up"):
        budget.admit(backend, static, "modes of it, force 2", folder)


@pytest.mark.parametrize(("ends", "used"), [("reused", (0, 0)), ("resumed", (1, 1))])
def test_what_another_process_computes_meanwhile_is_not_counted(adatom, tmp_path, ends, used):
    folder = CalculationFolder(tmp_path)
    meter = Meter("emt")
    meter.admit(load_backend("emt"), Request("relax", adatom), "one", folder)
    append_step(folder.steps_file, {"seconds": 3600.0})
    meter(Progress("one", folder.path.name, "waiting"))
    append_step(folder.steps_file, {"seconds": 3600.0})
    meter(Progress("one", folder.path.name, ends))
    if ends == "resumed":
        append_step(folder.steps_file, {"seconds": 3600.0})
    meter.look_at_all()
    assert (meter.used.calculations, meter.used.force_evaluations) == used
    assert meter.used.processor_hours == pytest.approx(used[1])


@job
def add(*numbers):
    return sum(numbers)


def test_cheap_parts_come_first_and_bring_what_they_need():
    dear_bulk, cheap_bulk = add(1), add(2)
    dear = Flow([one := add(dear_bulk.output), two := add(one.output)], output=two.output)
    cheap = Flow([three := add(cheap_bulk.output)], output=three.output)
    saddles = Flow([four := add(three.output)])
    flow = Flow([dear_bulk, dear, saddles, cheap_bulk, cheap])
    ranks = {"dear": (False, 9.0), "cheap": (False, 1.0), "saddles": (True, 0.1)}
    keys = ["dear bulk", "dear", "saddles", "cheap bulk", "cheap"]
    ordered = [made.uuid for made, _ in in_order(flow, keys, ranks).iterflow()]
    wanted = [cheap_bulk, three, dear_bulk, one, two, four]
    assert ordered == [made.uuid for made in wanted]


def test_identities_do_not_hang_on_what_a_calculation_took(adatom):
    from anodeflow.calculations.backend_makers import Makers
    from anodeflow.calculations.identity import _plain

    document = Makers(load_backend("emt")).static().calculate(adatom)
    later = document.model_copy(update={"processor_time": 5.0, "processors": 3, "peak_memory": 7.0})
    before, after = (json.dumps([each], cls=MontyEncoder) for each in (document, later))
    assert "processor_time" in before
    assert "processor_time" not in _plain(before)
    assert _plain(before) == _plain(after)


def test_words():
    assert [hours(value) for value in (0.001, 0.5, 3.14, 1234.0)] == ["4 s", "30 min", "3.1 h", "1,234 h"]
    assert [number(value) for value in (1.0, 3.14159, 186.2, 12345.0)] == ["1", "3.1", "190", "12,000"]
    assert math.isclose(budget_hours("30min"), 0.5)
