"""Build slabs from Python in one call."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.core.inputs import said
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.slab.slabs import SlabCell
from anodeflow.structures.slab.slabs import build_slab as cut
from anodeflow.structures.slab.spec import SlabSpec


def build_slab(crystal: str | Path | Structure, miller: tuple[int, int, int] = (0, 0, 1), **options: Any) -> SlabCell:
    """Cut a slab from a crystal.

    Parameters
    ----------
    crystal
        Catalogue name (``Li``, ``Li3Mg7``), structure file, or pymatgen Structure.
    miller
        Miller indices of the surface.
    **options
        The other fields of :class:`~anodeflow.structures.slab.spec.SlabSpec`: `layers` or `thickness` (Å),
        `vacuum` (Å), `min_width` (Å), `fixed_layers`, `termination`, `setting`.

    Returns
    -------
    SlabCell
        Its `structure` has the fixed atoms in the site property ``selective_dynamics``.

    Raises
    ------
    InputError
        If the crystal cannot be read, or an option is unknown or out of bounds.

    Examples
    --------
    >>> build_slab("Li", (0, 0, 1), layers=6, min_width=10).structure.formula
    'Li54'
    """
    try:
        spec = SlabSpec(miller=miller, **options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise InputError(
                f"a slab has no option {name!r}: take one of {', '.join(SlabSpec.model_fields)}."
            ) from None
        raise InputError(f"{name}: {said(first)}." if name else f"{said(first)}.") from None
    if isinstance(crystal, Structure):
        return cut(crystal, spec)
    return cut(load_structure(str(crystal)), spec, host_lattice(str(crystal)))
