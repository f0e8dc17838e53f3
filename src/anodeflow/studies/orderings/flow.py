"""Orderings of an alloy: all are ranked by a cheap backend, and what lies close to the lowest is confirmed by DFT."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from jobflow import Flow, Job, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import AnodeflowError, InputError
from anodeflow.core.jobs import job, named
from anodeflow.structures.ordering.host_check import symmetrised
from anodeflow.structures.ordering.orderings import (
    Ordering,
    cell_sizes,
    enumerate_orderings,
    known_hosts,
    smallest_cell,
    whole_formula,
)
from anodeflow.structures.ordering.sqs import special_quasirandom
from anodeflow.studies.context import StudyContext, in_context
from anodeflow.studies.expected import Expected, Told, expects
from anodeflow.studies.orderings.analysis import orderings_document
from anodeflow.studies.orderings.context import OrderingsContext
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.orderings.input import OrderingsInput
from anodeflow.studies.orderings.search import OrderingSearch, check_references, rank_orderings
from anodeflow.studies.shared.steps import failure_jobs, replaced

Bulks = dict[str, CalculationDoc | OutputReference]
"""Element -> its relaxed bulk."""


@dataclass
class OrderingsMaker(Maker):
    """Makes the flow that finds the lowest orderings of an alloy on simple parent lattices.

    Attributes
    ----------
    rank
        Maker that relaxes positions and cell of all orderings: that of a machine-learned potential.
    input
        What is asked for: the composition, its hosts, how many are kept. (Universal potentials err by about 0.01
        eV/atom between hosts, which `window` is to cover.)
    confirm
        Maker that relaxes positions and cell of those close to the lowest, and decides; none: the ranking is the
        answer.
    name
        Name of the flow.
    about
        Names that the document and its rows carry; without a system,
        the composition.
    """

    rank: Maker
    input: OrderingsInput
    confirm: Maker | None = None
    name: str = "orderings"
    about: StudyContext = field(default_factory=StudyContext)

    def make(self, references: Bulks, rank_references: Bulks | None = None) -> Flow:
        """Build the flow.

        Parameters
        ----------
        references
            Element -> document (or a reference to it) of its relaxed bulk by the deciding backend.
        rank_references
            The same by the ranking backend; None where that decides.

        Returns
        -------
        Flow
            Output: OrderingsDoc.
        """
        system = self.about.system or self.input.composition
        study = OrderingsContext.told(self.about, system=system, input=self.input)
        makers = {"rank": self.rank} | ({"confirm": self.confirm} if self.confirm is not None else {})
        start = rank_all(makers, references, rank_references or references, study)
        start.name = f"{system}: orderings of {self.input.composition}"
        return Flow([start], output=start.output, name=f"{system}: {self.name}")


@job
@in_context
def rank_all(
    makers: dict[str, Maker],
    references: dict[str, CalculationDoc],
    rank_references: dict[str, CalculationDoc],
    study: OrderingsContext,
) -> Response:
    """Enumerate the orderings and relax all of them with the ranking backend.

    Raises
    ------
    InputError
        If no cell holds the composition, a host is unknown, or the bulk of an element is missing.
    """
    composition = whole_formula(study.input.composition)
    check_references(composition, references)
    check_references(composition, rank_references)
    elements = [element.symbol for element in composition.elements]
    volumes = {element: rank_references[element].structure.volume for element in elements}
    volumes = {element: volume / len(rank_references[element].structure) for element, volume in volumes.items()}
    orderings = enumerate_orderings(composition, study.input.hosts, study.input.max_atoms, volumes)
    jobs = []
    for ordering in orderings:
        label = f"{study.system}: ordering {ordering.index} on {ordering.host.lattice}"
        jobs.append(named(makers["rank"].make(ordering.structure, label=label), label))
    enumerated: dict[str, int] = dict(Counter(str(each.host.lattice) for each in orderings))
    study = replace(study, volumes=volumes, enumerated=enumerated)
    bulks = {
        who: {element: found[element] for element in elements}
        for who, found in (("deciding", references), ("rank", rank_references))
    }
    choose = choose_orderings(makers, orderings, [ranked.output for ranked in jobs], bulks, study)
    return replaced([*jobs, choose], choose, f"{study.system}: ranking")


def close_orderings(told: Told) -> Iterator[Expected]:
    """Yield the confirmations, and the special quasi-random structure, that are going to be asked for."""
    study: OrderingsContext = told["study"]
    asked = study.input
    if "confirm" in told["makers"]:
        yield Expected(f"{study.system}: confirmation of the lowest", "relax_cell", asked.max_atoms)
    if asked.sqs_atoms is not None:
        yield Expected(f"{study.system}: special quasi-random structure", "relax_cell", asked.sqs_atoms)


@job
@in_context
@expects(close_orderings)
def choose_orderings(
    makers: dict[str, Maker],
    orderings: list[Ordering],
    results: list[CalculationDoc | None],
    bulks: dict[str, dict[str, CalculationDoc]],
    study: OrderingsContext,
) -> Response | OrderingsDoc:
    """Rank the relaxed orderings and confirm those close to the lowest; make the special quasi-random structure.

    Raises
    ------
    CalculationError
        If no ordering could be relaxed, or none kept its host.
    """
    confirm = makers.get("confirm")
    search = rank_orderings(orderings, results, bulks["rank"], study, confirm is not None)
    for host in known_hosts(study.input.hosts):
        if not cell_sizes(study.input.composition, host, study.input.max_atoms):
            search.warnings.append(
                Caveat(
                    "no-cell",
                    f"no {host} cell of up to {study.input.max_atoms} atoms holds {study.input.composition}: one of "
                    f"{smallest_cell(study.input.composition, host)} would",
                )
            )
    jobs: list[Flow | Job] = []
    confirmations = None
    if confirm is not None:
        confirmations = []
        for ordering in search.chosen:
            entry = search.entries[ordering.index]
            label = f"{study.system}: ordering {entry.index} ({entry.name}), confirmation"
            assert entry.structure is not None
            made = named(confirm.make(symmetrised(entry.structure), label=label), label)
            jobs.append(made)
            confirmations.append(made.output)
    sqs, failures = _quasirandom(makers, search, study)
    search.warnings += [
        Caveat("sqs-missing", f"the special quasi-random structure is missing: {error}") for error in failures.values()
    ]
    told = failure_jobs(failures)
    if not jobs and sqs is None and not told:
        return orderings_document(search, None, None, bulks["deciding"], study)
    random = None if sqs is None else (sqs[0], sqs[1][-1].output)
    collect = collect_orderings(search, confirmations, random, bulks["deciding"], study, [each.output for each in told])
    jobs += [*(sqs[1] if sqs is not None else []), *told, collect]
    return replaced(jobs, collect, f"{study.system}: close orderings")


@job(output_schema=OrderingsDoc)
@in_context
def collect_orderings(
    search: OrderingSearch,
    confirmations: list[CalculationDoc | None] | None,
    sqs: tuple[Ordering, CalculationDoc | None] | None,
    bulks: dict[str, CalculationDoc],
    study: OrderingsContext,
    failed: list[None],
) -> OrderingsDoc:
    """Put the document together; `failed`: outputs of jobs that only say what could not be done.

    Raises
    ------
    CalculationError
        If no ordering could be confirmed on its host.
    """
    return orderings_document(search, confirmations, sqs, bulks, study)


def _quasirandom(
    makers: dict[str, Maker], search: OrderingSearch, study: OrderingsContext
) -> tuple[tuple[Ordering, list[Job]] | None, dict[str, AnodeflowError]]:
    """Return the special quasi-random structure with its relaxations, the deciding one last; and why there is none."""
    if study.input.sqs_atoms is None:
        return None, {}
    host = search.chosen[0].host.lattice
    label = f"{study.system}: special quasi-random structure on {host}"
    try:
        ordering = special_quasirandom(study.input.composition, host, study.input.sqs_atoms, study.volumes)
    except InputError as error:
        return None, {label: error}
    jobs = [named(makers["rank"].make(ordering.structure, label=label), label)]
    if "confirm" in makers:
        label = f"{label}, confirmation"
        jobs.append(named(makers["confirm"].make(jobs[0].output.structure, label=label), label))
    return (ordering, jobs), {}
