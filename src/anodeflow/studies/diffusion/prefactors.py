"""The attempt frequency of each hop: Vineyard's where the vibrations are known, else one for all."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.vibrations import vineyard_prefactor, zero_point_energy
from anodeflow.core.caveats import Caveat
from anodeflow.studies.diffusion.hop_document import Hop, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.network import has_barrier, vibrational_entropies

Place = TypeVar("Place", SurfaceMinimum, Hop)

USUAL = 1e13
"""Attempt frequency of a hop whose vibrations are not known, 1/s."""


def with_vibrations(search: HopSearch, vibrations: Mapping[str, ModesDoc | None]) -> HopSearch:
    """Return a search with the frequencies at its minima and saddles.

    Parameters
    ----------
    search
        A finished search.
    vibrations
        Name of a place -> all modes there; none where they could not be computed.
    """
    known = {place: found for place, found in vibrations.items() if found is not None}

    def at(place: Place) -> Place:
        found = known.get(place.name)
        return place if found is None else place.model_copy(update={"frequencies": found.frequencies})

    places: list[SurfaceMinimum | Hop] = [*search.minima, *search.hops]
    names = [place.name for place in places if place.name in known]
    return search.model_copy(
        update={
            "minima": [at(minimum) for minimum in search.minima],
            "hops": [at(hop) for hop in search.hops],
            "calculation_ids": search.calculation_ids | {vibrations_of(name): known[name].id for name in names},
        }
    )


def vibrations_of(place: str) -> str:
    """Return the step of the vibrations at a minimum or a saddle."""
    return f"vibrations of {place}"


def with_prefactors(
    minima: Sequence[SurfaceMinimum], hops: Sequence[Hop], prefactor: float | str
) -> tuple[list[Hop], float, list[Caveat]]:
    """Return the hops, those that have a rate with their prefactors, forward and back.

    Parameters
    ----------
    minima, hops
        Of the document.
    prefactor
        That of all hops, 1/s, or "vineyard".

    Returns
    -------
    list of Hop
        All of them.
    float
        The prefactor of the hops that have none of their own, 1/s.
    list of Caveat
        Hops that should have had one of their own but have not, a sentence each.
    """
    given = USUAL if isinstance(prefactor, str) else prefactor
    told: list[Caveat] = []
    hops = [hop.model_copy() for hop in hops]
    entropies = vibrational_entropies(minima)
    for hop in hops:
        if not has_barrier(hop):
            continue
        hop.prefactor_forward = hop.prefactor_reverse = given
        if prefactor != "vineyard":
            continue
        start, end = minima[hop.initial], minima[hop.final]
        forward = vineyard_prefactor(start.frequencies, hop.frequencies)
        reverse = vineyard_prefactor(end.frequencies, hop.frequencies)
        # With the entropy of one minimum unknown, forward and back rates of all hops would be at odds.
        if entropies is None or forward is None or reverse is None:
            places: list[SurfaceMinimum | Hop] = [*minima, hop]
            lacking = [reason for reason in map(_lacking, places) if reason]
            lacking = lacking or ["minima and saddle have not as many vibrations"]
            text = f"its rate takes {given:.0e} 1/s, not Vineyard's prefactor: {', and '.join(lacking)}"
            told.append(Caveat("no-vineyard-prefactor", text).under(hop.subject))
            if entropies is not None:
                # Detailed balance: the likelier end is left as much more slowly.
                entropy = entropies[hop.initial] - entropies[hop.final]
                hop.prefactor_reverse = float(given * np.exp(entropy))
            continue
        hop.prefactor_source = "vineyard"
        hop.prefactor_forward, hop.prefactor_reverse = forward, reverse
        saddle = zero_point_energy(hop.frequencies)
        hop.zero_point_change = saddle - zero_point_energy(start.frequencies)
        hop.zero_point_change_reverse = saddle - zero_point_energy(end.frequencies)
    return hops, given, told


def _lacking(place: SurfaceMinimum | Hop) -> str:
    """Return why the vibrations of a minimum or a saddle are of no use; empty: they are of use."""
    name, wanted = (f"the saddle of {place.name}", 1) if isinstance(place, Hop) else (place.name, 0)
    if not place.frequencies:
        return f"the vibrations at {name} are not known"
    imaginary = [f"{-value:.2f}i" for value in place.frequencies if value <= 0]
    if len(imaginary) == wanted:
        return ""
    if not imaginary:
        return f"{name} has no imaginary frequency"
    count = f"{len(imaginary)} imaginary frequenc{'y' if len(imaginary) == 1 else 'ies'}"
    return f"{name} has {count} ({', '.join(imaginary)} THz)"
