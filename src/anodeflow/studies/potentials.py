"""What is known of the word of a machine-learned potential on a class of surfaces: an audit against DFT, or none."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from anodeflow.core.caveats import Caveat

EnergiesOf = Literal["adatom", "face", "crystal", "interface"]
"""What the energies of a study are of: what is known of a potential on one says nothing of another."""

ANIONS = frozenset({"H", "N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"})
"""Elements that take electrons from metals."""
_AUDITED = "SevenNet (7net-l3i5)"
"""Compared with GPAW in docs/results and docs/alloys.md: Li(001), Li3Mg(001), Li3Mg7(001), LiH(001)."""
OF_POTENTIALS = frozenset({"potential-audited", "potential-wrong", "potential-unaudited"})
"""Codes of what is said of a potential's numbers on a class of surfaces."""
_OLD_WORD = re.compile(r"^(\S+) is not made for isolated atoms: trust binding_energy_bulk, not binding_energy$")


def potential_warning(
    calculation: Mapping[str, Any], elements: Iterable[str], adsorbate: str = "Li", of: EnergiesOf = "adatom"
) -> Caveat | None:
    """Return what is to be said of a potential's numbers; none of those of other codes.

    Parameters
    ----------
    calculation
        Settings of the calculations: a potential's have a `force_field_name`.
    elements
        Elements of the surface, or of the crystals.
    adsorbate
        Element that is put on it: the audits are of Li.
    of
        What the energies are of.
    """
    name = calculation.get("force_field_name")
    if not isinstance(name, str):
        return None
    model = (calculation.get("calculator_kwargs") or {}).get("model")
    name = f"{name} ({model})" if model else name
    if of == "interface":
        return Caveat(
            "potential-unaudited",
            f"energies by {name} at this interface: unaudited, no comparison with DFT of interfaces, exchanges and "
            "vacancies is known",
        )
    if of == "crystal":
        return _of_crystals(name, set(elements))
    if name == _AUDITED and set(elements) == {"Na"}:
        return Caveat(
            "potential-wrong",
            f"energies by {name} on Na: its surfaces cost a quarter of what they do by DFT (Na(110) 0.06 J/m², GPAW "
            "with PBE 0.21), so what binds and moves there is not to be believed without DFT",
        )
    anions = sorted(ANIONS.intersection(elements))
    compared = name == _AUDITED and adsorbate == "Li" and of == "adatom"
    if compared and set(elements) in ({"Li"}, {"Li", "Mg"}):
        return Caveat(
            "potential-audited",
            f"energies by {name} on Li and Li-Mg alloys: binding of Li differs by 0.05 to 0.12 eV from DFT, barriers "
            "by up to 0.08 eV (0.03 against 0.09 eV on Li(001))",
        )
    if compared and set(elements) == {"Li", "H"}:
        return Caveat(
            "potential-wrong",
            f"energies by {name} on LiH: Li is bound 1 eV more strongly than by DFT, do not use them without it",
        )
    if anions:
        return Caveat(
            "potential-unaudited",
            f"energies by {name} on a surface with anions ({', '.join(anions)}): unaudited, no comparison with DFT is "
            "known on such a surface, and errors of 1 eV occur",
        )
    of_it = f" of {adsorbate}" if name == _AUDITED and adsorbate != "Li" else ""
    return Caveat(
        "potential-unaudited",
        f"energies by {name} on this surface: unaudited, no comparison with DFT{of_it} is known on such a surface",
    )


def _of_crystals(name: str, elements: set[str]) -> Caveat:
    if name == _AUDITED and elements == {"Li", "Mg"}:
        return Caveat(
            "potential-audited",
            f"formation energies by {name} of Li-Mg alloys differ by 1 to 10 meV/atom from those of DFT, as much as "
            "orderings differ by, and voltages by up to 0.03 V",
        )
    return Caveat(
        "potential-unaudited",
        f"formation energies by {name} of {'-'.join(sorted(elements))}: unaudited, no comparison with DFT is known",
    )


def without_vouching(warning: Caveat) -> Caveat:
    """Return a warning without the advice of earlier documents to trust a potential against the bulk."""
    text = _OLD_WORD.sub(r"\1 is not made for isolated atoms: binding_energy is not to be used", warning.text)
    return warning if text == warning.text else Caveat(warning.code, text)
