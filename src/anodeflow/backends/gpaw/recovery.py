"""Recovery steps of a stubborn SCF, one after the other. None changes the converged energy, but by states it missed.

More bands may find those (docs/accuracy.md).
"""

from typing import Any

RECOVERY_STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "mixing: Pulay, 5 %, 8 old densities, long waves damped",
        {"mixer": {"name": "pulay", "beta": 0.05, "nmaxold": 8, "weight": 100.0}},
    ),
    ("bands: half as many again", {"more_bands": True}),
    ("smearing: first converged with four times the width, then with the one asked for", {"hot_start": 4.0}),
    (
        "cold restart: random wave functions, Davidson with 3 steps, mixing 2 %",
        {
            "random": True,
            "eigensolver": {"name": "dav", "niter": 3},
            "mixer": {"name": "pulay", "beta": 0.02, "nmaxold": 5, "weight": 100.0},
        },
    ),
)
"""(what it is, what it changes); the changes of a step stay for those after it."""


_EMPTY = 30
"""Empty bands of a small cell: more than a fifth of 19 atoms with 12 electrons each, and four, which GPAW has."""


def parameters_at(tried: int, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's parameters after some recovery steps; each adds the SCF cycles that are allowed at first.

    Parameters
    ----------
    tried
        Number of recovery steps; 0: as asked for.
    parameters
        GPAW's parameters as asked for.
    """
    changed = dict(parameters)
    for _, changes in RECOVERY_STEPS[:tried]:
        changed |= changes
    if changed.pop("more_bands", False):
        changed["nbands"] = more_bands(parameters.get("nbands"))
    changed["maxiter"] = parameters["maxiter"] * (1 + tried)
    return changed


def more_bands(asked: int | str | None) -> int | str:
    """Return a number of bands, as GPAW takes it, that is larger than the one asked for, or as large as there is.

    Parameters
    ----------
    asked
        Number of bands, of empty ones where it is negative, share of the occupied ones (160%) or nao, the number of
        atomic orbitals; none: GPAW's own, which only cells of fewer than 20 atoms have.
    """
    if asked is None:
        return -_EMPTY
    if isinstance(asked, int):
        return -(-3 * asked // 2) if asked > 0 else min(3 * asked // 2, -4)
    return f"{1.5 * float(asked[:-1]):g}%" if asked.endswith("%") else asked
