"""What a diffusion study tells of one minimum, and of one hop between two of them."""

from typing import Literal

from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.calculations.screening_document import BandRecord
from anodeflow.core.caveats import Subject
from anodeflow.core.part import Part
from anodeflow.studies.shared.saddle import HopSaddle


class ScreenedSaddle(BaseModel):
    """The saddle of a hop by a potential, of which DFT computes nothing yet."""

    band: BandRecord = Field(description="The potential's path.")
    saddle: Structure = Field(description="Its saddle, between the end states of DFT.")


class SurfaceMinimum(Part):
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


class RejectedSite(Part):
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


class ExchangeMinimum(Part):
    """An intermediate minimum of an exchange in which no atom is in the place of the one that left."""

    image: int = Field(description="Image of the path that came to rest there.")
    energy: float = Field(description="Energy over the initial minimum, eV.")
    pair: list[list[float]] = Field(
        description="Where the adatom and the atom that left its place are, in the plane (2, 2), Å, beside the start."
    )
    structure: Structure = Field(description="Relaxed structure.")


class LearnedSaddle(Part):
    """Where a potential, corrected by what it learned from DFT, has the saddle of a hop."""

    energy: float = Field(description="Saddle minus initial minimum, eV.")
    uncertainty: float = Field(description="Standard deviation of that energy, eV.")
    model: str = Field(description="Content address of the correction: what it learned from, and how.")
    calculations: int = Field(description="Number of calculations that it learned from.")


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
    state: Literal["done", "split", "failed", "not converged", "second order", "no saddle", "left out"] = Field(
        description="split: a minimum lies on the way, the hops of `split_into` take its place; second order: the "
        "highest point of the path has two or more negative modes; no saddle: it has none; left out: no way across "
        "needs it, by `learned`, and DFT did not compute it. Only hops that are done count in paths and rates (and "
        "those not converged, up to 0.2 eV/Å)."
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
    learned: LearnedSaddle | None = Field(
        default=None,
        description="What a potential that learned said of its saddle when it was decided whether DFT computes it; "
        "none: that was no question.",
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
