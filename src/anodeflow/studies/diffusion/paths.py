"""Paths of an adatom over a surface: energies along them, and where it stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure
from scipy.interpolate import CubicHermiteSpline

from anodeflow.calculations.screening_document import BandRecord
from anodeflow.structures.geometry.positions import images_in_plane
from anodeflow.studies.diffusion.document import DiffusionDoc, DiffusionPath
from anodeflow.studies.diffusion.hop_document import Hop


@dataclass(frozen=True, eq=False)
class Stretch:
    """One hop of a path, in the direction in which it is taken.

    Attributes
    ----------
    hop
        Index of the hop.
    ends
        Indices of the minima where it starts and ends.
    distance
        Length of the path up to each image (N,), Å, from the start of the whole path.
    energy
        Energy of each image (N,), eV, over the lowest minimum of the surface.
    slope
        Slope along the path at each image (N,), eV/Å.
    potential
        Distances and energies of the path of a potential, on the same axes; none: there is none.
    saddle_alone
        Whether DFT computed the ends and the saddle alone: no curve leads through them.
    """

    hop: int
    ends: tuple[int, int]
    distance: NDArray
    energy: NDArray
    slope: NDArray
    potential: tuple[NDArray, NDArray] | None = None
    saddle_alone: bool = False

    @property
    def saddle(self) -> int:
        """Number of the highest image."""
        return int(np.argmax(self.energy))

    def curve(self, points: int = 200) -> tuple[NDArray, NDArray]:
        """Return distances and energies of the curve through the images that has their slopes (cubic Hermite)."""
        return through_images(self.distance, self.energy, self.slope, points)


def stretch(document: DiffusionDoc, hop: Hop, reverse: bool = False, start: float = 0.0, zero: int = 0) -> Stretch:
    """Return the profile of a hop.

    Parameters
    ----------
    document
        Study that the hop belongs to.
    hop
        A finished hop.
    reverse
        Whether it is taken from its end to its start.
    start
        Distance at which it starts, Å.
    zero
        Index of the minimum whose energy is 0.
    """
    points = [hop.profile[place] for place in hop.up_to_saddle]
    distance = np.array([point.distance for point in points])
    energy = np.array([point.energy for point in points])
    slope = np.array([point.slope for point in points])
    ends = (hop.initial, hop.final)
    if reverse:
        distance, energy, slope = distance[-1] - distance[::-1], energy[::-1] - energy[-1], -slope[::-1]
        ends = ends[::-1]
    rise = document.minima[ends[0]].energy - document.minima[zero].energy
    before = None if hop.band is None else potential_curve(hop.band, reverse)
    return Stretch(
        hop.index,
        ends,
        start + distance - distance[0],
        energy + rise,
        slope,
        None if before is None else (start + before[0], before[1] + rise),
        hop.band is not None and hop.band.mode == "saddle",
    )


def potential_curve(band: BandRecord, reverse: bool = False, points: int = 200) -> tuple[NDArray, NDArray]:
    """Return distances (Å) and energies (eV, over its start) along the path of a potential."""
    x, y, slope = np.array(band.distances), np.array(band.energies), np.array(band.slopes)
    if reverse:
        x, y, slope = x[-1] - x[::-1], y[::-1] - y[-1], -slope[::-1]
    return through_images(x, y, slope, points)


def through_images(distance: NDArray, energy: NDArray, slope: NDArray, points: int = 200) -> tuple[NDArray, NDArray]:
    """Return a curve through the images of a path that has their slopes, its peak at the highest image.

    The highest image climbed to the saddle, where the energy has no slope: what is left of one there, and slopes that
    would carry the curve over the saddle elsewhere, would draw a peak that nothing computed.

    Parameters
    ----------
    distance, energy, slope
        Of every image (N,), Å, eV and eV/Å; the distances grow.
    points
        About how many points the curve has; those of the images are among them.

    Returns
    -------
    tuple of numpy.ndarray
        Distances and energies of the curve.
    """
    slope = np.array(slope, dtype=float)
    saddle = int(np.argmax(energy))
    if 0 < saddle < len(energy) - 1:
        slope[saddle] = 0.0
    x = np.union1d(np.linspace(distance[0], distance[-1], points), distance)
    steepness = np.diff(energy) / np.diff(distance)
    for left, rise in enumerate(steepness):
        inside = (x >= distance[left]) & (x <= distance[left + 1])
        y = CubicHermiteSpline(distance, energy, slope)(x[inside])
        if np.max(y) > energy[saddle] + 1e-9:
            # Between 0 and three times the mean slope a cubic rises or falls all the way (Fritsch and Carlson 1980).
            low, high = sorted((0.0, 3.0 * rise))
            slope[left : left + 2] = np.clip(slope[left : left + 2], low, high)
    return x, CubicHermiteSpline(distance, energy, slope)(x)


def stretches(document: DiffusionDoc, path: DiffusionPath) -> list[Stretch]:
    """Return the hops of a path one behind the other, energies over the lowest minimum of the surface."""
    found: list[Stretch] = []
    by_index = {hop.index: hop for hop in document.hops}
    for step in path.steps:
        hop = by_index[step.hop]
        if hop.profile:
            reached = float(found[-1].distance[-1]) if found else 0.0
            found.append(stretch(document, hop, step.reverse, reached))
    return found


def path_positions(images: list[Structure], atom: int = -1) -> NDArray:
    """Return the positions of an atom, the adatom unless told, along a path (images, 3), Å, without jumps."""
    positions = np.array([image.cart_coords[atom] for image in images])
    moves = images_in_plane(images[0].lattice, np.diff(positions, axis=0))
    return positions[0] + np.concatenate([np.zeros((1, 3)), np.cumsum(moves, axis=0)])


def exchange_positions(hop: Hop) -> NDArray:
    """Return where the atom is whose place the adatom takes, along an exchange (images, 3), Å: its copy beside it."""
    assert hop.exchanged_with is not None
    positions = path_positions(hop.images, hop.exchanged_with)
    if hop.exchanged_at is None:
        return positions
    vectors = hop.images[0].lattice.matrix[:2]
    cells = np.linalg.inv(vectors[:, :2]).T @ (np.array(hop.exchanged_at) - positions[0, :2])
    return positions + np.rint(cells) @ vectors


def path_words(document: DiffusionDoc, path: DiffusionPath) -> str:
    """Return the minima of a path in words: fourfold hollow → bridge → fourfold hollow, by exchange."""
    by_index = {hop.index: hop for hop in document.hops}
    several = len({minimum.label for minimum in document.minima}) < len(document.minima)

    def named(index: int) -> str:
        label = document.minima[index].label
        return f"{label} {index}" if several else label

    words = named(path.start)
    for step in path.steps:
        hop = by_index[step.hop]
        words += f" → {named(hop.initial if step.reverse else hop.final)}{', by exchange' if hop.is_exchange else ''}"
    return words
