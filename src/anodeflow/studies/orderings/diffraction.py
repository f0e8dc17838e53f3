"""Powder diffraction patterns, their lines named by the planes of the parent lattice."""

import numpy as np
from pymatgen.core import Structure

from anodeflow.structures.bulk.host import HostLattice
from anodeflow.studies.orderings.document import DiffractionPattern, DiffractionPeak

_WEAKEST = 0.1
"""Lines weaker than this, in per cent of the strongest, are left out."""
_ONE_LINE = 0.02
"""Lines closer than this are one, degrees: a relaxation leaves equivalent planes a little different."""


def diffraction_pattern(
    structure: Structure,
    host: HostLattice,
    name: str,
    radiation: str = "CuKa",
    two_theta: tuple[float, float] = (10.0, 90.0),
) -> DiffractionPattern:
    """Return the powder pattern of a crystal (pymatgen's XRDCalculator: no thermal motion, no absorption).

    Parameters
    ----------
    structure
        Crystal, in the cell that `host` is for.
    host
        Its parent lattice. A plane (h, k, l) of the cell is ``axes⁻¹ (h, k, l)`` there, for ``cell = axes @ host``.
    name
        What the crystal is called.
    radiation
        pymatgen's name of the X-rays.
    two_theta
        Range of the scattering angle, degrees.
    """
    from pymatgen.analysis.diffraction.xrd import WAVELENGTHS, XRDCalculator  # matplotlib with it, half a second

    found = XRDCalculator(wavelength=radiation).get_pattern(structure, two_theta_range=two_theta)
    peaks: list[DiffractionPeak] = []
    for angle, intensity, families, spacing in zip(found.x, found.y, found.hkls, found.d_hkls, strict=True):
        # Four indices (h, k, i, l) of hexagonal cells: i is not needed.
        cell = [(family["hkl"][0], family["hkl"][1], family["hkl"][-1]) for family in families]
        indices = [_in_host(plane, host) for plane in cell]
        peak = DiffractionPeak(
            two_theta=float(angle),
            intensity=float(intensity),
            spacing=float(spacing),
            indices=list(dict.fromkeys(indices)),
            fundamental=any(_is_line_of(host, plane) for plane in indices),
        )
        if peaks and peak.two_theta - peaks[-1].two_theta < _ONE_LINE:
            peak = _merged(peaks.pop(), peak)
        peaks.append(peak)
    strongest = max((peak.intensity for peak in peaks), default=100.0)
    peaks = [peak.model_copy(update={"intensity": 100 * peak.intensity / strongest}) for peak in peaks]
    peaks = [peak for peak in peaks if peak.intensity >= _WEAKEST]
    return DiffractionPattern(of=name, radiation=radiation, wavelength=WAVELENGTHS[radiation], peaks=peaks)


def _merged(one: DiffractionPeak, other: DiffractionPeak) -> DiffractionPeak:
    """Return two lines that no measurement parts as one, at their centre of intensity."""
    total = one.intensity + other.intensity
    share = other.intensity / total if total else 0.5
    return DiffractionPeak(
        two_theta=(1 - share) * one.two_theta + share * other.two_theta,
        intensity=total,
        spacing=(1 - share) * one.spacing + share * other.spacing,
        indices=list(dict.fromkeys([*one.indices, *other.indices])),
        fundamental=one.fundamental or other.fundamental,
    )


def _in_host(plane: tuple[int, int, int], host: HostLattice) -> tuple[float, float, float]:
    """Return a plane's indices in the host, in the notation's usual order: largest first, no signs.

    In hcp the basal indices are the two smaller ones of (h, k, -h-k), so that 10, 01 and -11 are all called 10.
    """
    h, k, l = np.linalg.solve(np.array(host.axes), np.array(plane, dtype=float)).tolist()  # noqa: E741
    if host.lattice == "hcp":
        ordered = [*sorted((abs(h), abs(k), abs(h + k)), reverse=True)[1:], abs(l)]
    else:
        ordered = sorted((abs(h), abs(k), abs(l)), reverse=True)
    first, second, third = (round(value, 4) + 0.0 for value in ordered)
    return first, second, third


def _is_line_of(host: HostLattice, plane: tuple[float, float, float]) -> bool:
    """Whether the host itself has the line: whole indices that its structure factor does not extinguish."""
    if not all(float(index).is_integer() for index in plane):
        return False
    h, k, l = (int(index) for index in plane)  # noqa: E741
    if host.lattice == "bcc":
        return (h + k + l) % 2 == 0
    if host.lattice == "hcp":
        return l % 2 == 0 or (h - k) % 3 != 0
    return h % 2 == k % 2 == l % 2  # fcc, rocksalt
