"""Relaxations and paths that a potential computes first, so that DFT begins where it ended."""

from dataclasses import dataclass, replace
from typing import Any

from jobflow import Flow, Job, JobConfig, Maker, OnMissing, OutputReference, Response
from monty.json import MSONable
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.guide_of import NEARBY, WITHIN
from anodeflow.calculations.in_place import in_place
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.screening_document import PathMode, PrescreenRecord
from anodeflow.core.errors import CalculationError
from anodeflow.core.jobs import job, named
from anodeflow.screening.learned_path import corrected_makers
from anodeflow.screening.path import potential_ends, start_of_dft
from anodeflow.screening.settings import PrescreenSettings
from anodeflow.screening.shortlist import record_of
from anodeflow.screening.thresholds import to_the_end
from anodeflow.structures.geometry.transfer import transferred, transferred_path
from anodeflow.structures.sites.path_symmetry import PathSymmetry


@dataclass
class Prescreen(MSONable):
    """The Makers of a potential, and how much of what it finds is handed on to DFT.

    Attributes
    ----------
    relax, relax_cell, static, neb, modes
        Makers of the potential; without `modes` it finds no soft modes and no vibrations.
    backend, settings_hash
        Name of its backend file and hash of its settings, for labels and documents.
    atom_reference_reliable
        Whether the potential describes isolated atoms well. Else it computes none, and the audit compares no energy
        against them.
    keep
        Most candidates (adsorption sites, lateral shifts) that are handed on, lowest first.
    window
        Energy above the lowest up to which they are, eV.
    paths
        saddle: DFT climbs from the potential's saddle with one image; band: it relaxes the potential's whole path.
    learn
        Whether the potential learns from every calculation of DFT that it guides, and lets the next ones begin where it
        then has their minima and saddles. It changes the way, not the result.
    by_uncertainty
        Whether the uncertainty of what it learned takes the place of the window, where it learned enough.
    """

    relax: Maker
    relax_cell: Maker
    static: Maker
    neb: Maker
    modes: Maker | None = None
    backend: str = "mlip"
    settings_hash: str = ""
    atom_reference_reliable: bool = True
    keep: int = 3
    window: float = 0.15
    paths: PathMode = "saddle"
    learn: bool = False
    by_uncertainty: bool = False

    def settings(self) -> PrescreenSettings:
        """Return what documents say of it among their settings."""
        return PrescreenSettings(
            self.backend, self.settings_hash, self.keep, self.window, self.paths, self.by_uncertainty
        )

    def label(self, label: str) -> str:
        """Return the label of the potential's calculation that comes before that of DFT called `label`."""
        return f"{label} [{self.backend}]"

    def makers(self, makers: dict[str, Maker]) -> dict[str, Maker]:
        """Return Makers with those of DFT (`relax`, `neb`) as ones that let the potential go first."""
        screened = dict(makers)
        if "relax" in makers:
            screened["relax"] = PrescreenedRelaxMaker(self, makers["relax"])
        if "neb" in makers:
            screened["neb"] = PrescreenedNebMaker(self, makers["neb"])
        return screened


def guided(maker: Maker, prescreen: Prescreen, nearby: bool = False) -> Maker:
    """Return a Maker of DFT whose calculations begin with the Hessian of the potential, if it is one that can."""
    able: Any = maker
    recipe = getattr(prescreen.relax, "backend", None)
    if recipe and prescreen.learn:
        recipe = recipe | {"learn": True} | ({NEARBY: WITHIN} if nearby else {})
    return replace(able, guide=recipe) if recipe and hasattr(able, "guide") else maker


@dataclass
class PrescreenedRelaxMaker(Maker):
    """Makes the flow that relaxes a structure with the potential, and its result with DFT.

    Attributes
    ----------
    prescreen
        The potential.
    then
        Maker of DFT that relaxes positions.
    name
        Name of the flow.
    """

    prescreen: Prescreen
    then: Maker
    name: str = "prescreened relaxation"

    def make(
        self,
        structure: Structure | OutputReference,
        label: str = "",
        near: Structure | None = None,
        record: PrescreenRecord | None = None,
        nearby: bool = False,
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        structure, label
            Start geometry (or a reference to it); `selective_dynamics`, `magmom` and `lattice.pbc` stay. What it is.
        near, record
            A minimum of DFT of which `structure` is a variant (the clean slab, the pristine interface), and what
            the potential made of it: what both disagree on there is not taken over again
            (:mod:`anodeflow.structures.geometry.transfer`).
        nearby
            Whether it is to say if there is a minimum: it begins near to where the potential ended.

        Returns
        -------
        Flow
            Output: CalculationDoc of DFT, with its `prescreen`. Where the potential fails, DFT starts from `structure`.
        """
        name = self.prescreen.label(label)
        first = named(self.prescreen.relax.make(structure, label=name), name)
        then = guided(self.then, self.prescreen, nearby)
        second = named(relax_from(then, structure, first.output, label, near, record), label)
        second.config = JobConfig(on_missing_references=OnMissing.NONE)
        return Flow([first, second], output=second.output, name=label)


@job(output_schema=CalculationDoc)
def relax_from(
    then: Maker,
    structure: Structure | None,
    found: CalculationDoc | None,
    label: str,
    near: Structure | None = None,
    record: PrescreenRecord | None = None,
) -> Response:
    """Relax what the potential found.

    Raises
    ------
    CalculationError
        If there is nothing to relax.
    """
    if structure is None:
        raise CalculationError(f"{label}: there is no structure to relax, since an earlier step failed.")
    if found is None:
        return in_place(then.make(structure, label=label), label)
    then = then if found.converged else to_the_end(then)
    start = transferred(structure, found.structure, near, None if record is None else record.structure)
    return in_place(then.make(start, label=label, prescreen=record_of(found)), label)


@dataclass
class PrescreenedNebMaker(Maker):
    """Makes the flow that relaxes a path with the potential, and then by DFT its saddle or all of it.

    Attributes
    ----------
    prescreen
        The potential.
    then
        Maker of DFT that relaxes a path.
    name
        Name of the flow.
    """

    prescreen: Prescreen
    then: Maker
    name: str = "prescreened path"

    def make(
        self,
        images: list[Structure],
        energies: tuple[float, float],
        label: str = "",
        symmetry: PathSymmetry | None = None,
        whole: bool = False,
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        images, energies, label, symmetry
            As for the backends' `NebMaker`: path between two minima of DFT.
        whole
            Whether DFT is to relax the whole path whatever the potential finds.

        Returns
        -------
        Flow
            Output: NebDoc, with its `band`. Where the potential's path has an intermediate minimum (and not `whole`),
            DFT computes nothing and the document is `by_potential`. Where the potential fails, DFT relaxes `images`.
        """
        screen = self.prescreen
        asked = (guided(self.then, screen), screen.paths, images, energies, symmetry, label, whole)
        return _by_path_of((screen.relax, screen.neb, screen.backend), asked)


def path_jobs(
    makers: tuple[Any, Maker, str], images: list[Structure], label: str, symmetry: PathSymmetry | None
) -> tuple[list[Job], Job]:
    """Return a potential's jobs (`makers` as of :func:`_by_path_of`): of the ends that are needed, and of the path."""
    (relax, neb, name), ends = makers, []
    for image, which in ((images[0], "first"), (images[-1], "last")):
        if which == "first" or symmetry is None:
            step = f"{label}, {which} end [{name}]"
            ends.append(named(relax.make(image, label=step), step))
    step = f"{label} [{name}]"
    band = named(relax_path(neb, images, symmetry, [end.output for end in ends], step), step)
    band.config = JobConfig(on_missing_references=OnMissing.NONE)
    return ends, band


def _by_path_of(makers: tuple[Any, Maker, str], asked: tuple[Any, ...], **options: bool) -> Flow:
    """Return the flow in which a potential relaxes both ends and the path between them, and DFT goes on from there.

    `makers`: those of the potential that relax positions and paths, and its name; `asked`: what :func:`go_on` takes.
    """
    then, mode, images, energies, symmetry, label, whole = asked
    ends, band = path_jobs(makers, images, label, symmetry)
    known = (then, mode, images, energies, symmetry, [end.output for end in ends], band.output, label, whole)
    last = named(go_on(*known, **options), label)
    last.config = JobConfig(on_missing_references=OnMissing.NONE)
    return Flow([*ends, band, last], output=last.output, name=label)


@job(data=NebDoc.large_parts())  # no schema: it may have no path
def relax_path(
    neb: Maker, images: list[Structure], symmetry: PathSymmetry | None, ends: list[CalculationDoc | None], label: str
) -> Response | None:
    """Relax the path between the potential's own end states; nothing where it has no such states.

    Raises
    ------
    CalculationError
        If an end state could not be computed.
    """
    if ends[0] is None or ends[-1] is None:
        raise CalculationError(f"{label}: an end state could not be computed, so there is no path.")
    found = potential_ends(images, symmetry, ends[0], ends[-1])
    if found is None:
        return None
    path = transferred_path(images, (images[0], images[-1]), found)
    energies = (ends[0].energy, ends[-1].energy)
    return in_place(neb.make(path, energies, label=label, symmetry=symmetry), label)


@job(output_schema=NebDoc, data=NebDoc.large_parts())
def go_on(
    neb: Maker,
    mode: PathMode,
    images: list[Structure],
    energies: tuple[float, float],
    symmetry: PathSymmetry | None,
    ends: list[CalculationDoc | None],
    found: NebDoc | None,
    label: str,
    whole: bool,
    corrected: bool = False,
) -> Response | NebDoc:
    """Go on with DFT from the potential's path; or end with that path, if it has an intermediate minimum.

    Where the potential has no path, one that learned finds it anew as it is corrected by now. `corrected`: this was it.
    """
    done = [end for end in ends if end is not None]
    if found is None or len(done) < len(ends):
        makers = None if corrected else corrected_makers(neb, images, energies, symmetry, label)
        if makers is None:
            return in_place(neb.make(images, energies, label=label, symmetry=symmetry), label)
        asked = (neb, mode, images, energies, symmetry, label, whole)
        by = makers.relax(), makers.neb(), f"{makers.backend.name}, corrected"
        return in_place(_by_path_of(by, asked, corrected=True), label)
    start = start_of_dft(images, symmetry, found, done, mode, whole)
    if start.kind == "dip":
        return found.model_copy(update={"images": start.images, "potential_path": start.record, "by_potential": True})
    neb = neb if found.converged else to_the_end(neb)
    options: dict[str, Any] = {"band": start.record}
    if start.tangent is not None:
        options["tangent"] = start.tangent
    made = neb.make(start.images, energies, label=label, symmetry=start.symmetry, **options)
    return in_place(made, label)
