"""Crystals that a code does not hold, or that are not at rest: numbers on them are not given without a word."""

import pytest
from factories import calculation_document, caveats
from pymatgen.core import Lattice, Structure

from anodeflow import Campaign, query
from anodeflow.calculations import makers
from anodeflow.database.query import study_documents
from anodeflow.studies.shared.references import crystal_caveats, volume_change

CAMPAIGN = """
name: swollen
backend: emt
systems:
  - {name: NiAl(001), structure: NiAl.cif, layers: 3, fixed_layers: 1, vacuum: 8, min_width: 0}
  - {name: Al(001), structure: Al, layers: 3, fixed_layers: 1, vacuum: 8, min_width: 0}
interfaces:
  - {name: NiAl/Al, alloy: NiAl.cif, metal: Al, alloy_layers: 3, metal_layers: 4, vacuum: 8, min_width: 0}
studies:
  - surface_energy: {metal: Al, systems: [NiAl(001)]}
  - adsorption: {adsorbate: Al, sites: [hollow]}
  - interdiffusion: {element: Ni, depth: 1, samples: 1, dilute_width: null}
"""


def crystal(length: float) -> Structure:
    return Structure.from_spacegroup("Pm-3m", Lattice.cubic(length), ["Ni", "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize(("after", "words"), [(3.05, "+19 %"), (2.70, "-18 %"), (2.93, ""), (2.83, "")])
def test_volume_of_a_crystal_that_is_another_one_is_told(after, words):
    relaxed = calculation_document(initial_structure=crystal(2.88), structure=crystal(after), task="relax_cell")
    assert volume_change(relaxed) == pytest.approx((after / 2.88) ** 3 - 1)
    told = crystal_caveats(relaxed)
    assert [each.code for each in told] == (["other-volume"] if words else [])
    assert all(words in each.text for each in told)


@pytest.mark.slow
def test_whatever_rests_on_such_a_crystal_says_so(tmp_path, monkeypatch):
    """EMT has NiAl 19 % larger than it is, and unstable: its numbers were printed without a word."""
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    crystal(2.88).to(str(tmp_path / "NiAl.cif"))
    file = tmp_path / "swollen.yaml"
    file.write_text(CAMPAIGN)
    Campaign.from_file(file).run()
    rows = query(campaign="swollen")
    for study in ("surface_energy", "adsorption", "interface", "interdiffusion"):
        mine = rows[(rows.study == study) & rows.system.str.startswith("NiAl")]
        assert len(mine) > 0, study
        assert all("other-volume" in told for told in mine.warning_codes), study
    sound = rows[rows.system == "Al(001)"]
    assert len(sound) > 0
    assert not any("other-volume" in told for told in sound.warning_codes)


UNFINISHED = """
name: unfinished
backend: emt
systems:
  - {name: Ag(111), structure: Ag, miller: [1, 1, 1], layers: 3, fixed_layers: 1, vacuum: 8, min_width: 0}
interfaces:
  - {name: Ag/Al, alloy: Ag, metal: Al, alloy_layers: 3, metal_layers: 4, vacuum: 8, min_width: 0, fixed_layers: 1}
studies:
  - adsorption: {adsorbate: Al}
  - diffusion: {adsorbate: Al, modes: false}
  - interdiffusion: {element: Ag, depth: 1, samples: 1, dilute_width: null}
  - vacancy: {element: Ag, paths: [I], steps: 0, samples: 1, barriers: false}
"""


@pytest.mark.slow
def test_whatever_rests_on_a_crystal_that_is_not_at_rest_says_so(tmp_path, monkeypatch):
    """Slabs said so, interfaces and what is studied on either did not."""
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    computed = makers.compute

    def unfinished(backend, request, label, *rest):
        found = computed(backend, request, label, *rest)
        return found.model_copy(update={"converged": False}) if label == "Ag bulk" else found

    monkeypatch.setattr(makers, "compute", unfinished)
    file = tmp_path / "unfinished.yaml"
    file.write_text(UNFINISHED)
    report = Campaign.from_file(file).run()
    assert report.succeeded, report.failures
    documents = study_documents("unfinished")
    told = {each.study: [about for _, about in caveats(each, "not-converged")] for each in documents}
    assert told == {
        "adsorption": ["crystal"],
        "diffusion": ["crystal"],
        "interface": ["alloy bulk"],
        "interdiffusion": ["interface: alloy bulk"],
        "vacancy": ["interface: alloy bulk", "bulk"],
    }
