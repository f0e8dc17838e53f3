"""The conformance suite on every backend that comes with anodeflow."""

import pytest

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.conformance import BackendConformance
from anodeflow.backends.gpaw import GpawBackend, GpawSettings


class TestEmt(BackendConformance):
    backend_file = "emt"
    atom = "H"


@pytest.mark.mlip
class TestMlip(BackendConformance):
    backend_file = "mlip"
    element, lattice, lattice_constant = "Li", "bcc", 3.44


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
        )
