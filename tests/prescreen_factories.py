"""A plug-in backend that stands for DFT in tests of prescreens: EMT of other strength and other lattice constants."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from pydantic import BaseModel, ConfigDict, Field

from anodeflow.backends import registry as load
from anodeflow.backends.base import Availability
from anodeflow.backends.inprocess import InProcessBackend

COSTLY = """\
code: costly
relaxation: {force_threshold: 0.01, stress_threshold: 0.0001}
path: {force_threshold: 0.02}
"""


class Stretched(Calculator):
    """E(x) = strength * EMT(stretch * x), so that crystals are smaller by `stretch` and as much stiffer."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (as ASE has it)

    def __init__(self, strength: float, stretch: float) -> None:
        super().__init__()
        self.strength, self.stretch = strength, stretch

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Set the results for `atoms`."""
        super().calculate(atoms, properties, system_changes)
        scaled = atoms.copy()
        scaled.set_constraint()
        scaled.set_cell(atoms.cell * self.stretch, scale_atoms=False)
        scaled.positions = atoms.positions * self.stretch
        scaled.calc = EMT()
        energy = self.strength * scaled.get_potential_energy()
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": self.strength * self.stretch * scaled.get_forces(),
        }
        if atoms.cell.rank == 3:
            self.results["stress"] = self.strength * self.stretch**3 * scaled.get_stress()


class CostlySettings(BaseModel):
    """How far it is from EMT."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strength: float = Field(default=1.1, description="Factor of all energies.")
    stretch: float = Field(default=1.005, description="Lattice constants of EMT over its own.")


class CostlyBackend(InProcessBackend):
    """The backend."""

    code: Literal["costly"] = "costly"
    settings: CostlySettings = Field(default_factory=CostlySettings)

    @classmethod
    def availability(cls) -> Availability:
        """EMT comes with ASE."""
        return Availability(True, version("ase"))

    def version(self) -> str:
        """Version of ASE."""
        return version("ase")

    def check_elements(self, elements: Iterable[str]) -> None:
        """Accept all: the tests use fcc metals."""

    def calculator(self) -> Any:
        """Return a calculator."""
        return Stretched(self.settings.strength, self.settings.stretch)


def register(patch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Make the backend known and write its file; return the file."""
    patch.setitem(load.codes(), "costly", f"{__name__}:CostlyBackend")
    file = folder / "costly.yaml"
    file.write_text(COSTLY)
    return file
