"""The document of a diffusion study: the cheapest path and D(T), with the minima and hops that they are made of."""

from typing import Literal

import numpy as np
from pydantic import Field
from pymatgen.core import Structure

from anodeflow.core.part import Part
from anodeflow.structures.geometry.directions import crystal_direction
from anodeflow.studies.diffusion.hop_document import Hop, RejectedSite, SurfaceMinimum
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow

_ALIKE = 1e-3  # of the larger principal value


class HopStep(Part):
    """A hop as part of a path."""

    hop: int = Field(description="Index of the hop.")
    reverse: bool = Field(description="Whether it is taken from its end to its start.")
    displacement: list[float] = Field(description="In the plane, Cartesian (2,), Å, for the copy that is taken.")


class DiffusionPath(Part):
    """The cheapest way of an adatom from a minimum to its copy in the next cell."""

    start: int = Field(description="Index of the minimum where it starts and ends: the lowest on the way.")
    steps: list[HopStep] = Field(description="Hops, in order.")
    displacement: list[float] = Field(description="From cell to cell, Cartesian (2,), Å.")
    barrier: float = Field(
        description="Highest saddle on the way minus the lowest minimum of the surface (on the way or not), eV: the "
        "slope of the Arrhenius plot."
    )
    limiting_hop: int = Field(description="Index of the hop with the highest saddle.")


class Diffusivity(Part):
    """Rates and diffusivity at one temperature.

    Rates are ``prefactor * exp(-barrier / kT)``. With the prefactors of G. H. Vineyard (J. Phys. Chem. Solids 3, 121
    (1957)) that is classical harmonic transition-state theory; with one attempt frequency for all hops, an estimate of
    the order of magnitude (each hop says which, in `prefactor_source`).
    """

    temperature: float = Field(description="Temperature, K.")
    hop_rates: list[float] = Field(
        description="Rate of one copy of each hop, forward, 1/s; 0 for hops without a barrier value. Of an exchange "
        "through an intermediate minimum: of coming to its saddle; from that minimum the adatom may go back."
    )
    tensor: list[list[float]] = Field(description="Diffusion tensor in the plane (2, 2), cm²/s.")
    diffusivity: float = Field(description="Half of its trace: the mean over the plane's directions, cm²/s.")

    @property
    def principal(self) -> list[tuple[float, tuple[float, float]]]:
        """Principal values of the tensor, cm²/s, the largest first, each with its direction, Cartesian in the plane.

        Where they agree to 0.1 % all directions are alike, and those of the axes are told: noise would choose others.
        """
        values, vectors = np.linalg.eigh(np.array(self.tensor))
        if values[1] - values[0] < _ALIKE * values[1]:
            vectors = np.array([[0.0, 1.0], [1.0, 0.0]])
        found = []
        for value, vector in zip(values[::-1], vectors.T[::-1], strict=True):
            sign = -1.0 if vector[np.abs(vector) > 1e-9][0] < 0 else 1.0
            found.append((max(float(value), 0.0), (float(sign * vector[0]), float(sign * vector[1]))))
        return found


class DiffusionDoc(StudyDoc):
    """Diffusion of one adatom over one surface: minima, hops, the cheapest way across, rates."""

    former = ("MigrationDoc",)

    study: Literal["diffusion"] = "diffusion"
    adsorbate: str = Field(description="Element of the adatom.")
    slab: Structure = Field(description="Relaxed clean slab.")
    surface_cell: list[list[float]] = Field(description="In-plane vectors (2, 2) of the surface's primitive cell, Å.")
    crystal_axes: list[list[float]] | None = Field(
        default=None,
        description="Axes of the Miller indices as the crystal stands in the slab, three vectors (3, 3), Å; none in "
        "documents made before they were kept.",
    )
    minima: list[SurfaceMinimum] = Field(description="Distinct minima, the lowest first.")
    rejected: list[RejectedSite] = Field(default_factory=list, description="Sites that are no minima of their own.")
    hops: list[Hop] = Field(description="Symmetry-distinct hops.")
    path: DiffusionPath | None = Field(
        description="Cheapest way from cell to cell; none: the finished hops lead nowhere."
    )
    path_across: DiffusionPath | None = Field(
        default=None, description="Cheapest way in a second, independent direction; none: there is no such way."
    )
    prefactor: float = Field(
        description="Attempt frequency of hops that have no prefactor of their own (`prefactor_source`), 1/s."
    )
    diffusivities: list[Diffusivity] = Field(default_factory=list, description="D(T); empty without a path.")

    def rows(self) -> list[ResultRow]:
        """Return the barriers of the cheapest path, what is known of every hop, and D at the temperatures asked for."""
        rows = []
        if self.path is not None:
            steps = [f"hop {step.hop}" for step in self.path.steps]
            # It leads from a minimum to its own copy: there and back are alike.
            for name in ("barrier_forward", "barrier_reverse"):
                rows.append(self._row(name, self.path.barrier, "eV", steps, "cheapest path"))
        for hop in self.hops:
            rows += self._hop_rows(hop)
        done = [f"hop {hop.index}" for hop in self.hops if hop.barrier_forward is not None]
        for point in self.diffusivities:
            label = f"{point.temperature:g} K"
            rows.append(self._row("diffusivity", point.diffusivity, "cm²/s", done, label, point.temperature))
            for value, direction in self.principal(point):
                along = f"{label}, along {direction}"
                rows.append(self._row("diffusivity_principal", value, "cm²/s", done, along, point.temperature))
        return rows

    def principal(self, point: Diffusivity) -> list[tuple[float, str]]:
        """Return the principal values of D, cm²/s, the largest first, each with its direction.

        By the crystal's indices, [1 -1 0], where there are small ones; else Cartesian in the plane of the slab. Where
        all directions are alike there is one value, of any direction: the axes of the slab are as good as any.
        """
        found, axes = [], self.crystal_axes
        (fast, _), (slow, _) = point.principal
        if axes is not None and fast - slow < _ALIKE * fast:
            return [(fast, "any direction")]
        for value, (x, y) in point.principal:
            named = "" if axes is None else crystal_direction(np.array([x, y, 0.0]), np.array(axes))
            found.append((value, named or f"({x:.2f}, {y:.2f})"))
        return found

    def _hop_rows(self, hop: Hop) -> list[ResultRow]:
        """Return the rows of one hop."""
        if hop.barrier_forward is None or hop.barrier_reverse is None:
            return []
        label = f"hop {hop.index}: minimum {hop.initial} to {hop.final}{', exchange' if hop.is_exchange else ''}"
        label += "" if hop.state == "done" else f", {hop.state}"
        part = ("hop", hop.index)
        steps = [f"hop {hop.index}"] + ([f"modes of hop {hop.index}"] if hop.negative_modes is not None else [])
        rows = [
            self._row("barrier_forward", hop.barrier_forward, "eV", steps, label, part=part),
            self._row("barrier_reverse", hop.barrier_reverse, "eV", steps, label, part=part),
        ]
        if hop.negative_modes is not None:
            modes = [f"modes of hop {hop.index}"]
            rows.append(self._row("negative_modes", hop.negative_modes, "", modes, label, part=part))
        if hop.prefactor_source == "vineyard":
            values = {
                "prefactor_forward": (hop.prefactor_forward, "1/s"),
                "prefactor_reverse": (hop.prefactor_reverse, "1/s"),
                "zero_point_change": (hop.zero_point_change, "eV"),
                "zero_point_change_reverse": (hop.zero_point_change_reverse, "eV"),
            }
            vibrations = [
                f"vibrations of hop {hop.index}",
                f"vibrations of minimum {hop.initial}",
                f"vibrations of minimum {hop.final}",
            ]
            steps = list(dict.fromkeys(vibrations))
            rows += [
                self._row(name, value, unit, steps, label, part=part)
                for name, (value, unit) in values.items()
                if value is not None
            ]
        return rows


MigrationDoc = DiffusionDoc
"""By this name documents of before say what they are."""
