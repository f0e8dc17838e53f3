"""What the searches for hops of an adatom and of a vacancy know alike: hops, their paths, and intermediate minima.

Both know minima and the hops between them, have the path of every hop relaxed, and split a hop where a minimum lies on
its way (:mod:`anodeflow.studies.shared.hop_rounds`). What a minimum is, and which hops there are, is each study's own.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jobflow import Flow, Job, Maker
from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.profile import DIP, ROUGH_DIP, deepest_dip, profile
from anodeflow.calculations.screening_document import PrescreenAudit, PrescreenRecord
from anodeflow.core.caveats import GO_ALONG, Caveat, Caveats, Subject
from anodeflow.core.errors import AnodeflowError, CalculationError
from anodeflow.screening.effort import effort_of, effort_of_band
from anodeflow.screening.makers import PrescreenedRelaxMaker
from anodeflow.screening.relaxation import relaxation
from anodeflow.screening.shortlist import not_screened, potential_ids
from anodeflow.structures.sites.minima import SAME_ENERGY

NOT_COMPUTED = "its path could not be computed: `anodeflow status` says why"
MOST_SPLITS = 2
"""How often a hop, and then its parts, may be split."""


class HopError(CalculationError):
    """A hop cannot be computed, or tells nothing.

    Attributes
    ----------
    remark
        Why, as the document keeps it: without the numbers of hops and minima, which may be others there.
    """

    def __init__(self, message: str, remark: str) -> None:
        super().__init__(message)
        self.remark = remark


@dataclass(frozen=True)
class Dip:
    """An image of a path that may be an intermediate minimum.

    Attributes
    ----------
    image
        Its index.
    below
        How far it lies below both ends, eV; 0: it lies in a dip between two higher images only.
    """

    image: int
    below: float = 0.0
    at_top: bool = False

    @property
    def words(self) -> str:
        """Where the image lies."""
        if self.at_top:
            return f"image {self.image}, the highest, has no negative mode"
        if self.below:
            return f"image {self.image} lies {self.below:.3f} eV below both ends"
        return f"image {self.image} lies in a dip"


def intermediate_minimum(energies: np.ndarray, converged: bool) -> Dip | None:
    """Return the image of a path that is to be relaxed since it may be an intermediate minimum; none if there is none.

    The lowest image comes first if it lies below both ends: barriers are counted from an end, so they mean nothing
    until it is known whether that end, or this image, is the minimum. Only then comes the deepest dip. One threshold
    holds for both, 10 meV (50 meV where the path did not converge): ends and images are relaxed to a largest force, not
    to an energy, and what differs by less is not told apart.
    """
    least = DIP if converged else ROUGH_DIP
    lowest = dip_at(energies, int(np.argmin(energies)), converged)
    if lowest.below:
        return lowest
    image = deepest_dip(energies, least)
    return None if image is None else Dip(image)


def dip_at(energies: np.ndarray, image: int, converged: bool) -> Dip:
    """Return where an image of a path lies, by the same threshold."""
    below = float(min(energies[0], energies[-1]) - energies[image]) if len(energies) else 0.0
    return Dip(image, below if below > (DIP if converged else ROUGH_DIP) else 0.0)


def end_verdict(dip: Dip, lower: float, end: str) -> tuple[bool, str]:
    """Return whether a hop stands although an image of its path rolled to one of its ends, and why.

    Parameters
    ----------
    dip
        Where the image lay.
    lower
        How far it came to rest below that end, eV.
    end
        The end in words.
    """
    if lower > SAME_ENERGY:
        return False, f"{dip.words} and relaxes to {lower:.3f} eV below {end}, which is no minimum"
    if dip.below:
        return False, f"{dip.words}, but rolls to {end}: the ends are not relaxed well enough for this path"
    return True, f"{dip.words}, but rolls to {end}: no minimum lies on the way"


def _is_about(warning: Caveat, hop: Subject) -> bool:
    """Return whether a warning is about the path or the saddle of a hop."""
    return any((each.name, each.number) == (hop.name, hop.number) for each in warning.about)


class WaitingHops(BaseModel):
    """The hops of a search, those whose paths wait to be computed among them.

    Class attributes
    ----------------
    refused
        State of a hop whose ends turn out to be no two neighbouring minima.
    """

    refused: ClassVar[str] = "failed"

    hops: list[Any] = Field(default_factory=list, description="Hops; one that waits counts as failed.")
    splits: list[int] = Field(default_factory=list, description="For each hop how many splits led to it.")
    waiting: list[int] = Field(default_factory=list, description="Indices of the hops that are to be computed.")
    whole: list[int] = Field(
        default_factory=list, description="Indices of hops whose whole path DFT is to relax, whatever a potential says."
    )
    audit: PrescreenAudit | None = Field(default=None, description="What a potential did; none: no prescreen.")
    calculation_ids: dict[str, str] = Field(default_factory=dict, description="Step -> id of its calculation.")
    warnings: Caveats = Field(default_factory=list, description="What a reader should know.")
    settings: dict = Field(default_factory=dict, description="Settings of the calculations.")

    @property
    @abstractmethod
    def system(self) -> str:
        """The surface or interface that it is about."""

    @property
    @abstractmethod
    def pristine(self) -> tuple[Structure, PrescreenRecord | None]:
        """What the search starts from, by DFT and by the potential; as :func:`relaxation` takes them."""

    def step_of(self, index: int) -> str:
        """Return the name of the step that computes the path of a hop."""
        return str(self.hops[index].subject)

    def image_step(self, index: int) -> Subject:
        """Return the step that relaxes an image of a hop's path which may be a minimum."""
        of_hop: Subject = self.hops[index].subject
        return of_hop.model_copy(update={"name": f"minimum on {of_hop.name}"})

    def queue(self, hop: Any, splits: int) -> int:
        """Add a hop that waits to be computed; return its index."""
        self.hops.append(hop)
        self.splits.append(splits)
        self.waiting.append(hop.index)
        return int(hop.index)

    def give_up(self, index: int, error: AnodeflowError) -> None:
        """Note why the path of a hop cannot be computed; it waits no more."""
        self.hops[index].message = error.remark if isinstance(error, HopError) else str(error)
        self.waiting.remove(index)

    def note(self, step: str | Subject, relaxed: CalculationDoc, by_potential: bool = True) -> None:
        """Keep a relaxation; `by_potential`: whether the potential was to go before it."""
        self.calculation_ids[str(step)] = relaxed.id
        self.warnings += [warning.under(step) for warning in relaxed.warnings if warning.code in GO_ALONG]
        if self.audit is not None:
            self.audit.effort += effort_of([relaxed])
            self.calculation_ids |= potential_ids({str(step): relaxed})
            self.warnings += not_screened(step, relaxed, self.audit) if by_potential else []

    def take_band(self, index: int, band: NebDoc) -> Dip | None:
        """Put a relaxed path into its hop, which waits no more; return the image that may be an intermediate minimum.

        Where the path is the potential's, the hop keeps waiting for energies of DFT: that minimum comes first.
        """
        hop, step = self.hops[index], self.step_of(index)
        if index in self.waiting:
            self.waiting.remove(index)
        if self.audit is not None:
            self.audit.effort += effort_of_band(band, hop.band)
        hop.images, hop.band = band.images, band.potential_path
        energies = np.array(band.image_energies)
        if band.by_potential:
            self.calculation_ids[str(hop.subject.by(band.backend))] = band.id
            if hop.profile:  # it led over a saddle of second order, and past that leads through a minimum
                self._forget(hop)
            return intermediate_minimum(energies, band.converged)
        if hop.profile:  # it was computed before: what was told of that path does not hold for this one
            self.warnings = [each for each in self.warnings if not _is_about(each, hop.subject)]
        hop.state = "done" if band.converged else "not converged"
        hop.message = "" if band.converged else f"its largest force is still {band.max_force:.3f} eV/Å"
        hop.barrier_forward = float(energies.max() - energies[0])
        hop.barrier_reverse = float(energies.max() - energies[-1])
        hop.profile = profile(band)
        hop.path_length = hop.profile[-1].distance
        hop.max_force, hop.energy_over_rest = band.max_force, band.energy_over_rest
        self.warnings += [warning.under(hop.subject) for warning in band.warnings]
        self.calculation_ids[step] = band.id
        if band.potential_path is not None:
            self.calculation_ids[str(hop.subject.by(band.potential_path.backend))] = band.potential_path.id
        self.settings = band.settings
        return intermediate_minimum(energies, band.converged)

    def _forget(self, hop: Any) -> None:
        """Take out of a hop what was found of its path."""
        close(hop, "failed", NOT_COMPUTED)
        hop.profile, hop.curvatures = [], []
        hop.barrier_forward = hop.barrier_reverse = hop.path_length = None
        hop.max_force = hop.energy_over_rest = hop.negative_modes = hop.modes_certain = None
        self.warnings = [each for each in self.warnings if not _is_about(each, hop.subject)]
        self.calculation_ids.pop(str(hop.subject), None)

    def dip(self, index: int, image: int) -> Dip:
        """Return where an image of the path that a hop has, be it the potential's, lies."""
        hop = self.hops[index]
        if hop.profile or hop.band is None:
            return dip_at(np.array([point.energy for point in hop.profile]), image, hop.state != "not converged")
        return dip_at(np.array(hop.band.energies), image, hop.band.converged)

    def leave_to_dft(self, index: int) -> bool:
        """Let DFT relax the whole path of a hop of which only the potential's is known; return whether it is one."""
        hop = self.hops[index]
        if hop.band is None or hop.profile:
            return False
        hop.message = NOT_COMPUTED
        self.waiting.append(index)
        self.whole.append(index)
        return True

    def path_options(self, index: int) -> dict[str, bool]:
        """Return further options for the Maker of a path.

        A path that the potential's minima led nowhere with, or that was split often enough, is DFT's alone.
        """
        alone = index in self.whole or self.splits[index] >= MOST_SPLITS
        return {"whole": True} if self.audit is not None and alone else {}

    def relaxation(
        self, maker: Maker, structure: Structure, label: str, by_potential: bool = True, nearby: bool = False
    ) -> Flow | Job:
        """Return the relaxation of a variant of `pristine`; without `by_potential` by DFT alone.

        `nearby`: it is to say whether there is a minimum, so that nothing that was learned takes it far away.
        """
        if isinstance(maker, PrescreenedRelaxMaker) and not by_potential:
            maker = maker.then
        return relaxation(maker, structure, label, *self.pristine, nearby=nearby)


def add_message(hop: Any, words: str) -> None:
    """Say more of a hop."""
    hop.message = f"{hop.message}; {words}" if hop.message else words


def close(hop: Any, state: str, why: str) -> None:
    """Take the barrier of a hop back: it is split, or its ends are no two neighbouring minima."""
    hop.state, hop.message = state, why
    hop.barrier_forward = hop.barrier_reverse = None
