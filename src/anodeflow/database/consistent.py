"""Whether the documents of a results file agree with each other: one that was edited by hand must not be believed."""

from collections.abc import Iterable, Mapping

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import InputError
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import studies

_SAME = 1e-6  # eV: digits that JSON keeps


def check_agreement(file: object, documents: Iterable[StudyDoc], calculations: Mapping[str, CalculationDoc]) -> None:
    """Compare numbers, formulas and structures of documents as far as the same follows from their calculations.

    Parameters
    ----------
    file
        Where they come from, for the message.
    documents
        Study documents; studies of other packages are compared if they say by what
        (:meth:`anodeflow.studies.base.Study.compared`).
    calculations
        Id -> calculation; those of all documents are there.

    Raises
    ------
    InputError
        At the first contradiction, with its place.
    """
    for calculation in calculations.values():
        if words := _contradiction(calculation):
            raise InputError(f"{file}: the calculation {calculation.id} contradicts itself, {words}: {_ADVICE}")
    for document in documents:
        of = {step: calculations[identifier] for step, identifier in document.calculation_ids.items()}
        for each in studies()[document.study].compared(document, of):
            if words := each.difference:
                name = f"{document.study} of {document.system} in {document.campaign}"
                raise InputError(f"{file}: {each.place} of {name} is {words}: {_ADVICE}")


_ADVICE = "one of them was changed by hand or damaged; take the file as it was written, or write it anew."


def _contradiction(calculation: CalculationDoc) -> str:
    """Return what in a calculation cannot be true beside the rest of it; empty: nothing."""
    first, last = calculation.initial_structure.composition, calculation.structure.composition
    if first.formula != calculation.formula:
        return f"its formula is {calculation.formula}, and its first structure {first.formula}"
    if first != last:
        return f"its first structure is {first.formula}, and its last one {last.formula}"
    if calculation.evaluated_energy is not None:
        energy = calculation.evaluated_energy - (calculation.remaining_energy or 0.0)
        if abs(energy - calculation.energy) > _SAME:
            return f"its energy is {calculation.energy:.6g} eV, and follows from the rest of it to be {energy:.6g} eV"
    if isinstance(calculation, NebDoc):
        if not 0 <= calculation.climbing_image < len(calculation.image_energies):
            return f"image {calculation.climbing_image} climbs, and there are {len(calculation.image_energies)}"
        climbed = calculation.image_energies[calculation.climbing_image]
        if abs(climbed - calculation.energy) > _SAME:
            return f"its energy is {calculation.energy:.6g} eV, and that of the image that climbed {climbed:.6g} eV"
    return ""
