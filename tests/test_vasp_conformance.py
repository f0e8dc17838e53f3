"""The conformance suite on the VASP backend, with the stand-in of tests/data/vasp in VASP's place."""

from pathlib import Path

import pytest
import vasp_factories

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.vasp.backend import VaspBackend
from anodeflow.backends.vasp.settings import VaspParallel, VaspSettings
from anodeflow.testing.backend_conformance import BackendConformance

pytestmark = pytest.mark.slow


class TestVasp(BackendConformance):
    """Units, signs, order and restarts of what passes through our files; not what VASP computes."""

    @pytest.fixture(autouse=True)
    def _stand_in(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        vasp_factories.install(tmp_path / "vasp", monkeypatch)

    def make_backend(self) -> VaspBackend:
        return VaspBackend(
            name="vasp-test",
            settings=VaspSettings(cutoff=250),
            relaxation=RelaxationSettings(force_threshold=0.01, stress_threshold=2e-4),
            parallel=VaspParallel(custodian={"polling_time_step": 0.02}),
        )
