"""How far the answers of a study still move when one parameter after another is made finer."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from anodeflow.core.address import content_hash
from anodeflow.core.caveats import NOT_AT_REST, Caveat
from anodeflow.core.labels import PropertyName
from anodeflow.studies.convergence.document import (
    ConvergenceDoc,
    ConvergencePoint,
    ConvergenceSeries,
    JointPoint,
)
from anodeflow.studies.document import StudyDoc


class ConvergenceParameter(BaseModel):
    """A parameter to vary, and the values at which the study is repeated."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="layers, vacuum, min_width ..., or a setting of the backend.")
    unit: str = Field(description="Unit; empty for a number.")
    finer: Literal["larger", "smaller"] = Field(description="Which values are more demanding.")
    own: float = Field(description="Value in the study itself.")
    values: list[float] = Field(description="The other values, each once.")

    @property
    def finest(self) -> float:
        """The most demanding of all values, the study's own among them."""
        return (max if self.finer == "larger" else min)([self.own, *self.values])

    def label(self, value: float) -> str:
        """Return what a variant is called: layers 6."""
        return variant_label({self.name: value})


def variant_label(variant: Mapping[str, float]) -> str:
    """Return the name of a variant: ``layers 6``; empty for the study itself."""
    return ", ".join(f"{name} {value:g}" for name, value in variant.items())


def joint_values(parameters: Sequence[ConvergenceParameter]) -> dict[str, float]:
    """Return the values of the joint point: those finer than the study's own; empty where fewer than two are."""
    finer = {each.name: each.finest for each in parameters if each.finest != each.own}
    return finer if len(finer) > 1 else {}


def convergence_document(
    base: StudyDoc,
    parameters: Sequence[ConvergenceParameter],
    variants: Sequence[Sequence[StudyDoc | None]],
    joint: StudyDoc | None = None,
    not_varied: Sequence[str] | None = None,
) -> ConvergenceDoc:
    """Return the document of a convergence test.

    The error of a property in one parameter is its value as chosen minus its value at the finest point that was
    computed. Parameters couple (room of an adatom: layers and width), so what is told is the largest of those and of
    the value as chosen minus that with all parameters at their finest together.

    Parameters
    ----------
    base
        Document of the study itself.
    parameters
        What was varied.
    variants
        For each parameter the documents at its `values`, in their order; none where the study failed.

    joint
        Document with all parameters at their finest together (:func:`joint_values`); none if it failed, or if there is
        no such point.
    not_varied
        Parameters that were not varied.

    Returns
    -------
    ConvergenceDoc
        A parameter whose finest value is the study's own has no errors: nothing is known of what lies beyond it. Its
        warnings name those, points that are missing, properties that the finest point lacks, parameters that were not
        varied, relaxations that ended early or did not converge, and properties of which no error can be told.
    """
    documents = [base, *(found for row in variants for found in row if found is not None)]
    together = joint_values(parameters)
    if joint is not None:
        documents.append(joint)
    named = _property_names(documents)
    warnings: list[Caveat] = []
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
            Caveat("variant-missing", "missing, the study failed there").under(parameter.label(point.value))
            for point in points
            if point.document_id is None
        ]
        finest = [point for point in points if point.document_id is not None][-1]
        errors: dict[str, float] = {}
        if finest.chosen:
            warnings.append(
                Caveat(
                    "finest-is-own",
                    f"the study's own {parameter.own:g} is the finest value that was computed, so its error is not "
                    "known and not counted",
                ).under(parameter.name)
            )
        else:
            own = next(point for point in points if point.chosen).properties
            errors = {name: own[name] - finest.properties[name] for name in own if name in finest.properties}
            warnings += [
                Caveat("property-missing", f"has no {name} to compare with").under(parameter.label(finest.value))
                for name in own
                if name not in finest.properties
            ]
        all_series.append(
            ConvergenceSeries(
                parameter=parameter.name, unit=parameter.unit, finest=finest.value, points=points, errors=errors
            )
        )
    if together and joint is None:
        warnings.append(
            Caveat("variant-missing", "missing, the study failed there").under(
                f"{variant_label(together)}, all together"
            )
        )
    if not_varied:
        warnings.append(
            Caveat("not-varied", f"not varied, so their errors are not known and not counted: {', '.join(not_varied)}")
        )
    for document in documents:
        restless = [each for each in document.warnings if each.code in NOT_AT_REST]
        warnings += [each.under(variant_label(document.variant) or "as chosen") for each in restless]
    identifiers: dict[str, str] = {}
    for document in documents:
        for step, identifier in document.calculation_ids.items():
            if identifier not in identifiers.values():  # shared by variants: atom, bulk
                identifiers[f"{variant_label(document.variant)}: {step}" if document.variant else step] = identifier
    values = {series.parameter: [point.value for point in series.points] for series in all_series}
    document = ConvergenceDoc(
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
        joint=JointPoint(
            values=together,
            properties=_properties(joint, named) if joint else {},
            document_id=joint.document_id if joint else None,
        )
        if together
        else None,
        not_varied=None if not_varied is None else list(not_varied),
    )
    document.warnings += [
        Caveat("no-error", f"no error is given, because {why}").under(name)
        for name, why in document.without_error.items()
    ]
    return document


def _property_names(documents: Sequence[StudyDoc]) -> dict[tuple[str, str], str]:
    """Return (property, label) -> name: the property alone where no document has several of it."""
    several = set()
    pairs = []
    for document in documents:
        properties = [row.property for row in document.rows()]
        several |= {name for name in properties if properties.count(name) > 1}
        pairs += [(row.property, row.label) for row in document.rows()]
    return {(name, label): str(PropertyName(name, label if name in several else "")) for name, label in pairs}


def _properties(document: StudyDoc, named: Mapping[tuple[str, str], str]) -> dict[str, float]:
    return {named[row.property, row.label]: row.value for row in document.rows()}
