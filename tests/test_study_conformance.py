"""All studies that are shipped pass the suite that a package with a study of its own subclasses."""

import ast
import re
from pathlib import Path

import pytest
from surface_factories import charge_document
from test_work_function import document as work_function_document

from anodeflow.studies.registry import studies
from anodeflow.testing.study_conformance import StudyConformance

CAMPAIGN = """\
name: every-study
backend: emt
systems:
  - {name: Al(001), structure: Al, layers: 2, fixed_layers: 1, vacuum: 6, min_width: 5}
  - {name: Ag(001), structure: Ag, layers: 2, fixed_layers: 1, vacuum: 6, min_width: 0}
interfaces:
  - {name: Ag/Al, alloy: Ag, metal: Al, alloy_layers: 2, metal_layers: 4, max_atoms: 60, min_width: 5, vacuum: 8}
studies:
  - adsorption: {adsorbate: Al}
  - diffusion: {adsorbate: Al, systems: [Al(001)], images: 3}
  - surface_energy: {systems: [Ag(001)], convergence: {layers: [3]}}
  - interface: {}
  - interdiffusion: {element: Ag, depth: 2, samples: 1}
  - vacancy: {element: Ag, paths: [I], steps: 1, samples: 1, images: 3, start: interface}
  - orderings: {composition: AgAl, hosts: [fcc], max_atoms: 2, prescreen: emt}
  - electrochemistry: {ion: Al, partner: Ag}
"""
DENSITIES = """\
name: densities
backend: gpaw-demo
systems:
  - {name: Li(001), structure: Li, layers: 3, vacuum: 15, min_width: 0}
studies:
  - adsorption: {adsorbate: Li}
  - charge: {adsorbate: Li, grid_spacing: 0.1}
  - work_function: {}
"""
pytestmark = pytest.mark.slow


class TestAdsorption(StudyConformance):
    study, campaign = "adsorption", CAMPAIGN


class TestSurfaceEnergy(StudyConformance):
    study, campaign = "surface_energy", CAMPAIGN


class TestMetalReference(StudyConformance):
    study, campaign = "metal_reference", CAMPAIGN


class TestConvergence(StudyConformance):
    study, campaign = "convergence", CAMPAIGN


class TestDiffusion(StudyConformance):
    study, campaign = "diffusion", CAMPAIGN


class TestInterface(StudyConformance):
    study, campaign = "interface", CAMPAIGN


class TestInterdiffusion(StudyConformance):
    study, campaign = "interdiffusion", CAMPAIGN


class TestVacancy(StudyConformance):
    study, campaign = "vacancy", CAMPAIGN


class TestOrderings(StudyConformance):
    study, campaign = "orderings", CAMPAIGN


class TestElectrochemistry(StudyConformance):
    study, campaign = "electrochemistry", CAMPAIGN


class TestCharge(StudyConformance):
    """Densities take a code of first principles, so the documents are made here."""

    study, campaign, runs = "charge", DENSITIES, False

    def documents(self, folders):
        return [charge_document()]


class TestWorkFunction(StudyConformance):
    """So is the potential's."""

    study, campaign, runs = "work_function", DENSITIES, False

    def documents(self, folders):
        return [work_function_document()]


def _tested(file: Path) -> set[str]:
    """Studies whose suite a file holds: `study = "charge"` in a class of the suite, alone or with others."""
    text = file.read_text()
    suites = [
        node
        for node in (ast.parse(text).body if "StudyConformance" in text else [])
        if isinstance(node, ast.ClassDef) and "StudyConformance" in map(ast.unparse, node.bases)
    ]
    said = [ast.unparse(node) for each in suites for node in each.body if isinstance(node, ast.Assign)]
    return {found[1] for line in said if (found := re.match(r"\(?study\b.*?= \(?'(\w+)'", line))}


def test_every_study_passes_the_suite():
    """Here, or in a file that came with it: a new study changes no file of tests."""
    tested = set().union(*map(_tested, Path(__file__).parent.glob("test_*.py")))
    assert {"adsorption", "vacancy"} < tested
    ours = {name for name, each in studies().items() if type(each).__module__.startswith("anodeflow.studies.")}
    assert tested == ours
