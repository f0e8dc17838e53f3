"""What a reader should know of the exchanges, of their plateau and of the driving force."""

from collections.abc import Mapping, Sequence

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.studies.interdiffusion.document import ExchangePoint, InterdiffusionDoc

SAME_ENERGY = 0.005
"""There and back gives the pristine interface within this, eV."""
NEAR_SURFACE = 2
"""Planes at the free face of the metal that are too near to it to tell of its inside."""


def point_warnings(point: ExchangePoint, found: CalculationDoc, element: str) -> list[Caveat]:
    """Return warnings on one exchange; `found`: its relaxation."""
    warnings = list(found.warnings)
    if not point.converged:
        warnings.append(Caveat("not-converged", "the relaxation did not converge"))
    if point.return_energy is not None and abs(point.return_energy) > SAME_ENERGY:
        warnings.append(
            Caveat(
                "no-way-back",
                f"there and back gives {point.return_energy:+.3f} eV instead of 0, so the interface itself has "
                "changed, and against what it is now the exchange is "
                f"{point.exchange_energy - point.return_energy:+.3f} eV: lower the force threshold of the relaxations, "
                "or raise rattle",
            )
        )
    if point.rearranged:
        one = point.rearranged == 1
        others = "another atom left its place" if one else f"{point.rearranged} other atoms left their places"
        warnings.append(
            Caveat(
                "rearranged",
                f"{others} in the relaxation, so the interface itself has changed and the energy is not that of the "
                "exchange alone: take another termination, or thicker or less strained sides",
            )
        )
    if not point.stayed:
        warnings.append(
            Caveat(
                "left-layer",
                f"the {element} atom left its layer in the relaxation and rests in layer {point.final_layer}",
            )
        )
    return [warning.under(point.step) for warning in warnings]


def plateau_warnings(energies: Mapping[int, Sequence[float]], plateau: Sequence[int], tolerance: float) -> list[Caveat]:
    if not plateau:
        return [
            Caveat(
                "no-plateau",
                f"there is no plateau: no two successive depths, {NEAR_SURFACE} planes or more below the free face, "
                f"agree within {tolerance:.3g} eV, so no driving force is given; take more layers of the metal",
            )
        ]
    if plateau[-1] < max(energies):
        return [
            Caveat(
                "leaves-plateau",
                f"the energy leaves the plateau again after depth {plateau[-1]}: the driving force is no more certain "
                "than that; take more layers of the metal",
            )
        ]
    return []


def verdict_warnings(document: InterdiffusionDoc) -> list[Caveat]:
    """Return warnings on what all energies are against, and on a driving force that the pairs do not decide."""
    back = [point.return_energy for point in document.points if point.return_energy is not None]
    if not back or min(back) >= -SAME_ENERGY:
        return _undecided(document)
    lower = Caveat(
        "pristine-not-lowest",
        f"with its exchange undone the interface came to rest as much as {-min(back):.3f} eV below the pristine one, "
        "against which all exchange energies are: they, and the driving force, may be too low by that; raise rattle, "
        "or try more shifts (registry_grid)",
    )
    return [lower, *_undecided(document)]


def _undecided(document: InterdiffusionDoc) -> list[Caveat]:
    force, spread = document.driving_force, document.spread
    if force is None:
        return []
    if spread is None:
        return [
            Caveat("one-pair", "with one pair of atoms at each depth the driving force has no range: take more samples")
        ]
    if document.verdict == "undecided":
        return [
            Caveat(
                "undecided",
                f"the driving force is undecided: {force:+.3f} eV is no more than the {spread:.3f} eV by which the "
                "pairs on the plateau differ; take more samples, or a wider interface",
            )
        ]
    return []
