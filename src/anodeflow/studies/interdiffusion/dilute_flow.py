"""The exchange of two atoms far from any interface: bulk supercells of the alloy and of the metal."""

from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Job, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.jobs import job, named
from anodeflow.core.labels import Label
from anodeflow.structures.bulk.dilute import equivalent_sites, substituted, wide_cell
from anodeflow.studies.interdiffusion.dilute_limit import DiluteLimit, dilute_limit
from anodeflow.studies.shared.steps import replaced

WIDTH = 10.0
"""Least distance of the lone atom to its image, Å."""


@dataclass
class DiluteLimitMaker(Maker):
    """Makes the flow of the dilute limit, which interdiffusion studies set beside their exchange energies.

    Attributes
    ----------
    relax
        Maker that relaxes positions.
    static
        Maker that evaluates a structure.
    name
        Name of the flow.
    element
        Element of the alloy that moves into the metal.
    width
        Least distance of the lone atom to its image, Å.
    system
        Name in labels.
    """

    relax: Maker
    static: Maker
    name: str = "dilute limit"
    element: str = "Mg"
    width: float = WIDTH
    system: str = ""

    def make(self, alloy: CalculationDoc | OutputReference, metal: CalculationDoc | OutputReference) -> Flow:
        """Build the flow.

        Parameters
        ----------
        alloy, metal
            Relaxed bulks (positions and cell), calculations or references to them, with the same settings.

        Returns
        -------
        Flow
            Output: DiluteLimit. Sites whose relaxation failed are missing in it, and it says so.
        """
        start = named(
            substitute(self.relax, self.static, alloy, metal, self.element, self.width, self.system),
            str(Label("dilute limit", self.system)),
        )
        return Flow([start], output=start.output, name=str(Label(self.name, self.system)))


@job
def substitute(
    relax: Maker, static: Maker, alloy: CalculationDoc, metal: CalculationDoc, element: str, width: float, system: str
) -> Response:
    """Put an atom of the element into the metal, and one of the metal on each of its distinct sites in the alloy."""
    host, _ = wide_cell(metal.structure, width)
    large, copies = wide_cell(alloy.structure, width)
    other = host[0].specie.symbol
    sites = equivalent_sites(alloy.structure, element)
    jobs: list[Flow | Job] = []

    def add(maker: Maker, structure: Any, label: str) -> Any:
        label = str(Label(label, system))
        jobs.append(named(maker.make(structure, label=label), label))
        return jobs[-1].output

    results = {
        "metal": add(static, host, f"supercell of bulk {other}"),
        "solution": add(relax, substituted(host, 0, element), f"{element} in bulk {other}"),
        "alloy": add(static, large, "supercell of the bulk alloy"),
    }
    for group in sites:
        label = f"{other} on {element} site {group[0]} of the bulk alloy"
        results[antisite_step(group[0])] = add(relax, substituted(large, group[0] * copies, other), label)
    last = collect_dilute(results, sites, (len(large), len(host)))
    return replaced([*jobs, last], last, str(Label("dilute limit", system)))


def antisite_step(site: int) -> str:
    """Return the step of the supercell with an atom of the metal on a site of the alloy's cell."""
    return f"antisite {site}"


@job
def collect_dilute(
    results: dict[str, CalculationDoc | None], sites: list[list[int]], atoms: tuple[int, int]
) -> DiluteLimit:
    """Put energies together."""
    return dilute_limit(results, {antisite_step(group[0]): group for group in sites}, atoms)
