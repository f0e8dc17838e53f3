"""What the relaxed path of a vacancy's hop says: its barrier, or that a minimum lies on its way."""

from functools import partial

from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.structures.geometry.positions import largest_distance, unwrapped
from anodeflow.studies.shared.hop_rounds import Landing
from anodeflow.studies.shared.hops import MOST_SPLITS, add_message, close
from anodeflow.studies.shared.saddles import note_saddle
from anodeflow.studies.vacancy.document import VacancyStop, stop_step
from anodeflow.studies.vacancy.prescreen import rename_step
from anodeflow.studies.vacancy.search import VacancySearch

SAME_STOP = 0.3
"""Two structures whose atoms differ by less than this are one minimum, Å."""


def record_band(search: VacancySearch, index: int, band: NebDoc) -> int | None:
    """Put a relaxed path into its hop.

    Parameters
    ----------
    search
        Its hop `index` is changed; it waits no more.
    index
        Index of the hop.
    band
        The path.

    Returns
    -------
    int or None
        Index of the image that may be an intermediate minimum
        (:func:`anodeflow.studies.shared.hops.intermediate_minimum`) and is to be relaxed; none if there is none,
        or if the hop was split as often as allowed.
    """
    hop, dip = search.hops[index], search.take_band(index, band)
    if not band.by_potential:
        note_saddle(search, index, band)
    if dip is None or band.by_potential or search.splits[index] < MOST_SPLITS:
        return None if dip is None else dip.image
    if dip.below:
        close(hop, "refused", f"{dip.words}, and the hop was split {MOST_SPLITS} times already")
    else:
        add_message(hop, f"{dip.words}, but the hop was split {MOST_SPLITS} times already")
    return None


def landed(search: VacancySearch, index: int, image: int, relaxed: CalculationDoc) -> Landing:
    """Return where an image of a hop's path came to rest; a minimum of its own is a stop."""
    hop = search.hops[index]
    structure, energy = unwrapped(hop.images[image], relaxed.structure), relaxed.energy - search.zero
    for end in (search.stops[hop.initial], search.stops[hop.final]):
        if largest_distance(end.structure, structure) < SAME_STOP:
            return Landing(end=stop_step(end), lower=end.energy - energy)
    return Landing(between=partial(_split, search, index, image, structure, energy))


def _split(search: VacancySearch, index: int, image: int, structure: Structure, energy: float) -> None:
    """Add a stop on the way of a hop; the two parts of the hop wait to be computed."""
    hop, dip = search.hops[index], search.dip(index, image)
    stop = VacancyStop(
        index=len(search.stops),
        path=hop.path,
        name=f"on hop {hop.name}",
        element=hop.element,
        layer=None,
        position=None,
        energy=energy,
        structure=structure,
        layers=search.stops[hop.initial].layers,
    )
    search.stops.append(stop)
    rename_step(search, str(search.image_step(index)), stop_step(stop))
    splits = search.splits[index] + 1
    ends = ((hop.initial, stop.index), (stop.index, hop.final))
    hop.split_into = [
        search.add_hop(hop.path, f"{hop.name}{letter}", pair, hop.atom, splits)
        for letter, pair in zip("ab", ends, strict=True)
    ]
    close(hop, "split", f"{dip.words}: {stop_step(stop)}, at {energy:.3f} eV, takes its place between two hops")
