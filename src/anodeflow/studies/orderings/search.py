"""Ranking of relaxed orderings: formation energies, hosts that were lost, duplicates, and the close ones."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveats
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.screening.shortlist import Ranked, choose
from anodeflow.structures.bulk.host import space_group
from anodeflow.structures.ordering.host_check import host_survived, ordering_name, resembled_host
from anodeflow.structures.ordering.orderings import Ordering
from anodeflow.studies.orderings.context import OrderingsContext
from anodeflow.studies.orderings.document import RankedOrdering

_SAME_ENERGY = 0.002
"""Orderings further apart than this are not compared as duplicates, eV/atom."""


class OrderingSearch(BaseModel):
    """What is known of the orderings after the ranking."""

    entries: list[RankedOrdering] = Field(
        description="All orderings, as enumerated; lost or close ones have structures."
    )
    chosen: list[Ordering] = Field(default_factory=list, description="Those within the window, before relaxation.")
    calculation_ids: dict[str, str] = Field(description="Step -> id.")
    backend: str = Field(description="Name of the backend that ranked.")
    code: str = Field(description="Its code and version.")
    settings: dict[str, Any] = Field(description="Its settings.")
    warnings: Caveats = Field(default_factory=list, description="What a reader should know.")


def formation_energy(calculation: CalculationDoc, bulks: Mapping[str, CalculationDoc]) -> float:
    """Return the formation energy of a crystal from the bulks of its elements.

    ``(E - sum n_i E_i) / sum n_i``; negative: stable against the elements.

    Parameters
    ----------
    calculation
        The relaxed crystal.
    bulks
        Element -> relaxed bulk, by the same code with the same settings.

    Returns
    -------
    float
        eV/atom.

    Raises
    ------
    InputError
        If the bulk of an element is missing.
    """
    composition = calculation.structure.composition
    check_references(composition, bulks)
    parts = sum(amount * bulks[element.symbol].energy_per_atom for element, amount in composition.items())
    return (calculation.energy - parts) / composition.num_atoms


def check_references(composition: Composition, bulks: Mapping[str, Any]) -> None:
    """Raise InputError if the bulk of an element of a composition is missing."""
    missing = [element.symbol for element in composition.elements if element.symbol not in bulks]
    if missing:
        raise InputError(
            f"formation energies of {composition.reduced_formula} need the bulk of {', '.join(missing)}: add it to the "
            "references."
        )


def rank_orderings(
    orderings: Sequence[Ordering],
    results: Sequence[CalculationDoc | None],
    bulks: Mapping[str, CalculationDoc],
    study: OrderingsContext,
    confirm: bool,
) -> OrderingSearch:
    """Rank relaxed orderings, drop those that lost their host, and choose those that may be the lowest.

    Parameters
    ----------
    orderings, results
        Orderings and their relaxations by the ranking backend, in the same order; none where one failed.
    bulks
        Element -> relaxed bulk by the ranking backend.
    study
        What was asked for.
    confirm
        Whether another backend decides: then those within the window of the lowest are chosen, as many as are to be
        confirmed at most; else the `keep` lowest (:func:`anodeflow.screening.shortlist.choose`).

    Raises
    ------
    CalculationError
        If all relaxations failed, or all orderings lost their host.
    InputError
        If the bulk of an element is missing.
    """
    system = study.system
    entries = [ranked_entry(ordering, found, bulks) for ordering, found in zip(orderings, results, strict=True)]
    identifiers = {f"ordering {n}": found.id for n, found in enumerate(results) if found is not None}
    done = [found for found in results if found is not None]
    if not done:
        raise CalculationError(f"{system}: none of {len(orderings)} orderings could be relaxed; see the orderings.")
    entries = with_duplicates(entries)
    standing = standing_entries(entries)
    if not standing:
        far = min(entry.displacement for entry in entries if entry.displacement is not None)
        hosts = ", ".join(study.input.hosts)
        raise CalculationError(
            f"{system}: all {len(done)} relaxed orderings left their parent lattice ({hosts}; atoms "
            f"moved by {far:.2f} Å or more), so there is none to answer with: name the hosts that they may have "
            "turned into."
        )
    lowest = known_energy(standing[0])
    shortlist = study.input.shortlist
    keep, window = (shortlist.keep or len(standing), shortlist.window) if confirm else (study.input.keep, math.inf)
    ranked = [Ranked(f"ordering {entry.index}", entry.name, known_energy(entry)) for entry in standing]
    handed_on = {each.step for each in choose(ranked, keep, window) if each.handed_on}
    close = [entry.index for entry in standing if f"ordering {entry.index}" in handed_on]
    entries = [
        entry
        if entry.index in close or (entry.state == "host lost" and known_energy(entry) < lowest)
        else entry.model_copy(update={"structure": None})
        for entry in entries
    ]
    return OrderingSearch(
        entries=entries,
        chosen=[orderings[index] for index in close],
        calculation_ids=identifiers,
        backend=done[0].backend,
        code=f"{done[0].code} {done[0].code_version}",
        settings=done[0].settings,
    )


def with_duplicates(entries: Sequence[RankedOrdering]) -> list[RankedOrdering]:
    """Return orderings, those marked that relaxed into a lower one; those without a structure are not looked at.

    Those that left their sites are told which other ordering they have become, if one: on the same host they are
    duplicates of it.
    """
    matcher = StructureMatcher(ltol=0.05, stol=0.1, angle_tol=2)
    entries = [entry.model_copy() for entry in entries]
    seen: list[RankedOrdering] = []
    for entry in standing_entries(entries):
        for other in seen:
            near = abs(known_energy(entry) - known_energy(other)) < _SAME_ENERGY and entry.host == other.host
            if near and _fit(matcher, entry, other):
                entry.state, entry.same_as = "duplicate", other.index
                entry.message = f"the same crystal as ordering {other.index}"
                break
        else:
            seen.append(entry)
    for entry in entries:
        if entry.state != "host lost" or entry.structure is None or entry.same_as is not None:
            continue
        for other in seen:
            if abs(known_energy(entry) - known_energy(other)) < _SAME_ENERGY and _fit(matcher, entry, other):
                entry.same_as = other.index
                if entry.host == other.host:  # by other sites of the same lattice
                    entry.state, entry.message = "duplicate", f"it has become ordering {other.index}"
                else:
                    entry.message += f": it has become ordering {other.index} on {other.host}"
                break
    return entries


def _fit(matcher: StructureMatcher, one: RankedOrdering, other: RankedOrdering) -> bool:
    assert one.structure is not None
    assert other.structure is not None
    return matcher.fit(one.structure, other.structure)


def ranked_entry(
    ordering: Ordering, found: CalculationDoc | None, bulks: Mapping[str, CalculationDoc]
) -> RankedOrdering:
    """Return the entry of an ordering after the ranking; `found` is none where its relaxation failed."""
    structure = ordering.structure if found is None else found.structure
    entry = RankedOrdering(
        index=ordering.index,
        name=ordering_name(structure, ordering.host.lattice),
        host=ordering.host.lattice,
        host_axes=ordering.host.axes,
        space_group=space_group(structure),
        atoms=len(structure),
        state="not kept",
        correlation_error=ordering.correlation_error,
    )
    if found is None:
        entry.state, entry.message = "failed", "its relaxation failed: `anodeflow status` says why"
        return entry
    entry.structure = found.structure
    entry.rank_formation_energy = formation_energy(found, bulks)
    return with_host(entry, ordering, found)


def with_host(entry: RankedOrdering, ordering: Ordering, found: CalculationDoc) -> RankedOrdering:
    """Return an entry with how far its atoms are from the host, and whether that is lost."""
    entry = entry.model_copy()
    check = host_survived(ordering, found.structure)
    entry.displacement, entry.host_edges = check.displacement, check.edges
    entry.message = "" if found.converged else "its relaxation did not converge"
    if not check.survived:
        entry.state = "host lost"
        now = resembled_host(found.structure)
        became = {None: "", entry.host: f" for another {now}"}.get(now, f", nearly {now} now")
        entry.message = f"left its {entry.host} lattice in the relaxation by {found.backend}{became}"
    return entry


def standing_entries(entries: Sequence[RankedOrdering]) -> list[RankedOrdering]:
    """Return the orderings that stand on their host and are no duplicates, the lowest first."""
    standing = [e for e in entries if e.state in ("kept", "not kept") and e.structure is not None]
    return sorted(standing, key=known_energy)


def known_energy(entry: RankedOrdering) -> float:
    """Return the formation energy that is known, eV/atom: the deciding one, else that of the ranking."""
    if entry.formation_energy is not None:
        return entry.formation_energy
    return float("inf") if entry.rank_formation_energy is None else entry.rank_formation_energy
