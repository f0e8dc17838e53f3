"""From the orderings of several compositions to the document of hull, voltages and capacities."""

from collections.abc import Mapping, Sequence

from pymatgen.core import Composition

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.address import content_hash
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.studies.about import study_fields
from anodeflow.studies.electrochemistry.context import ElectrochemistryContext
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc, SearchedComposition
from anodeflow.studies.electrochemistry.phases import (
    decomposition_words,
    hull_points,
    ion_charge,
    phase_capacities,
    voltage_steps,
)
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.orderings.search import check_references
from anodeflow.studies.shared.references import crystal_caveats

_SMALL_VOLTAGE = 0.003
"""V: about what 1 meV/atom, the least error of a formation energy, makes."""
_FEW = 3
"""A hull of fewer compositions is told to be one: each of them is stable almost whatever its energy."""


def electrochemistry_document(
    orderings: Sequence[OrderingsDoc | None], bulks: Mapping[str, CalculationDoc], study: ElectrochemistryContext
) -> ElectrochemistryDoc:
    """Return the document.

    Parameters
    ----------
    orderings
        Orderings of several compositions of the two elements, by the same backend; none where a study failed.
    bulks
        Element -> relaxed bulk by the same backend.
    study
        What was asked for.

    Raises
    ------
    InputError
        If a document is one of other elements or another backend, or a bulk is missing.
    CalculationError
        If all studies of orderings failed.
    """
    ion, partner, system = study.input.ion, study.input.partner, study.system
    check_references(Composition({ion: 1, partner: 1}), bulks)
    metals = {element: bulks[element] for element in dict.fromkeys((ion, partner))}
    done = [document for document in orderings if document is not None]
    if not done:
        raise CalculationError(f"{system}: no composition has its orderings, so there is no hull; see their studies.")
    for document in done:
        _check(document, metals, study)
    identifiers = {f"bulk {element}": bulk.id for element, bulk in metals.items()}
    crystals = [(element, "bulk", f"bulk {element}", 0.0) for element in metals]
    origins: dict[str, str] = {}
    for document in done:
        formula = Composition(document.formula).reduced_formula
        for entry in [*document.kept, *([document.sqs] if document.sqs and document.sqs.state == "kept" else [])]:
            if entry.formation_energy is None:
                continue
            step = f"{formula} {entry.name}"
            identifiers[step] = document.calculation_ids[document.step(entry)]
            origins[step] = document.document_id
            crystals.append((formula, entry.name, step, entry.formation_energy))
    points = hull_points(crystals, ion)
    steps = voltage_steps(points, ion, partner)
    first = metals[ion]
    asked = {"ion": ion, "partner": partner}
    fields = study_fields(
        study,
        first.backend,
        f"{first.code} {first.code_version}",
        {"calculation": first.settings, "electrochemistry": asked},
        identifiers,
    )
    fields["document_id"] = content_hash([fields["document_id"], sorted(document.document_id for document in done)])
    warnings = [each.under(f"bulk {element}") for element, bulk in metals.items() for each in crystal_caveats(bulk)]
    warnings += [
        Caveat("not-converged", entry.message).under(f"{Composition(document.formula).reduced_formula} {entry.name}")
        for document in done
        for entry in document.kept
        if entry.message
    ]
    if len(done) < len(orderings):
        warnings.append(
            Caveat(
                "composition-missing",
                f"{len(orderings) - len(done)} of {len(orderings)} compositions are missing: their study failed",
            )
        )
    if not steps:
        warnings.append(
            Caveat("no-compound", f"no compound of {ion} and {partner} is on the hull, so there is no voltage step")
        )
    warnings += [
        Caveat("small-voltage", f"{1000 * step.voltage:.1f} mV is within the error of formation energies").under(
            f"{step.initial} -> {step.final}"
        )
        for step in steps
        if step.voltage < _SMALL_VOLTAGE
    ]
    made = ElectrochemistryDoc(
        **fields,
        warnings=warnings,
        ion=ion,
        partner=partner,
        charge=ion_charge(ion),
        points=points,
        steps=steps,
        capacities=phase_capacities(points, ion),
        point_origins=origins,
        searched=_searched(done, ion),
    )
    made.warnings += [
        Caveat(
            "above-hull",
            f"lies {1000 * point.energy_above_hull:.1f} meV/atom above the hull: it decomposes into "
            f"{decomposition_words(point.decomposition)} (fractions of the atoms)",
        ).of(f"{point.formula} ({point.name})")
        for point in made.unstable
    ]
    if len(made.searched) < _FEW:
        names = ", ".join(each.formula for each in made.searched)
        made.warnings.append(
            Caveat(
                "few-compositions",
                f"the hull was searched at {names} alone: a phase at another composition may lie lower and change it, "
                "and the voltages with it; add orderings studies",
            )
        )
    return made


def _searched(documents: Sequence[OrderingsDoc], ion: str) -> list[SearchedComposition]:
    """Return the compositions that were searched, by the fraction of the ion."""
    found = [
        SearchedComposition(
            formula=Composition(document.formula).reduced_formula,
            fraction=Composition(document.formula).get_atomic_fraction(ion),
            hosts=document.hosts,
            max_atoms=document.max_atoms,
            orderings=sum(document.enumerated.values()),
        )
        for document in documents
    ]
    return sorted(found, key=lambda each: each.fraction)


def _check(document: OrderingsDoc, metals: Mapping[str, CalculationDoc], study: ElectrochemistryContext) -> None:
    """Refuse orderings of other elements or by another backend."""
    elements = {element.symbol for element in Composition(document.formula).elements}
    if elements != set(metals):
        raise InputError(
            f"{study.system}: {document.formula} is no alloy of {study.input.ion} and {study.input.partner}: name "
            "compositions of these two elements only."
        )
    for element, bulk in metals.items():
        if abs(document.references[element] - bulk.energy_per_atom) > 1e-6:
            raise InputError(
                f"{study.system}: the formation energies of {document.formula} ({document.backend}) and the bulk of "
                f"{element} ({bulk.backend}) rest on different calculations: use one backend with the same settings."
            )
