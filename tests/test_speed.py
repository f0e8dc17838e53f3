"""What our own code costs stays small: limits are several times what benchmarks/orchestration.py measured."""

import time

import pytest

from anodeflow.campaign.model import Campaign
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.slab.planes import crystal_faces


@pytest.mark.slow
def test_a_campaign_of_a_thousand_jobs_is_built_in_seconds():
    """Measured: 2.5 s of processor time for 1,000 jobs, imports included."""
    systems = [
        {"name": f"Al {n}", "structure": "Al", "layers": 3, "vacuum": 10 + n / 100, "min_width": 0} for n in range(340)
    ]
    campaign = Campaign.model_validate(
        {"name": "many", "backend": "emt", "systems": systems, "studies": [{"adsorption": {"adsorbate": "Al"}}]}
    )
    began = time.process_time()
    planned, flow = campaign.check(), campaign.flow()
    seconds = time.process_time() - began
    jobs = list(flow.iterflow())
    assert len(jobs) == 3 * 340 + 2  # cut, slab and sites of each; bulk and atom are shared
    assert len({job.uuid for job, _ in jobs}) == len(jobs)
    assert len(planned) == 4 * 340 + 2
    assert seconds < 20


def test_faces_of_a_crystal_that_was_asked_for_before():
    """The same faces, found once; another lattice constant or plane is another crystal."""
    bulk = load_structure("Li")
    faces = crystal_faces(bulk, (0, 0, 1))
    again = crystal_faces(bulk.copy(), (0, 0, 1))
    assert [face.stack for face in again] == [face.stack for face in faces]
    assert again is not faces  # a caller may change its list
    wider = bulk.copy()
    wider.scale_lattice(bulk.volume * 1.1)
    assert crystal_faces(wider, (0, 0, 1))[0].stack.period > 1.02 * faces[0].stack.period
    assert crystal_faces(bulk, (1, 1, 0))[0].plane.gap > faces[0].plane.gap
