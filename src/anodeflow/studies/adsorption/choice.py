"""Which sites of an ideal slab a study of adsorption is about."""

from anodeflow.structures.sites.site_choice import SiteChoice, choose_sites, same_sites
from anodeflow.structures.sites.sites import AdsorptionSite, find_sites
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.subjects.surfaces import Surface, Surfaces


def all_sites(surfaces: Surfaces, surface: Surface, adsorbate: str) -> list[AdsorptionSite]:
    """Return all sites of the ideal slab."""
    key = ("sites", surface.structure, surface.system.slab_spec(), adsorbate)
    return surfaces.once(key, lambda: find_sites(surfaces.slab(surface).structure, adsorbate))


def site_choice(surfaces: Surfaces, surface: Surface, input: AdsorptionInput) -> SiteChoice | None:
    """Return the sites that a study chooses on a surface as asked for, which its variants have too; none: all.

    Raises
    ------
    InputError
        If the choice is empty or names sites that there are not.
    """
    surface = surface.base
    wish = input.sites_of(surface.system.name, surface.family)
    if wish == "all":
        return None
    return choose_sites(surfaces.slab(surface), all_sites(surfaces, surface, input.adsorbate), wish, surface.name)


def chosen_sites(surfaces: Surfaces, surface: Surface, input: AdsorptionInput) -> list[AdsorptionSite]:
    """Return those sites of the ideal slab that the study is about."""
    choice = site_choice(surfaces, surface, input)
    sites, cell = all_sites(surfaces, surface, input.adsorbate), surfaces.slab(surface)
    return sites if choice is None else same_sites(choice, cell.structure, sites)
