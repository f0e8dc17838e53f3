"""The conformance suite on every backend that comes with anodeflow."""

import pytest

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.gpaw.backend import GpawBackend, GpawParallel, GpawSettings
from anodeflow.backends.mlip.backend import MlipBackend, MlipSettings
from anodeflow.testing.backend_conformance import BackendConformance


class TestEmt(BackendConformance):
    backend_file = "emt"
    atom = "H"


@pytest.mark.mlip
class TestMlip(BackendConformance):
    backend_file = "mlip"
    element, lattice, lattice_constant = "Li", "bcc", 3.44


@pytest.mark.mlip
class TestChgnet(BackendConformance):
    element, lattice, lattice_constant = "Li", "bcc", 3.44

    def make_backend(self) -> MlipBackend:
        pytest.importorskip("chgnet")
        return MlipBackend(
            name="chgnet",
            settings=MlipSettings(force_field_name="CHGNet", calculator_kwargs={}),
            relaxation=RelaxationSettings(force_threshold=0.02, stress_threshold=2e-4, curvature=2),
        )


@pytest.mark.gpaw
@pytest.mark.slow
class TestGpaw(BackendConformance):
    element, lattice, lattice_constant = "Li", "bcc", 3.44
    force_tolerance = 0.02

    def make_backend(self) -> GpawBackend:
        return GpawBackend(
            name="gpaw-test",
            settings=GpawSettings(cutoff=280, kpoint_spacing=0.5),
            relaxation=RelaxationSettings(force_threshold=0.05, stress_threshold=3e-4),
            parallel=GpawParallel(ranks=1),  # cells of two atoms: other tests need the other cores more
        )
