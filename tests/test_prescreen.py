"""Campaigns in which EMT goes before a costly code (EMT of other strength and lattice constants)."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from factories import caveats, codes, sentence
from prescreen_factories import CostlyBackend, register
from relaxations import limited

from anodeflow import Campaign
from anodeflow.backends.emt import EmtBackend
from anodeflow.calculations.folder import read_steps
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.database.query import study_documents
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.interdiffusion.document import InterdiffusionDoc
from anodeflow.studies.interface.document import InterfaceDoc

SURFACE = """\
name: copper
backend: costly.yaml
prescreen: {backend: emt}
systems:
  - {name: Cu(111), structure: Cu, miller: [1, 1, 1], layers: 3, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu}
  - diffusion: {adsorbate: Cu}
"""
INTERFACE = """\
name: contact
backend: costly.yaml
prescreen: emt
interfaces:
  - {name: Ag/Al, alloy: Ag, metal: Al, alloy_layers: 2, metal_layers: 4, max_atoms: 60, min_width: 5, vacuum: 8}
studies:
  - interdiffusion: {element: Ag, depth: 2}
"""


@dataclass
class Done:
    """A campaign that ran: its documents by study, and the force evaluations of each code."""

    file: Path
    home: Path
    documents: dict
    evaluations: Counter


@pytest.fixture
def costly(tmp_path, monkeypatch):
    """The costly code is known, its file lies in this folder."""
    register(monkeypatch, tmp_path)
    return tmp_path


def write(folder: Path, text: str = SURFACE, **changes: str) -> Path:
    """Write a campaign file, some of its words changed."""
    for old, new in changes.items():
        text = text.replace({"prescreen": "{backend: emt}", "study": "\n  - diffusion: {adsorbate: Cu}"}[old], new)
    file = folder / "campaign.yaml"
    file.write_text(text)
    return file


def evaluations(home: Path, pushed: bool = True) -> Counter:
    """Count the force evaluations on record, by code (bulks are relaxed by the costly code alone: not counted).

    `pushed`: whether those of minima that were pushed along their softest mode count, too.
    """
    found: Counter = Counter()
    for file in home.glob("calculations/*/*/calculation.json"):
        content = json.loads(file.read_text())
        if content["task"] != "relax_cell" and (pushed or "pushed and relaxed" not in content["label"]):
            found[content["code"]] += len(read_steps(file.parent / "steps.jsonl"))
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Campaigns as they were run, once each: by their file's text."""
    known: dict[str, Done] = {}
    with pytest.MonkeyPatch.context() as patch:

        def run(text: str) -> Done:
            if text not in known:
                folder = tmp_path_factory.mktemp("campaign")
                register(patch, folder)
                patch.setenv("ANODEFLOW_HOME", str(folder / "home"))
                campaign = Campaign.from_file(write(folder, text))
                report = campaign.run()
                assert report.succeeded, report.failures
                documents = {document.study: document for document in study_documents(campaign.name)}
                known[text] = Done(folder / "campaign.yaml", folder / "home", documents, evaluations(folder / "home"))
            register(patch, known[text].file.parent)
            patch.setenv("ANODEFLOW_HOME", str(known[text].home))
            return known[text]

        yield run


def surface(prescreen: str = "prescreen: {backend: emt}\n") -> str:
    return SURFACE.replace("prescreen: {backend: emt}\n", prescreen)


@pytest.mark.slow
def test_what_the_potential_has_lowest_is_computed_first(done):
    ran = done(surface())
    candidates = ran.documents["adsorption"].prescreen.candidates
    steps = json.loads((ran.home / "campaigns" / "copper.json").read_text())["steps"]
    order = [
        found[1] for each in steps if (found := re.fullmatch(r"Cu\(111\): Cu at (site \d+) \([\w ]+\)", each["label"]))
    ]
    assert order == [each.step for each in candidates if each.handed_on]
    assert order != sorted(order), "else the order of the sites would do, too"


@pytest.mark.slow
def test_the_same_numbers_for_a_third_of_the_force_evaluations(done):
    plain, screened = done(surface("")), done(surface())
    assert plain.evaluations["emt"] == 0
    assert screened.evaluations["costly"] < plain.evaluations["costly"] / 3
    for study in ("adsorption", "diffusion"):
        values = [
            {(row.property, row.label): row.value for row in each.documents[study].rows() if row.unit == "eV"}
            for each in (plain, screened)
        ]
        assert values[0].keys() == values[1].keys()
        for key, value in values[0].items():
            assert values[1][key] == pytest.approx(value, abs=0.01), key


@pytest.mark.slow
def test_the_document_names_what_was_left_out_and_compares_both(done):
    document = done(surface()).documents["adsorption"]
    assert isinstance(document, AdsorptionDoc)
    audit = document.prescreen
    assert [site.label for site in document.sites] == ["bridge", "fcc hollow", "hcp hollow"]
    (left,) = [each for each in audit.candidates if not each.handed_on]
    assert (left.step, left.label, left.reason) == ("site 0", "onefold top", "outside the window")
    assert left.energy > 0.15
    assert "emt: site 0 (onefold top" in sentence(document, "left-out-by-prescreen")
    assert 0 < audit.ranking_error < 0.02
    entries = {entry.quantity: entry for entry in audit.entries if entry.quantity.startswith("binding")}
    assert entries["binding_energy"].dft == pytest.approx(document.binding_energy, abs=0.01)
    assert entries["binding_energy"].difference == pytest.approx(0.1 / 1.1 * -document.binding_energy, rel=0.05)
    assert entries["binding_energy_bulk"].dft == pytest.approx(document.binding_energy_bulk, abs=0.01)
    assert document.settings["prescreen"]["backend"] == "emt"
    assert {"site 0 [emt]", "site 1 [emt]", "site 1", "slab [emt]", "bulk [emt]"} <= set(document.calculation_ids)
    assert audit.effort.force_evaluations < audit.effort.potential_force_evaluations


@pytest.mark.slow
def test_sites_that_symmetry_holds_are_ranked_by_both(done):
    wide = SURFACE.split("\n  - diffusion")[0].replace("{backend: emt}", "{backend: emt, window: 1}") + "\n"
    run = done(wide.replace("copper", "square").replace("Cu(111)", "Cu(001)").replace("[1, 1, 1]", "[0, 0, 1]"))
    document = run.documents["adsorption"]
    assert {site.label for site in document.sites} == {"onefold top", "bridge", "fourfold hollow"}
    assert document.prescreen.rank_correlation == pytest.approx(1.0)
    best = f"site {document.sites[document.most_stable].site}"
    over = {entry.step: entry for entry in document.prescreen.entries if entry.quantity == f"energy over {best}"}
    assert len(over) == 2
    for site in document.sites:
        if f"site {site.site}" in over:
            entry = over[f"site {site.site}"]
            assert entry.dft == pytest.approx(site.binding_energy - document.binding_energy)
            assert entry.potential == pytest.approx(entry.dft / 1.1, abs=0.03)
    assert document.prescreen.ranking_error == pytest.approx(max(abs(entry.difference) for entry in over.values()))
    assert "left-out-by-prescreen" not in codes(document), "nothing was left out"


@pytest.mark.slow
def test_only_the_saddle_of_a_hop_is_computed(done):
    document = done(surface()).documents["diffusion"]
    assert isinstance(document, DiffusionDoc)
    (hop,) = document.hops
    assert len(hop.images) == len(hop.profile) == 3
    assert hop.band.mode == "saddle"
    assert len(hop.band.energies) == 7
    assert hop.path_length == pytest.approx(hop.band.distances[-1])
    assert hop.profile[1].distance == hop.band.distances[hop.band.climbing_image]
    assert [entry.quantity for entry in document.prescreen.entries] == ["barrier_forward", "barrier_reverse"]
    forward = document.prescreen.entries[0]
    assert forward.dft == hop.barrier_forward
    assert forward.potential == pytest.approx(forward.dft / 1.1, abs=0.01)
    assert hop.max_force < 0.02
    assert set(codes(document)) == {"left-out-by-prescreen", "little-room", "exchange-not-searched"}
    assert "site 0 (onefold top)" in sentence(document, "left-out-by-prescreen")


@pytest.mark.slow
def test_the_whole_band_on_request(done):
    run = done(surface("prescreen: {backend: emt, paths: band}\n"))
    (hop,) = run.documents["diffusion"].hops
    assert len(hop.images) == 7
    assert hop.band.mode == "band"
    (alone,) = done(surface()).documents["diffusion"].hops
    assert hop.barrier_forward == pytest.approx(alone.barrier_forward, abs=2e-3)
    assert run.evaluations["costly"] > done(surface()).evaluations["costly"]


@pytest.mark.slow
def test_a_second_run_computes_nothing(done):
    run = done(surface())
    again = Campaign.from_file(run.file).run()
    assert again.computed == 0
    assert evaluations(run.home) == run.evaluations


@pytest.mark.slow
def test_the_report_shows_both(done, tmp_path):
    from anodeflow.report.build import write_report

    run = done(surface())
    index = write_report("copper", list(run.documents.values()), {}, tmp_path / "report", tell=lambda words: None)
    page = index.read_text()
    assert "emt against costly" in page
    assert "handed on 3 of 4 candidates" in page
    assert "Largest error of emt" in page
    assert "Candidates as emt ranks them" in page
    assert "ends and saddle alone were computed by DFT" in page
    tables = [file.read_text() for file in (tmp_path / "report" / "tables").glob("prescreen-*.csv")]
    assert len(tables) == 2
    assert any("barrier_forward" in table for table in tables)


@pytest.mark.slow
def test_shifts_and_exchanges_of_an_interface(done):
    plain, screened = done(INTERFACE.replace("prescreen: emt\n", "")), done(INTERFACE)
    assert screened.evaluations["costly"] < 0.7 * plain.evaluations["costly"]
    before, after = plain.documents["interdiffusion"], screened.documents["interdiffusion"]
    assert isinstance(after, InterdiffusionDoc)
    for one, other in zip(before.points, after.points, strict=True):
        assert other.exchange_energy == pytest.approx(one.exchange_energy, abs=0.01)
    assert [entry.step for entry in after.prescreen.entries] == ["depth 1", "depth 2", "depth 2, sample 2"]
    assert after.prescreen.entries[0].potential != after.prescreen.entries[0].dft
    interface = screened.documents["interface"]
    assert isinstance(interface, InterfaceDoc)
    assert interface.work_of_separation == pytest.approx(plain.documents["interface"].work_of_separation, abs=0.02)
    assert interface.best_registry == plain.documents["interface"].best_registry
    assert [point.energy for point in interface.registry if not point.left_out] == [0.0], "one alone: nothing to rank"
    assert {each.step for each in interface.prescreen.candidates} == {
        f"registry {index}" for index in range(len(interface.registry))
    }
    assert [entry.quantity for entry in interface.prescreen.entries] == ["work_of_separation"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", [CostlyBackend, EmtBackend])
def test_a_run_that_was_cut_off_goes_on(costly, home, monkeypatch, done, backend):
    whole = done(surface())
    monkeypatch.setenv("ANODEFLOW_HOME", str(home))
    campaign = Campaign.from_file(write(costly))
    with monkeypatch.context() as patch:
        limited(backend, 2, patch)  # every calculation is cut off after two evaluations
        assert not campaign.run().succeeded
    if backend is EmtBackend:
        # What went on without the potential is another calculation, found by nobody afterwards.
        assert Campaign.from_file(write(costly)).run().succeeded
    else:
        for _ in range(3):
            campaign.run()
        # A push along one of two softest modes that are alike goes where rounding sends it.
        assert evaluations(home, pushed=False) == evaluations(whole.home, pushed=False)
    found = {document.study: document for document in study_documents("copper")}
    assert found["diffusion"].path.barrier == pytest.approx(whole.documents["diffusion"].path.barrier, abs=1e-4)


@pytest.mark.slow
def test_chosen_sites_that_the_potential_leaves_out_are_not_called_missing(costly):
    file = write(costly, prescreen="{backend: emt, keep: 1}", study="")
    file.write_text(file.read_text().replace("{adsorbate: Cu}", "{adsorbate: Cu, sites: [0, 1, 2]}"))
    assert Campaign.from_file(file).run().succeeded
    (document,) = study_documents("copper")
    assert len(document.sites) == 1
    assert "left-out-by-prescreen" in codes(document)
    assert "site-missing" not in codes(document)
    assert "left-out-by-campaign" in codes(document)


@pytest.mark.slow
def test_one_shift_alone_is_evaluated_by_the_costly_code_where_the_potential_fails(costly, monkeypatch):
    execute = EmtBackend.execute

    def fail_on_shifts(self, request, folder, lock, tell):
        if request.task == "static":
            raise CalculationError("EMT gave up.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_on_shifts)
    text = INTERFACE.replace("vacuum: 8}", "vacuum: 8, registry_grid: [1, 1]}").replace("depth: 2", "depth: 1")
    Campaign.from_file(write(costly, text)).run()
    (document,) = (found for found in study_documents("contact") if found.study == "interface")
    assert document.registry[0].energy == 0.0
    assert "registry 0" in document.calculation_ids


@pytest.mark.slow
def test_where_the_potential_fails_the_costly_code_starts_alone(costly, monkeypatch):
    execute = EmtBackend.execute

    def fail_on_adatoms(self, request, folder, lock, tell):
        if request.task == "relax" and len(request.structure) == 13:
            raise CalculationError("EMT gave up.")
        execute(self, request, folder, lock, tell)

    monkeypatch.setattr(EmtBackend, "execute", fail_on_adatoms)
    report = Campaign.from_file(write(costly, study="")).run()
    assert not report.succeeded, "a failure is never hidden"
    assert all("EMT gave up" in failure for failure in report.failures)
    (document,) = study_documents("copper")
    assert len(document.sites) == 4
    assert ("prescreen-failed", "site 0") in caveats(document)
    assert document.prescreen.ranking_error is None


def test_files_that_are_wrong(costly):
    def problem(**changes: str) -> str:
        with pytest.raises(InputError) as raised:
            Campaign.from_file(write(costly, **changes)).check()
        return str(raised.value)

    assert "campaign.yaml, line 3: unknown backend 'emu'" in problem(prescreen="emu")
    assert "line 3: unknown backend 'emu'" in problem(prescreen="{keep: 2, backend: emu}")
    assert "line 3: prescreen costly is the campaign's own backend" in problem(prescreen="costly.yaml")
    assert "line 3: unknown key 'widow'; did you mean window?" in problem(prescreen="{backend: emt, widow: 1}")
    assert "a number of at least 1" in problem(prescreen="{backend: emt, keep: 0}")
    assert "'saddle' or 'band'" in problem(prescreen="{backend: emt, paths: saddles}")
    file = write(costly, SURFACE.replace("structure: Cu", "structure: Li").replace("adsorbate: Cu", "adsorbate: Li"))
    with pytest.raises(InputError, match="line 5: backend emt: EMT has no parameters for Li"):
        Campaign.from_file(file).check()


def test_prescreen_by_command(costly, anodeflow):
    file = write(costly)
    shown = anodeflow("check", file)
    assert shown.status == 0, shown.err
    assert "3 calculations, and more as the run finds them; before them 7 calculations" in shown.out
    assert "by emt" in shown.out
    planned = json.loads(anodeflow("check", file, "--format", "json").out)
    assert planned["prescreen"] == "emt"
    labels = {each["label"]: each["prescreen"] for each in planned["calculations"]}
    assert labels["Cu(111): clean slab"] == ""
    assert labels["Cu(111): clean slab [emt]"] == "emt"
    without = json.loads(anodeflow("check", file, "--format", "json", "--prescreen", "none").out)
    assert not [each for each in without["calculations"] if each["prescreen"]]
    own = json.loads(anodeflow("check", file, "--format", "json", "--backend", "emt").out)
    assert "No prescreen: emt is the backend itself." in own["remarks"]
    assert anodeflow("check", file, "--prescreen", "costly.yaml").status == 2


def test_jobs_have_other_uuids_with_a_prescreen(costly):
    def uuids(**changes: str) -> set[str]:
        return {job.uuid for job, _ in Campaign.from_file(write(costly, **changes)).flow().iterflow()}

    first = uuids()
    assert first == uuids()
    assert not first & uuids(prescreen="{backend: emt, keep: 2}")
