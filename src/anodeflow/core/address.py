"""Content addresses: what is computed alike is named alike."""

import hashlib
import json
from typing import Any

import numpy as np
from pymatgen.core import Structure

# Positions that agree to this many decimals (Å) are one geometry: far below any force threshold, far above
# the rounding of a JSON or BSON round trip.
_DECIMALS = 6


def content_hash(content: Any) -> str:
    """Return the first 20 hexadecimal digits of the SHA-256 of `content`, written as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def structure_content(structure: Structure) -> dict[str, Any]:
    """Return what of a structure decides a calculation: cell, periodicity, atoms, fixed atoms, moments."""

    def rounded(values: Any) -> list:
        # + 0.0 turns -0.0 into 0.0, which JSON would tell apart
        return (np.round(np.asarray(values, dtype=float), _DECIMALS) + 0.0).tolist()

    content: dict[str, Any] = {
        "cell": rounded(structure.lattice.matrix),
        "pbc": [bool(periodic) for periodic in structure.lattice.pbc],
        "species": [site.species_string for site in structure],
        "positions": rounded(structure.cart_coords),
    }
    properties = structure.site_properties
    if "selective_dynamics" in properties:
        content["selective_dynamics"] = [
            [bool(free) for free in (flags if flags is not None else (True, True, True))]
            for flags in properties["selective_dynamics"]
        ]
    if "magmom" in properties:
        content["magmom"] = rounded([moment or 0.0 for moment in properties["magmom"]])
    return content
