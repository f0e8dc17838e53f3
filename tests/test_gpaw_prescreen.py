"""A prescreened campaign with real GPAW on a small slab of Al, EMT before it: binding and hop, and what they cost."""

import os
import subprocess
import sys

import pytest

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.database.query import study_documents
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.diffusion.document import DiffusionDoc

pytestmark = [pytest.mark.gpaw, pytest.mark.slow]

BACKEND = """\
code: gpaw
settings: {cutoff: 200, kpoint_spacing: 0.9, smearing_width: 0.2}
relaxation: {force_threshold: 0.02, stress_threshold: 0.002}
path: {force_threshold: 0.03}
parallel: {ranks: 1}
"""
CAMPAIGN = """\
name: aluminium
backend: small-gpaw.yaml
prescreen: {backend: emt, keep: 2}
systems:
  - {name: Al(001), structure: Al, layers: 2, fixed_layers: 1, vacuum: 9, min_width: 5}
studies:
  - adsorption: {adsorbate: Al, atom_box: [7.0, 7.2, 7.4]}
  - diffusion: {adsorbate: Al, images: 3, modes: false}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aluminium")
    (folder / "small-gpaw.yaml").write_text(BACKEND)
    (folder / "aluminium.yaml").write_text(CAMPAIGN)
    environment = os.environ | {
        "ANODEFLOW_HOME": str(folder / "home"),
        "ANODEFLOW_EMBEDDED": "sqlite",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "anodeflow", "run", str(folder / "aluminium.yaml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def documents(folder, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_HOME", str(folder / "home"))
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
    found = study_documents("aluminium")
    (adsorption,) = (document for document in found if isinstance(document, AdsorptionDoc))
    (migration,) = (document for document in found if isinstance(document, DiffusionDoc))
    return adsorption, migration


def test_what_gpaw_computed_and_what_it_cost(documents):
    adsorption, migration = documents
    assert [site.label for site in adsorption.sites] == ["fourfold hollow"]
    handed_on = {candidate.label: candidate.handed_on for candidate in adsorption.prescreen.candidates}
    assert handed_on == {"onefold top": False, "bridge": False, "fourfold hollow": True}
    # One image climbs, from a saddle of EMT whose barrier is 0.4 eV too low.
    effort = migration.prescreen.effort
    assert 0 < effort.force_evaluations <= 9
    assert effort.scf_cycles < 15 * effort.force_evaluations


def test_the_climb_ends_where_symmetry_holds_an_adatom_on_the_bridge(documents, folder):
    """The saddle between two hollows of a (001) face is the bridge, which a relaxation reaches without any path."""
    adsorption, migration = documents
    backend = load_backend(folder / "small-gpaw.yaml")
    slab = adsorption.slab
    bridge = next(site for site in find_sites(slab, "Al") if site.label == "bridge")
    held = Makers(backend).relax().calculate(add_adsorbate(slab, bridge, "Al"), "bridge")
    hollow = adsorption.sites[0].binding_energy + adsorption.slab_energy + adsorption.atom_energy
    assert migration.path.barrier == pytest.approx(held.energy - hollow, abs=5e-3)
