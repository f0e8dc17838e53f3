"""The ladder that a stubborn SCF climbs, rung by rung. No rung changes the converged energy."""

from typing import Any

LADDER: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "mixing: Pulay, 5 %, 8 old densities, long waves damped",
        {"mixer": {"name": "pulay", "beta": 0.05, "nmaxold": 8, "weight": 100.0}},
    ),
    ("bands: twice as many as occupied", {"nbands": "200%"}),
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
"""(what it is, what it changes); the changes of a rung stay for those above it."""


def parameters_at(rung: int, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's parameters after `rung` rungs; each rung doubles the SCF cycles allowed at first.

    Parameters
    ----------
    rung
        0: as asked for.
    parameters
        GPAW's parameters as asked for.
    """
    changed = dict(parameters)
    for _, changes in LADDER[:rung]:
        changed |= changes
    changed["maxiter"] = parameters["maxiter"] * (1 + rung)
    return changed
