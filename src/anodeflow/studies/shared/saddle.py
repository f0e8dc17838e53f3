"""What the document of a hop tells of its saddle."""

import numpy as np
from pydantic import Field

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.profile import ProfilePoint
from anodeflow.core.part import Part
from anodeflow.structures.geometry.positions import largest_distance

STILL = 1e-4
"""Å: a saddle that is nearer to the end of its climb was not walked up to; more than results files round away."""
_ROUNDING = 1e-6  # eV


class HopSaddle(Part):
    """The highest point of a hop's path, and its lowest modes."""

    barrier_forward: float | None = Field(default=None, description="Saddle minus initial minimum, eV.")
    barrier_reverse: float | None = Field(default=None, description="Saddle minus final minimum, eV.")
    path_length: float | None = Field(default=None, description="Length of the whole path of all atoms, Å.")
    profile: list[ProfilePoint] = Field(default_factory=list, description="One point an image.")
    max_force: float | None = Field(default=None, description="Largest force on the band at the end, eV/Å.")
    energy_over_rest: float | None = Field(
        default=None,
        description="Energy of the saddle less what it would have at rest, by a potential's second derivatives, eV; "
        "none: not known, or it was walked up to.",
    )
    negative_modes: int | None = Field(
        default=None,
        description="Modes of negative curvature at the saddle, all free atoms moving; none: not computed. A saddle of "
        "first order has one.",
    )
    modes_certain: bool | None = Field(
        default=None,
        description="Whether that number is certain: a limit of forces or a flat mode may leave it open, and a warning "
        "says so; none: not computed, or a document of before.",
    )
    curvatures: list[float] = Field(
        default_factory=list, description="Curvatures of the lowest modes of the saddle, lowest first, eV/Å²."
    )

    @property
    def saddle_image(self) -> int:
        """Index of the image that is the saddle: by its energy, for once it was walked up to others may lie higher."""
        energies = np.array([point.energy for point in self.profile])
        if self.barrier_forward is None:
            return int(energies.argmax())
        return int(np.abs(energies - self.barrier_forward).argmin())

    @property
    def up_to_saddle(self) -> list[int]:
        """Indices of the ends and of the images that lie no higher than the saddle: a curve through them peaks there.

        Others were left behind where it was walked up to.
        """
        last = len(self.profile) - 1
        if self.barrier_forward is None:
            return list(range(last + 1))
        height = self.profile[0].energy + self.barrier_forward + _ROUNDING
        return [place for place, point in enumerate(self.profile) if place in (0, last) or point.energy <= height]


def highest_energy(band: NebDoc, modes: CalculationDoc | None) -> float:
    """Return the energy of a hop's saddle by its calculations, eV: of the path, or where it was walked up to after."""
    top = max(band.image_energies)
    highest = band.images[band.image_energies.index(top)]
    if isinstance(modes, ModesDoc) and modes.negative_modes == 1:
        return modes.energy if largest_distance(highest, modes.structure) >= STILL else top
    return top
