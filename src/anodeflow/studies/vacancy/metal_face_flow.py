"""An atom taken out of a metal's own surface: the slab with and without it."""

from dataclasses import dataclass, field

import numpy as np
from jobflow import Flow, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.in_place import in_place
from anodeflow.core.errors import CalculationError
from anodeflow.core.jobs import job, named
from anodeflow.core.labels import Label
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.shared.steps import replaced
from anodeflow.studies.vacancy.geometry import remove_atom, shaken
from anodeflow.studies.vacancy.metal_face import MetalFace, metal_face


@dataclass
class MetalFaceMaker(Maker):
    """Makes the flow of an atom taken out of a metal's own surface, which vacancy studies set beside the alloy's.

    Attributes
    ----------
    relax
        Maker that relaxes positions.
    name
        Name of the flow.
    slab
        Surface, thickness, width and vacuum.
    metal
        Name of the metal: Li.
    system
        Name in labels.
    """

    relax: Maker
    name: str = "metal's own surface"
    slab: SlabSpec = field(default_factory=SlabSpec)
    metal: str = ""
    system: str = ""

    def make(self, bulk: CalculationDoc | OutputReference, host: HostLattice | None = None) -> Flow:
        """Build the flow.

        Parameters
        ----------
        bulk
            Relaxed bulk of the metal (or a reference to it), with the same settings.
        host
            Its parent lattice, for the Miller indices.

        Returns
        -------
        Flow
            Output: MetalFace.
        """
        surface = f"{self.metal}({' '.join(map(str, self.slab.miller))})"
        start = relax_face(self.relax, bulk, self.slab, host, surface, self.system)
        start.name = face_label(self.system, surface)
        return Flow([start], output=start.output, name=str(Label(self.name, self.system)))


def face_label(system: str, surface: str) -> str:
    """Return the label of the clean slab."""
    return str(Label(f"{surface} alone", system))


@job
def relax_face(
    relax: Maker, bulk: CalculationDoc, spec: SlabSpec, host: HostLattice | None, surface: str, system: str
) -> Response:
    """Cut the slab and relax it, then take out an atom."""
    label = face_label(system, surface)
    cell = build_slab(bulk.structure, spec, host)
    clean = named(relax.make(cell.structure, label=label), label)
    taken = take_out(relax, clean.output, label)
    taken.name = f"{label}, without an atom"
    atom = int(np.argmax(cell.structure.cart_coords[:, 2].round(3)))
    last = collect_face(surface, atom, bulk, clean.output, taken.output)
    return replaced([clean, taken, last], last, label)


@job
def take_out(relax: Maker, clean: CalculationDoc, label: str) -> Response:
    """Relax a slab once more, without the atom that lies highest.

    Raises
    ------
    CalculationError
        If the slab is not relaxed: the atom's place is not known.
    """
    if not clean.converged:
        raise CalculationError(f"{label}: the relaxation did not converge, so no atom is taken out; run it again.")
    atom = int(np.argmax(clean.structure.cart_coords[:, 2].round(3)))
    label = f"{label}, without an atom"
    return in_place(relax.make(shaken(remove_atom(clean.structure, atom)), label=label), label)


@job
def collect_face(
    surface: str, atom: int, bulk: CalculationDoc, clean: CalculationDoc | None, empty: CalculationDoc | None
) -> MetalFace:
    """Put energies together."""
    return metal_face(surface, atom, bulk, clean, empty)
