"""The search for the hops of an adatom: what is known so far, and how it starts from an adsorption study."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.screening_document import PrescreenRecord
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.core.errors import CalculationError
from anodeflow.screening.shortlist import start_record
from anodeflow.structures.sites.hops import Edge, SurfaceHop, SurfaceNet
from anodeflow.structures.sites.minima import SADDLE, SAME_ENERGY, lowest_curvature, push_directions
from anodeflow.structures.sites.sites import HOLLOWS
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc
from anodeflow.studies.diffusion.candidates import candidates
from anodeflow.studies.diffusion.hop_document import Hop, RejectedSite, ScreenedSaddle, SurfaceMinimum
from anodeflow.studies.shared.hops import NOT_COMPUTED
from anodeflow.studies.shared.once_more import names_of_step
from anodeflow.studies.shared.saddle_search import SaddleSearch
from anodeflow.studies.shared.saddles import note_saddle

OF_HOPS = ("hop", "end", "minimum on hop", "modes of hop")
"""What steps and warnings that bear the number of a hop are called."""


class SaddleTest(BaseModel):
    """One static calculation with the adatom pushed off a site that may be a saddle."""

    site: int = Field(description="Number of the adsorption site.")
    direction: list[float] = Field(description="Direction of the push in the plane (2,); zero: at rest.")


class HopSearch(SaddleSearch):
    """What is known of minima and hops so far. Energies of minima are relative to `zero`; hops wait until done."""

    adsorption: AdsorptionDoc = Field(description="Study that it starts from.")
    zero: float = Field(description="Total energy of the slab with the adatom in minimum 0, eV.")
    minima: list[SurfaceMinimum] = Field(description="Minima, in the order in which they were found.")
    rejected: list[RejectedSite] = Field(description="Sites that are no minima of their own.")
    hops: list[Hop] = Field(default_factory=list, description="Hops; one that waits counts as failed.")
    no_minima: list[list[float]] = Field(
        default_factory=list, description="Positions (3,), Å, where the adatom was at rest, but in no minimum."
    )
    looked: list[int] = Field(
        default_factory=list, description="Indices of the hops of which it was asked whether a way across needs them."
    )
    screened: dict[str, ScreenedSaddle] = Field(
        default_factory=dict, description="Index of a hop which may be needed -> its saddle by a potential that learns."
    )
    suspects: list[int] = Field(
        default_factory=list, description="Indices of the minima that are to be pushed along their softest mode."
    )

    @property
    def system(self) -> str:
        """The surface."""
        return self.adsorption.system

    @property
    def pristine(self) -> tuple[Structure, PrescreenRecord | None]:
        """The clean slab by DFT and by the potential."""
        return self.adsorption.slab, start_record(self.adsorption.prescreen)

    def steps_of(self, index: int) -> list[str]:
        """Return all names that steps of a hop can have: of its path, its end, an image on its way, its saddle.

        Those of all hops come in the same order.
        """
        steps = [f"{kind} {index}" for kind in OF_HOPS]
        by = [] if self.audit is None else [str(Subject(step).by(self.audit.backend)) for step in steps]
        return steps + by + [name for step in steps for name in names_of_step(step)]

    def net(self) -> SurfaceNet:
        """Return the copies of all minima on the surface."""
        return SurfaceNet(self.adsorption.slab, [minimum.position for minimum in self.minima])

    def add_hop(self, hop: SurfaceHop, splits: int = 0) -> int:
        """Add a hop that waits to be computed; return its index."""
        made = Hop(
            index=len(self.hops),
            initial=hop.initial,
            final=hop.final,
            displacement=list(hop.displacement),
            multiplicity=hop.multiplicity,
            state="failed",
            message=NOT_COMPUTED,
        )
        return self.queue(made, splits)

    def find_hops(self, splits: int = 0) -> None:
        """Add the hops between neighbouring minima that are not known yet; they wait to be computed.

        `splits`: how many splits led to them.
        """
        net = self.net()
        known = known_edges(net, self.hops)
        for hop in net.hops():
            if net.edge(hop) not in known:
                self.add_hop(hop, splits)

    def suspect(self, minimum: int) -> bool:
        """Have a minimum pushed, if that was not done before; return whether it will be."""
        if self.minima[minimum].pushed:
            return False
        if minimum not in self.suspects:
            self.suspects.append(minimum)
        return True

    def record_band(self, index: int, band: NebDoc) -> int | None:
        """Put a relaxed path into its hop, which waits no more.

        Returns
        -------
        int or None
            Index of the image that may be an intermediate minimum
            (:func:`anodeflow.studies.shared.hops.intermediate_minimum`); none if there is none.
        """
        dip = self.take_band(index, band)
        if not band.by_potential:
            hop = self.hops[index]
            hop.symmetric, hop.via = band.symmetry is not None, None
            for end in note_saddle(self, index, band):
                self.suspect(end)
        return None if dip is None else dip.image

    def total_energy(self, minimum: int) -> float:
        """Return the total energy of the slab with the adatom in a minimum, eV."""
        return self.zero + self.minima[minimum].energy


def saddle_tests(adsorption: AdsorptionDoc, foreign: bool = False) -> list[SaddleTest]:
    """Return the pushes that tell which of the possible minima are saddles (:mod:`anodeflow.structures.sites.minima`).

    `foreign`: whether another code than that of the relaxations evaluates them. Its force on the adatom at rest need
    not vanish, so that is evaluated, too.
    """
    tests = []
    for site in candidates(adsorption)[0]:
        directions = push_directions(adsorption.slab, site.structure[-1].coords, site.final_label in HOLLOWS)
        if foreign and directions and all(direction.any() for direction in directions):
            directions.append(np.zeros(2))
        tests += [SaddleTest(site=site.site, direction=direction.tolist()) for direction in directions]
    return tests


def start_search(
    adsorption: AdsorptionDoc, tests: Sequence[SaddleTest], results: Sequence[CalculationDoc | None]
) -> HopSearch:
    """Return the minima that pass the tests and the distinct hops between neighbours.

    Minima that may be none all the same are its `suspects`, to be pushed before any hop is computed.

    Parameters
    ----------
    adsorption
        Relaxed sites.
    tests, results
        Pushes and their static calculations, in the same order; none where one failed.

    Raises
    ------
    CalculationError
        If no site is a minimum.
    """
    kept, others = candidates(adsorption)
    curvatures: dict[int, float] = {}
    warnings: list[Caveat] = []
    identifiers: dict[str, str] = {}
    for site in kept:
        pairs = [(test, result) for test, result in zip(tests, results, strict=True) if test.site == site.site]
        done = [(np.array(test.direction), result) for test, result in pairs if result is not None]
        if len(done) < len(pairs):
            warnings.append(
                Caveat("saddle-not-tested", "whether it is a saddle could not be tested").under(_subject(site))
            )
        elif done:
            curvatures[site.site] = lowest_curvature([d for d, _ in done], [r.forces[-1] for _, r in done])
        identifiers |= {f"site {site.site} pushed {n}": result.id for n, (_, result) in enumerate(done, 1)}
    # A site that needed no push, or could not be tested, counts as a minimum.
    minima = [site for site in kept if curvatures.get(site.site, SADDLE) >= SADDLE]
    others |= {site.site: "saddle" for site in kept if site not in minima}
    if not minima:
        reasons = ", ".join(f"site {number} {reason}" for number, reason in sorted(others.items()))
        raise CalculationError(
            f"{adsorption.system}: the {adsorption.adsorbate} adatom has no minimum on this surface ({reasons}), so "
            "nothing can hop: relax more sites, or let unfinished relaxations go on."
        )
    lowest = minima[0].binding_energy
    warnings += [
        Caveat(
            "minimum-not-found",
            f"is a saddle {lowest - site.binding_energy:.3f} eV below the lowest minimum: the minimum beside it was "
            "not found, and barriers may be too low by as much",
        ).of(_subject(site))
        for site in kept
        if site not in minima and lowest - site.binding_energy > SAME_ENERGY
    ]
    search = HopSearch(
        adsorption=adsorption,
        zero=adsorption.slab_energy + adsorption.atom_energy + lowest,
        minima=[
            SurfaceMinimum(
                index=index,
                site=site.site,
                label=site.final_label,
                position=site.structure[-1].coords.tolist(),
                energy=site.binding_energy - lowest,
                multiplicity=1,
                structure=site.structure,
            )
            for index, site in enumerate(minima)
        ],
        rejected=[
            RejectedSite(
                site=site.site,
                label=site.final_label,
                energy=site.binding_energy - lowest,
                reason=others[site.site],
                curvature=curvatures.get(site.site),
            )
            for site in adsorption.sites
            if site.site in others
        ],
        calculation_ids={
            step: identifier
            for step, identifier in adsorption.calculation_ids.items()
            if step in {"slab", *adsorption.site_steps()}
        }
        | identifiers,
        warnings=warnings,
        settings=adsorption.settings.get("calculation", adsorption.settings),
    )
    # A positive curvature with all else at rest proves nothing; where nothing holds the adatom, its relaxation did.
    tested = {test.site for test in tests}
    search.suspects = [minimum.index for minimum in search.minima if minimum.site in tested]
    search.find_hops()
    return search


def _subject(site: AdsorbedSite) -> Subject:
    """Return a relaxed site as what warnings are about."""
    return Subject("site", site.site, f" ({site.final_label})")


def known_edges(net: SurfaceNet, hops: Sequence[Hop]) -> dict[Edge, int]:
    """Return edge -> index of the hop of the adatom alone that it is a copy of."""
    alone = [hop for hop in hops if not hop.is_exchange]
    return {edge: hop.index for hop in alone for way in net.copies(net.edge(surface_hop(hop))) for edge in way}


def surface_hop(hop: Hop) -> SurfaceHop:
    """Return a hop of the document as one of the surface."""
    return SurfaceHop(hop.initial, hop.final, (hop.displacement[0], hop.displacement[1]), hop.multiplicity)
