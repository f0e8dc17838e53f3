"""Steps that studies share: the relaxed bulk, the slab cut from it and relaxed, the isolated atom."""

from jobflow import Flow, Job, Maker, OutputReference, job
from pymatgen.core import Structure

from anodeflow.structures.bulk.atom import BOX, isolated_atom
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.bulk.magnetism import slab_with_moments
from anodeflow.structures.slab.slabs import SlabCell, build_slab
from anodeflow.structures.slab.spec import SlabSpec


@job
def cut_slab(bulk: Structure, spec: SlabSpec, host: HostLattice | None = None, spin: bool = True) -> SlabCell:
    """Cut a slab from a relaxed bulk (see :func:`anodeflow.structures.slab.slabs.build_slab`).

    If the bulk has moments and `spin` is asked for, the slab starts with those of its elements there.
    """
    cell = build_slab(bulk, spec, host)
    return cell.model_copy(update={"structure": slab_with_moments(cell.structure, bulk)}) if spin else cell


def slab_flow(
    relax: Maker,
    bulk: Structure | OutputReference,
    spec: SlabSpec,
    host: HostLattice | None,
    system: str,
    spin: bool = True,
) -> Flow:
    """Return the flow that cuts a slab from `bulk` and relaxes it.

    Parameters
    ----------
    relax
        Maker that relaxes positions.
    bulk
        Relaxed bulk (or a reference to it).
    spec, host
        What to cut; see :func:`anodeflow.structures.slab.slabs.build_slab`.
    system
        Name of the system, for people.
    spin
        Whether the slab starts with the moments of its bulk; a code without spin has no use for them.

    Returns
    -------
    Flow
        Output: `cell` (SlabCell) and `calculation` (CalculationDoc of the relaxed slab).
    """
    cut = cut_slab(bulk, spec, host, spin)
    cut.name = f"{system}: cut slab"
    relaxed = relax.make(cut.output.structure, label=f"{system}: clean slab")
    relaxed.name = f"{system}: clean slab"
    return Flow([cut, relaxed], output={"cell": cut.output, "calculation": relaxed.output}, name=f"{system}: slab")


def atom_job(static: Maker, element: str, box: tuple[float, float, float] = BOX, name: str = "") -> Flow | Job:
    """Return the job of the isolated, spin-polarised atom in a box (Å), called `name` (the element) for people."""
    label = f"{name or element} atom"
    made = static.make(isolated_atom(element, box), label=label)
    made.name = label
    return made


def bulk_job(relax_cell: Maker, structure: Structure, name: str) -> Flow | Job:
    """Return the job that relaxes positions and cell of a bulk."""
    made = relax_cell.make(structure, label=f"{name} bulk")
    made.name = f"{name} bulk"
    return made
