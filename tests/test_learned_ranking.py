"""Which sites DFT gets, where the potential knows how well it knows them."""

import json
from types import SimpleNamespace

import pytest
from prescreen_factories import register

from anodeflow import Campaign
from anodeflow.calculations.guide_ranks import LearnedRanking, learned_ranking
from anodeflow.calculations.progress import listen
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.database.query import study_documents
from anodeflow.screening.campaign import CampaignPrescreen, PrescreenInput
from anodeflow.screening.settings import PrescreenSettings
from anodeflow.screening.shortlist import BEYOND_DOUBT, BEYOND_KEEP, Ranked, choose, with_ranking

SITES = [Ranked("site 0", "top", -1.0), Ranked("site 1", "bridge", -1.3), Ranked("site 2", "hollow", -1.2)]
MERGED = Ranked("site 3", "hollow", -1.3, unfit="the same minimum as site 1")


def learned(**known: tuple[float, float]) -> LearnedRanking:
    """Return energies over the lowest and their standard deviations."""
    steps = {f"site {name[-1]}": each for name, each in known.items()}
    return LearnedRanking(
        model="m",
        calculations=3,
        energies={step: each[0] for step, each in steps.items()},
        uncertainties={step: each[1] for step, each in steps.items()},
    )


def test_what_may_be_the_lowest_is_handed_on_whatever_the_window():
    ranking = learned(s0=(0.30, 0.16), s1=(0.05, 0.02), s2=(0.0, 0.0))
    found = choose([*SITES, MERGED], keep=3, window=0.15, learned=ranking)
    assert [each.step for each in found] == ["site 2", "site 1", "site 0", "site 3"], "lowest first, as corrected"
    by_step = {each.step: each for each in found}
    assert by_step["site 0"].handed_on, "0.30 ± 0.16 eV may be the lowest"
    assert (by_step["site 1"].handed_on, by_step["site 1"].reason) == (False, BEYOND_DOUBT)
    assert by_step["site 1"].energy == pytest.approx(0.0), "the potential's own word stays on record"
    assert (by_step["site 1"].corrected, by_step["site 1"].uncertainty, by_step["site 1"].model) == (0.05, 0.02, "m")
    assert by_step["site 3"].reason == "the same minimum as site 1"
    (first, *others) = choose(SITES, keep=1, window=0.15, learned=ranking)
    assert first.handed_on
    assert [each.reason for each in others] == [BEYOND_DOUBT, BEYOND_KEEP]


def test_without_what_was_learned_the_window_decides():
    for ranking in (None, learned(s1=(0.0, 0.0), s2=(0.5, 0.01))):  # of other sites
        found = choose(SITES, keep=3, window=0.15, learned=ranking)
        assert [(each.step, each.handed_on) for each in found] == [
            ("site 1", True),
            ("site 2", True),
            ("site 0", False),
        ]
        assert all(each.corrected is None for each in found)


def test_a_correction_that_was_too_sure_of_itself_is_told():
    ranking = learned(s0=(0.30, 0.2), s1=(0.05, 0.02), s2=(0.0, 0.0))
    audit = PrescreenAudit(backend="emt", keep=3, window=0.15, paths="saddle")
    audit.candidates = choose(SITES, keep=3, window=0.15, learned=ranking)
    _, warnings = with_ranking(audit, {"site 2": -1.2, "site 0": -1.1})
    told = {each.code: each.text for each in warnings}
    assert "site 1 (bridge, 0.050 ± 0.020 eV)" in told["left-out-by-prescreen"], "which, and by how much"
    assert "window-too-small" in told, "it was 0.2 eV wrong on site 0"
    _, warnings = with_ranking(audit, {"site 2": -1.2, "site 0": -0.9})
    assert "window-too-small" not in {each.code for each in warnings}


def test_a_window_that_is_given_stays_and_nothing_else_changes():
    class Emt:
        name = "emt"
        path = PrescreenInput()

        @staticmethod
        def settings_hash() -> str:
            return ""

    def settings(**given):
        return CampaignPrescreen(PrescreenInput(**given), Emt()).settings()

    assert "by_uncertainty" not in settings()
    assert "by_uncertainty" not in settings(learn=True, window=0.15)
    assert settings(learn=True) == settings() | {"by_uncertainty": True}
    assert "by_uncertainty" not in PrescreenSettings("emt").written()
    again = PrescreenSettings("emt", by_uncertainty=True)
    assert PrescreenSettings(**again.written()) == again


def test_what_fails_is_told_and_done_without(monkeypatch):
    documents = {f"site {k}": SimpleNamespace(id=f"{k}", label=f"adatom {k}") for k in range(2)}
    maker = SimpleNamespace(guide={"learn": True, "code": "no such code"}, backend={"code": "emt"})
    told = []
    with listen(told.append):
        assert learned_ranking(maker, documents) is None
    assert "ranked without what the potential learned: " in told[0].message
    assert learned_ranking(SimpleNamespace(), documents) is None, "a Maker that is guided by nothing"
    assert len(told) == 1


CAMPAIGN = """\
name: NAME
backend: costly.yaml
prescreen: {backend: emt, learn: true, keep: 4}
systems:
  - {name: "Cu(FACE)", structure: Cu, miller: [MILLER], layers: 3, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu}
"""


@pytest.mark.slow
def test_a_campaign_is_ranked_by_what_earlier_ones_taught_and_stays_so(tmp_path, monkeypatch):
    register(monkeypatch, tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")

    def ran(name: str, miller: str):
        file = tmp_path / f"{name}.yaml"
        face = miller.replace(", ", "")
        file.write_text(CAMPAIGN.replace("NAME", name).replace("FACE", face).replace("MILLER", miller))
        report = Campaign.from_file(file).run()
        assert report.succeeded, report.failures
        (document,) = study_documents(name)
        return document

    first = ran("first", "1, 1, 1")
    assert not first.prescreen.ranked_by, "nothing was learned yet"
    second = ran("second", "0, 0, 1")
    audit = second.prescreen
    assert audit.ranked_by
    known = [each for each in audit.candidates if each.corrected is not None]
    assert known[0].corrected == 0.0
    for each in known:
        assert each.handed_on == (each.corrected <= 2 * each.uncertainty), each
    # What it says of the sites that DFT computed is right within what it says of its error.
    energies = {f"site {site.site}": site.binding_energy for site in second.sites}
    lowest = energies[known[0].step]
    computed = [each for each in known[1:] if each.step in energies]
    for each in computed:
        assert abs(energies[each.step] - lowest - each.corrected) < 3 * each.uncertainty + 0.01
    # It has learned since, but the same candidates are ranked as they were.
    again = ran("second", "0, 0, 1")
    assert again.prescreen.candidates == audit.candidates
    assert ran("first", "1, 1, 1").prescreen.candidates == first.prescreen.candidates
    answers = [json.loads(file.read_text()) for file in (tmp_path / "home" / "learning").glob("*/rankings/*.json")]
    assert sorted(each and each["model"] for each in answers if each) == [audit.ranked_by]
    assert None in answers, "that there was none stays, too"
