"""Which surface of a campaign is that of the adatom's own metal, to which binding on the others refers."""

from collections.abc import Iterator
from dataclasses import dataclass

from anodeflow.core.errors import InputError
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.world import World, includes


@dataclass(frozen=True)
class OwnMetal:
    """A study of adsorption on one surface, and that of the same adatom on its own metal."""

    input: AdsorptionInput
    surface: Surface
    metal_input: AdsorptionInput
    metal: Surface


def metal_pairs(world: World) -> Iterator[OwnMetal]:
    """Yield the studies of adsorption that have a counterpart on the adatom's own metal, each surface once.

    Raises
    ------
    InputError
        If a study names a `metal_system` that is none.
    """
    seen = set()
    inputs: list[AdsorptionInput] = world.inputs("adsorption")
    for input in inputs:
        metal = own_metal(world, input)
        if metal is None:
            continue
        metal_input = next(each for each in inputs if _studies(each, input, metal))
        for surface in world.surfaces.of(input.systems):
            key = (surface.name, input.adsorbate)
            if surface.name != metal.name and key not in seen:
                seen.add(key)
                yield OwnMetal(input, surface, metal_input, metal)


def own_metal(world: World, input: AdsorptionInput) -> Surface | None:
    """Return the surface of the adatom's own metal: that which is named, else the only one that the campaign has.

    Raises
    ------
    InputError
        If the one that is named is no surface of that metal, or adsorption on it is not studied.
    """
    found = metal_surfaces(world, input)
    if input.metal_system is None:
        return found[0] if len(found) == 1 else None
    named = [each for each in found if input.metal_system in (each.family, each.system.name)]
    if len(named) != 1:
        there = ", ".join(each.system.name for each in found) or "none"
        raise InputError(
            f"metal_system {input.metal_system!r} is not one surface of pure {input.adsorbate} on which the campaign "
            f"studies the adsorption of {input.adsorbate}; there is {there}."
        )
    return named[0]


def metal_surfaces(world: World, input: AdsorptionInput) -> list[Surface]:
    """Return the surfaces of the adatom's pure metal on which the campaign studies its adsorption."""
    surfaces = world.surfaces
    return [
        surface
        for surface in surfaces.of("all")
        if {site.specie.symbol for site in surfaces.structure(surface.structure)} == {input.adsorbate}
        and any(_studies(each, input, surface) for each in world.inputs("adsorption"))
    ]


def _studies(other: AdsorptionInput, input: AdsorptionInput, surface: Surface) -> bool:
    """Whether `other` is about the adatom of `input` on a surface."""
    return other.adsorbate == input.adsorbate and includes(other, surface)
