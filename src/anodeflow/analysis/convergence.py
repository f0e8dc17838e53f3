"""How far the answers of a study still move when one parameter after another is made finer."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from anodeflow.address import content_hash
from anodeflow.schemas.convergence import ConvergenceDoc, ConvergencePoint, ConvergenceSeries
from anodeflow.schemas.study import StudyDoc


class ConvergenceParameter(BaseModel):
    """A parameter to vary, and the values at which the study is repeated."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="layers, vacuum, min_width ..., or a setting of the backend.")
    unit: str = Field(description="Unit; empty for a number.")
    finer: Literal["larger", "smaller"] = Field(description="Which values are more demanding.")
    own: float = Field(description="Value in the study itself.")
    values: list[float] = Field(description="The other values, each once.")

    def label(self, value: float) -> str:
        """Return what a variant is called: layers 6."""
        return variant_label({self.name: value})


def variant_label(variant: Mapping[str, float]) -> str:
    """Return the name of a variant: ``layers 6``; empty for the study itself."""
    return ", ".join(f"{name} {value:g}" for name, value in variant.items())


def convergence_document(
    base: StudyDoc, parameters: Sequence[ConvergenceParameter], variants: Sequence[Sequence[StudyDoc | None]]
) -> ConvergenceDoc:
    """Return the document of a convergence test.

    The error of a property in one parameter is its value as chosen minus its value at the finest point that was
    computed; what remains is the sum of their magnitudes over the parameters, as if they added up.

    Parameters
    ----------
    base
        Document of the study itself.
    parameters
        What was varied.
    variants
        For each parameter the documents at its `values`, in their order; none where the study failed.

    Returns
    -------
    ConvergenceDoc
        A parameter whose finest value is the study's own has no errors: nothing is known of what lies beyond it. Its
        warnings name those, points that are missing, and properties that the finest point lacks.
    """
    documents = [base, *(found for row in variants for found in row if found is not None)]
    named = _property_names(documents)
    warnings: list[str] = []
    all_series = []
    for parameter, found in zip(parameters, variants, strict=True):
        points = [
            ConvergencePoint(
                value=value,
                chosen=document is base,
                properties=_properties(document, named) if document else {},
                document_id=document.document_id if document else None,
            )
            for value, document in [(parameter.own, base), *zip(parameter.values, found, strict=True)]
        ]
        points.sort(key=lambda point: point.value, reverse=parameter.finer == "smaller")
        warnings += [
            f"{parameter.label(point.value)}: missing, the study failed there"
            for point in points
            if point.document_id is None
        ]
        finest = [point for point in points if point.document_id is not None][-1]
        errors: dict[str, float] = {}
        if finest.chosen:
            warnings.append(
                f"{parameter.name}: the study's own {parameter.own:g} is the finest value that was computed, so its "
                "error is not known and not counted"
            )
        else:
            own = next(point for point in points if point.chosen).properties
            errors = {name: own[name] - finest.properties[name] for name in own if name in finest.properties}
            warnings += [
                f"{parameter.label(finest.value)}: has no {name} to compare with"
                for name in own
                if name not in finest.properties
            ]
        all_series.append(
            ConvergenceSeries(
                parameter=parameter.name, unit=parameter.unit, finest=finest.value, points=points, errors=errors
            )
        )
    remaining: dict[str, float] = {}
    for series in all_series:
        for name, error in series.errors.items():
            remaining[name] = remaining.get(name, 0.0) + abs(error)
    identifiers: dict[str, str] = {}
    for document in documents:
        for step, identifier in document.calculation_ids.items():
            if identifier not in identifiers.values():  # shared by variants: atom, bulk
                identifiers[f"{variant_label(document.variant)}: {step}" if document.variant else step] = identifier
    values = {series.parameter: [point.value for point in series.points] for series in all_series}
    return ConvergenceDoc(
        document_id=content_hash({"base": base.document_id, "calculations": identifiers, "values": values}),
        campaign=base.campaign,
        system=base.system,
        reference=base.reference,
        backend=base.backend,
        code=base.code,
        settings=base.settings,
        settings_hash=base.settings_hash,
        calculation_ids=identifiers,
        warnings=warnings,
        of=base.study,
        base_document_id=base.document_id,
        units={named[row.property, row.label]: row.unit for document in documents for row in document.rows()},
        series=all_series,
        remaining_errors=remaining,
    )


def _property_names(documents: Sequence[StudyDoc]) -> dict[tuple[str, str], str]:
    """Return (property, label) -> name: the property alone where no document has several of it."""
    several = set()
    pairs = []
    for document in documents:
        properties = [row.property for row in document.rows()]
        several |= {name for name in properties if properties.count(name) > 1}
        pairs += [(row.property, row.label) for row in document.rows()]
    return {(name, label): f"{name} ({label})" if name in several else name for name, label in pairs}


def _properties(document: StudyDoc, named: Mapping[tuple[str, str], str]) -> dict[str, float]:
    return {named[row.property, row.label]: row.value for row in document.rows()}
