"""GPAW's own parameters that a backend file may give (`extra`): how it gets to the ground state, not to which."""

from typing import Any

from anodeflow.backends.extra import merged, refuse, unknown
from anodeflow.backends.gpaw.values import check_value

ALLOWED = frozenset(
    {"basis", "convergence", "eigensolver", "experimental", "interpolation", "mixer", "nbands", "random"}
)
"""Parameters of GPAW 26.7 that may be given."""
TAKEN = {
    "mode": "the setting cutoff, with plane waves",
    "h": "the setting cutoff",
    "gpts": "the setting cutoff",
    "xc": "the setting functional",
    "kpts": "the setting kpoint_spacing",
    "occupations": "the setting smearing_width",
    "symmetry": "the structure, of which fixed atoms count",
    "setups": "the setting setups",
    "poissonsolver": "the setting dipole_correction",
    "maxiter": "the setting max_scf_cycles",
    "spinpol": "the moments of the structure (spin_polarized of a system)",
    "magmoms": "the moments of the structure (spin_polarized of a system)",
    "hund": "the moments of the structure (spin_polarized of a system)",
    "soc": "the studies, which are without spin-orbit coupling",
    "charge": "the studies, whose cells are neutral",
    "external": "the studies, which are without an external potential",
    "extensions": "the studies",
    "parallel": "parallel of the backend file, which is not hashed",
    "txt": "anodeflow, which reads the log",
}
OWN_CRITERIA = {
    "energy": "the setting energy_tolerance",
    "density": "the setting density_tolerance",
    "eigenstates": "the setting eigenstate_tolerance",
    "total_energy": "the setting total_energy_tolerance",
    "maximum iterations": "the setting max_scf_cycles",
    "custom": "the settings *_tolerance",
}
"""Criteria of convergence that have a setting."""
OWN_EXPERIMENTS = {key: TAKEN[key] for key in ("soc", "magmoms")}
"""What GPAW takes for another parameter where it stands under `experimental`."""


def checked(extra: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's own parameters.

    Raises
    ------
    ValueError
        For one that another setting decides, or that GPAW does not have, or a value that it would not take. What
        GPAW itself says is asked where it is installed.
    """
    refuse(TAKEN, extra, "GPAW")
    for key in extra:
        if key not in ALLOWED:
            raise unknown(key, ALLOWED, "GPAW", "parameter")
    for key, taken in (("convergence", OWN_CRITERIA), ("experimental", OWN_EXPERIMENTS)):
        if isinstance(extra.get(key), dict):
            refuse(taken, extra[key], f"GPAW's {key}")
    for key, value in extra.items():
        check_value(key, value)
    return extra


def with_extra(parameters: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's parameters with those of the user; its own criteria of convergence stay."""
    return merged(parameters, extra) if extra else parameters
