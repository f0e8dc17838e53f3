"""The plan of a study is its own flow, rehearsed."""

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from jobflow import Flow, job
from test_study_conformance import CAMPAIGN as EVERY_STUDY

from anodeflow.campaign.model import Campaign
from anodeflow.core.errors import InputError
from anodeflow.core.settings import get_settings
from anodeflow.studies.adsorption.choice import chosen_sites
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.adsorption.study import ADSORPTION
from anodeflow.studies.base import AdatomInput, Study
from anodeflow.studies.dry import DryRun
from anodeflow.studies.expected import expects
from anodeflow.studies.plan import SHARED

HEAD = """name: rehearsed
backend: emt
systems:
  - {name: Cu3Au(001), structure: Cu3Au.cif, layers: 4, min_width: 5}
  - {name: Al(001), structure: Al, layers: 3, min_width: 5}
studies:
  - adsorption: {adsorbate: Al}
"""


@pytest.fixture
def campaign(tmp_path):
    from pymatgen.core import Lattice, Structure

    crystal = Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.75), ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0]])
    crystal.to(str(tmp_path / "Cu3Au.cif"))
    file = tmp_path / "rehearsed.yaml"
    file.write_text(HEAD)
    return Campaign.from_file(file)


def test_sites_and_references_are_found_by_geometry(campaign):
    run = DryRun(campaign._world())
    for surface in run.world.surfaces.of("all"):
        last = run.study(ADSORPTION, AdsorptionInput(adsorbate="Al"), surface)
        sites = chosen_sites(run.world.surfaces, surface, AdsorptionInput(adsorbate="Al"))
        assert last == sorted(f"{surface.name}: Al at site {site.index} ({site.label})" for site in sites)
        clean = f"{surface.name}: clean slab"
        assert all({clean, "Al bulk", "Al atom"} <= set(run.plan.calculations[label].after) for label in last)
        assert {run.plan.calculations[label].atoms for label in last} == {run.plan.calculations[clean].atoms + 1}
    shared = [label for label, each in run.plan.calculations.items() if each.group == SHARED]
    assert sorted(shared) == ["Al atom", "Al bulk", "Cu3Au bulk"]


def test_rehearsal_computes_nothing_and_keeps_nothing(campaign):
    run = DryRun(campaign._world())
    (surface,) = run.world.surfaces.of(["Al(001)"])
    run.study(ADSORPTION, AdsorptionInput(adsorbate="Al"), surface)
    folder: Path = get_settings().calculations
    assert not folder.exists() or not list(folder.iterdir())


def test_a_rehearsal_is_let_go_when_it_is_over(campaign):
    """A reference that came back to itself kept all jobs and structures of a plan until the collector came by."""
    run = DryRun(campaign._world())
    (surface,) = run.world.surfaces.of(["Al(001)"])
    gc.disable()
    try:
        run.study(ADSORPTION, AdsorptionInput(adsorbate="Al"), surface)
        last = weakref.ref(run)
        del run
        assert last() is None
    finally:
        gc.enable()


@job
@expects("what is lowest", task="static")
def decide(structure):
    raise AssertionError("a job that decides on energies does not run in a rehearsal")


@job
def afterwards(found):
    raise AssertionError("nor does what comes after it")


@job
def divide(found):
    return 1 / found.energy


class Deciding(Study):
    name, subject, Input, Document = "deciding", "surface", AdatomInput, AdsorptionDoc

    def flow(self, input, subject, steps):
        slab = steps.slab(subject)
        first = decide(slab.output["calculation"].structure)
        last = afterwards(first.output)
        return Flow([first, last], output=last.output)


class Dividing(Deciding):
    name = "dividing"

    def flow(self, input, subject, steps):
        return divide(steps.slab(subject).output["calculation"])


def test_what_decides_on_energies_is_declared(campaign):
    run = DryRun(campaign._world())
    (surface,) = run.world.surfaces.of(["Al(001)"])
    assert run.study(Deciding(), AdatomInput(adsorbate="Al"), surface) == ["Al(001): what is lowest"]
    declared = run.plan.calculations["Al(001): what is lowest"]
    assert (declared.number, declared.task, declared.after) == (None, "static", ("Al(001): clean slab",))
    assert declared.atoms == len(run.world.surfaces.slab(surface).structure)
    assert list(run.plan.calculations) == ["Al bulk", "Al(001): clean slab", "Al(001): what is lowest"]


@job
def gather(*found):
    return len(found)


class Gathering(Deciding):
    name = "gathering"

    def flow(self, input, subject, steps):
        slab = steps.surfaces.slab(subject).structure
        static = steps.makers(subject.backend).static()
        first = [static.make(slab, label=f"{subject.name}: number {number}") for number in range(6)]
        last = gather(*(each.output for each in first))
        return Flow([last, *reversed(first)], output=last.output)


def test_what_a_job_waits_for_is_planned_in_its_order(campaign):
    """uuids are random: an order of theirs would be another one each time."""
    run = DryRun(campaign._world())
    (surface,) = run.world.surfaces.of(["Al(001)"])
    run.study(Gathering(), AdatomInput(adsorbate="Al"), surface)
    assert list(run.plan.calculations) == [f"Al(001): number {number}" for number in range(6)]


def test_plan_that_cannot_be_derived_is_an_error_that_names_the_study(campaign):
    run = DryRun(campaign._world())
    (surface,) = run.world.surfaces.of(["Al(001)"])
    words = r"^the plan of dividing on Al\(001\) cannot be derived: divide fails .*ZeroDivisionError.*@expects\.$"
    with pytest.raises(InputError, match=words):
        run.study(Dividing(), AdatomInput(adsorbate="Al"), surface)


def test_interfaces_are_rehearsed_with_every_shift(tmp_path):
    file = tmp_path / "contact.yaml"
    file.write_text(
        "name: contact\nbackend: emt\ninterfaces:\n"
        "  - {name: Ag/Au, alloy: Ag, metal: Au, max_atoms: 60, alloy_layers: 3, metal_layers: 3}\n"
        "studies:\n  - vacancy: {element: Ag, helper: Ag, paths: [I]}\n"
    )
    planned = Campaign.from_file(file).plan().calculations
    shifts = [label for label in planned if label.startswith("Ag/Au: registry ")]
    assert len(shifts) > 1
    assert set(planned["Ag/Au: interface"].after) == set(shifts)
    assert planned["Ag/Au: interface with the alloy's surface free"].after[-1] == "Ag/Au: metal alone"
    assert planned["Ag/Au: Ag vacancy, its hops"].after == ("Ag/Au: Ag vacancy, its stops",)


def test_what_a_convergence_test_shares_with_a_study_is_not_its_own(campaign):
    run = DryRun(campaign._world())
    (surface,) = run.world.surfaces.of(["Al(001)"])
    run.plan.in_variant = True
    run.study(ADSORPTION, AdsorptionInput(adsorbate="Al"), surface)
    assert {each.variant for each in run.plan.calculations.values()} == {True}
    run.plan.in_variant = False
    run.study(ADSORPTION, AdsorptionInput(adsorbate="Al"), surface)
    assert {each.variant for each in run.plan.calculations.values()} == {False}


def test_settings_of_a_system_count_where_a_potential_goes_first(tmp_path):
    """What DFT is to do at an interface was predicted with the k-points of the campaign, not of the interface."""
    file = tmp_path / "contact.yaml"
    file.write_text(
        "name: contact\nbackend: gpaw-surfaces\nprescreen: {backend: emt}\ninterfaces:\n"
        "  - {name: Ag/Al, alloy: Ag, metal: Al, alloy_layers: 2, metal_layers: 4, max_atoms: 60, min_width: 5, "
        "vacuum: 8, settings: {kpoint_spacing: 0.45}}\n"
        "studies:\n  - interdiffusion: {element: Ag, depth: 2}\n"
    )
    planned = Campaign.from_file(file).plan().calculations.values()
    by_dft = [each for each in planned if not each.prescreen and each.group == "Ag/Al"]
    assert {each.by.settings.kpoint_spacing for each in by_dft} == {0.45}
    assert any(each.task == "relax" for each in by_dft)


@pytest.mark.slow
def test_a_plan_is_the_same_whatever_sets_are_hashed_by(tmp_path):
    """Sets of texts have another order in each process: neither the order of a plan nor that of jobs may hang on it."""
    file = tmp_path / "campaign.yaml"
    file.write_text(EVERY_STUDY)
    program = (
        "import sys; from anodeflow import Campaign; campaign = Campaign.from_file(sys.argv[1]);"
        "print([each.plain() for each in campaign.check()], [job.name for job, _ in campaign.flow().iterflow()])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(file)],
            env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1
