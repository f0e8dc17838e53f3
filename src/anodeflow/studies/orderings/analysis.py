"""From ranked and confirmed orderings to the document of the study."""

from collections import Counter
from collections.abc import Mapping, Sequence

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.structures.bulk.host import HostLattice, space_group
from anodeflow.structures.ordering.host_check import ordering_name
from anodeflow.structures.ordering.orderings import Ordering
from anodeflow.studies.about import study_fields
from anodeflow.studies.orderings.context import OrderingsContext
from anodeflow.studies.orderings.diffraction import diffraction_pattern
from anodeflow.studies.orderings.document import OrderingsDoc, RankedOrdering
from anodeflow.studies.orderings.search import (
    OrderingSearch,
    formation_energy,
    known_energy,
    ranked_entry,
    standing_entries,
    with_duplicates,
    with_host,
)
from anodeflow.studies.shared.references import crystal_caveats

_EQUAL = 0.0005
"""Closer than this, none of two is called the lower one, eV/atom."""


def orderings_document(
    search: OrderingSearch,
    confirmations: Sequence[CalculationDoc | None] | None,
    sqs: tuple[Ordering, CalculationDoc | None] | None,
    bulks: Mapping[str, CalculationDoc],
    study: OrderingsContext,
) -> OrderingsDoc:
    """Return the document.

    Parameters
    ----------
    search
        The ranking.
    confirmations
        Relaxations by the deciding backend of `search.chosen`, in that order, none where one failed; None: the
        ranking is the answer.
    sqs
        Special quasi-random structure before its relaxation, and that by the deciding backend (none: it failed).
    bulks
        Element -> relaxed bulk by the deciding backend.
    study
        What was asked for, and how many orderings there are.

    Raises
    ------
    CalculationError
        If no ordering could be confirmed, or none kept its host there.
    """
    entries = _decided(search, confirmations, bulks)
    standing = [entry.index for entry in standing_entries(entries) if entry.formation_energy is not None]
    if not standing:
        raise CalculationError(
            f"{study.system}: none of the {len(search.chosen)} orderings close to the lowest could be confirmed on its "
            "host; see their relaxations."
        )
    entries = _in_order(entries, set(standing[: study.input.keep]))
    random = None if sqs is None or sqs[1] is None else _random_entry(sqs[0], sqs[1], bulks)
    warnings = list(search.warnings)
    if sqs is not None and sqs[1] is None:
        warnings.append(Caveat("sqs-missing", "the special quasi-random structure is missing: its relaxation failed"))
    warnings += _warnings(entries, random, bulks)
    last = next((found for found in reversed(confirmations or []) if found is not None), None)
    backend, code, calculation_settings = search.backend, search.code, search.settings
    if last is not None:
        backend, code, calculation_settings = last.backend, f"{last.code} {last.code_version}", last.settings
    settings = {"calculation": calculation_settings, "orderings": study.asked}
    if confirmations is not None:
        settings["ranking"] = {"code": search.code, **search.settings}
    identifiers = _identifiers(search, confirmations, sqs, bulks)
    winner = entries[0]
    assert winner.structure is not None
    host = HostLattice(lattice=winner.host, axes=winner.host_axes)  # type: ignore[arg-type]
    return OrderingsDoc(
        **study_fields(study, backend, code, settings, identifiers),
        warnings=warnings,
        formula=study.input.composition,
        hosts=list(study.input.hosts),
        max_atoms=study.input.max_atoms,
        window=study.input.shortlist.window,
        keep=study.input.keep,
        enumerated=study.enumerated or {},
        rank_backend=search.backend,
        confirmed=confirmations is not None,
        orderings=entries,
        sqs=random,
        references={element: bulk.energy_per_atom for element, bulk in bulks.items()},
        pattern=diffraction_pattern(winner.structure, host, winner.name),
    )


def _decided(
    search: OrderingSearch, confirmations: Sequence[CalculationDoc | None] | None, bulks: Mapping[str, CalculationDoc]
) -> list[RankedOrdering]:
    """Return the orderings with the formation energies that decide."""
    if confirmations is None:
        return [each.model_copy(update={"formation_energy": each.rank_formation_energy}) for each in search.entries]
    entries = list(search.entries)
    for ordering, found in zip(search.chosen, confirmations, strict=True):
        entries[ordering.index] = _confirmed(entries[ordering.index], ordering, found, bulks)
    return with_duplicates(entries)


def _confirmed(
    entry: RankedOrdering, ordering: Ordering, found: CalculationDoc | None, bulks: Mapping[str, CalculationDoc]
) -> RankedOrdering:
    """Return an ordering with the relaxation by the deciding backend taken into account."""
    if found is None:
        message = "its confirmation failed: `anodeflow status` says why"
        return entry.model_copy(update={"state": "failed", "message": message, "structure": None})
    confirmed = entry.model_copy(
        update={
            "structure": found.structure,
            "space_group": space_group(found.structure),
            "name": ordering_name(found.structure, entry.host),
            "formation_energy": formation_energy(found, bulks),
        }
    )
    return with_host(confirmed, ordering, found)


def _in_order(entries: Sequence[RankedOrdering], kept: set[int]) -> list[RankedOrdering]:
    """Return the orderings as the document has them: those kept first, with names that differ, the rest without atoms.

    Orderings of the same name are told apart: hcp Pm 10 atoms, hcp Pm 10 atoms (2).
    """
    states = [entry.model_copy(update={"state": "kept"}) if entry.index in kept else entry for entry in entries]
    order = {"kept": 0, "not kept": 1, "duplicate": 2, "host lost": 3, "failed": 4}
    found: list[RankedOrdering] = []
    seen: Counter[str] = Counter()
    for entry in sorted(states, key=lambda e: (order[e.state], e.formation_energy is None, known_energy(e))):
        seen[entry.name] += 1
        name = entry.name if seen[entry.name] == 1 else f"{entry.name} ({seen[entry.name]})"
        structure = entry.structure if entry.state in ("kept", "host lost") else None
        found.append(entry.model_copy(update={"name": name, "structure": structure}))
    return found


def _random_entry(ordering: Ordering, found: CalculationDoc, bulks: Mapping[str, CalculationDoc]) -> RankedOrdering:
    """Return the entry of the special quasi-random structure."""
    entry = ranked_entry(ordering, found, bulks)
    return entry.model_copy(
        update={
            "formation_energy": entry.rank_formation_energy,
            "rank_formation_energy": None,
            "name": f"{entry.host} SQS {entry.atoms} atoms",
            "state": "host lost" if entry.state == "host lost" else "kept",
        }
    )


def _identifiers(
    search: OrderingSearch,
    confirmations: Sequence[CalculationDoc | None] | None,
    sqs: tuple[Ordering, CalculationDoc | None] | None,
    bulks: Mapping[str, CalculationDoc],
) -> dict[str, str]:
    """Return step -> id of every calculation."""
    identifiers = dict(search.calculation_ids)
    for ordering, found in zip(search.chosen, confirmations or [], strict=confirmations is not None):
        if found is not None:
            identifiers[f"ordering {ordering.index} confirmed"] = found.id
    if sqs is not None and sqs[1] is not None:
        identifiers["sqs confirmed" if confirmations is not None else "sqs"] = sqs[1].id
    return identifiers | {f"bulk {element}": bulk.id for element, bulk in bulks.items()}


def _is_below(entry: RankedOrdering, lowest: RankedOrdering) -> bool:
    """Compare by the deciding backend where that treated both, else by the ranking."""
    if entry.formation_energy is not None:
        return entry.formation_energy < (lowest.formation_energy or 0.0) - _EQUAL
    return known_energy(entry) < (lowest.rank_formation_energy or 0.0) - _EQUAL


def _warnings(
    entries: Sequence[RankedOrdering], random: RankedOrdering | None, bulks: Mapping[str, CalculationDoc]
) -> list[Caveat]:
    lowest = entries[0]
    found = []
    below = [entry for entry in entries if entry.state == "host lost" and _is_below(entry, lowest)]
    if below:
        first = min(below, key=known_energy)
        others = f" ({len(below) - 1} more of this kind)" if len(below) > 1 else ""
        found.append(
            Caveat(
                "host-lost",
                f"the lowest of all, ordering {first.index} ({first.name}, {known_energy(first):.4f} eV/atom), "
                f"{first.message}: {lowest.name} is the lowest that kept it{others}",
            )
        )
    gone = {entry.host for entry in entries if entry.state == "host lost"}
    for host in sorted(gone - {entry.host for entry in entries if entry.state not in ("host lost", "failed")}):
        found.append(Caveat("host-lost", f"all orderings on {host} left it in the relaxation"))
    failed = [entry for entry in entries if entry.state == "failed"]
    if failed:
        which = ", ".join(str(entry.index) for entry in failed)
        found.append(Caveat("ordering-missing", f"missing, a relaxation failed: ordering {which}"))
    found += [
        Caveat("not-converged", entry.message).under(entry.name)
        for entry in entries
        if entry.state == "kept" and entry.message
    ]
    if random is not None and random.message:
        code = "host-lost" if random.state == "host lost" else "not-converged"
        found.append(Caveat(code, random.message).under(random.name))
    for element, bulk in bulks.items():
        found += [warning.under(f"bulk {element}") for warning in crystal_caveats(bulk)]
    return found
