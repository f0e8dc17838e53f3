"""The way from minimum to minimum of a hop that is to be computed, and where the atom on it came to rest."""

from dataclasses import replace

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Subject
from anodeflow.structures.sites.path import turned_round
from anodeflow.studies.diffusion.exchanges import ends_of, exchange_landed, take_ends
from anodeflow.studies.diffusion.hop_choice import path_of
from anodeflow.studies.diffusion.hop_ends import finish_end
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.splitting import landed
from anodeflow.studies.shared.hop_rounds import Landing, Route


def route_of(search: HopSearch, images: int, index: int, end: CalculationDoc | None) -> Route:
    """Return the way from minimum to minimum of a hop, by so many images; `end`: its end, if that was relaxed."""
    hop, ends = search.hops[index], take_ends(search, index)
    final, energy = ends.final, search.total_energy(hop.final)
    if end is not None:
        final, energy = finish_end(search, index, ends, end), end.energy
        search.note(Subject("end", index), end)
    path = path_of(images, replace(ends, final=final))
    energies = (search.total_energy(hop.initial), energy)
    remark = f", exchange with atom {hop.exchanged_with}" if hop.is_exchange else ""
    return Route(path, energies, {"symmetry": ends.symmetry} | search.path_options(index), remark=remark)


def landed_at(search: HopSearch, index: int, image: int, relaxed: CalculationDoc) -> Landing:
    """Return where an image of a hop came to rest."""
    return (exchange_landed if search.hops[index].is_exchange else landed)(search, index, image, relaxed)


def take_counterpart(search: HopSearch, index: int, top: int) -> None:
    """Let a path that symmetry turns round have the saddle, its image `top`, on its other half, too."""
    hop = search.hops[index]
    other = len(hop.images) - 1 - top
    if other == top or not hop.symmetric:
        return
    hop.profile[other].energy = hop.profile[top].energy
    symmetry = ends_of(search, index).symmetry
    if symmetry is not None:
        hop.images[other] = turned_round(symmetry, hop.images[top], hop.images[other])
