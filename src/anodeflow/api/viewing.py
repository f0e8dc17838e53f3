"""Structures in three dimensions, in a notebook or a browser."""

from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def view(structure: Any, **options: Any) -> "Figure":
    """Return a figure of a structure that turns with the mouse; it needs no network.

    Parameters
    ----------
    structure
        A pymatgen Structure, or what has one: a slab that :func:`anodeflow.build_slab` built, a site of a document.
    **options
        Of ``pymatviz.structure_3d``: show_bonds, atomic_radii ...

    Raises
    ------
    InputError
        If pymatviz is missing.
    """
    try:
        from pymatviz import structure_3d
    except ImportError as error:
        raise InputError(
            f"structures are shown by pymatviz, which is not installed: {install_command('notebook')}."
        ) from error

    return structure_3d(getattr(structure, "structure", structure), **options)
