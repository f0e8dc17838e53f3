"""What the relaxed path of a vacancy's hop says: its barrier, or that a minimum lies on its way."""

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import CalculationError
from anodeflow.structures.geometry.positions import largest_distance, unwrapped
from anodeflow.studies.shared.hops import MOST_SPLITS, close, end_verdict
from anodeflow.studies.vacancy.document import VacancyStop, stop_step
from anodeflow.studies.vacancy.prescreen import note_relaxation, rename_step
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
        Index of the image that may be a minimum on the way
        (:func:`anodeflow.studies.shared.hops.minimum_on_way`) and is to be relaxed; none if there is none, or if the
        hop was split as often as allowed.
    """
    hop, dip = search.hops[index], search.take_band(index, band)
    if dip is None or band.by_potential or search.splits[index] < MOST_SPLITS:
        return None if dip is None else dip.image
    if dip.below:
        close(hop, "refused", f"{dip.words}, and the hop was split {MOST_SPLITS} times already")
    else:
        hop.message = f"{dip.words}, but the hop was split {MOST_SPLITS} times already"
    return None


def split_hop(search: VacancySearch, index: int, image: int, relaxed: CalculationDoc | None) -> None:
    """Draw the conclusion from an image of a hop that was relaxed because it may be a minimum on the way.

    Where it came to rest in a minimum of its own, that is a stop, and the two parts of the hop wait to be computed;
    where it rolled to one of the ends, the hop stands as it is, unless the image lay below both ends or came to rest
    below that one: then they are no minima of this path, and the hop is refused.

    Raises
    ------
    CalculationError
        If the relaxation did not converge; the hop has failed then.
    """
    hop, dip = search.hops[index], search.dip(index, image)
    known = bool(hop.profile)  # else only the potential's path is
    if relaxed is None:
        if not search.leave_to_dft(index):
            close(hop, "failed", f"{dip.words} and could not be relaxed: `anodeflow status` says why")
        return
    step = f"minimum on {hop.label}"
    search.calculation_ids[step] = relaxed.id
    note_relaxation(search, step, relaxed, by_potential=not known)
    if not relaxed.converged:
        if search.leave_to_dft(index):
            return
        close(hop, "failed", f"{dip.words}; its relaxation did not converge")
        raise CalculationError(f"{dip.words}; its relaxation did not converge; run it again to go on.")
    structure, energy = unwrapped(hop.images[image], relaxed.structure), relaxed.energy - search.zero
    for end in (search.stops[hop.initial], search.stops[hop.final]):
        if largest_distance(end.structure, structure) < SAME_STOP:
            stands, words = end_verdict(dip, end.energy - energy, stop_step(end))
            if search.leave_to_dft(index):
                return
            if stands:
                hop.message = words
            else:
                close(hop, "refused", words)
            return
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
    rename_step(search, step, stop_step(stop))
    splits = search.splits[index] + 1
    ends = ((hop.initial, stop.index), (stop.index, hop.final))
    hop.split_into = [
        search.add_hop(hop.path, f"{hop.name}{letter}", pair, hop.atom, splits)
        for letter, pair in zip("ab", ends, strict=True)
    ]
    close(hop, "split", f"{dip.words}: {stop_step(stop)}, at {energy:.3f} eV, takes its place between two hops")
