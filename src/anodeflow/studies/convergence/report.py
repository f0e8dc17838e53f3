"""The section of a report on convergence: how far each number still moves when its study is done better."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from anodeflow.core.labels import PropertyName
from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.errors import not_varied, parameter_words
from anodeflow.report.figures import new_figure, save
from anodeflow.report.labels import Label, write_labels
from anodeflow.report.later import drawn_later
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Picture,
    Section,
    Table,
    measured,
    number,
)
from anodeflow.report.palette import GREY, INK, MARK, OURS
from anodeflow.studies.convergence.document import (
    ConvergenceDoc,
    ConvergencePoint,
    ConvergenceSeries,
    JointPoint,
)
from anodeflow.studies.registry import studies

_EXPLANATION = (
    "Each study was repeated with one parameter changed at a time, and with all at their most demanding values "
    "together. The error of a parameter is the value as chosen minus that at its most demanding value; what stands "
    "behind a "
    "number with ± is the largest of those and of the difference to the joint point. A number that does not change "
    "monotonically with a parameter, or still changes by more than its error, has no ±. Parameters that were not "
    "varied are named, and functional and potential are in none of it."
)
_MOST_SHOWN = 4
_SIDES = (270, 90, 0, 180, 315, 225, 45, 135)
_WORDS = {
    "binding_energy": "binding energy, atom",
    "binding_energy_bulk": "binding energy, bulk",
    "charge_donated": "electrons donated",
    "non_nuclear_electrons": "electrons in non-nuclear basins",
    "min_width": "distance of adatom images",
    "kpoint_spacing": "k-point spacing",
    "cutoff": "cutoff",
}


def convergence_section(documents: list[ConvergenceDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all convergence tests of a campaign."""
    return Section(
        title="Convergence",
        answer=[_answer(document, context) for document in documents],
        explanation=_EXPLANATION,
        parts=_parts(documents, context),
    )


def words(name: str) -> str:
    """Return a property or parameter as people call it; a label in brackets follows a comma."""
    read = PropertyName.read(name)
    return ", ".join(
        [_WORDS.get(read.property, read.property.replace("_", " ")), *([read.label] if read.label else [])]
    )


def main_properties(document: ConvergenceDoc) -> list[str]:
    """Return the properties that answer the study, as it says itself: others of several stand in the files only."""
    study = studies().get(document.of)
    headlines = study.headlines if study else {}
    read = {name: PropertyName.read(name) for name in document.units}
    names = [name for name, each in read.items() if each.label in ("", headlines.get(each.property))]
    return (names or list(document.units))[:_MOST_SHOWN]


def _answer(document: ConvergenceDoc, context: Context) -> str:
    """One sentence for one study: what is left of error, and which parameter it comes from."""
    parts = []
    for name in main_properties(document):
        if name in document.without_error:
            parts.append(f"{words(name)}: no ±, since {document.without_error[name]}")
        if name not in document.remaining_errors:
            continue
        error = document.remaining_errors[name]
        unit = document.units[name]
        chosen = _chosen(document, name)
        shown = f"± {abs(error):.3f}" if chosen is None else measured(chosen, 3, error)
        shares = sorted(document.series, key=lambda s: -abs(s.errors.get(name, 0.0)))
        largest = next((series for series in shares if name in series.errors), None)
        text = f"{words(name)} {shown} {unit}"
        joint = _joint_error(document, name)
        if largest is not None and joint is not None and joint > abs(largest.errors[name]):
            alone = f"{words(largest.parameter)}: {abs(largest.errors[name]):.3f} {unit}"
            text += f" (all at their finest together; the largest alone, {alone})"
        elif largest is not None and len(document.series) > 1:
            text += f" (most of it from {words(largest.parameter)}: {abs(largest.errors[name]):.3f} {unit})"
        parts.append(text)
    what = "; ".join(parts) if parts else "no parameter could be judged"
    if document.joint is None and len(document.series) > 1:
        what += "; parameters varied one at a time, which misses how they couple"
    if missing := not_varied(document):
        what += f"; not varied: {parameter_words(missing)}"
    failed = sum(point.document_id is None or not point.properties for s in document.series for point in s.points)
    tail = f"; {failed} of the repeated studies failed" if failed else ""
    return f"Convergence of {document.of} on {document.system} [{document.backend}]: {what}{tail}."


def _joint_error(document: ConvergenceDoc, name: str) -> float | None:
    """Magnitude of the value as chosen minus that with all parameters at their finest together."""
    chosen = _chosen(document, name)
    if document.joint is None or chosen is None or name not in document.joint.properties:
        return None
    return abs(chosen - document.joint.properties[name])


def _chosen(document: ConvergenceDoc, name: str) -> float | None:
    for series in document.series:
        for point in series.points:
            if point.chosen and name in point.properties:
                return point.properties[name]
    return None


def _parts(documents: list[ConvergenceDoc], context: Context) -> list[Part]:
    parts = []
    anchored: set[str] = set()
    for document in documents:
        context.tell(f"convergence of {document.of} on {document.system}")
        name = part_name(document)
        tables = [_table(document, series, context, f"{name}-{document.of}", anchored) for series in document.series]
        if document.joint is not None:
            tables.append(_joint_table(document, document.joint, f"{name}-{document.of}", anchored))
        parts.append(
            Part(
                anchor=f"study-{document.document_id}",
                title=part_title(document, f"{document.of.capitalize()} on {document.system}"),
                facts=f"Parameters: {', '.join(words(series.parameter) for series in document.series)}.",
                tables=tables,
                pictures=[_picture(document, f"convergence-{name}-{document.of}")] if document.units else [],
            )
        )
    return parts


def _table(
    document: ConvergenceDoc, series: ConvergenceSeries, context: Context, name: str, anchored: set[str]
) -> Table:
    columns = [Column("value", words(series.parameter), series.unit), Column("chosen", "chosen")]
    shown = main_properties(document)
    for key in [*shown, *(key for key in document.units if key not in shown)]:
        aside = key not in shown
        unit = document.units[key]
        columns += [
            Column(key, words(key), unit, 3, file_only=aside),
            Column(f"{key}_error", f"against {series.finest:g}", unit, 3, signed=True, file_only=aside),
        ]
    columns.append(Column("study", "study", below=True))
    finest = next((point.properties for point in series.points if point.value == series.finest), {})
    rows = []
    for point in series.points:
        row: dict[str, Any] = {"value": point.value, "chosen": point.chosen, "_marked": point.chosen}
        for key in document.units:
            if key in point.properties:
                row[key] = _linked(point, key, context)
                if key in finest:
                    row[f"{key}_error"] = point.properties[key] - finest[key]
        if not point.properties:
            row["study"] = "failed"
        variant = context.documents.get(point.document_id or "")
        # Links to the study of a variant lead to its row here; its own section would repeat the base study's.
        if variant is not None and variant.variant and variant.document_id not in anchored:
            anchored.add(variant.document_id)
            row["_anchor"] = f"study-{variant.document_id}"
        rows.append(row)
    title = f"{words(series.parameter)}{f' ({series.unit})' if series.unit else ''}"
    return Table(f"convergence-{name}-{series.parameter}", columns, rows, title[0].upper() + title[1:])


def _joint_table(document: ConvergenceDoc, joint: JointPoint, name: str, anchored: set[str]) -> Table:
    """The point with all parameters at their finest together, a line per property."""
    rows: list[dict[str, Any]] = []
    for key, unit in document.units.items():
        chosen, found = _chosen(document, key), joint.properties.get(key)
        difference = None if chosen is None or found is None else chosen - found
        rows.append({"property": words(key), "chosen": chosen, "joint": found, "error": difference, "unit": unit})
    if rows and joint.document_id is not None:
        anchored.add(joint.document_id)
        rows[0]["_anchor"] = f"study-{joint.document_id}"
    columns = [
        Column("property", "property"),
        Column("chosen", "as chosen", "", 3),
        Column("joint", "all at their finest", "", 3),
        Column("error", "difference", "", 3, signed=True),
        Column("unit", "unit"),
    ]
    together = ", ".join(f"{words(parameter)} {value:g}" for parameter, value in joint.values.items())
    failed = "" if joint.properties else ": failed"
    return Table(f"convergence-{name}-joint", columns, rows, f"All together: {together}{failed}")


def _linked(point: ConvergencePoint, key: str, context: Context) -> float | Link:
    found = context.documents.get(point.document_id or "")
    link = context.link(found, key) if found is not None else None
    return Link(point.properties[key], link.anchor) if link else point.properties[key]


@drawn_later
def _picture(document: ConvergenceDoc, name: str) -> Picture:
    """Draw every property against every parameter; the chosen value has a ring, the finest a dotted line."""
    properties = main_properties(document)
    figure = new_figure(max(4.6, 2.4 * len(document.series)), 2.5 * len(properties) + 0.5)
    grid = figure.subplots(len(properties), len(document.series), squeeze=False, sharey="row")
    written: list[tuple[Axes, list[Label], np.ndarray]] = []
    for row, key in enumerate(properties):
        for column, series in enumerate(document.series):
            axes = grid[row][column]
            written.append((axes, *_draw(axes, series, key)))
            if row == len(properties) - 1:
                axes.set_xlabel(f"{words(series.parameter)}{f' ({series.unit})' if series.unit else ''}", fontsize=9)
            if column == 0:
                axes.set_ylabel(f"{words(key)} ({document.units[key]})", fontsize=9)
    figure.suptitle(f"Convergence of {document.of} on {document.system}", fontsize=10, color=INK)
    for axes, labels, curve in written:  # the limits that a row shares are known now
        write_labels(axes, labels, curve)
    return save(figure, name, "Red ring: the value of the study itself; dotted: the most demanding value; numbers "
                "beside the rings: error of the chosen value.")  # fmt: skip


def _draw(axes: Axes, series: ConvergenceSeries, key: str) -> tuple[list[Label], np.ndarray]:
    """Draw a property against a parameter; return what is to be written there, and points of the line."""
    labels = []
    points = [point for point in series.points if key in point.properties]
    x, y = [point.value for point in points], [point.properties[key] for point in points]
    axes.plot(x, y, "o-", color=OURS, ms=5, lw=1.4, zorder=2)
    for point in points:
        if point.value == series.finest:
            axes.axhline(point.properties[key], color=GREY, lw=0.9, ls=":", zorder=0)
        if point.chosen:
            axes.plot(point.value, point.properties[key], "o", ms=11, mfc="none", mec=MARK, mew=1.6, zorder=3)
            if key in series.errors:
                text = number(series.errors[key], 3, signed=True)
                labels.append(Label(point.value, point.properties[key], text, MARK, gap=5, sides=_SIDES))
    if x:
        axes.set_xticks(x, [f"{value:g}" for value in x])
        # From the least to the most demanding value, left to right.
        if len(x) > 1 and x[0] > x[-1]:
            axes.invert_xaxis()
    axes.margins(x=0.2, y=0.25)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if len(x) < 2:
        return labels, np.empty((0, 2))
    steps = np.linspace(0, len(x) - 1, 40 * len(x))
    return labels, np.stack([np.interp(steps, range(len(x)), each) for each in (x, y)], axis=1)
