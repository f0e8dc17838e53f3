"""The section of a report on surface diffusion."""

from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Picture,
    Section,
    Table,
    number,
    scientific,
)
from anodeflow.report.verdicts import alike, listed, span
from anodeflow.screening.report import prescreen_facts, prescreen_tables
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.hop_document import Hop
from anodeflow.studies.diffusion.network import has_barrier
from anodeflow.studies.diffusion.path_view import hop_graph, hop_images
from anodeflow.studies.diffusion.paths import path_words
from anodeflow.studies.diffusion.profiles import (
    arrhenius,
    hop_profiles,
    path_profile,
    surfaces_profile,
)
from anodeflow.studies.diffusion.scenes import path_scene

_EXPLANATION = (
    "A barrier is the energy of the saddle minus that of the minimum where the hop starts (forward) or ends "
    "(reverse), by a climbing-image nudged elastic band. Hops are those of the adatom alone, unless the table names "
    "an atom of the surface whose place it takes, and which moves on in its stead. Of all ways of such hops from a "
    "minimum to its copy in the next cell of the surface, the cheapest path is the one whose highest saddle is the "
    "lowest; its barrier is that saddle over the lowest minimum of the surface, the slope of the Arrhenius plot. A "
    "saddle of first order has one negative mode; hops over others do not count. Rates are ν exp(−barrier/kT): ν is "
    "Vineyard's prefactor where the table of hops says so, else one attempt frequency for all hops, which may be off "
    "by a factor of ten. The zero-point change is that of the barrier forward; it is not part of it."
)
_UNFINISHED = ("failed", "not converged", "second order", "no saddle")
_MINIMA = [
    Column("index", "minimum"),
    Column("label", "site"),
    Column("site", "adsorption site"),
    Column("energy", "energy over the lowest", "eV", 3),
    Column("multiplicity", "copies in the surface cell"),
]
_HOPS = [
    Column("hop", "hop"),
    Column("initial", "from minimum"),
    Column("final", "to minimum"),
    Column("exchanged_with", "changes places with atom", if_known=True),
    Column("barrier_forward", "barrier forward", "eV", 3),
    Column("barrier_reverse", "barrier reverse", "eV", 3),
    Column("learned", "forward by what was learned", "eV", 3, if_known=True),
    Column("learned_uncertainty", "its standard deviation", "eV", 3, if_known=True),
    Column("path_length", "path length", "Å", 2),
    Column("displacement", "displacement", "Å", 2),
    Column("multiplicity", "equivalent hops"),
    Column("max_force", "largest force left", "eV/Å", 3),
    Column("energy_over_rest", "which is worth", "eV", 3, signed=True, if_known=True),
    Column("negative_modes", "negative modes"),
    Column("curvatures", "lowest curvatures", "eV/Å²", 2),
    Column("prefactor_forward", "prefactor", "1/s"),
    Column("prefactor_source", "prefactor from"),
    Column("zero_point_change", "zero-point change", "eV", 3),
    Column("state", "state"),
    Column("symmetric", "half computed"),
    Column("message", "message", below=True),
]
_REJECTED = [
    Column("site", "adsorption site"),
    Column("label", "place"),
    Column("energy", "energy over the lowest", "eV", 3),
    Column("reason", "reason"),
    Column("curvature", "lowest curvature", "eV/Å²", 2),
    Column("message", "message", below=True),
]
_RATES = [
    Column("temperature", "temperature", "K", 0),
    Column("diffusivity", "diffusivity", "cm²/s"),
    Column("principal", "principal values, along", "cm²/s"),
    Column("tensor", "tensor xx, xy, yx, yy", "cm²/s"),
    Column("hop_rates", "rate of each hop", "1/s"),
]


def diffusion_section(documents: list[DiffusionDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all diffusion studies of a campaign."""
    pictures: list[Picture] = []
    for adsorbate in dict.fromkeys(document.adsorbate for document in documents):
        mine = [document for document in documents if document.adsorbate == adsorbate]
        with_path = [document for document in mine if document.path]
        if len(with_path) > 1:
            pairs = [(document, context.published(document, "barrier_forward")) for document in with_path]
            pictures.append(surfaces_profile(pairs, f"paths-{adsorbate}"))
        with_rates = [document for document in mine if len(document.diffusivities) > 1]
        if with_rates:
            pictures.append(arrhenius(with_rates, f"diffusivity-{adsorbate}"))
    return Section(
        title="Surface diffusion",
        answer=[_answer(document, context) for document in documents],
        explanation=_EXPLANATION,
        parts=[_part(document, context) for document in documents],
        pictures=pictures,
        verdicts=_verdicts(documents),
    )


def _verdicts(documents: list[DiffusionDoc]) -> list[str]:
    """How high the barriers of the cheapest paths are, over all surfaces."""
    sentences = []
    for (backend, adatom), mine in alike(documents, "backend", "adsorbate"):
        barriers = [(each.system, each.path.barrier) for each in mine if each.path]
        without = [each.system for each in mine if not each.path]
        text = f"Barrier of {adatom} from cell to cell: {span(barriers, 'eV')} [{backend}]." if barriers else ""
        if without:
            text += f" No finished path of {adatom} on {listed(without)} [{backend}]."
        sentences.append(text.strip())
    return sentences


def _answer(document: DiffusionDoc, context: Context) -> str:
    """One sentence for one surface: which way, how high, against the paper, how fast."""
    adatom, path = document.adsorbate, document.path
    if path is None:
        failed = [f"hop {hop.index} ({hop.state})" for hop in document.hops if hop.state in _UNFINISHED]
        why = f"; unfinished: {', '.join(failed)}" if failed else ""
        return f"No finished hop leads {adatom} from cell to cell on {document.system} [{document.backend}]{why}."
    barrier = context.text(document, "barrier_forward", path.barrier)
    text = (
        f"{adatom} moves from cell to cell on {document.system} over a barrier of {barrier} eV "
        f"({path_words(document, path)}) [{document.backend}]"
    )
    paper = context.published(document, "barrier_forward")
    difference = paper.difference(path.barrier) if paper else None
    if paper and difference is not None:
        text += f", {paper.against(path.barrier, 'higher', 'lower')}"
    if document.path_across:
        text += f"; in a second direction over {number(document.path_across.barrier, 3)} eV"
    if document.diffusivities:
        point = min(document.diffusivities, key=lambda point: abs(point.temperature - 300))
        (fast, along), *rest = document.principal(point)
        text += f". D({point.temperature:g} K) = {scientific(point.diffusivity)} cm²/s"
        if rest and rest[0][0] < 0.99 * fast:
            text += f", {scientific(fast)} along {along} and {scientific(rest[0][0])} along {rest[0][1]}"
        text += (
            ""
            if any(hop.is_exchange and has_barrier(hop) for hop in document.hops)
            else ", by hops of the adatom alone"
        )
    unfinished = sum(hop.state in _UNFINISHED for hop in document.hops)
    if unfinished:
        text += f". {unfinished} of {len(document.hops)} hops did not finish, so a cheaper way may exist"
    return f"{text}."


def _part(document: DiffusionDoc, context: Context) -> Part:
    context.tell(f"diffusion of {document.adsorbate} on {document.system}")
    name = part_name(document)
    finished = [hop for hop in document.hops if hop.profile and hop.images]
    on_path = {step.hop for step in document.path.steps} if document.path else set()
    pictures = []
    if document.path and any(hop.profile for hop in document.hops if hop.index in on_path):
        pictures.append(path_profile(document, context.published(document, "barrier_forward"), f"profile-{name}"))
    pictures.append(hop_graph(document, f"graph-{name}"))
    if any(hop.profile and hop.index not in on_path for hop in document.hops):
        pictures.append(hop_profiles(document, f"hops-{name}"))
    views = {hop.index: hop_images(document, hop, f"hop-{name}-{hop.index}") for hop in finished}
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"{document.adsorbate} on {document.system}"),
        facts=(
            f"Distinct minima: {len(document.minima)}; distinct hops: {len(document.hops)}; relaxed sites that are no "
            f"minima of their own: {len(document.rejected)}; {_prefactors(document)}; "
            f"{document.code}."
        )
        + prescreen_facts(document),
        tables=_tables(document, context, name, on_path) + prescreen_tables(document, name),
        pictures=pictures + [view for index, view in views.items() if index in on_path],
        gallery=[view for index, view in views.items() if index not in on_path],
        scenes=[path_scene(document, hop, f"scene-hop-{name}-{hop.index}") for hop in finished if hop.index in on_path],
    )


def _prefactors(document: DiffusionDoc) -> str:
    """Say which attempt frequencies the rates have."""
    own = [hop for hop in document.hops if hop.prefactor_source == "vineyard"]
    one = f"attempt frequency {scientific(document.prefactor)} 1/s"
    if not own:
        return f"{one} for all hops"
    rest = "" if len(own) == sum(hop.prefactor_forward is not None for hop in document.hops) else f", else {one}"
    return f"Vineyard's prefactors for {len(own)} hops{rest}"


def _tables(document: DiffusionDoc, context: Context, name: str, on_path: set[int]) -> list[Table]:
    minima = [{c.key: getattr(minimum, c.key) for c in _MINIMA} for minimum in document.minima]
    tables = [
        Table(f"hops-{name}", _HOPS, [_hop_row(document, hop, on_path) for hop in document.hops], "Hops"),
        Table(f"minima-{name}", _MINIMA, minima, "Minima"),
    ]
    if document.rejected:
        rows = [{c.key: getattr(site, c.key) for c in _REJECTED} for site in document.rejected]
        tables.append(Table(f"rejected-{name}", _REJECTED, rows, "Sites that are no minima", folded=True))
    if document.diffusivities:
        rates = []
        for point in document.diffusivities:
            tensor = [component for line in point.tensor for component in line]
            noise = 1e-9 * max(map(abs, tensor))  # of the sum over hops: symmetry makes it zero
            rates.append(
                {"temperature": point.temperature, "diffusivity": point.diffusivity, "tensor": tensor,
                 "hop_rates": point.hop_rates,
                 "principal": [value for value, _ in document.principal(point)],
                 "_text": {"diffusivity": scientific(point.diffusivity),
                           "tensor": ", ".join(scientific(x if abs(x) > noise else 0.0) for x in tensor),
                           "principal": "; ".join(
                               f"{scientific(value)} along {direction}"
                               for value, direction in document.principal(point)
                           ),
                           "hop_rates": ", ".join(map(scientific, point.hop_rates))}}
            )  # fmt: skip
        tables.append(Table(f"diffusivity-{name}", _RATES, rates, "Rates and diffusivity", folded=True))
    return tables


def _hop_row(document: DiffusionDoc, hop: Hop, on_path: set[int]) -> dict:
    row = {c.key: getattr(hop, c.key) for c in _HOPS if c.key not in ("hop", "learned", "learned_uncertainty")}
    row |= {"hop": hop.index, "_marked": hop.index in on_path}
    row["_text"] = {
        "displacement": ", ".join(number(x, 2) for x in hop.displacement),
        "curvatures": ", ".join(number(x, 2) for x in hop.curvatures),
    }
    if hop.prefactor_forward is None:
        row["prefactor_source"] = None
    else:
        row["_text"]["prefactor_forward"] = scientific(hop.prefactor_forward)
    learned = hop.learned
    row["learned"], row["learned_uncertainty"] = (learned.energy, learned.uncertainty) if learned else (None, None)
    identity = document.calculation_ids.get(f"hop {hop.index}")
    if identity:
        for key in ("barrier_forward", "barrier_reverse"):
            if row[key] is not None:
                row[key] = Link(row[key], f"calc-{identity}")
    return row
