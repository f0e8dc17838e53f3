"""What is known of the word of a machine-learned potential on a class of surfaces: an audit against DFT, or none."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from anodeflow.core.caveats import Caveat

ANIONS = frozenset({"H", "N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"})
"""Elements that take electrons from metals."""
_AUDITED = "SevenNet (7net-l3i5)"
"""Compared with GPAW in docs/results and docs/alloys.md: Li(001), Li3Mg(001), Li3Mg7(001), LiH(001)."""
OF_POTENTIALS = frozenset({"potential-audited", "potential-wrong", "potential-unaudited"})
"""Codes of what is said of a potential's numbers on a class of surfaces."""
_OLD_WORD = re.compile(r"^(\S+) is not made for isolated atoms: trust binding_energy_bulk, not binding_energy$")


def potential_warning(calculation: Mapping[str, Any], elements: Iterable[str], adsorbate: str = "Li") -> Caveat | None:
    """Return what is to be said of a potential's numbers on a surface; none of those of other codes.

    Parameters
    ----------
    calculation
        Settings of the calculations: a potential's have a `force_field_name`.
    elements
        Elements of the surface.
    adsorbate
        Element that is put on it: the audits are of Li.
    """
    name = calculation.get("force_field_name")
    if not isinstance(name, str):
        return None
    model = (calculation.get("calculator_kwargs") or {}).get("model")
    name = f"{name} ({model})" if model else name
    anions, compared = sorted(ANIONS.intersection(elements)), name == _AUDITED and adsorbate == "Li"
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


def without_vouching(warning: Caveat) -> Caveat:
    """Return a warning without the advice of earlier documents to trust a potential against the bulk."""
    text = _OLD_WORD.sub(r"\1 is not made for isolated atoms: binding_energy is not to be used", warning.text)
    return warning if text == warning.text else Caveat(warning.code, text)
