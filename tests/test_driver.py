"""The loop that relaxes: a Hessian that has become absurd begins anew, in one go or after a kill."""

from itertools import pairwise

import numpy as np
import pytest
from ase.optimize import BFGS
from relaxations import relax_copper

from anodeflow.backends.drivers import driver


class Spoilt(BFGS):
    """After its fourth geometry it holds everything for a million times stiffer than it is."""

    spoils = True

    def update(self, pos, forces, pos0, forces0):
        super().update(pos, forces, pos0, forces0)
        self.seen = getattr(self, "seen", 0) + 1
        if self.seen == 4 and self.spoils:
            self.state.hessian = self.state.hessian * 1e6


@pytest.fixture
def plain(tmp_path):
    done, steps = relax_copper(tmp_path / "plain.jsonl")
    assert done
    return steps


def test_absurd_hessian_costs_a_few_steps_only(monkeypatch, tmp_path, plain):
    monkeypatch.setattr(driver, "BFGS", Spoilt)
    done, steps = relax_copper(tmp_path / "spoilt.jsonl")
    assert done
    assert steps[-1]["energy"] == pytest.approx(plain[-1]["energy"], abs=1e-3)
    assert len(steps) < len(plain) + 12
    moves = [np.abs(np.subtract(b["positions"], a["positions"])).max() for a, b in pairwise(steps)]
    assert min(moves[:5]) < 1e-5, "the Hessian was absurd"
    monkeypatch.setattr(driver, "_stuck", lambda *_: False)
    done, steps = relax_copper(tmp_path / "stuck.jsonl")
    assert not done, "without a new Hessian it does not end"


def test_relaxation_that_was_cut_off_begins_its_hessian_anew_at_the_same_place(monkeypatch, tmp_path, plain):
    monkeypatch.setattr(driver, "BFGS", Spoilt)
    _, whole = relax_copper(tmp_path / "whole.jsonl")
    for cut in (5, 6):
        file = tmp_path / f"cut{cut}.jsonl"
        done, steps = relax_copper(file, max_steps=cut - 1)
        assert (done, len(steps)) == (False, cut)
        done, steps = relax_copper(file)
        assert done
        assert np.array(steps[-1]["positions"]) == pytest.approx(np.array(whole[-1]["positions"]), abs=1e-6)
