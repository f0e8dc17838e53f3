"""Binding energies. Definitions: Zhang et al., Adv. Funct. Mater. 2021, 10.1002/adfm.202009712."""


def binding_energy(adsorbed: float, slab: float, reference: float) -> float:
    """Return the binding energy of one adatom.

    ``E_b = E(slab + A) - E(slab) - E(A)``; negative: bound.

    Parameters
    ----------
    adsorbed
        Energy of the relaxed slab with the adatom, eV per cell.
    slab
        Energy of the relaxed clean slab in the same cell, eV per cell.
    reference
        Energy of what the adatom is taken from, eV: the isolated atom, or one atom of its bulk metal.

    Returns
    -------
    float
        eV per adatom.
    """
    return adsorbed - slab - reference
