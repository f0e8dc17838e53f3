"""Which surface of a campaign is that of the adatom's own metal, to which binding on the others refers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anodeflow.campaign.studies import Case, case_of
from anodeflow.campaign.study import Study
from anodeflow.campaign.surfaces import Surface, Surfaces
from anodeflow.campaign.systems import AdsorptionStudy
from anodeflow.core.errors import InputError


@dataclass(frozen=True)
class MetalPair:
    """An adsorption study, and that of the same adatom on its own metal."""

    case: Case
    metal: Case


def metal_pairs(surfaces: Surfaces, studies: Sequence[Study]) -> Iterator[MetalPair]:
    """Yield the adsorption studies that have a counterpart on the adatom's own metal, each surface once.

    Raises
    ------
    InputError
        If a study names a `metal_system` that is none.
    """
    seen = set()
    for entry in studies:
        study = entry.adsorption
        if study is None:
            continue
        metal = own_metal(surfaces, studies, study)
        if metal is None:
            continue
        metal_entry = next(each for each in studies if each.adsorption and _studies(each.adsorption, study, metal))
        for surface in surfaces.of(study.systems):
            key = (surface.name, study.adsorbate)
            if surface.name != metal.name and key not in seen:
                seen.add(key)
                yield MetalPair(
                    case_of(surfaces, studies, entry, surface), case_of(surfaces, studies, metal_entry, metal)
                )


def own_metal(surfaces: Surfaces, studies: Sequence[Study], study: AdsorptionStudy) -> Surface | None:
    """Return the surface of the adatom's own metal: that which is named, else the only one that the campaign has.

    Raises
    ------
    InputError
        If the one that is named is no surface of that metal, or adsorption on it is not studied.
    """
    found = metals(surfaces, studies, study)
    if study.metal_system is None:
        return found[0] if len(found) == 1 else None
    named = [each for each in found if study.metal_system in (each.family, each.system.name)]
    if len(named) != 1:
        there = ", ".join(each.system.name for each in found) or "none"
        raise InputError(
            f"metal_system {study.metal_system!r} is not one surface of pure {study.adsorbate} on which the campaign "
            f"studies the adsorption of {study.adsorbate}; there is {there}."
        )
    return named[0]


def metals(surfaces: Surfaces, studies: Sequence[Study], study: AdsorptionStudy) -> list[Surface]:
    """Return the surfaces of the adatom's pure metal on which the campaign studies its adsorption."""
    return [
        surface
        for surface in surfaces.of("all")
        if {site.specie.symbol for site in surfaces.structure(surface.structure)} == {study.adsorbate}
        and any(each.adsorption is not None and _studies(each.adsorption, study, surface) for each in studies)
    ]


def _studies(other: AdsorptionStudy, study: AdsorptionStudy, surface: Surface) -> bool:
    """Whether `other` is about the adatom of `study` on a surface."""
    names = {surface.family, surface.system.name}
    return other.adsorbate == study.adsorbate and (other.systems == "all" or bool(names & set(other.systems)))
