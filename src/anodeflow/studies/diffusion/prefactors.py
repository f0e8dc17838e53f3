"""The attempt frequency of each hop: Vineyard's where the vibrations are known, else one for all."""

from collections.abc import Mapping, Sequence

import numpy as np

from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.vibrations import vineyard_prefactor, zero_point_energy
from anodeflow.core.caveats import Caveat
from anodeflow.studies.diffusion.document import Hop, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.network import has_barrier, vibrational_entropies

USUAL = 1e13
"""Attempt frequency of a hop whose vibrations are not known, 1/s."""


def record_vibrations(search: HopSearch, vibrations: Mapping[str, ModesDoc | None]) -> None:
    """Put the frequencies at minima and saddles into the search.

    Parameters
    ----------
    search
        Its minima and hops are changed.
    vibrations
        Name of a place -> all modes there; none where they could not be computed.
    """
    places: list[SurfaceMinimum | Hop] = [*search.minima, *search.hops]
    for place in places:
        found = vibrations.get(place.name)
        if found is not None:
            place.frequencies = found.frequencies
            search.calculation_ids[vibrations_of(place.name)] = found.id


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
            which = "a minimum has" if entropies is None else "minimum and saddle have"
            told.append(
                Caveat(
                    "no-vineyard-prefactor",
                    f"its rate takes {given:.0e} 1/s, not Vineyard's prefactor, for {which} no vibrations, or not "
                    "those of a minimum and a saddle of first order",
                ).under(hop.subject)
            )
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
