"""Two hops that meet in a stop which is no minimum are one hop."""

from itertools import pairwise

import numpy as np

from anodeflow.calculations.profile import NO_BARRIER, ProfilePoint
from anodeflow.studies.vacancy.document import VacancyHop, stop_step
from anodeflow.studies.vacancy.search import VacancySearch


def merged_hops(search: VacancySearch, hops: list[int]) -> tuple[list[int], str]:
    """Return the hops of a path without stops that are no minima, and why it is shorter for it.

    A hop that rises all the way to its end (reverse barrier below 1 meV), or falls all the way from its start, has an
    end in which the vacancy does not stay. The hop before and the hop after are one then, over the higher of their
    saddles. Where nothing comes after, the path ends one stop earlier; a minimum that was found on the way to the last
    stop takes its place.

    Parameters
    ----------
    search
        Hops are added to it, and marked as merged.
    hops
        Indices of the path's hops, in order, those that were split in parts.

    Returns
    -------
    list of int
        Indices of the hops that are left, in order.
    str
        Why the last stop is left out; empty: it is not.
    """
    left = list(hops)
    while True:
        for place, (first, second) in enumerate(pairwise(left)):
            if _no_minimum(search.hops[first], search.hops[second]):
                left[place : place + 2] = [_merge(search, first, second)]
                break
        else:
            break
    if left and search.hops[left[-1]].state == "done" and _flat(search.hops[left[-1]].barrier_reverse):
        hop = search.hops[left.pop()]
        search.stops[hop.final].minimum = False
        before, last = search.stops[hop.initial], search.stops[hop.final]
        if before.layer is None:  # found on the way to the last stop, it takes its place
            return left, ""
        words = f"{stop_step(last)}, to which {hop.label} rises all the way, is no minimum"
        return left, f"path {hop.path} ends at {stop_step(before)}: {words}"
    return left, ""


def _flat(barrier: float | None) -> bool:
    return barrier is not None and barrier < NO_BARRIER


def _no_minimum(first: VacancyHop, second: VacancyHop) -> bool:
    """Whether the stop between two hops is none; both must have barriers to tell."""
    known = first.state == second.state == "done" and first.profile and second.profile
    return bool(known) and (_flat(first.barrier_reverse) or _flat(second.barrier_forward))


def _merge(search: VacancySearch, first: int, second: int) -> int:
    """Add the hop that two make; return its index."""
    parts = search.hops[first], search.hops[second]
    before, between, after = (search.stops[n] for n in (parts[0].initial, parts[0].final, parts[1].final))
    saddles = [search.stops[hop.initial].energy + (hop.barrier_forward or 0.0) for hop in parts]
    higher = parts[int(np.argmax(saddles))]
    name = f"{parts[0].name}+{parts[1].name}"
    between.minimum = False
    for hop in parts:
        hop.state = "merged"
        hop.message = f"{stop_step(between)} is no minimum, so it is part of hop {name}"
    index = len(search.hops)
    search.hops.append(
        VacancyHop(
            index=index,
            path=parts[0].path,
            name=name,
            initial=before.index,
            final=after.index,
            atom=parts[0].atom,
            element=parts[0].element,
            state="done",
            message=f"{stop_step(between)}, at {between.energy:.3f} eV, is no minimum: two hops are one",
            merged_from=[first, second],
            others=sorted({parts[1].atom, *parts[0].others, *parts[1].others} - {parts[0].atom}),
            barrier_forward=max(saddles) - before.energy,
            barrier_reverse=max(saddles) - after.energy,
            path_length=(parts[0].path_length or 0.0) + (parts[1].path_length or 0.0),
            profile=_joined(*parts),
            images=[*parts[0].images, *parts[1].images[1:]],
            max_force=max((hop.max_force for hop in parts if hop.max_force is not None), default=None),
            negative_modes=higher.negative_modes,
            modes_certain=higher.modes_certain,
            curvatures=higher.curvatures,
        )
    )
    search.splits.append(max(search.splits[first], search.splits[second]))
    return index


def _joined(first: VacancyHop, second: VacancyHop) -> list[ProfilePoint]:
    """Return the energy along both hops, one after the other."""
    end, start = first.profile[-1], second.profile[0]
    later = [
        ProfilePoint(
            distance=end.distance + point.distance - start.distance,
            energy=end.energy + point.energy - start.energy,
            slope=point.slope,
        )
        for point in second.profile[1:]
    ]
    return [*first.profile, *later]
