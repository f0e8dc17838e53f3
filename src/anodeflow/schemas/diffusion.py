"""The document of a diffusion study."""

from typing import Literal

from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.schemas.prescreen import BandRecord
from anodeflow.schemas.rows import ResultRow
from anodeflow.schemas.study import StudyDoc


class SurfaceMinimum(BaseModel):
    """One of the distinct minima of an adatom on a surface."""

    index: int = Field(description="Number of the minimum in this document.")
    site: int | None = Field(description="Number of the adsorption site it comes from; none: found on a path.")
    label: str = Field(description="Site where the adatom rests, by coordination.")
    position: list[float] = Field(description="Position of the adatom, Cartesian, Å.")
    energy: float = Field(description="Energy over the lowest minimum, eV.")
    multiplicity: int = Field(description="Copies in one cell of the surface (not of the slab's supercell).")
    structure: Structure = Field(description="Relaxed slab with the adatom (its last atom).")


class RejectedSite(BaseModel):
    """A relaxed adsorption site that is no minimum of its own on the surface."""

    site: int = Field(description="Number of the adsorption site.")
    label: str = Field(description="Site, by coordination.")
    energy: float = Field(description="Energy over the lowest minimum, eV.")
    reason: Literal["saddle", "merged", "sunk", "exchanged", "desorbed", "not converged"] = Field(
        description="saddle: symmetry held the adatom there, a push lets it roll away."
    )
    curvature: float | None = Field(
        default=None, description="Lowest curvature for a shift of the adatom in the plane, eV/Å²; negative: a saddle."
    )


class ProfilePoint(BaseModel):
    """One image of a path."""

    distance: float = Field(description="Length of the path up to here, Å (all atoms, mass not weighted).")
    energy: float = Field(description="Energy over the first image, eV.")
    slope: float = Field(description="Slope dE/ds along the path, eV/Å, from the forces.")


class Hop(BaseModel):
    """One symmetry-distinct hop of an adatom between two neighbouring minima."""

    index: int = Field(description="Number of the hop in this document.")
    initial: int = Field(description="Index of the minimum where it starts.")
    final: int = Field(description="Index of the minimum where it ends.")
    displacement: list[float] = Field(description="From start to end, in the plane, Cartesian (2,), Å.")
    multiplicity: int = Field(description="Equivalent hops that leave one copy of the initial minimum.")
    state: Literal["done", "split", "failed", "not converged"] = Field(
        description="split: a minimum lies on the way, the hops of `split_into` take its place."
    )
    message: str = Field(default="", description="Why it failed or was split.")
    split_into: list[int] = Field(default_factory=list, description="Indices of the hops that it was split into.")
    symmetric: bool = Field(
        default=False, description="Whether symmetry turns the path round: half of it was computed."
    )
    barrier_forward: float | None = Field(default=None, description="Saddle minus initial minimum, eV.")
    barrier_reverse: float | None = Field(default=None, description="Saddle minus final minimum, eV.")
    path_length: float | None = Field(default=None, description="Length of the whole path, Å.")
    profile: list[ProfilePoint] = Field(default_factory=list, description="One point an image.")
    band: BandRecord | None = Field(
        default=None,
        description="Path of a potential that it started from; where DFT computed the saddle alone, `profile` and "
        "`images` are the ends and the saddle.",
    )
    images: list[Structure] = Field(default_factory=list, description="Images; the adatom is the last atom.")
    max_force: float | None = Field(default=None, description="Largest force on the band at the end, eV/Å.")


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
    barrier: float = Field(description="Highest saddle on the way minus the lowest minimum on it, eV.")
    limiting_hop: int = Field(description="Index of the hop with the highest saddle.")


class Diffusivity(BaseModel):
    """Rate and diffusivity at one temperature (harmonic transition-state theory with one prefactor for all hops)."""

    temperature: float = Field(description="Temperature, K.")
    hop_rates: list[float] = Field(
        description="Rate of one copy of each hop, forward, 1/s; 0 for hops without a barrier value."
    )
    tensor: list[list[float]] = Field(description="Diffusion tensor in the plane (2, 2), cm²/s.")
    diffusivity: float = Field(description="Half of its trace: the mean over the plane's directions, cm²/s.")


class MigrationDoc(StudyDoc):
    """Diffusion of one adatom over one surface: minima, hops, the cheapest way across, rates."""

    study: Literal["diffusion"] = "diffusion"
    adsorbate: str = Field(description="Element of the adatom.")
    slab: Structure = Field(description="Relaxed clean slab.")
    surface_cell: list[list[float]] = Field(description="In-plane vectors (2, 2) of the surface's primitive cell, Å.")
    minima: list[SurfaceMinimum] = Field(description="Distinct minima, the lowest first.")
    rejected: list[RejectedSite] = Field(default_factory=list, description="Sites that are no minima of their own.")
    hops: list[Hop] = Field(description="Symmetry-distinct hops.")
    path: DiffusionPath | None = Field(
        description="Cheapest way from cell to cell; none: the finished hops lead nowhere."
    )
    path_across: DiffusionPath | None = Field(
        default=None, description="Cheapest way in a second, independent direction; none: there is no such way."
    )
    prefactor: float = Field(description="Attempt frequency of all hops, 1/s.")
    diffusivities: list[Diffusivity] = Field(default_factory=list, description="D(T); empty without a path.")

    def rows(self) -> list[ResultRow]:
        """Return the barriers of the cheapest path, those of every hop, and D at the temperatures asked for."""
        rows = []
        if self.path is not None:
            steps = [f"hop {step.hop}" for step in self.path.steps]
            # It leads from a minimum to its own copy: there and back are alike.
            for name in ("barrier_forward", "barrier_reverse"):
                rows.append(self._row(name, self.path.barrier, "eV", steps, "cheapest path"))
        for hop in self.hops:
            if hop.barrier_forward is None or hop.barrier_reverse is None:
                continue
            label = f"hop {hop.index}: minimum {hop.initial} to {hop.final}"
            label += ", not converged" if hop.state == "not converged" else ""
            rows.append(self._row("barrier_forward", hop.barrier_forward, "eV", [f"hop {hop.index}"], label))
            rows.append(self._row("barrier_reverse", hop.barrier_reverse, "eV", [f"hop {hop.index}"], label))
        done = [f"hop {hop.index}" for hop in self.hops if hop.barrier_forward is not None]
        for point in self.diffusivities:
            label = f"{point.temperature:g} K"
            rows.append(self._row("diffusivity", point.diffusivity, "cm²/s", done, label))
        return rows
