"""Coherent interfaces of an alloy and a metal: the best common cell of every distinct pair of terminations.

The alloy lies below, the metal on top, turned over so that its studied face looks down; vacuum separates their free
faces. The lattice vectors a and b lie in the plane, a along x, c along z; the slabs stand in the middle of the cell.
One side (or both) is deformed in the plane to make the lattices one; heights stay those of its crystal, since a
relaxation finds them.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.interface.assembly import InterfaceCell, assembled
from anodeflow.structures.interface.blocks import Block, cut_blocks
from anodeflow.structures.interface.candidate import InterfaceCandidate
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.interface.matching import LatticeMatch, lattice_matches

OTHER_TERMINATION = "another termination is studied"
"""Why the best cell of a termination is not taken where others are asked for."""
SAME_STRAIN = 0.005
"""Strains that differ by less count as equal: the smaller cell is then taken."""
_BEYOND = 4  # how many times max_atoms is searched, for the sentence that says what would match
_LARGEST_STRAIN = 0.3  # up to which it looks for cells within the limit of atoms


def enumerate_interfaces(
    alloy: Structure,
    metal: Structure,
    spec: InterfaceSpec,
    alloy_host: HostLattice | None = None,
    metal_host: HostLattice | None = None,
) -> list[InterfaceCell]:
    """Build the interface of every distinct pair of terminations, each in its best common cell.

    Best is the least von Mises strain among the cells of at most `max_atoms` atoms; of cells whose strains differ by
    less than half a percent the smallest.

    Parameters
    ----------
    alloy, metal
        Crystals, best relaxed with the code that will treat the interface; in the cells that the hosts are for.
    spec
        Planes, layers, limits of atoms and strain; its `termination` is not looked at.
    alloy_host, metal_host
        Parent lattices (`catalogue.host_lattice`), for Miller indices in the setting "host"; see
        :func:`anodeflow.structures.slab.slabs.build_slabs`.

    Returns
    -------
    list of InterfaceCell
        Terminations are numbered through: those of the alloy, and for each of them those of the metal. One whose
        lattices do not match within the limits is left out.

    Raises
    ------
    InputError
        If no termination matches within the limits; it names the smallest cell that would.
    """
    thickness = spec.alloy_layers if spec.fixed_side == "alloy" else spec.metal_layers
    if spec.fixed_layers > thickness:
        article = "an alloy" if spec.fixed_side == "alloy" else "a metal"
        raise InputError(
            f"cannot fix {spec.fixed_layers} layers of {article} that has {thickness}: lower fixed_layers."
        )
    below = cut_blocks(alloy, spec.alloy_miller, spec.alloy_layers, spec.setting, alloy_host, turned=False)
    above = cut_blocks(metal, spec.metal_miller, spec.metal_layers, spec.setting, metal_host, turned=True)
    name = (
        f"{alloy.reduced_formula}({_indices(spec.alloy_miller)})/{metal.reduced_formula}({_indices(spec.metal_miller)})"
    )
    pairs = [(first, second) for first in below for second in above]
    matches = [_matches(*pair, spec, 2 * spec.max_atoms, min(2 * spec.max_strain, 0.5)) for pair in pairs]
    chosen = [
        _choose([m for m in found if _atoms(pair, m) <= spec.max_atoms and m.strain <= spec.max_strain])
        for pair, found in zip(pairs, matches, strict=True)
    ]
    if not any(chosen):
        raise InputError(f"{name}: {_no_match(pairs, spec)}")
    candidates = [
        _candidate(number, pair, match, spec, match is best)
        for number, (pair, found, best) in enumerate(zip(pairs, matches, chosen, strict=True))
        for match in _frontier(found, best)
    ]
    candidates.sort(key=lambda candidate: (candidate.von_mises_strain, candidate.atoms))
    return [
        assembled(number, *pair, best, spec, candidates)
        for number, (pair, best) in enumerate(zip(pairs, chosen, strict=True))
        if best is not None
    ]


def build_interface(
    alloy: Structure,
    metal: Structure,
    spec: InterfaceSpec,
    alloy_host: HostLattice | None = None,
    metal_host: HostLattice | None = None,
) -> InterfaceCell:
    """Build the interface of the termination that `spec` names; see `enumerate_interfaces`.

    Raises
    ------
    InputError
        If there is no such termination, or `spec` asks for all of them, or nothing matches.
    """
    cells = enumerate_interfaces(alloy, metal, spec, alloy_host, metal_host)
    for cell in cells:
        if cell.number == spec.termination:
            return cell
    known = ", ".join(f"{cell.number}: {cell.termination}" for cell in cells)
    raise InputError(
        f"termination {spec.termination!r} of {alloy.reduced_formula}({_indices(spec.alloy_miller)})/"
        f"{metal.reduced_formula}({_indices(spec.metal_miller)}) names no single interface that matches within "
        f"{spec.max_atoms} atoms: there are {len(cells)} ({known})."
    )


def _matches(alloy: Block, metal: Block, spec: InterfaceSpec, max_atoms: int, max_strain: float) -> list[LatticeMatch]:
    atoms = (len(alloy.elements), len(metal.elements))
    return lattice_matches(alloy.vectors, metal.vectors, atoms, max_atoms, max_strain, spec.min_width, spec.strained)


def _choose(matches: Sequence[LatticeMatch]) -> LatticeMatch | None:
    """Return the smallest cell among those of least strain; they come in order of their atoms."""
    least = min((match.strain for match in matches), default=0.0)
    return next((match for match in matches if match.strain <= least + SAME_STRAIN), None)


def _frontier(matches: Sequence[LatticeMatch], best: LatticeMatch | None) -> list[LatticeMatch]:
    """Return the cells that no smaller one beats in strain, the best one among them."""
    kept: list[LatticeMatch] = []
    for match in matches:
        if match is best or all(match.strain < other.strain - SAME_STRAIN for other in kept):
            kept.append(match)
    return kept


def _atoms(pair: tuple[Block, Block], match: LatticeMatch) -> int:
    cells = (match.alloy, match.metal)
    return sum(len(block.elements) * round(abs(np.linalg.det(cell))) for block, cell in zip(pair, cells, strict=True))


def _candidate(
    number: int, pair: tuple[Block, Block], match: LatticeMatch, spec: InterfaceSpec, best: bool
) -> InterfaceCandidate:
    atoms = _atoms(pair, match)
    if best:
        reason = OTHER_TERMINATION
    elif atoms > spec.max_atoms:
        reason = f"more than {spec.max_atoms} atoms"
    elif match.strain > spec.max_strain:
        reason = f"strain over {_percent(spec.max_strain)}"
    else:
        reason = "more strain than another cell"
    return InterfaceCandidate(
        number=number,
        termination=f"{pair[0].label}/{pair[1].label}",
        atoms=atoms,
        area=match.area,
        width=match.width,
        von_mises_strain=match.strain,
        chosen=best,
        reason=reason,
    )


def _no_match(pairs: Sequence[tuple[Block, Block]], spec: InterfaceSpec) -> str:
    """Say which is the smallest cell that would match, and what strain the allowed size would need."""
    text = (
        f"no common cell of at most {spec.max_atoms} atoms, at least {spec.min_width:g} Å wide, needs a von Mises "
        f"strain of {_percent(spec.max_strain)} or less"
    )
    larger: list[tuple[int, LatticeMatch]] = []
    limit = spec.max_atoms
    while not larger and limit < _BEYOND * max(spec.max_atoms, _least(pairs, spec)):
        limit = ceil(1.5 * limit) + 1
        larger = [(_atoms(pair, m), m) for pair in pairs for m in _matches(*pair, spec, limit, spec.max_strain)]
    strained = [
        (match.strain, _atoms(pair, match))
        for pair in pairs
        for match in _matches(*pair, spec, spec.max_atoms, _LARGEST_STRAIN)
    ]
    hints = []
    if larger:
        atoms, match = min(larger, key=lambda item: (item[0], item[1].strain))
        hints.append(
            f"the smallest that would has {atoms} atoms and a strain of {_percent(match.strain)} (raise max_atoms)"
        )
    if strained:
        least, atoms = min(strained)
        hints.append(
            f"within {spec.max_atoms} atoms the least strain is {_percent(least)}, of {atoms} atoms (raise max_strain)"
        )
    if not hints:
        hints.append(
            "nor does one of up to four times as many: choose other planes, fewer layers or a smaller min_width"
        )
    return f"{text}: {'; '.join(hints)}."


def _least(pairs: Sequence[tuple[Block, Block]], spec: InterfaceSpec) -> int:
    """Return about how many atoms a cell as wide as `min_width` has at least."""
    densities = [sum(len(block.elements) / abs(np.linalg.det(block.vectors)) for block in pair) for pair in pairs]
    return ceil(min(densities) * max(spec.min_width, 1.0) ** 2)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2g} %"


def _indices(miller: tuple[int, int, int]) -> str:
    return " ".join(map(str, miller))
