"""The ends of a hop on the supercell, and what follows when one was relaxed."""

from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.structures.sites.path import (
    carried_end,
    check_hop,
    guessed_end,
    path_symmetry,
    relaxed_end,
)
from anodeflow.structures.sites.path_symmetry import PathSymmetry
from anodeflow.studies.diffusion.hop_search import HopSearch, surface_hop
from anodeflow.studies.shared.hops import HopError

LEFT = 0.5
"""How far from its minimum, in the plane, an adatom may come to rest at the end of a hop, Å."""
OTHER_ENERGY = 0.05
"""By how much the energy of one minimum may differ between its copies on a supercell, eV."""


@dataclass(frozen=True)
class HopEnds:
    """Two ends of a hop on the supercell.

    Attributes
    ----------
    initial, final
        Structures, atoms in the same order, each in the image next to where it starts.
    guessed
        Whether `final` is a guess that must be relaxed.
    target
        Lateral position at the end of the atom that is the adatom there, in the image that it leads to, Å.
    symmetry
        Operation that turns the hop round, if there is one.
    displacement
        Lateral displacement of the copy of the hop that they are of, Å.
    atom
        Index of the atom that is the adatom at the end.
    exchanged_at
        Lateral position of the atom with which the adatom changes places in that copy, Å; none: it moves alone.
    """

    initial: Structure
    final: Structure
    guessed: bool
    target: tuple[float, float]
    symmetry: PathSymmetry | None
    displacement: tuple[float, float]
    atom: int = -1
    exchanged_at: tuple[float, float] | None = None


def hop_ends(search: HopSearch, index: int) -> HopEnds:
    """Return the ends of the copy of a hop which suits the supercell best.

    Among the copies that leave the initial minimum, one whose end an operation of the supercell makes from the relaxed
    minimum comes first, then one that symmetry turns round, then one that is not nearer to the end's periodic image.

    Raises
    ------
    InputError
        If every copy ends at a periodic image of its start: the supercell is too narrow.
    """
    net, slab, hop = search.net(), search.adsorption.slab, search.hops[index]
    initial, minimum = search.minima[hop.initial].structure, search.minima[hop.final].structure
    found: list[tuple[tuple[bool, bool, bool], HopEnds]] = []
    refused: InputError | None = None
    for edge in net.starts(net.edge(surface_hop(hop))):
        copy = net.as_hop(edge)
        try:
            check_hop(slab, copy.displacement)
        except InputError as error:
            refused = error
            continue
        x, y = net.positions[edge[0]] + copy.displacement
        target = (float(x), float(y))
        final = carried_end(slab, initial, minimum, target)
        symmetry = path_symmetry(slab, initial, final) if final is not None and hop.initial == hop.final else None
        end = final or guessed_end(slab, initial, minimum, target)
        ends = HopEnds(initial, end, final is None, target, symmetry, copy.displacement)
        around = ends.final[-1].distance(initial[-1]) < np.linalg.norm(copy.displacement) - 0.1
        found.append(((final is None, symmetry is None, bool(around)), ends))
    if not found:
        raise refused or InputError("the hop leads to no copy of the minimum at its end.")
    return min(found, key=lambda each: each[0])[1]


def finish_end(search: HopSearch, index: int, ends: HopEnds, relaxed: CalculationDoc) -> Structure:
    """Return the end of a hop from the relaxation of its guess.

    Raises
    ------
    HopError
        If it did not converge, or the adatom has left the minimum that was meant.
    """
    hop = search.hops[index]
    advice = "choose a min_width whose supercell has the symmetry of the surface"

    def lost(words: str) -> HopError:
        """Return the error; `words` have a place for the minimum."""
        said = words.format(f"minimum {hop.final}")
        return HopError(f"{search.system}: end of {hop.name}: {said}", f"its end: {words.format('its minimum')}")

    if not relaxed.converged:
        raise lost("its relaxation did not converge; run it again to go on.")
    final = relaxed_end(ends.initial, ends.final, relaxed.structure, ends.target, ends.atom)
    away = float(np.linalg.norm(final[ends.atom].coords[:2] - ends.target))
    if away > LEFT:
        raise lost(f"the adatom left {{}} and came to rest {away:.2f} Å from it: {advice}.")
    other = relaxed.energy - search.total_energy(hop.final)
    if abs(other) > OTHER_ENERGY:
        raise lost(f"the adatom came to rest {other:+.3f} eV from {{}}, in another state: {advice}.")
    return final
