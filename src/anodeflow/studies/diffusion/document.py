"""The document of a diffusion study."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.calculations.screening_document import BandRecord
from anodeflow.core.caveats import Subject
from anodeflow.structures.geometry.directions import crystal_direction
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow
from anodeflow.studies.shared.saddle import HopSaddle

_ALIKE = 1e-3  # of the larger principal value


class SurfaceMinimum(BaseModel):
    """One of the distinct minima of an adatom on a surface."""

    index: int = Field(description="Number of the minimum in this document.")
    site: int | None = Field(description="Number of the adsorption site it comes from; none: found on a path.")
    label: str = Field(description="Site where the adatom rests: fourfold hollow, fcc hollow ...")
    position: list[float] = Field(description="Position of the adatom, Cartesian, Å.")
    energy: float = Field(description="Energy over the lowest minimum, eV.")
    multiplicity: int = Field(description="Copies in one cell of the surface (not of the slab's supercell).")
    structure: Structure = Field(description="Relaxed slab with the adatom (its last atom).")
    pushed: bool = Field(
        default=False,
        description="Whether it was pushed along its softest mode and relaxed with all atoms free, and came back.",
    )
    frequencies: list[float] = Field(
        default_factory=list,
        description="Frequencies of all modes of the free atoms, THz, imaginary ones negative; empty: not computed.",
    )

    @property
    def name(self) -> str:
        """Name of the place, with which steps that compute it are called."""
        return f"minimum {self.index}"


class RejectedSite(BaseModel):
    """A relaxed adsorption site that is no minimum of its own on the surface."""

    site: int = Field(description="Number of the adsorption site.")
    label: str = Field(description="Site: fourfold hollow, fcc hollow ...")
    energy: float = Field(description="Energy over the lowest minimum, eV.")
    reason: Literal["saddle", "merged", "sunk", "exchanged", "desorbed", "not converged"] = Field(
        description="saddle: symmetry held the adatom there, a push lets it roll away; merged: another site is the "
        "same minimum."
    )
    message: str = Field(default="", description="Where it rolled when it was pushed.")
    curvature: float | None = Field(
        default=None,
        description="Lowest curvature that was found, for a shift of the adatom in the plane or of its softest mode, "
        "eV/Å²; negative: a saddle.",
    )


class ExchangeMinimum(BaseModel):
    """An intermediate minimum of an exchange in which no atom is in the place of the one that left."""

    image: int = Field(description="Image of the path that came to rest there.")
    energy: float = Field(description="Energy over the initial minimum, eV.")
    pair: list[list[float]] = Field(
        description="Where the adatom and the atom that left its place are, in the plane (2, 2), Å, beside the start."
    )
    structure: Structure = Field(description="Relaxed structure.")


class Hop(HopSaddle):
    """One symmetry-distinct hop of an adatom between two neighbouring minima."""

    index: int = Field(description="Number of the hop in this document.")
    initial: int = Field(description="Index of the minimum where it starts.")
    final: int = Field(description="Index of the minimum where it ends.")
    displacement: list[float] = Field(description="From start to end, in the plane, Cartesian (2,), Å.")
    multiplicity: int = Field(description="Equivalent hops that leave one copy of the initial minimum.")
    exchanged_with: int | None = Field(
        default=None,
        description="Index of the atom of the surface whose place the adatom takes, and which moves on to the end in "
        "its stead; none: the adatom alone hops.",
    )
    exchanged_at: list[float] | None = Field(
        default=None, description="Lateral place of that atom on the clean surface, beside the start (2,), Å."
    )
    via: ExchangeMinimum | None = Field(
        default=None,
        description="Intermediate minimum of an exchange: D(T) knows that the adatom may go back from it, or on to "
        "another end.",
    )
    state: Literal["done", "split", "failed", "not converged", "second order", "no saddle"] = Field(
        description="split: a minimum lies on the way, the hops of `split_into` take its place; second order: the "
        "highest point of the path has two or more negative modes; no saddle: it has none. Only hops that are done "
        "count in paths and rates (and those not converged, up to 0.2 eV/Å)."
    )
    message: str = Field(default="", description="Why it failed or was split.")
    split_into: list[int] = Field(default_factory=list, description="Indices of the hops that it was split into.")
    split_at: int | None = Field(
        default=None, description="Index of the minimum at which it was split; none: not split, or an older document."
    )
    symmetric: bool = Field(
        default=False, description="Whether symmetry turns the path round: half of it was computed."
    )
    band: BandRecord | None = Field(
        default=None,
        description="Path of a potential that it started from; where DFT computed the saddle alone, `profile` and "
        "`images` are the ends and the saddle.",
    )
    images: list[Structure] = Field(
        default_factory=list, description="Images; what is the adatom at the start is the last atom."
    )
    prefactor_forward: float | None = Field(
        default=None, description="Attempt frequency from the initial minimum that D(T) uses, 1/s; none: no rate."
    )
    prefactor_reverse: float | None = Field(default=None, description="The same from the final minimum, 1/s.")
    prefactor_source: Literal["given", "vineyard"] = Field(
        default="given",
        description="given: one attempt frequency for all hops; vineyard: from the frequencies at minimum and saddle.",
    )
    frequencies: list[float] = Field(
        default_factory=list,
        description="Frequencies of all modes of the free atoms at the saddle, THz, imaginary ones negative; empty: "
        "not computed.",
    )
    zero_point_change: float | None = Field(
        default=None,
        description="Zero-point energy of the saddle minus that of the initial minimum, eV; not part of the barrier.",
    )
    zero_point_change_reverse: float | None = Field(
        default=None, description="Zero-point energy of the saddle minus that of the final minimum, eV."
    )

    @property
    def subject(self) -> Subject:
        """The hop as what warnings are about."""
        return Subject("hop", self.index)

    @property
    def is_exchange(self) -> bool:
        """Whether the adatom changes places with an atom of the surface."""
        return self.exchanged_with is not None

    @property
    def saddles_about_via(self) -> tuple[tuple[float, bool], tuple[float, bool]]:
        """Highest points before and behind the intermediate minimum of an exchange, over the initial minimum, eV.

        With each whether an image climbed there: on one side of the path alone, unless symmetry turns it round.
        """
        assert self.via is not None
        assert self.barrier_forward is not None
        top = (self.barrier_forward, True)
        if self.symmetric:
            return top, top
        energies = [point.energy for point in self.profile]
        before, behind = energies[: self.via.image + 1], energies[self.via.image :]
        if self.saddle_image < self.via.image:
            return top, (min(max(behind), top[0]), False)
        return (min(max(before), top[0]), False), top

    @property
    def name(self) -> str:
        """Name of the hop, with which steps that compute it are called."""
        return str(self.subject)


class HopStep(BaseModel):
    """A hop as part of a path."""

    hop: int = Field(description="Index of the hop.")
    reverse: bool = Field(description="Whether it is taken from its end to its start.")
    displacement: list[float] = Field(description="In the plane, Cartesian (2,), Å, for the copy that is taken.")


class DiffusionPath(BaseModel):
    """The cheapest way of an adatom from a minimum to its copy in the next cell."""

    start: int = Field(description="Index of the minimum where it starts and ends: the lowest on the way.")
    steps: list[HopStep] = Field(description="Hops, in order.")
    displacement: list[float] = Field(description="From cell to cell, Cartesian (2,), Å.")
    barrier: float = Field(
        description="Highest saddle on the way minus the lowest minimum of the surface (on the way or not), eV: the "
        "slope of the Arrhenius plot."
    )
    limiting_hop: int = Field(description="Index of the hop with the highest saddle.")


class Diffusivity(BaseModel):
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
