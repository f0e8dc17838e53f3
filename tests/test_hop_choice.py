"""Which hops DFT computes where a potential learns: those of the ways across, and what may lie below their saddles."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from prescreen_factories import register
from pymatgen.core import Lattice, Structure

from anodeflow import Campaign, build_slab
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.guide_ranks import LearnedRises, learned_rises
from anodeflow.calculations.progress import listen
from anodeflow.calculations.screening_document import BandRecord, PrescreenAudit
from anodeflow.database.query import study_documents
from anodeflow.screening.makers import Prescreen, PrescreenedNebMaker
from anodeflow.studies.context import SubjectContext
from anodeflow.studies.diffusion import hop_choice
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.hop_document import Hop, ScreenedSaddle, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.input import DiffusionInput

ALONG, BESIDE, ACROSS = 0, 1, 2
"""Hops on Cu(110): along the rows, from hollow to hollow or bridge to bridge, and across, from hollow to bridge."""


@pytest.fixture
def search() -> HopSearch:
    """Two minima, the second 0.05 eV higher, and three hops: one of the first two leads along the rows in any case."""
    slab = build_slab("Cu", miller=(1, 1, 0), layers=3, vacuum=8, min_width=5).structure
    row, over = np.array([2.08423, -1.47377, 0.0]), np.array([2.08423, 2.94755, 0.0])
    top = max(slab, key=lambda site: site.coords[2]).coords + np.array([0, 0, 1.5])
    places = [top + row / 2 + over / 2, top + row / 2]
    structures = [slab.copy() for _ in places]
    for structure, place in zip(structures, places, strict=True):
        structure.append("Cu", place, coords_are_cartesian=True)
    minima = [
        SurfaceMinimum(
            index=k,
            site=k,
            label="",
            position=list(places[k]),
            energy=0.05 * k,
            multiplicity=1,
            structure=structures[k],
        )
        for k in range(2)
    ]
    hops = [
        Hop(index=k, initial=i, final=f, displacement=list(way[:2]), multiplicity=2, state="failed")
        for k, (i, f, way) in enumerate([(0, 0, row), (1, 1, row), (0, 1, -over / 2)])
    ]
    search = HopSearch.model_construct(
        adsorption=SimpleNamespace(slab=slab, system="Cu(110)"),
        zero=0.0,
        minima=minima,
        hops=hops,
        splits=[0] * 3,
        waiting=[],
        whole=[],
        looked=[0, 1, 2],
        screened={},
        downhill={},
        finer={},
        calculation_ids={},
        warnings=[],
        audit=PrescreenAudit(backend="emt", keep=3, window=0.15, paths="saddle"),
    )
    record = BandRecord(
        backend="emt", id="path", end_ids=[], energies=[0, 1, 0], distances=[0, 1, 2], slopes=[0, 0, 0],
        climbing_image=1, converged=True, force_evaluations=7, mode="saddle",
    )  # fmt: skip
    search.screened = {str(k): ScreenedSaddle(band=record, saddle=structures[0]) for k in range(3)}
    return search


@pytest.fixture
def maker() -> PrescreenedNebMaker:
    makers = Makers(load_backend("emt"))
    screen = Prescreen(
        makers.relax(), makers.relax(cell=True), makers.static(), makers.neb(), backend="emt", learn=True,
        by_uncertainty=True,
    )  # fmt: skip
    return PrescreenedNebMaker(screen, makers.neb())


def says(monkeypatch, **barriers: tuple[float, float]) -> list:
    """Let the potential have learned barriers of hops, with standard deviations; return what it is asked."""
    asked = []

    def rises(maker, pairs, known, about):
        asked.append((sorted(pairs), sorted(known)))
        named = {name: barriers[f"h{name}"] for name in pairs}
        return LearnedRises(
            model="m",
            calculations=4,
            energies={name: each[0] for name, each in named.items()},
            uncertainties={name: each[1] for name, each in named.items()},
        )

    monkeypatch.setattr(hop_choice, "learned_rises", rises)
    return asked


def computed(search: HopSearch, index: int, barrier: float) -> None:
    """Let DFT have computed a hop."""
    hop = search.hops[index]
    hop.state, hop.barrier_forward = "done", barrier
    search.waiting.remove(index)
    search.calculation_ids[search.step_of(index)] = f"dft {index}"


def ways_are_computed(search: HopSearch, maker: PrescreenedNebMaker, along: float, temperature: float = 50.0) -> None:
    """Ask which hops are needed, and let DFT have computed those of the ways across."""
    hop_choice.decide(maker, search, temperature)
    assert sorted(search.waiting) == [ALONG, ACROSS]
    computed(search, ALONG, along)
    computed(search, ACROSS, 0.42)


def test_the_ways_across_come_first_and_what_certainly_lies_above_them_is_left_out(search, maker, monkeypatch):
    asked = says(monkeypatch, h0=(0.30, 0.02), h1=(0.50, 0.02), h2=(0.40, 0.02))
    ways_are_computed(search, maker, along=0.31)
    hop_choice.decide(maker, search, 50.0)
    assert (search.waiting, search.screened) == ([], {})
    left = search.hops[BESIDE]
    assert (left.state, left.barrier_forward, left.band.id) == ("left out", None, "path")
    assert (left.learned.energy, left.learned.uncertainty, left.learned.calculations) == (0.50, 0.02, 4)
    assert search.hops[ALONG].learned.energy == 0.30, "what was expected stays on record, beside 0.31"
    assert search.audit.effort.potential_force_evaluations == 7
    (told,) = search.warnings
    assert told.code == "hops-left-to-potential"
    assert "hop 1 (0.550 ± 0.020 eV)" in told.text
    assert "0.420 eV" in told.text
    assert asked == [(["0", "1", "2"], []), (["1"], ["dft 0", "dft 2"])], "what is known is part of the question"


def test_what_may_lie_below_the_ways_across_is_computed(search, maker, monkeypatch):
    says(monkeypatch, h0=(0.30, 0.02), h1=(0.50, 0.07), h2=(0.40, 0.02))
    ways_are_computed(search, maker, along=0.31)
    hop_choice.decide(maker, search, 50.0)
    assert search.waiting == [BESIDE], "0.55 eV less two standard deviations are 0.41"


def test_what_is_not_much_higher_than_the_ways_across_matters_in_d(search, maker, monkeypatch):
    says(monkeypatch, h0=(0.30, 0.02), h1=(0.50, 0.001), h2=(0.40, 0.02))
    ways_are_computed(search, maker, along=0.30, temperature=300.0)
    others = search.model_copy(deep=True)
    hop_choice.decide(maker, search, 300.0)
    assert search.waiting == [], "0.55 less 0.02 (that is what 0.40 erred by) and 0.01 are 0.10 above 0.42: 3.9 kT"
    hop_choice.decide(maker, others, 450.0)
    assert others.waiting == [BESIDE], "2.6 kT"


def test_of_a_hop_that_was_split_the_highest_part_counts(search, maker, monkeypatch):
    says(monkeypatch, h0=(0.30, 0.02), h1=(0.50, 0.02), h2=(0.40, 0.02))
    hop_choice.decide(maker, search, 50.0)
    computed(search, ACROSS, 0.42)
    along = search.hops[ALONG]
    part = along.model_copy(update={"index": 3, "state": "done", "barrier_forward": 0.17, "learned": None})
    search.hops.append(part)
    search.waiting.remove(ALONG)
    along.state, along.split_into = "split", [3]
    hop_choice.decide(maker, search, 50.0)
    assert search.waiting == [BESIDE], "0.30 was 0.13 eV wrong"


def test_what_was_wrong_on_other_hops_is_not_believed_on_this_one(search, maker, monkeypatch):
    says(monkeypatch, h0=(0.30, 0.02), h1=(0.50, 0.02), h2=(0.40, 0.02))
    ways_are_computed(search, maker, along=0.17)
    hop_choice.decide(maker, search, 50.0)
    assert search.waiting == [BESIDE], "0.30 was 0.13 eV wrong, so 0.55 may be 0.41"


def test_the_word_of_dft_opens_the_question_again(search, maker, monkeypatch):
    says(monkeypatch, h0=(0.30, 0.02), h1=(0.50, 0.02), h2=(0.40, 0.02))
    hop_choice.decide(maker, search, 50.0)
    computed(search, ACROSS, 0.42)
    search.hops[ALONG].state = "failed"
    search.waiting.remove(ALONG)
    hop_choice.decide(maker, search, 50.0)
    assert search.waiting == [BESIDE], "no other hop leads along the rows now"


def test_all_are_computed_where_nothing_was_learned_or_nothing_leads_on(search, maker, monkeypatch):
    others = search.model_copy(deep=True)
    monkeypatch.setattr(hop_choice, "learned_rises", lambda *asked: None)
    hop_choice.decide(maker, search, 50.0)
    assert (search.waiting, search.screened) == ([0, 1, 2], {})
    assert all(hop.learned is None for hop in search.hops)
    says(monkeypatch, h2=(0.40, 0.02))
    others.screened = {"2": others.screened["2"]}
    hop_choice.decide(maker, others, 50.0)
    assert others.waiting == [ACROSS], "of no use alone, but all that is left"


def test_who_is_asked_about(search, maker):
    search.looked, search.waiting = [1], [0, 1, 2]

    def fresh(maker=maker, **fields):
        study = DiffusionContext.told(SubjectContext(), input=DiffusionInput(**fields), prescreen=None)
        return hop_choice.to_screen(maker, search, study)

    assert fresh() == [ALONG, ACROSS]
    assert fresh(hops="all") == fresh(exchange=True) == fresh(maker=maker.then) == []
    maker.prescreen.by_uncertainty = False
    assert fresh() == [], "its window was given: it asks for no uncertainty"
    maker.prescreen.by_uncertainty = True
    search.whole, search.finer = [ALONG], {"2": []}
    assert fresh() == []


def test_jobs_and_documents_of_before_say_nothing_of_the_choice():
    before, after = (
        DiffusionContext.told(SubjectContext(), input=DiffusionInput(hops=hops), prescreen=None)
        for hops in ("deciding", "all")
    )
    assert "hops" not in before.as_dict()
    assert "hops" not in before.asked
    assert after.asked["hops"] == "all"


def test_what_fails_is_done_without():
    maker = SimpleNamespace(guide={"learn": True, "code": "no such code"}, backend={"code": "emt"})
    structure = Structure(Lattice.cubic(3), ["Cu"], [[0, 0, 0]])
    told = []
    with listen(told.append):
        assert learned_rises(maker, {"0": (structure, structure)}, [], ("hop", "1")) is None
    assert "ranked without what the potential learned: " in told[0].message


CAMPAIGN = """\
name: NAME
backend: costly.yaml
prescreen: {backend: emt, learn: true, keep: 6}
systems:
  - {name: "Cu3Au(110)", structure: Cu3Au.cif, miller: [1, 1, 0], layers: 3, vacuum: VACUUM, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu}
  - diffusion: {adsorbate: Cu, images: 3, hops: HOPS, temperatures: [1.0]}
"""


@pytest.mark.slow
def test_a_hop_that_no_way_across_needs_is_left_out_and_lies_where_it_was_expected(tmp_path, monkeypatch):
    """More vacuum changes no energy of EMT, but all calculations. Near 0 K nothing above the ways across matters."""
    register(monkeypatch, tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
    gold = Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.77), ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0]])
    gold.to(filename=str(tmp_path / "Cu3Au.cif"))

    def ran(name: str, vacuum: int, hops: str):
        file = tmp_path / f"{name}.yaml"
        file.write_text(CAMPAIGN.replace("NAME", name).replace("VACUUM", str(vacuum)).replace("HOPS", hops))
        report = Campaign.from_file(file).run()
        assert report.succeeded, report.failures
        return next(document for document in study_documents(name) if document.study == "diffusion")

    every = ran("every", 8, "all")
    assert all(hop.state in ("done", "split") and hop.learned is None for hop in every.hops)
    some = ran("some", 9, "deciding")
    left = [hop for hop in some.hops if hop.state == "left out"]
    assert left
    assert any(warning.code == "hops-left-to-potential" for warning in some.warnings)
    assert some.path.barrier == pytest.approx(every.path.barrier, abs=1e-3)
    assert some.path_across.barrier == pytest.approx(every.path_across.barrier, abs=1e-3)
    for hop in left:
        level = some.minima[hop.initial].energy + hop.learned.energy
        same = [
            each
            for each in every.hops
            if each.state == "done" and {each.initial, each.final} == {hop.initial, hop.final}
        ]
        (known,) = [each for each in same if np.allclose(np.abs(each.displacement), np.abs(hop.displacement), atol=0.1)]
        assert abs(level - known.barrier_forward) < 2 * hop.learned.uncertainty + 0.01
        assert level > some.path_across.barrier

    # It has learned since, but the same question has the same answer, and nothing is computed again.
    def documents() -> list[str]:
        return sorted(file.parent.name for file in (tmp_path / "home" / "calculations").rglob("outcome.json"))

    before = documents()
    assert before
    again = ran("some", 9, "deciding")
    assert again.hops == some.hops
    assert documents() == before
    (kept, *_) = (tmp_path / "home" / "learning").glob("*/rises/*.json")
    assert json.loads(kept.read_text())["model"]
