"""Steps that studies share: the relaxed bulk, the slab cut from it and relaxed, the isolated atom."""

from collections.abc import Iterable

from jobflow import Flow, Job, Maker, OutputReference
from pymatgen.core import Composition, Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.jobs import job
from anodeflow.structures.bulk.atom import BOX, isolated_atom
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.bulk.magnetism import slab_with_moments
from anodeflow.structures.slab.slabs import CrystalOrigin, SlabCell, build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.document import StudyDoc

CRYSTAL = "crystal"
"""Step of the relaxation that gave a slab its lattice, where the study has no other use for it."""
_OF_LATTICE = ("not-converged", "other-volume")
OTHER_VOLUME = 0.15
"""A relaxed crystal whose volume changed by more is not the one that was meant: functionals differ by a few percent."""


@job
def cut_slab(
    bulk: Structure,
    spec: SlabSpec,
    host: HostLattice | None = None,
    spin: bool = True,
    crystal_calculation: CalculationDoc | None = None,
) -> SlabCell:
    """Cut a slab from a relaxed bulk (see :func:`anodeflow.structures.slab.slabs.build_slab`).

    If the bulk has moments and `spin` is asked for, the slab starts with those of its elements there.
    `crystal_calculation`, which relaxed the bulk, is named with the slab.
    """
    cell = build_slab(bulk, spec, host)
    if crystal_calculation is not None:
        origin = CrystalOrigin(
            id=crystal_calculation.id,
            converged=crystal_calculation.converged,
            volume_change=volume_change(crystal_calculation),
        )
        cell = cell.model_copy(update={"crystal_calculation": origin})
    return cell.model_copy(update={"structure": slab_with_moments(cell.structure, bulk)}) if spin else cell


def crystal_of(cell: SlabCell, known: Iterable[str]) -> tuple[dict[str, str], list[Caveat]]:
    """Return step -> id of what relaxed the crystal of a slab, and warnings if it did not come to rest, or at another.

    Parameters
    ----------
    cell
        The slab.
    known
        Ids of calculations that the document names already: nothing is said twice.
    """
    origin = cell.crystal_calculation
    if origin is None or origin.id in known:
        return {}, []
    told = (
        []
        if origin.converged
        else [Caveat("not-converged", "the relaxation did not converge: the slab has its lattice")]
    )
    told += _of_volume(origin.volume_change)
    return {CRYSTAL: origin.id}, [each.under(CRYSTAL) for each in told]


def of_lattice(document: StudyDoc) -> list[Caveat]:
    """Return the warnings of a study of an adatom that are about the crystal whose lattice its slab has.

    They hold for all that is computed on that slab, whatever it is.
    """
    step = CRYSTAL if CRYSTAL in document.calculation_ids else "bulk"
    adsorbate, formula = getattr(document, "adsorbate", None), getattr(document, "formula", "")
    if step == "bulk" and [element.symbol for element in Composition(formula)] != [adsorbate]:
        return []  # made before the crystal was named; this bulk is that of the adatom alone
    return [
        each for each in document.warnings if each.code in _OF_LATTICE and each.about and each.about[0].name == step
    ]


def volume_change(crystal: CalculationDoc) -> float:
    """Return by how much (a fraction) the volume of a crystal changed as it was relaxed."""
    return float(crystal.structure.volume / crystal.initial_structure.volume) - 1


def crystal_caveats(crystal: CalculationDoc) -> list[Caveat]:
    """Return the warnings of a relaxed crystal, if it did not come to rest, and if it has become another one.

    Another than the one that was handed in, that is.
    """
    told = [*crystal.warnings, *_of_volume(volume_change(crystal))]
    if not crystal.converged and not any(each.code == "not-converged" for each in told):
        told.append(Caveat("not-converged", "the relaxation did not converge"))
    return told


def _of_volume(change: float) -> list[Caveat]:
    if abs(change) <= OTHER_VOLUME:
        return []
    text = (
        f"the crystal's volume changed by {100 * change:+.0f} % in its relaxation: it is another crystal than the one "
        "in the file, or the code does not hold it (a potential sees no atoms beyond its cutoff), and then no number "
        "on it means anything"
    )
    return [Caveat("other-volume", text)]


def slab_flow(
    relax: Maker,
    bulk: OutputReference,
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
        Reference to the calculation that relaxes the bulk.
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
    cut = cut_slab(bulk.structure, spec, host, spin, crystal_calculation=bulk)
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
