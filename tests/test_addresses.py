"""Content addresses that anodeflow 0.1 gave: whatever was computed by then is found again."""

import json
from pathlib import Path

import pytest
from jobflow import Flow, Job, OutputReference, job
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure
from test_study_conformance import CAMPAIGN as EVERY_STUDY

from anodeflow.backends.base import Backend
from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.espresso import backend as espresso
from anodeflow.backends.espresso.backend import EspressoBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.identity import _OF_JOBS, with_stable_uuids
from anodeflow.calculations.request import Request
from anodeflow.campaign.flow import campaign_parts
from anodeflow.campaign.model import Campaign
from anodeflow.core.address import content_hash
from anodeflow.studies.charge.document import ChargeDoc
from anodeflow.studies.diffusion.document import DiffusionDoc

# Made by the code of November 2026; a change of one of these lets every finished calculation of its kind run again.
ADDRESSES = [
    ("gpaw-surfaces", "relax", "b45dc5e71bac85899543"),
    ("gpaw-surfaces", "relax_cell", "9a367e8143820cb4f067"),
    ("gpaw-surfaces", "static", "7e388264242dd2b6716e"),
    ("gpaw-surfaces", "density", "cd688e5f0819d668fa01"),
    ("gpaw-surfaces", "neb", "3ec9bb7148ae22da911e"),
    ("mlip", "relax", "1760dffb1ede75ee075f"),
    ("mlip", "relax_cell", "bb850448c9304edfb2a4"),
    ("mlip", "static", "f54d0029f27d8474e3b2"),
    ("mlip", "density", "1697de4896419c4b8fa1"),
    ("mlip", "neb", "0239177a762640bf9f2f"),
    ("emt", "relax", "363d5b9f42ed924f0757"),
    ("emt", "relax_cell", "823826f4a2f1dcea38c2"),
    ("emt", "static", "a626ea1e3dbe8f685762"),
    ("emt", "density", "568db28e351e0700a747"),
    ("emt", "neb", "2b89397c9eacbbb02251"),
    ("cp2k-standard", "relax", "525a72236bd9748630a5"),
    ("cp2k-standard", "relax_cell", "99cb0e9eb6edaa0f8e40"),
    ("cp2k-standard", "static", "62c5a1590994d40878ec"),
    ("cp2k-standard", "density", "8f0ea9ea91459b47413e"),
    ("cp2k-standard", "neb", "1d35d1e8b191798823e8"),
    ("vasp-standard", "relax", "0bb2a9672fe92d6c09b8"),
    ("vasp-standard", "relax_cell", "27f13fb4d9bb6a883831"),
    ("vasp-standard", "static", "a101917c73c11849261d"),
    ("vasp-standard", "density", "73db796cd1025745a237"),
    ("vasp-standard", "neb", "05e5c0390a9efe8786df"),
    ("gpaw-surfaces", "potential", "95466dd0b059898740bd"),
    ("gpaw-surfaces", "modes", "a199e8d658dfd85a0ebe"),
    ("gpaw-surfaces", "hessian", "a25ad82811070f864e31"),
    ("mlip", "modes", "9c8f99fb293c29791447"),
    ("mlip", "hessian", "755fd3d0dac6e66ff931"),
    ("emt", "modes", "1ffd801bcc1db78a863d"),
    ("emt", "hessian", "8345897a7c0ed9f77b64"),
    ("vasp-standard", "modes", "f175b4fe5d2532b9e12a"),
    ("vasp-standard", "hessian", "dd589cfb475f51778135"),
    ("espresso-li-pbesol", "relax", "2ab9f58485363e7e0bad"),
    ("espresso-li-pbesol", "relax_cell", "5f98c881407d8a518d08"),
    ("espresso-li-pbesol", "static", "af52c63d1d6771b8a4bb"),
    ("espresso-li-pbesol", "density", "a16722e65830428f6b7d"),
    ("espresso-li-pbesol", "neb", "95003b9d8ef6634f31b4"),
    ("espresso-li-pbesol", "modes", "00380cfb42fd9e324666"),
    ("espresso-li-pbesol", "hessian", "1aca24dc189d5a54aa6b"),
    ("tblite", "relax", "406ec205c23edb52b39c"),
    ("tblite", "relax_cell", "cf2cf807becb9aa10e8c"),
    ("tblite", "static", "18810a59261ab964dc1d"),
    ("tblite", "neb", "2e1986475686fd368fc5"),
    ("tblite", "modes", "3f8fedd8163b4945368c"),
    ("tblite", "hessian", "74dffba574bc2a2fa6fc"),
]


def requests() -> dict[str, Request]:
    corners = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    crystal = Structure(Lattice.cubic(4.05), ["Al"] * 4, corners)
    crystal.add_site_property("selective_dynamics", [[False] * 3] + [[True] * 3] * 3)
    middle, final = crystal.copy(), crystal.copy()
    middle.translate_sites([3], [0, 0, 0.25])
    final.translate_sites([3], [0, 0, 0.5])
    path = {"energies": [0.0, 0.0], "settings": {"images": 1}, "symmetry": None}
    return {
        "relax": Request("relax", crystal),
        "relax_cell": Request("relax_cell", crystal),
        "static": Request("static", crystal),
        "density": Request("density", crystal, options={"grid_spacing": 0.07}),
        "potential": Request("static", crystal, options={"potential": True}),
        "modes": Request("modes", crystal, options={"force_threshold": 0.02}),
        "hessian": Request("hessian", crystal),
        "neb": Request("neb", crystal, (crystal, middle, final), path),
    }


@pytest.mark.parametrize(("name", "task", "address"), ADDRESSES)
def test_finished_calculations_are_found_again(monkeypatch, name, task, address):
    backend: Backend = load_backend(name)
    monkeypatch.setattr(EspressoBackend, "pseudopotential", lambda self, element: Path(element))
    monkeypatch.setattr(espresso, "file_hash", lambda file: "0123456789abcdef")  # whatever lies where it is installed
    monkeypatch.setattr(type(backend), "version", lambda self: "1")  # whatever is installed here
    assert backend.address(requests()[task]) == address


def test_jobs_of_a_campaign_keep_their_uuids(monkeypatch, tmp_path):
    """Made by the code of November 2026, too; with other uuids a campaign that goes on would be stored twice."""
    monkeypatch.setattr(EmtBackend, "version", lambda self: "1")
    file = tmp_path / "campaign.yaml"
    file.write_text(EVERY_STUDY)
    jobs = sorted((job.name, job.uuid) for job, _ in Campaign.from_file(file).flow().iterflow())
    assert (len(jobs), content_hash(jobs)) == (24, "c5da9a2ea6f08dbd381a")


@job
def make(study, wanted):
    return study


@pytest.mark.parametrize(
    ("document", "uuid"),
    [
        (ChargeDoc, "c8b3e933-fac6-5fda-9ee8-cbb4b92a4582"),
        (DiffusionDoc, "0acbbd01-78ab-5336-b873-9cef22dbc0f0"),
    ],
)
def test_jobs_that_refer_to_a_document_keep_their_uuid_whatever_its_class_is_called(document, uuid):
    """Made when they were called ChargeTransferDoc and MigrationDoc."""
    reference = OutputReference("0", output_schema=document)
    jobs = with_stable_uuids(Flow([make(reference, 1)]), "seed").jobs
    assert [each.uuid for each in jobs] == [uuid]


def test_a_flow_made_again_is_the_same_but_for_its_uuids(tmp_path):
    """Whatever a job is told, metadata and configuration included; the flow that it was made of stays as it was."""
    file = tmp_path / "campaign.yaml"
    file.write_text(EVERY_STUDY)
    world = Campaign.from_file(file)._world()
    flow = Flow(list(campaign_parts(world, {"campaign": "c", "reference": None}).values()), name="c")
    flow.update_metadata({"edition": "e"})
    flow.append_name(" as it was")
    flow.update_config({"manager_config": {"worker": "w"}}, name_filter="bulk", attributes=["manager_config"])
    before = json.dumps(flow, cls=MontyEncoder)
    again = with_stable_uuids(flow, "seed")
    assert json.dumps(flow, cls=MontyEncoder) == before
    assert again.all_uuids != flow.all_uuids
    for old, new in zip((flow.uuid, *flow.all_uuids), (again.uuid, *again.all_uuids), strict=True):
        before = before.replace(old, new)
    assert json.loads(before) == json.loads(json.dumps(again, cls=MontyEncoder))


def test_copies_know_all_that_jobflow_keeps_of_jobs_and_flows():
    """What a later jobflow keeps besides would be lost without a word where a flow gets its uuids."""
    told = {"function", "function_args", "function_kwargs", "uuid", "name", "hosts", "_kwargs", "output"}
    assert set(vars(Job(lambda: 1))) == told | set(_OF_JOBS)
    flows = {"_jobs", "_output", "name", "order", "uuid", "hosts", "metadata", "metadata_updates"}
    assert set(vars(Flow([]))) == flows
