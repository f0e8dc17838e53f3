"""Convex hull, voltage profile and theoretical capacities of a binary alloy, by pymatgen."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pymatgen.core import Composition, Element
from scipy.constants import physical_constants

from anodeflow.core.errors import InputError
from anodeflow.studies.electrochemistry.document import HullPoint, PhaseCapacity, VoltageStep

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedEntry

FARADAY = physical_constants["Faraday constant"][0]
"""C/mol."""
_ON_HULL = 1e-8
"""eV/atom: nearer to the hull than this is on it."""


def theoretical_capacity(formula: str | Composition, ion: str, per: str = "total") -> float:
    """Return the charge of all ions of a phase by its mass: ``n z F / (3.6 M)``.

    Parameters
    ----------
    formula
        Composition of the phase.
    ion
        Element that carries the charge.
    per
        "total": mass of the phase, ions included (lithium metal: 3861 mAh/g); "host": mass of the other elements.

    Returns
    -------
    float
        mAh/g.

    Raises
    ------
    InputError
        If there is no ion in the phase, or no host whose mass could count.
    """
    composition = Composition(formula)
    ions = composition[ion]
    mass = float(composition.weight)
    if per == "host":
        mass -= ions * float(Element(ion).atomic_mass)
    if ions == 0 or mass < 1e-6:
        what = f"holds no {ion}" if ions == 0 else f"holds nothing but {ion}"
        raise InputError(f"{composition.reduced_formula} {what}, so it has no capacity per mass of its {per}.")
    return ions * ion_charge(ion) * FARADAY / (3.6 * mass)


def ion_charge(ion: str) -> int:
    """Return the charge of an ion, |e|: the highest of the element's common oxidation states.

    (pymatgen's batteries take the highest of all, which is 3 for silver.)
    """
    return int(max(Element(ion).common_oxidation_states))


def hull_points(crystals: Sequence[tuple[str, str, str, float]], ion: str) -> list[HullPoint]:
    """Return the crystals of a binary system with their distances from the convex hull.

    Parameters
    ----------
    crystals
        (formula, name, step, formation energy in eV/atom) of each; the elements' bulks are among them, with zero.
    ion
        Element that carries the charge.

    Returns
    -------
    list of HullPoint
        By the fraction of the ion, then by energy.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram  # half a second of reading tables

    units = [_formula_unit(formula) for formula, *_ in crystals]
    entries = [PDEntry(unit, crystal[3] * unit.num_atoms) for unit, crystal in zip(units, crystals, strict=True)]
    diagram = PhaseDiagram(entries)
    points: list[HullPoint] = []
    for entry, (_, name, step, energy) in zip(entries, crystals, strict=True):
        parts = diagram.get_decomposition(entry.composition)
        above = diagram.get_e_above_hull(entry, allow_negative=False)
        points.append(
            HullPoint(
                formula=entry.composition.reduced_formula,
                name=name,
                step=step,
                fraction=entry.composition.get_atomic_fraction(ion),
                formation_energy=energy,
                energy_above_hull=max(float(above or 0.0), 0.0),
                decomposition={part.composition.reduced_formula: float(share) for part, share in parts.items()},
                lowest=False,
            )
        )
    points.sort(key=lambda point: (point.fraction, point.formation_energy))
    first = {point.formula: point for point in reversed(points)}
    return [point.model_copy(update={"lowest": point is first[point.formula]}) for point in points]


def voltage_steps(points: Sequence[HullPoint], ion: str, partner: str) -> list[VoltageStep]:
    """Return the plateaus of the voltage of A_x B against metal A, from the hull's phases.

    Between two neighbours on the hull with x1 < x2 ions per atom of the partner both phases coexist, and
    ``V = -(E(x2) - E(x1) - (x2 - x1) E(A)) / (z (x2 - x1))``, energies per atom of the partner, as pymatgen's
    InsertionVoltagePair has it. (Its InsertionElectrode is not asked: it seeks the neighbours on a hull that leaves the
    metal A out, on which a phase that decomposes into A can lie, with a negative voltage.)

    Parameters
    ----------
    points
        Crystals, as :func:`hull_points` returns them, the partner's and the ion's bulk among them.
    ion, partner
        The two elements.

    Returns
    -------
    list of VoltageStep
        From the partner to the phase that is richest in ions; the plateau to the ion's metal, which has no end and 0 V,
        is not among them.
    """
    from pymatgen.apps.battery.insertion_battery import InsertionVoltagePair
    from pymatgen.entries.computed_entries import ComputedEntry

    stable = {p.formula: p for p in points if p.lowest and p.energy_above_hull < _ON_HULL and p.formula != ion}
    phases = sorted(stable.values(), key=lambda point: point.fraction)
    metal = ComputedEntry(ion, 0.0)
    rare = max(Element(ion).oxidation_states)  # by which pymatgen divides
    steps = []
    for first, second in pairwise(phases):
        pair = InsertionVoltagePair.from_entries(_entry(first), _entry(second), metal)
        ions = tuple(point.fraction / (1 - point.fraction) for point in (first, second))
        capacity = tuple(
            0.0 if point.formula == partner else theoretical_capacity(point.formula, ion, "host")
            for point in (first, second)
        )
        steps.append(
            VoltageStep(
                initial=first.formula,
                final=second.formula,
                ions=(ions[0], ions[1]),
                voltage=float(pair.voltage) * rare / ion_charge(ion),
                capacity=(capacity[0], capacity[1]),
            )
        )
    return steps


def phase_capacities(points: Sequence[HullPoint], ion: str) -> list[PhaseCapacity]:
    """Return the theoretical capacity of every composition that holds ions, the lowest crystal standing for it."""
    return [
        PhaseCapacity(
            formula=point.formula,
            step=point.step,
            per_total_mass=theoretical_capacity(point.formula, ion),
            per_host_mass=None if point.formula == ion else theoretical_capacity(point.formula, ion, "host"),
        )
        for point in points
        if point.lowest and point.fraction > 0
    ]


def decomposition_words(decomposition: Mapping[str, float]) -> str:
    """Return what a phase decomposes into: 0.40 Mg + 0.60 Li3Mg (fractions of the atoms)."""
    if len(decomposition) == 1:
        return next(iter(decomposition))
    return " + ".join(f"{share:.2f} {formula}" for formula, share in decomposition.items())


def _formula_unit(formula: str) -> Composition:
    return Composition(formula).reduced_composition


def _entry(point: HullPoint) -> "ComputedEntry":
    from pymatgen.entries.computed_entries import ComputedEntry

    unit = _formula_unit(point.formula)
    return ComputedEntry(unit, point.formation_energy * unit.num_atoms)
