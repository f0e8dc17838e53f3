"""From relaxed orderings to their ranking, and to the document of the study."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition

from anodeflow.analysis.diffraction import diffraction_pattern
from anodeflow.analysis.study import study_fields
from anodeflow.errors import CalculationError, InputError
from anodeflow.schemas.calculation import CalculationDoc
from anodeflow.schemas.orderings import OrderingsDoc, RankedOrdering
from anodeflow.structures.host import HostLattice
from anodeflow.structures.orderings import Ordering, host_survived, ordering_name, resembled_host, space_group

_SAME_ENERGY = 0.002
"""Orderings further apart than this are not compared as duplicates, eV/atom."""
_EQUAL = 0.0005
"""Closer than this, none of two is called the lower one, eV/atom."""


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
    warnings: list[str] = Field(default_factory=list, description="What a reader should know.")


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
    study: Mapping[str, Any],
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
        `system`, `hosts`, `window` (eV/atom), `keep`.
    confirm
        Whether another backend decides: then all within the window of the lowest are chosen; else the `keep` lowest.

    Raises
    ------
    CalculationError
        If all relaxations failed, or all orderings lost their host.
    InputError
        If the bulk of an element is missing.
    """
    system = study["system"]
    entries = [_entry(ordering, found, bulks) for ordering, found in zip(orderings, results, strict=True)]
    identifiers = {f"ordering {n}": found.id for n, found in enumerate(results) if found is not None}
    done = [found for found in results if found is not None]
    if not done:
        raise CalculationError(f"{system}: none of {len(orderings)} orderings could be relaxed; see the orderings.")
    mark_duplicates(entries)
    standing = _standing(entries)
    if not standing:
        far = min(entry.displacement for entry in entries if entry.displacement is not None)
        raise CalculationError(
            f"{system}: all {len(done)} relaxed orderings left their host lattice ({', '.join(study['hosts'])}; atoms "
            f"moved by {far:.2f} Å or more), so there is none to answer with: name the hosts that they may have "
            "turned into."
        )
    lowest = _energy(standing[0])
    close = [entry.index for entry in standing if _energy(entry) <= lowest + study["window"]]
    if not confirm:
        close = [entry.index for entry in standing[: study["keep"]]]
    for entry in entries:
        if entry.index not in close and not (entry.state == "host lost" and _energy(entry) < lowest):
            entry.structure = None
    return OrderingSearch(
        entries=entries,
        chosen=[orderings[index] for index in close],
        calculation_ids=identifiers,
        backend=done[0].backend,
        code=f"{done[0].code} {done[0].code_version}",
        settings=done[0].settings,
    )


def mark_duplicates(entries: Sequence[RankedOrdering]) -> None:
    """Mark orderings that relaxed into a lower one, in place; those without a structure are not looked at.

    Of those that left their host, the message tells which one they have become, if it is among the others.
    """
    matcher = StructureMatcher(ltol=0.05, stol=0.1, angle_tol=2)
    seen: list[RankedOrdering] = []
    for entry in _standing(entries):
        for other in seen:
            near = abs(_energy(entry) - _energy(other)) < _SAME_ENERGY and entry.host == other.host
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
            if abs(_energy(entry) - _energy(other)) < _SAME_ENERGY and _fit(matcher, entry, other):
                entry.same_as = other.index
                entry.message += f": it has become ordering {other.index} on {other.host}"
                break


def _fit(matcher: StructureMatcher, one: RankedOrdering, other: RankedOrdering) -> bool:
    assert one.structure is not None
    assert other.structure is not None
    return matcher.fit(one.structure, other.structure)


def orderings_document(
    search: OrderingSearch,
    confirmations: Sequence[CalculationDoc | None] | None,
    sqs: tuple[Ordering, CalculationDoc | None] | None,
    bulks: Mapping[str, CalculationDoc],
    study: Mapping[str, Any],
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
        `campaign`, `system`, `reference`, `formula`, `hosts`, `max_atoms`, `window`, `keep`, `sqs_atoms`,
        `enumerated`.

    Raises
    ------
    CalculationError
        If no ordering could be confirmed, or none kept its host there.
    """
    system, entries = study["system"], search.entries
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
    standing = [entry for entry in _standing(entries) if entry.formation_energy is not None]
    if not standing:
        raise CalculationError(
            f"{system}: none of the {len(search.chosen)} orderings close to the lowest could be confirmed on its host; "
            "see their relaxations."
        )
    for entry in standing[: study["keep"]]:
        entry.state = "kept"
    random = None
    warnings = list(search.warnings)
    if sqs is not None:
        ordering, found = sqs
        if found is None:
            warnings.append("the special quasi-random structure is missing: its relaxation failed")
        else:
            random = _entry(ordering, found, bulks)
            random.formation_energy, random.rank_formation_energy = random.rank_formation_energy, None
            random.name = f"{random.host} SQS {random.atoms} atoms"
            random.state = "host lost" if random.state == "host lost" else "kept"
            identifiers["sqs confirmed" if confirmations is not None else "sqs"] = found.id
    identifiers |= {f"bulk {element}": bulk.id for element, bulk in bulks.items()}
    order = {"kept": 0, "not kept": 1, "duplicate": 2, "host lost": 3, "failed": 4}
    entries = sorted(entries, key=lambda e: (order[e.state], e.formation_energy is None, _energy(e)))
    for entry in entries:
        if entry.state not in ("kept", "host lost"):
            entry.structure = None
    _number_names(entries)
    warnings += _warnings(entries, random, bulks)
    backend, code, calculation_settings = decided
    asked = {key: study[key] for key in ("formula", "hosts", "max_atoms", "window", "keep", "sqs_atoms")}
    settings = {"calculation": calculation_settings, "orderings": asked}
    if confirmations is not None:
        settings["ranking"] = {"code": search.code, **search.settings}
    winner = entries[0]
    assert winner.structure is not None
    host = HostLattice(lattice=winner.host, axes=winner.host_axes)  # type: ignore[arg-type]
    return OrderingsDoc(
        **study_fields({**study, "adsorbate": ""}, backend, code, settings, identifiers),
        warnings=warnings,
        formula=study["formula"],
        hosts=study["hosts"],
        max_atoms=study["max_atoms"],
        window=study["window"],
        keep=study["keep"],
        enumerated=study["enumerated"],
        rank_backend=search.backend,
        confirmed=confirmations is not None,
        orderings=entries,
        sqs=random,
        references={element: bulk.energy_per_atom for element, bulk in bulks.items()},
        pattern=diffraction_pattern(winner.structure, host, winner.name),
    )


def _entry(ordering: Ordering, found: CalculationDoc | None, bulks: Mapping[str, CalculationDoc]) -> RankedOrdering:
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
    _check_host(entry, ordering, found)
    return entry


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
    _check_host(entry, ordering, found)


def _check_host(entry: RankedOrdering, ordering: Ordering, found: CalculationDoc) -> None:
    check = host_survived(ordering, found.structure)
    entry.displacement, entry.host_edges = check.displacement, check.edges
    entry.message = "" if found.converged else "its relaxation did not converge"
    if not check.survived:
        entry.state = "host lost"
        now = resembled_host(found.structure)
        became = f", nearly {now} now" if now not in (None, entry.host) else ""
        entry.message = f"no longer {entry.host} after the relaxation by {found.backend}{became}"


def _standing(entries: Sequence[RankedOrdering]) -> list[RankedOrdering]:
    """Return the orderings that stand on their host and are no duplicates, the lowest first."""
    standing = [e for e in entries if e.state in ("kept", "not kept") and e.structure is not None]
    return sorted(standing, key=_energy)


def _energy(entry: RankedOrdering) -> float:
    """Return the formation energy that is known, eV/atom: the deciding one, else that of the ranking."""
    if entry.formation_energy is not None:
        return entry.formation_energy
    return float("inf") if entry.rank_formation_energy is None else entry.rank_formation_energy


def _is_below(entry: RankedOrdering, lowest: RankedOrdering) -> bool:
    """Compare by the deciding backend where that treated both, else by the ranking."""
    if entry.formation_energy is not None:
        return entry.formation_energy < (lowest.formation_energy or 0.0) - _EQUAL
    return _energy(entry) < (lowest.rank_formation_energy or 0.0) - _EQUAL


def _number_names(entries: Sequence[RankedOrdering]) -> None:
    """Tell orderings of the same name apart: hcp Pm 10 atoms, hcp Pm 10 atoms (2)."""
    seen: dict[str, int] = {}
    for entry in entries:
        seen[entry.name] = seen.get(entry.name, 0) + 1
        if seen[entry.name] > 1:
            entry.name = f"{entry.name} ({seen[entry.name]})"


def _warnings(
    entries: Sequence[RankedOrdering], random: RankedOrdering | None, bulks: Mapping[str, CalculationDoc]
) -> list[str]:
    lowest = entries[0]
    found = []
    below = [entry for entry in entries if entry.state == "host lost" and _is_below(entry, lowest)]
    if below:
        first = min(below, key=_energy)
        others = f" ({len(below) - 1} more of this kind)" if len(below) > 1 else ""
        found.append(
            f"the lowest of all, ordering {first.index} ({first.name}, {_energy(first):.4f} eV/atom), is "
            f"{first.message}: {lowest.name} is the lowest that kept it{others}"
        )
    gone = {entry.host for entry in entries if entry.state == "host lost"}
    for host in sorted(gone - {entry.host for entry in entries if entry.state not in ("host lost", "failed")}):
        found.append(f"all orderings on {host} left it in the relaxation")
    failed = [entry for entry in entries if entry.state == "failed"]
    if failed:
        which = ", ".join(str(entry.index) for entry in failed)
        found.append(f"missing, a relaxation failed: ordering {which}")
    found += [f"{entry.name}: {entry.message}" for entry in entries if entry.state == "kept" and entry.message]
    if random is not None and random.message:
        found.append(f"{random.name}: {random.message}")
    for element, bulk in bulks.items():
        found += [f"bulk {element}: {warning}" for warning in bulk.warnings]
    return found
