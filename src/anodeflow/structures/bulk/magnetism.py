"""Magnetic crystals: the moments with which they start, and those that are refused."""

import math
from collections.abc import Iterable

from pymatgen.core import Structure

from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import InputError
from anodeflow.structures.geometry.positions import image_distance

FERROMAGNETS = {"Fe": 2.2, "Co": 1.7, "Ni": 0.6, "Gd": 7.6}
"""Element -> moment of an atom of the metal, µB (Kittel, Introduction to Solid State Physics, 8th ed., chapter 12)."""

OTHER_ORDERS = frozenset({"Cr", "Mn", "Ce", "Pr", "Nd", "Sm", "Eu", "Tb", "Dy", "Ho", "Er", "Tm"})
"""Elements whose metals order in other ways, over cells that a bulk crystal does not show."""

ANIONS = frozenset({"H", "N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"})
"""Elements whose compounds with magnetic metals are not ordered as the metals are: NiO, Fe2O3, CoF2."""

WHOLE = 0.05
"""How far a moment may be from a whole number of unpaired electrons, µB."""


def is_magnetic(elements: Iterable[str]) -> bool:
    """Return whether one of the elements gives its crystals moments."""
    return not (FERROMAGNETS.keys() | OTHER_ORDERS).isdisjoint(elements)


def with_moments(structure: Structure) -> Structure:
    """Return a crystal or slab whose ferromagnetic atoms start with the moments of their metals, `magmom` in µB.

    One without such atoms, or with moments of its own, is returned as it is.

    Raises
    ------
    InputError
        For an element whose metal is magnetic in another way, and for compounds of a magnetic metal with anions, if
        the crystal has no moments of its own.
    """
    if any(structure.site_properties.get("magmom") or []):
        return structure
    elements = [site.specie.symbol for site in structure]
    if other := sorted(OTHER_ORDERS.intersection(elements)):
        raise InputError(
            f"{structure.composition.reduced_formula} with {', '.join(other)} is magnetic in an order that its cell "
            "does not show, and without moments its energies are wrong: take another element, or a backend without "
            "spin (mlip) that was fitted to the right order."
        )
    if FERROMAGNETS.keys().isdisjoint(elements):
        return structure
    if anions := sorted(ANIONS.intersection(elements)):
        raise InputError(
            f"{structure.composition.reduced_formula} is a compound of a magnetic metal with {', '.join(anions)}, of "
            "which neither order nor moments are known: give it as a file of pymatgen (JSON) with a `magmom` at each "
            "site, or take a backend without spin (mlip) that was fitted to the right order."
        )
    started = structure.copy()
    started.add_site_property("magmom", [FERROMAGNETS.get(element, 0.0) for element in elements])
    return started


def slab_with_moments(slab: Structure, bulk: Structure) -> Structure:
    """Return a slab whose atoms start with the moments of their elements in the bulk it was cut from, if that has any.

    Raises
    ------
    InputError
        If atoms of one element have different moments there: which atom of the slab has which is not known.
    """
    moments: dict[str, float] = {}
    for site, moment in zip(bulk, bulk.site_properties.get("magmom") or [], strict=False):
        element, value = site.specie.symbol, float(moment or 0.0)
        if abs(moments.setdefault(element, value) - value) > 1e-3:
            raise InputError(
                f"the {element} atoms of {bulk.composition.reduced_formula} start with different moments "
                f"({moments[element]:g} and {value:g} µB), and a slab cut from it would lose their order: surfaces "
                "need ferromagnets, or a backend without spin (mlip)."
            )
    if not any(moments.values()):
        return slab
    started = slab.copy()
    started.add_site_property("magmom", [moments[site.specie.symbol] for site in slab])
    return started


def check_moments(crystal: Structure) -> None:
    """Raise InputError if a crystal, or a slab cut from it, cannot start with moments that are known."""
    slab_with_moments(crystal, with_moments(crystal))


def kept_moment(structure: Structure, fixed: bool) -> float | None:
    """Return the total moment (µB) that a spin-polarised structure must keep; none: the SCF finds it.

    An isolated atom keeps the moment of its ground state: smearing must not mix other terms in.

    Parameters
    ----------
    structure
        Structure with the moments (`magmom`) that its atoms start with.
    fixed
        Whether a structure with periods keeps its moment, too.

    Raises
    ------
    InputError
        If that is asked of a structure in which several atoms start with moments: their sum is but a guess.
    """
    moments = [float(moment or 0.0) for moment in structure.site_properties.get("magmom") or []]
    if not any(moments) or (any(structure.lattice.pbc) and not fixed):
        return None
    if any(structure.lattice.pbc) and sum(map(bool, moments)) > 1:
        raise InputError(
            f"{structure.composition.reduced_formula}: fixed_moment keeps the moment of one adatom, and here several "
            "atoms start with moments, whose sum is but a guess: leave it out for this system."
        )
    return sum(moments)


def moment_warning(structure: Structure, moment: float | None) -> Caveat | None:
    """Return what is to be said of the moment of a slab on which the adatom alone is magnetic; none if all is well.

    Parameters
    ----------
    structure
        Slab with the adatom, its last atom, with the moments (`magmom`) that it started with.
    moment
        Total moment at the end, µB; none without spin polarisation.

    Returns
    -------
    Caveat or None
        A moment farther than 0.05 from a whole number means a band of adatoms that is neither full nor empty: unpaired
        electrons that hop from image to image, and a smearing that counts as energy.
    """
    started = structure.site_properties.get("magmom") or []
    if moment is None or not any(started) or any(started[:-1]) or abs(moment - round(moment)) <= WHOLE:
        return None
    if is_magnetic([structure[-1].specie.symbol]):
        return None  # the moment of a magnetic atom on a metal is no whole number
    width = image_distance(structure.lattice)
    return Caveat(
        "moment-not-whole",
        f"the moment is {moment:.2f} µB, not a whole number: the unpaired electron is smeared over a band of adatoms "
        f"{width:.1f} Å apart, an artefact of 0.01 to 0.1 eV; take a min_width of 9 Å or more and a smearing_width of "
        "0.02 eV, or fixed_moment: true, in `settings` of the system",
    )


def entropy_warning(term: float) -> Caveat | None:
    """Return what is to be said of the entropy of smearing in an energy difference; none if it is small.

    Parameters
    ----------
    term
        Difference of the extrapolated energies minus that of the free energies, eV.
    """
    if not math.isfinite(term) or abs(term) <= 0.02:
        return None
    return Caveat(
        "smearing-entropy",
        f"the entropy of smearing makes up {abs(term):.3f} eV of it: a smaller smearing_width would change it by about "
        "as much",
    )
