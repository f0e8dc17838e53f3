"""Whether the alloy of an interface has the elements that a study asks for."""

from collections.abc import Iterator, Mapping

from anodeflow.studies.base import Problem
from anodeflow.studies.subjects.interfaces import Interface
from anodeflow.studies.world import World


def missing_elements(interface: Interface, world: World, needed: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for every key of `needed` whose element the alloy does not have."""
    elements = {site.specie.symbol for site in world.surfaces.structure(interface.system.alloy)}
    for key, element in needed.items():
        if element not in elements:
            yield Problem(
                f"{interface.name}: its alloy {interface.system.alloy} has no {element}, only "
                f"{', '.join(sorted(elements))}: name another {key}.",
                (key,),
            )
