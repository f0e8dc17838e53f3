"""The section of a report on vacancies that move through an interface."""

from typing import Any

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Section,
    Table,
    number,
)
from anodeflow.report.verdicts import listed
from anodeflow.screening.report import prescreen_facts, prescreen_tables
from anodeflow.studies.vacancy.document import VacancyDoc, VacancyPath, stop_step
from anodeflow.studies.vacancy.figures import energy_diagram
from anodeflow.studies.vacancy.stops_table import stop_views

_EXPLANATION = (
    "One atom is taken out of the alloy and the vacancy moves inwards, towards the interface and through it: on path I "
    "by hops of the metal's own element, on path II after an atom of the helper has hopped first. Energies are those "
    "of the relaxed stops over the first one; all stops hold the same atoms. A barrier is the energy of the saddle "
    "minus that of the stop where the hop starts (forward) or ends (reverse), by a climbing-image nudged elastic band. "
    "The climb of a path is its highest saddle over the lowest stop before it: what the vacancy has to overcome on its "
    "way down. The path with the smaller climb is the favourable one, if they differ by more than 0.02 eV, which a "
    "band can be off by. A saddle of first order has one negative mode, all free atoms moving; hops over others do not "
    "count in the climb. Where an image lies below both ends "
    "of a hop, or in a dip of its path, it is relaxed: the hop is split there, or refused. A stop to which a hop rises "
    "all the way is no minimum: the hops before and after it are one. A place that relaxes to below the stop where it "
    "began is the next stop if that leads down the path, whatever number of atoms moved, and else kept among the "
    "places. Taking an atom out of a surface costs the energy of the surface without it, plus that of an atom of its "
    "bulk, minus that of the surface."
)
_UNFINISHED = ("failed", "refused", "not converged", "second order", "no saddle")
_SAME = 0.01
"""Costs that differ by less are the same, eV."""
_EXTRACTIONS = [
    Column("surface", "surface"),
    Column("atom", "atom"),
    Column("energy", "energy to take it out, to its bulk", "eV", 3),
]
_STOPS = [
    Column("path", "path"),
    Column("stop", "stop"),
    Column("element", "atom that hopped"),
    Column("layer", "layer of the vacancy"),
    Column("energy", "energy over the start", "eV", 3),
]
_HOPS = [
    Column("path", "path"),
    Column("hop", "hop"),
    Column("element", "atom"),
    Column("initial", "from stop"),
    Column("final", "to stop"),
    Column("barrier_forward", "barrier forward", "eV", 3),
    Column("barrier_reverse", "barrier reverse", "eV", 3),
    Column("path_length", "path length", "Å", 2),
    Column("max_force", "largest force left", "eV/Å", 3),
    Column("energy_over_rest", "which is worth", "eV", 3, signed=True, if_known=True),
    Column("negative_modes", "negative modes", if_known=True),
    Column("curvatures", "lowest curvatures", "eV/Å²", if_known=True),
    Column("state", "state"),
    Column("message", "message", below=True),
]
_TRIALS = [
    Column("what", "place"),
    Column("distance", "distance of the hop", "Å", 2),
    Column("energy", "energy over the start", "eV", 3),
    Column("state", "state"),
    Column("message", "message", below=True),
]


def vacancy_section(documents: list[VacancyDoc], context: Context) -> Section:
    """Return sentences, tables, diagrams and pictures of all vacancy studies of a campaign."""
    return Section(
        title="Vacancy",
        answer=[_answer(document, context) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document, context) for document in documents],
        verdicts=[_verdict(document) for document in documents],
    )


def _verdict(document: VacancyDoc) -> str:
    """Which path is the favourable one, and how high it climbs."""
    climbs = [f"path {p.name} {number(p.climb, 3)} eV" for p in document.paths if p.climb is not None]
    text = f"Climb of a {document.element} vacancy in {document.system}: {', '.join(climbs) or 'none is known'}"
    better = "" if document.favourable is None else f"; path {document.favourable} is the favourable one"
    return f"{text}{better} [{document.backend}]."


def _answer(document: VacancyDoc, context: Context) -> str:
    """One sentence or two for one interface: how each path goes, which one is better, what the paper finds."""
    ways = " and ".join(_way(document, path) for path in document.paths)
    text = f"A {document.element} vacancy goes down from layer {document.start_layer} of {document.system} {ways}"
    text = f"{text} [{document.backend}]".replace(" -", " −")
    if document.favourable is not None:
        text += f": path {document.favourable} is the favourable one"
    text += "."
    if document.formation_energy is not None:
        text += (
            f" Taking the atom out, to bulk {document.element}, costs "
            f"{context.text(document, 'vacancy_formation_energy', document.formation_energy)} eV."
        )
    text += _extraction_words(document)
    lower = [trial for trial in document.trials if trial.state == "lower"]
    if lower:
        text += f" On the way it fell below where it began, off its path: {'; '.join(t.label for t in lower)}."
    unfinished = [hop.label for hop in document.hops if hop.state in _UNFINISHED]
    if unfinished:
        text += f" Without a firm barrier: {', '.join(unfinished)}."
    return text


def _extraction_words(document: VacancyDoc) -> str:
    """Whether an atom is harder to take out of the alloy's free face than out of the metal's own surface."""
    alloy, metal = document.extraction("alloy"), document.extraction("metal")
    if alloy is None or metal is None:
        return ""
    difference = alloy.energy - metal.energy
    verb = "harder" if difference > 0 else "easier"
    verb = "as hard" if abs(difference) < _SAME else f"{verb} by {number(abs(difference), 3)} eV"
    place = alloy.surface.replace("layer -", "layer −")
    than = "as" if verb == "as hard" else "than"
    return (
        f" From the alloy's free face ({place}) a {document.element} atom is {verb} to take out {than} from the "
        f"metal's own surface, {metal.surface} ({number(alloy.energy, 3)} and {number(metal.energy, 3)} eV)."
    )


def _way(document: VacancyDoc, path: VacancyPath) -> str:
    last = document.stops[path.stops[-1]]
    reached = f"to layer {last.layer} ({number(last.energy, 3, signed=True)} eV)"
    if path.climb is not None:
        return f"by path {path.name} {reached} with a climb of {number(path.climb, 3)} eV"
    return f"by path {path.name} {reached}" if path.hops else f"by path {path.name} nowhere"


def _part(document: VacancyDoc, context: Context) -> Part:
    context.tell(f"{document.element} vacancy in {document.system}")
    name = part_name(document)
    held = ", ".join(str(layer) for layer in document.held_layers) or "none"
    facts = (
        f"Interface of {document.alloy_layers} layers of alloy and {document.metal_layers} of metal, "
        f"{len(document.stops[0].structure)} atoms with the vacancy; it is {document.width:.2f} Å from its image; "
        f"layers held fixed: {held}; places relaxed: {len(document.trials)}; {document.code}."
    )
    unknown = [hop.label for hop in document.hops if hop.state == "done" and hop.negative_modes is None]
    if unknown:
        facts += f" Whether the saddles of {listed(unknown)} are of first order is not known."
    ends = [path.end for path in document.paths if path.end]
    ways = [path for path in document.paths if path.hops]  # of a start alone there is nothing to see
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"{document.element} vacancy in {document.system}"),
        facts=" ".join([facts, *(f"{end[0].upper()}{end[1:]}." for end in ends)]).replace(" -", " −")
        + prescreen_facts(document),
        tables=_tables(document, name) + prescreen_tables(document, name),
        pictures=[
            *([energy_diagram(document, f"vacancy-{name}")] if ways else []),
            *(stop_views(document, path, f"vacancy-path-{path.name}-{name}") for path in ways),
        ],
    )


def _tables(document: VacancyDoc, name: str) -> list[Table]:
    tables = [Table(f"vacancy-stops-{name}", _STOPS, _stop_rows(document), "Stops")]
    if document.hops:
        tables.append(Table(f"vacancy-hops-{name}", _HOPS, _hop_rows(document), "Hops"))
    if document.extractions:
        taken = [
            {"surface": each.surface, "atom": each.atom,
             "energy": Link(each.energy, f"calc-{document.calculation_ids[each.steps[0]]}"),
             "_text": {"surface": each.surface.replace("layer -", "layer −")}}
            for each in document.extractions
        ]  # fmt: skip
        caption = "Atoms taken out of the alloy's free face and of the metal's own surface"
        tables.append(Table(f"extractions-{name}", _EXTRACTIONS, taken, caption))
    trials: list[dict[str, Any]] = [
        {"what": trial.label} | {key: getattr(trial, key) for key in ("distance", "energy", "state", "message")}
        for trial in document.trials
    ]
    tables.append(Table(f"vacancy-places-{name}", _TRIALS, trials, "Places that were relaxed", folded=True))
    return tables


def _stop_rows(document: VacancyDoc) -> list[dict[str, Any]]:
    """The stops of one path after the other, in the order in which the vacancy meets them; the start once."""
    order = dict.fromkeys(index for path in document.paths for index in path.stops)
    rows = []
    for stop in (document.stops[index] for index in order):
        layer = "between two" if stop.layer is None else str(stop.layer)
        rows.append(
            {"path": stop.path or "both", "stop": stop.name, "element": stop.element if stop.path else None,
             "layer": layer, "energy": Link(stop.energy, f"calc-{document.calculation_ids[stop_step(stop)]}"),
             "_text": {"layer": layer.replace("-", "−")}}
        )  # fmt: skip
    return rows


def _hop_rows(document: VacancyDoc) -> list[dict[str, Any]]:
    order = dict.fromkeys(index for path in document.paths for index in path.hops)
    on_paths = list(order)
    limiting = {path.limiting_hop for path in document.paths}
    rows = []
    for hop in [*(document.hops[i] for i in on_paths), *(h for h in document.hops if h.index not in order)]:
        row: dict[str, Any] = {c.key: getattr(hop, c.key, None) for c in _HOPS}
        row |= {"hop": hop.name, "_marked": hop.index in limiting, "curvatures": hop.curvatures or None}
        row |= {"initial": document.stops[hop.initial].name, "final": document.stops[hop.final].name}
        row["_text"] = {"curvatures": ", ".join(number(x, 2) for x in hop.curvatures)} if hop.curvatures else {}
        identity = document.calculation_ids.get(document.hop_steps(hop)[0])
        if identity:
            for key in ("barrier_forward", "barrier_reverse"):
                if row[key] is not None:
                    row[key] = Link(row[key], f"calc-{identity}")
        rows.append(row)
    return rows
