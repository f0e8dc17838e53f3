"""The energy along a relaxed path, and which of its images may be an intermediate minimum."""

import numpy as np
from ase.utils.forcecurve import fit_raw
from pydantic import BaseModel, Field

from anodeflow.calculations.neb_document import NebDoc
from anodeflow.structures.geometry.positions import images_in_plane

DIP = 0.01
"""How far an image must lie below the path on either side of it to be taken for a minimum, eV."""
NO_BARRIER = 0.001
"""Barrier below which the end of a hop may be no minimum, eV."""
ROUGH_DIP = 0.05
"""The same for a path that did not converge, eV: it may have run into minima that lie on its way."""


class ProfilePoint(BaseModel):
    """One image of a path."""

    distance: float = Field(description="Length of the path up to here, Å (all atoms, mass not weighted).")
    energy: float = Field(description="Energy over the first image, eV.")
    slope: float = Field(description="Slope dE/ds along the path, eV/Å, from the forces.")


def deepest_dip(energies: np.ndarray, least: float) -> int | None:
    """Return the index of the interior image that lies deepest in a dip of a path; none if no dip is `least` deep, eV.

    A dip is as deep as the lower of the highest images on its two sides is above it.
    """
    depths = [
        min(energies[:i].max(), energies[i + 1 :].max()) - energies[i] if 0 < i < len(energies) - 1 else 0.0
        for i in range(len(energies))
    ]
    deepest = int(np.argmax(depths))
    return deepest if depths[deepest] > least else None


def profile(band: NebDoc) -> list[ProfilePoint]:
    """Return length, energy and slope along a path, one point per image.

    Where DFT computed the saddle alone, the length is that of the potential's path. The slope is minus the force along
    the path (G. Henkelman and H. Jónsson, J. Chem. Phys. 113, 9978 (2000)), as ASE
    computes it; at the two ends it is 0.
    """
    lattice = band.images[0].lattice
    positions = [band.images[0].cart_coords]
    for image in band.images[1:]:
        positions.append(positions[-1] + images_in_plane(lattice, image.cart_coords - positions[-1]))
    if band.potential_path is not None and band.potential_path.mode == "saddle" and not band.by_potential:
        along = band.potential_path.distances
        lengths = along[0], along[band.potential_path.climbing_image], along[-1]
        return [
            ProfilePoint(distance=distance, energy=energy - band.image_energies[0], slope=0.0)
            for distance, energy in zip(lengths, band.image_energies, strict=True)
        ]
    fit = fit_raw(band.image_energies, np.array(band.image_forces), np.array(positions))
    slopes = [(y[-1] - y[0]) / (x[-1] - x[0]) for x, y in fit.lines]
    return [
        ProfilePoint(distance=float(distance), energy=float(energy), slope=float(slope))
        for distance, energy, slope in zip(fit.path, fit.energies, slopes, strict=True)
    ]
