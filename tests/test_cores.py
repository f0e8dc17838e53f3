"""Cores: how many there are, and who has them."""

import os

import pytest

from anodeflow.backends.external.backend import available_ranks, environment
from anodeflow.core.cores import cores
from anodeflow.execution.cluster import ClusterInput, _threads


@pytest.mark.parametrize("told", [True, False])
def test_cores_are_counted_where_systems_do_not_tell_them(monkeypatch, told):
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    if not told:
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: 6)
    found = cores()
    assert found == 6 or told
    assert available_ranks() == found
    for jobs in (1, 2, 100):
        assert _threads(ClusterInput(project="p", max_jobs=jobs)) == str(max(1, found // jobs))


def test_what_a_code_asks_on_its_way_takes_no_core_from_its_ranks(monkeypatch):
    monkeypatch.setenv("ANODEFLOW_THREADS", "8")
    assert environment()["ANODEFLOW_THREADS"] == "1"
    assert environment()["OMP_NUM_THREADS"] == "1"
