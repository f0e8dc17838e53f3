"""The document of one nudged elastic band."""

from typing import ClassVar

from pydantic import Field, FiniteFloat
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import BandRecord
from anodeflow.structures.sites.path_symmetry import PathSymmetry


class NebDoc(CalculationDoc):
    """A path from one minimum to another, relaxed as a climbing-image nudged elastic band.

    `structure` and `energy` are those of the highest image; `initial_structure` is the first image.
    """

    large: ClassVar[tuple[str, ...]] = ("images", "initial_images", "image_forces")

    images: list[Structure] = Field(description="All images at the end, the two minima first and last.")
    initial_images: list[Structure] = Field(description="The images as they were handed in.")
    image_energies: list[FiniteFloat] = Field(
        description="Energies extrapolated to zero smearing, eV per cell, one an image."
    )
    image_forces: list[list[list[FiniteFloat]]] = Field(
        description="Forces (images, atoms, 3) without those of the springs, eV/Å; zero at the two ends."
    )
    symmetry: PathSymmetry | None = Field(
        default=None, description="Operation that turns the path round; then only half of the images were computed."
    )
    climbing_image: int = Field(description="Index of the image that climbed: the highest one.")
    computed_images: int = Field(description="Number of images that were computed: half of them on a symmetric path.")
    energy_over_rest: FiniteFloat | None = Field(
        default=None,
        description="Energy of the saddle less what it would have at rest, its forces zero, by second derivatives of "
        "the potential from which it climbed and what the climb taught them, eV: how far `energy` may be off for the "
        "force that is left. It is not taken off. None: no such derivatives, they say nothing there, or the climb "
        "ended by what they say (`remaining_energy`, which is taken off).",
    )
    potential_path: BandRecord | None = Field(
        default=None,
        description="Path of a potential from which it started. Where DFT climbed from the potential's saddle alone, "
        "`images` are the two minima and the saddle, all three by DFT, and the path between them is here.",
    )
    by_potential: bool = Field(
        default=False,
        description="Whether energies are the potential's: the path has an intermediate minimum, which comes first.",
    )
