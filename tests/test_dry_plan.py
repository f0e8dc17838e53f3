"""The plan of a study from its own flow, beside the plans that studies write themselves."""

from dataclasses import replace
from pathlib import Path

import pytest
from jobflow import Flow, job

from anodeflow.campaign.model import Campaign
from anodeflow.core.settings import get_settings
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.adsorption.study import ADSORPTION
from anodeflow.studies.dry import expects, planned_by_flow
from anodeflow.studies.interface.input import RelaxedInterfaceInput
from anodeflow.studies.interface.study import INTERFACE
from anodeflow.studies.plan import Plan

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


def test_rehearsed_flow_gives_the_plan_that_the_study_writes(campaign):
    world = campaign._world()
    for surface in world.surfaces.of("all"):
        written, rehearsed = Plan(world), Plan(world)
        told = AdsorptionInput(adsorbate="Al")
        last = ADSORPTION.plan(told, surface, written)
        # Sites wait for the references too, which the written plan leaves out.
        assert set(last) <= set(planned_by_flow(ADSORPTION, told, surface, rehearsed))
        assert set(rehearsed.calculations) == set(written.calculations)
        for label, each in written.calculations.items():
            found = rehearsed.calculations[label]
            assert replace(found, after=each.after) == each
            assert set(each.after) <= set(found.after)


def test_rehearsal_computes_nothing_and_keeps_nothing(campaign):
    world = campaign._world()
    (surface,) = world.surfaces.of(["Al(001)"])
    planned_by_flow(ADSORPTION, AdsorptionInput(adsorbate="Al"), surface, Plan(world))
    folder: Path = get_settings().calculations
    assert not folder.exists() or not list(folder.iterdir())


@job
@expects("what is lowest", task="static")
def decide(structure):
    raise AssertionError("a job that decides on energies does not run in a rehearsal")


@job
def afterwards(found):
    raise AssertionError("nor does what comes after it")


class Deciding:
    name, starts_from, subject, Input = "deciding", None, "surface", None

    def flow(self, input, subject, steps):
        slab = steps.slab(subject)
        first = decide(slab.output["calculation"].structure)
        last = afterwards(first.output)
        return Flow([first, last], output=last.output)


def test_what_decides_on_energies_is_declared(campaign):
    world = campaign._world()
    (surface,) = world.surfaces.of(["Al(001)"])
    plan = Plan(world)
    planned_by_flow(Deciding(), None, surface, plan)
    declared = plan.calculations["Al(001): what is lowest"]
    assert (declared.number, declared.task, declared.after) == (None, "static", ("Al(001): clean slab",))
    assert declared.atoms == plan.atoms(surface)
    assert list(plan.calculations) == ["Al bulk", "Al(001): clean slab", "Al(001): what is lowest"]


def test_interfaces_are_rehearsed_up_to_the_choice_of_their_registry(tmp_path):
    file = tmp_path / "contact.yaml"
    file.write_text(
        "name: contact\nbackend: emt\ninterfaces:\n"
        "  - {name: Ag/Au, alloy: Ag, metal: Au, max_atoms: 60, alloy_layers: 3, metal_layers: 3}\n"
        "studies:\n  - interface: {}\n"
    )
    world = Campaign.from_file(file)._world()
    (interface,) = world.interfaces.of("all")
    plan = Plan(world)
    planned_by_flow(INTERFACE, RelaxedInterfaceInput(), interface, plan)
    tasks = [each.task for each in plan.calculations.values()]
    assert tasks[:2] == ["relax_cell", "relax_cell"]
    assert tasks.count("static") > 1
