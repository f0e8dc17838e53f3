"""What is asked of a code: a task on a structure, or on a path of structures, with what belongs to the task."""

from dataclasses import dataclass, field
from typing import Any

from pymatgen.core import Structure

from anodeflow.calculations.document import Task
from anodeflow.core.address import structure_content


@dataclass(frozen=True)
class Request:
    """One calculation to be done.

    Attributes
    ----------
    task
        relax, relax_cell, static, density or neb.
    structure
        Start geometry; `selective_dynamics` and `magmom` site properties count, and `lattice.pbc`. Of a path: the
        first image.
    images
        Path of a neb, its two ends included; empty for other tasks.
    options
        Plain data that belongs to the task and decides its result. density: `grid_spacing` (Å). static: `potential`,
        true where that of a slab is wanted. neb: `energies` of the two ends (eV), `settings`
        (:class:`~anodeflow.calculations.neb_maker.NebSettings`), `symmetry` (none or
        :class:`~anodeflow.calculations.neb_document.PathSymmetry`).
    guide
        Backend, as plain data, whose Hessian a relaxation, or the climb of a single image, begins with; empty: none.
        It changes the way, not the result, so it is no part of the content address.
    surrogate
        Says where a relaxation or a path goes next (:class:`anodeflow.learning.surrogate.Surrogate`), to codes whose
        driver is ours; none: the driver's optimiser does. It, too, changes the way alone.
    """

    task: Task
    structure: Structure
    images: tuple[Structure, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    guide: dict[str, Any] = field(default_factory=dict)
    surrogate: Any = field(default=None, compare=False, repr=False)

    @property
    def climbs(self) -> bool:
        """Whether it is the climb of a single image to a saddle."""
        return self.task == "neb" and "tangent" in self.options

    def content(self) -> dict[str, Any]:
        """Return what of the request decides its result, as plain data for the content address."""
        content: dict[str, Any] = {"structure": structure_content(self.structure), "task": self.task}
        if self.images:
            content["images"] = [structure_content(image) for image in self.images]
        if self.options:
            content["options"] = self.options
        return content
