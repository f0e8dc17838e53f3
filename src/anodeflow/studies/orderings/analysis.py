"""From ranked and confirmed orderings to the document of the study."""

from collections.abc import Mapping, Sequence

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.bulk.host_check import ordering_name, space_group
from anodeflow.structures.ordering.orderings import Ordering
from anodeflow.studies.about import study_fields
from anodeflow.studies.orderings.context import OrderingsContext
from anodeflow.studies.orderings.diffraction import diffraction_pattern
from anodeflow.studies.orderings.document import OrderingsDoc, RankedOrdering
from anodeflow.studies.orderings.search import (
    OrderingSearch,
    formation_energy,
    known_energy,
    mark_duplicates,
    note_host,
    ranked_entry,
    standing_entries,
)

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
        The ranking; its entries are changed.
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
    system, entries = study.system, search.entries
    identifiers = dict(search.calculation_ids)
    decided = search.backend, search.code, search.settings
    if confirmations is None:
        for entry in entries:
            entry.formation_energy = entry.rank_formation_energy
    else:
        for ordering, found in zip(search.chosen, confirmations, strict=True):
            _confirm(entries[ordering.index], ordering, found, bulks)
            if found is not None:
                identifiers[f"ordering {ordering.index} confirmed"] = found.id
                decided = found.backend, f"{found.code} {found.code_version}", found.settings
        mark_duplicates(entries)
    standing = [entry for entry in standing_entries(entries) if entry.formation_energy is not None]
    if not standing:
        raise CalculationError(
            f"{system}: none of the {len(search.chosen)} orderings close to the lowest could be confirmed on its host; "
            "see their relaxations."
        )
    for entry in standing[: study.keep]:
        entry.state = "kept"
    random = None
    warnings = list(search.warnings)
    if sqs is not None:
        ordering, found = sqs
        if found is None:
            warnings.append(
                Caveat("sqs-missing", "the special quasi-random structure is missing: its relaxation failed")
            )
        else:
            random = ranked_entry(ordering, found, bulks)
            random.formation_energy, random.rank_formation_energy = random.rank_formation_energy, None
            random.name = f"{random.host} SQS {random.atoms} atoms"
            random.state = "host lost" if random.state == "host lost" else "kept"
            identifiers["sqs confirmed" if confirmations is not None else "sqs"] = found.id
    identifiers |= {f"bulk {element}": bulk.id for element, bulk in bulks.items()}
    order = {"kept": 0, "not kept": 1, "duplicate": 2, "host lost": 3, "failed": 4}
    entries = sorted(entries, key=lambda e: (order[e.state], e.formation_energy is None, known_energy(e)))
    for entry in entries:
        if entry.state not in ("kept", "host lost"):
            entry.structure = None
    _number_names(entries)
    warnings += _warnings(entries, random, bulks)
    backend, code, calculation_settings = decided
    asked = {key: getattr(study, key) for key in ("formula", "hosts", "max_atoms", "window", "keep", "sqs_atoms")}
    settings = {"calculation": calculation_settings, "orderings": asked}
    if confirmations is not None:
        settings["ranking"] = {"code": search.code, **search.settings}
    winner = entries[0]
    assert winner.structure is not None
    host = HostLattice(lattice=winner.host, axes=winner.host_axes)  # type: ignore[arg-type]
    return OrderingsDoc(
        **study_fields(study, backend, code, settings, identifiers),
        warnings=warnings,
        formula=study.formula,
        hosts=study.hosts,
        max_atoms=study.max_atoms,
        window=study.window,
        keep=study.keep,
        enumerated=study.enumerated or {},
        rank_backend=search.backend,
        confirmed=confirmations is not None,
        orderings=entries,
        sqs=random,
        references={element: bulk.energy_per_atom for element, bulk in bulks.items()},
        pattern=diffraction_pattern(winner.structure, host, winner.name),
    )


def _confirm(
    entry: RankedOrdering, ordering: Ordering, found: CalculationDoc | None, bulks: Mapping[str, CalculationDoc]
) -> None:
    """Take the relaxation by the deciding backend into account."""
    if found is None:
        entry.state, entry.message = "failed", "its confirmation failed: `anodeflow status` says why"
        entry.structure = None
        return
    entry.structure, entry.space_group = found.structure, space_group(found.structure)
    entry.name = ordering_name(found.structure, entry.host)
    entry.formation_energy = formation_energy(found, bulks)
    note_host(entry, ordering, found)


def _is_below(entry: RankedOrdering, lowest: RankedOrdering) -> bool:
    """Compare by the deciding backend where that treated both, else by the ranking."""
    if entry.formation_energy is not None:
        return entry.formation_energy < (lowest.formation_energy or 0.0) - _EQUAL
    return known_energy(entry) < (lowest.rank_formation_energy or 0.0) - _EQUAL


def _number_names(entries: Sequence[RankedOrdering]) -> None:
    """Tell orderings of the same name apart: hcp Pm 10 atoms, hcp Pm 10 atoms (2)."""
    seen: dict[str, int] = {}
    for entry in entries:
        seen[entry.name] = seen.get(entry.name, 0) + 1
        if seen[entry.name] > 1:
            entry.name = f"{entry.name} ({seen[entry.name]})"


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
        Caveat("not-converged", f"{entry.name}: {entry.message}")
        for entry in entries
        if entry.state == "kept" and entry.message
    ]
    if random is not None and random.message:
        code = "host-lost" if random.state == "host lost" else "not-converged"
        found.append(Caveat(code, f"{random.name}: {random.message}"))
    for element, bulk in bulks.items():
        found += [warning.under(f"bulk {element}") for warning in bulk.warnings]
    return found
