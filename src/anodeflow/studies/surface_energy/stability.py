"""Whether the crystal of a face is stable, and whether it can be in equilibrium with the bulk metal at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from anodeflow.core.caveats import Caveat

SURE = 0.001
"""Differences of formation energies that are told, eV/atom: less is within the error of relaxations."""


@dataclass(frozen=True)
class Phase:
    """A crystal of the two elements.

    Attributes
    ----------
    formula
        Reduced formula.
    fraction
        Atomic fraction of the metal.
    formation_energy
        From the elements' bulks, eV/atom.
    """

    formula: str
    fraction: float
    formation_energy: float


@dataclass(frozen=True)
class Place:
    """Where a compound lies among the phases of its elements.

    Attributes
    ----------
    above_hull
        How far it lies above the hull of the others and itself, eV/atom; 0: on it.
    parts
        The two phases on the hull that it decomposes into, the same one twice where a structure of its own composition
        is lower; its neighbours, where it is on the hull.
    potential
        Highest chemical potential of the metal at which the compound is stable, less that of the bulk metal, eV: that
        of the equilibrium with the neighbour that is richer in the metal. 0: the neighbour is the bulk metal itself.
        None: it is stable at none.
    """

    above_hull: float
    parts: tuple[Phase, Phase]
    potential: float | None


def place(compound: Phase, others: Sequence[Phase]) -> Place:
    """Return where a compound lies among other phases, the bulks of both elements among them."""
    poorer = [each for each in others if each.fraction < compound.fraction - 1e-6]
    richer = [each for each in others if each.fraction > compound.fraction + 1e-6]

    def between(pair: tuple[Phase, Phase]) -> float:
        first, second = pair
        share = (compound.fraction - first.fraction) / (second.fraction - first.fraction)
        return first.formation_energy + share * (second.formation_energy - first.formation_energy)

    parts = min(((first, second) for first in poorer for second in richer), key=between)
    above = compound.formation_energy - between(parts)
    same = [each for each in others if abs(each.fraction - compound.fraction) <= 1e-6]
    lower = min(same, key=lambda each: each.formation_energy, default=compound)
    if compound.formation_energy - lower.formation_energy > max(SURE, above):
        return Place(compound.formation_energy - lower.formation_energy, (lower, lower), None)
    if above > SURE:
        return Place(above, parts, None)

    def slope(other: Phase) -> float:
        return (other.formation_energy - compound.formation_energy) / (other.fraction - compound.fraction)

    # Tangents of the hull: the flattest to a richer phase, the steepest to a poorer one. Of phases on one line the
    # nearest is the neighbour.
    up = min(richer, key=lambda each: (round(slope(each), 9), each.fraction))
    down = max(poorer, key=lambda each: (round(slope(each), 9), each.fraction))
    return Place(0.0, (down, up), compound.formation_energy + (1 - compound.fraction) * slope(up))


def unstable_caveat(formula: str, formation_energy: float, metal: str, other: str, above: float) -> Caveat | None:
    """Return what is to be said of a face whose crystal would fall apart into the elements; none: it would not.

    Parameters
    ----------
    formula
        Reduced formula of the crystal.
    formation_energy
        Of the crystal from the bulks of its elements, eV/atom.
    metal, other
        The element whose bulk sets the chemical potential, and the other one.
    above
        Chemical potential of the other element less the energy of its bulk, eV/atom.
    """
    if formation_energy <= SURE:
        return None
    return Caveat(
        "unstable-compound",
        f"{formula} is not stable against {metal} and {other} (formation energy {formation_energy:+.3f} eV/atom): no "
        f"face of it is in equilibrium with bulk {metal}, and at these chemical potentials {other} is {above:.3f} eV "
        "above its bulk; the surface energy is one of a crystal that is not stable",
    )


def hull_words(formula: str, metal: str, found: Place, energy: float, excess: float) -> str:
    """Return in a sentence what the hull says of an equilibrium with the bulk metal; empty: it is one.

    Parameters
    ----------
    formula, metal
        Of the crystal, and whose bulk sets the chemical potential.
    found
        Where it lies.
    energy
        Surface energy at the potential of the bulk metal, J/m².
    excess
        By how much it falls by each eV by which the metal's chemical potential rises, J/m² per eV.
    """
    first, second = (phase.formula for phase in found.parts)
    if found.potential is None and found.parts[0] == found.parts[1]:
        return (
            f"another structure of {formula} lies {1000 * found.above_hull:.1f} meV/atom lower: its surface energies "
            "are those of a crystal that is not stable."
        )
    if found.potential is None:
        return (
            f"{formula} lies {1000 * found.above_hull:.1f} meV/atom above the hull, on which it decomposes into "
            f"{first} and {second}: its surface energies are those of a crystal that is not stable."
        )
    if found.potential > -SURE:
        return ""
    words = (
        f"{formula} is not in equilibrium with bulk {metal}: {second} lies between them on the hull, and where "
        f"{formula} and {second} are in equilibrium the chemical potential of {metal} is "
        f"{-found.potential:.3f} eV lower"
    )
    return words + (
        f"; there the face costs {energy - excess * found.potential:.3f} J/m²." if abs(excess) > 1e-6 else "."
    )
