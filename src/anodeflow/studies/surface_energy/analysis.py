"""Energy of a face from that of a slab with two of them: ``gamma = (E - sum n_i mu_i) / 2 A``."""

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.structures.geometry.positions import fixed_coordinates
from anodeflow.structures.slab.slabs import SlabCell
from anodeflow.studies.about import study_fields
from anodeflow.studies.context import SlabContext
from anodeflow.studies.shared.references import crystal_caveats
from anodeflow.studies.surface_energy.document import OTHER, SurfaceEnergyDoc
from anodeflow.studies.surface_energy.faces import faces_alike
from anodeflow.studies.surface_energy.stability import unstable_caveat

INSIDE_MOVED = 0.1
"""How far the lowest free plane may move for the inside of a slab to count as that of the bulk, Å."""


def chemical_potentials(bulk: CalculationDoc, metal: CalculationDoc | None) -> dict[str, float]:
    """Return element -> chemical potential, eV/atom.

    Parameters
    ----------
    bulk
        Relaxed crystal of the slab, of one element or two.
    metal
        Relaxed bulk of one of the two elements. The other one's potential is what is left of the crystal's energy: the
        face is in equilibrium with both crystals.
    """
    amounts = bulk.structure.composition.get_el_amt_dict()
    if metal is None:
        (element,) = amounts
        return {element: bulk.energy_per_atom}
    element = metal.structure[0].specie.symbol
    (other,) = set(amounts) - {element}
    potential = metal.energy_per_atom
    return {element: potential, other: (bulk.energy - amounts[element] * potential) / amounts[other]}


def formation_energy(bulk: CalculationDoc, *elements: CalculationDoc) -> float:
    """Return the formation energy of a compound from the bulks of its elements, eV/atom."""
    potentials = {each.structure[0].specie.symbol: each.energy_per_atom for each in elements}
    amounts = bulk.structure.composition.get_el_amt_dict()
    return bulk.energy_per_atom - sum(n * potentials[each] for each, n in amounts.items()) / len(bulk.structure)


def face_energy(relaxed: float, ideal: float | None, bulk: float, area: float) -> tuple[float, float | None]:
    """Return the energy of the relaxed face and that of the face as cut, eV/Å².

    Parameters
    ----------
    relaxed
        Energy of the relaxed slab, whose two faces are alike as cut, eV.
    ideal
        The same before the relaxation, where it relaxed the upper face alone. All of what it gained belongs to that
        face, and half of what the slab as cut costs. None: both faces relaxed alike.
    bulk
        Energy of its atoms at their chemical potentials, eV.
    area
        Area of one face, Å².
    """
    if ideal is None:
        return (relaxed - bulk) / (2 * area), None
    unrelaxed = (ideal - bulk) / (2 * area)
    return unrelaxed + (relaxed - ideal) / area, unrelaxed


def surface_energy_document(
    cell: SlabCell,
    slab: CalculationDoc,
    ideal: CalculationDoc | None,
    bulk: CalculationDoc,
    metal: CalculationDoc | None,
    study: SlabContext,
    other: CalculationDoc | None = None,
) -> SurfaceEnergyDoc:
    """Return the document of one surface.

    Parameters
    ----------
    cell
        Slab as it was cut.
    slab
        Its relaxation.
    ideal
        It as cut; none where nothing was held.
    bulk, metal
        Relaxed bulks of the slab's crystal, and of the metal that a compound is in equilibrium with.
    study
        What was asked for.
    other
        Relaxed bulk of a compound's other element; none: it is not known.

    Raises
    ------
    CalculationError
        If the two faces of the slab are not alike: the relaxed bulk lost the symmetry of the crystal.
    """
    system = study.system
    if not faces_alike(cell.structure):
        raise CalculationError(
            f"{system}: the relaxed bulk has lost the symmetry that makes both faces of the slab alike, so there is no "
            "energy of one of them: look at the relaxation of the bulk."
        )
    potentials = chemical_potentials(bulk, metal)
    atoms = cell.structure.composition.get_el_amt_dict()
    at_rest = sum(number * potentials[element] for element, number in atoms.items())
    energy, unrelaxed = face_energy(slab.energy, None if ideal is None else ideal.energy, at_rest, cell.area)
    element = None if metal is None else metal.structure[0].specie.symbol
    steps = {"slab": slab, "ideal slab": ideal, "bulk": bulk, "metal": metal, OTHER: other}
    found = {step: each for step, each in steps.items() if each is not None}
    settings = {"calculation": slab.settings, "slab": study.slab_spec, "metal": element}
    return SurfaceEnergyDoc(
        **study_fields(
            study,
            slab.backend,
            f"{slab.code} {slab.code_version}",
            settings,
            {step: each.id for step, each in found.items()},
        ),
        warnings=_warnings(cell, found, energy) + _of_stability(bulk, metal, other),
        formula=slab.formula,
        crystal=bulk.structure.composition.reduced_formula,
        miller=cell.miller,
        termination=cell.termination,
        layers=cell.layers,
        fixed_layers=cell.fixed_layers,
        area=cell.area,
        metal=element,
        chemical_potentials=potentials,
        formation_energy=None if other is None or metal is None else formation_energy(bulk, metal, other),
        excess=_excess(atoms, bulk.structure.composition.get_el_amt_dict(), element, cell.area),
        slab_energy=slab.energy,
        ideal_energy=None if ideal is None else ideal.energy,
        surface_energy=energy,
        unrelaxed=unrelaxed,
        converged=slab.converged,
    )


def _excess(slab: dict[str, float], bulk: dict[str, float], metal: str | None, area: float) -> float:
    if metal is None:
        return 0.0
    (other,) = set(bulk) - {metal}
    return (slab.get(metal, 0.0) - slab.get(other, 0.0) * bulk[metal] / bulk[other]) / (2 * area)


def _warnings(cell: SlabCell, steps: dict[str, CalculationDoc], energy: float) -> list[Caveat]:
    crystals = ("bulk", "metal", OTHER)
    told = [
        each.under(step)
        for step, found in steps.items()
        for each in (crystal_caveats(found) if step in crystals else found.warnings)
    ]
    told += [
        Caveat("not-converged", "the relaxation did not converge").under(step)
        for step, found in steps.items()
        if step not in crystals
        and not found.converged
        and not any(each.code == "not-converged" for each in found.warnings)
    ]
    if 0 < cell.fixed_layers < cell.layers // 2:
        told.append(
            Caveat(
                "held-planes",
                f"only {cell.fixed_layers} of {cell.layers} planes were held: what the face below gains by relaxing is "
                "counted for the face above; hold half of them, or none",
            )
        )
    moved = _lowest_free_plane_moved(cell, steps["slab"])
    if moved > INSIDE_MOVED:
        told.append(
            Caveat(
                "inside-moved",
                f"the free plane next to those held moved by {moved:.2f} Å: the slab is too thin, or too coarsely "
                "computed, for its inside to be that of the bulk, so part of its energy is no surface energy",
            )
        )
    if energy < 0:
        told.append(
            Caveat(
                "negative-surface-energy",
                "a negative surface energy: the crystal would fall apart; the bulks are not at rest, or the crystal is "
                "not stable against the metal",
            )
        )
    return told


def _of_stability(bulk: CalculationDoc, metal: CalculationDoc | None, other: CalculationDoc | None) -> list[Caveat]:
    if metal is None or other is None:
        return []
    one, two = (each.structure[0].specie.symbol for each in (metal, other))
    above = chemical_potentials(bulk, metal)[two] - other.energy_per_atom
    formula = bulk.structure.composition.reduced_formula
    told = unstable_caveat(formula, formation_energy(bulk, metal, other), one, two, above)
    return [told] if told else []


def _lowest_free_plane_moved(cell: SlabCell, slab: CalculationDoc) -> float:
    """Return how far an atom of the lowest free plane moved, Å; 0 where nothing is held, or all is."""
    free = [not any(held) for held in fixed_coordinates(cell.structure)]
    if all(free) or not any(free):
        return 0.0
    pairs = [pair for moves, *pair in zip(free, cell.structure, slab.structure, strict=True) if moves]
    lowest = min(before.z for before, _ in pairs)
    return max(before.distance(after) for before, after in pairs if before.z < lowest + 0.5)
