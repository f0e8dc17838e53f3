"""GPAW's own parameters that a backend file may give (`extra`): how it gets to the ground state, not to which."""

from typing import Any

from anodeflow.backends.extra import merged, refuse, unknown

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
}
"""Criteria of convergence that have a setting."""


def checked(extra: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's own parameters.

    Raises
    ------
    ValueError
        For one that another setting decides, or that GPAW does not have.
    """
    refuse(TAKEN, extra, "GPAW")
    for key in extra:
        if key not in ALLOWED:
            raise unknown(key, ALLOWED, "GPAW", "parameter")
    criteria = extra.get("convergence", {})
    if not isinstance(criteria, dict):
        raise ValueError("convergence is a mapping of criteria: {bands: occupied}")
    refuse(OWN_CRITERIA, criteria, "GPAW's convergence")
    return extra


def with_extra(parameters: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's parameters with those of the user; its own criteria of convergence stay."""
    return merged(parameters, extra) if extra else parameters
