"""The Maker of lowest modes: the order of a saddle, the softest mode of a minimum, all vibrations of a cheap code.

A few products of the Hessian with vectors (:mod:`anodeflow.calculations.mode_search`), each by differences of forces. A
displaced geometry has less symmetry than the saddle, and every one is computed with what symmetry it has itself: a
potential evaluates it in this process, another code as a static calculation of its own. So all of them are on record,
and none is computed twice.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jobflow import Maker
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.eigenmodes import Modes
from anodeflow.backends.drivers.hessian import (
    finite_difference_hessian,
    free_coordinates,
    hessian_file,
    read_hessian,
    spring_hessian,
)
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.calculations.displaced import DisplacedForces
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide_learns import corrected_hessian
from anodeflow.calculations.guide_of import recipe_of
from anodeflow.calculations.makers import compute
from anodeflow.calculations.mode_search import NEGATIVE, count_negative, modes_in_full, saddle_near, signs_of_modes
from anodeflow.calculations.modes_document import ModesDoc, RestRecord
from anodeflow.calculations.placement import placed_job
from anodeflow.calculations.progress import now_and_then
from anodeflow.calculations.recorded import common_fields
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force
from anodeflow.calculations.vibrations import frequencies
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import AnodeflowError, CalculationError, InputError
from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.geometry.symmetrise import symmetrised_hessian

_KEPT = 4  # modes in the document of all vibrations


@dataclass
class ModesMaker(Maker):
    """Makes the job that finds the lowest modes of a minimum or a saddle, or finds them found.

    Attributes
    ----------
    name
        Name of the job.
    backend
        The backend as plain data (it travels to the cluster with the job).
    guide
        A potential as plain data: the search begins with its second derivatives. Empty: with springs between
        neighbours. It changes the way, not the result.
    cheap
        Whether a force costs next to nothing, so that all second derivatives can be computed.
    """

    name: str = "modes"
    backend: dict[str, Any] = field(default_factory=dict)
    guide: dict[str, Any] = field(default_factory=dict)
    cheap: bool = False

    @placed_job(output_schema=ModesDoc)
    def make(
        self,
        structure: Structure,
        label: str = "",
        full: bool = False,
        refine: bool = False,
        rest: RestRecord | None = None,
        along: list[list[float]] | None = None,
    ) -> ModesDoc:
        """Find the lowest modes, up to the first of positive curvature.

        A code that is not cheap is asked only as long as it is not certain how many of them are negative.

        Parameters
        ----------
        structure
            Geometry at rest, with its `selective_dynamics`; the search begins in the motion of its last atom.
        label
            What it is, for people: shown in progress, status and report.
        full
            Whether all second derivatives are computed, which gives the frequencies, too.
        refine
            Whether a saddle of first order that is found is walked up to until the forces are below the threshold of
            relaxations. A band ends at forces that leave meV in soft modes; with these modes known, a few steps do.
        rest
            What the same code found for `structure`, with the same settings: not computed again.
        along
            Direction (n, 3) of the path whose saddle it is: where there is no guide, one of the first to be measured.

        Returns
        -------
        ModesDoc

        Raises
        ------
        InputError
            If all second derivatives are asked of a code that is not cheap.
        CalculationError
            If the code fails; the message names its log.
        """
        return self.calculate(structure, label, full, refine, rest, along)

    def calculate(
        self,
        structure: Structure,
        label: str = "",
        full: bool = False,
        refine: bool = False,
        rest: RestRecord | None = None,
        along: list[list[float]] | None = None,
    ) -> ModesDoc:
        """Do at once, outside a workflow, what the job of :meth:`make` does."""
        from anodeflow.backends.registry import from_recipe

        backend = from_recipe(self.backend)
        label = label or f"modes {structure.composition.reduced_formula}"
        if full and not (isinstance(backend, InProcessBackend) and backend.cheap_forces):
            raise InputError(
                f"{label}: all second derivatives take hundreds of calculations with {backend.name}: take a potential."
            )
        options = {"force_threshold": backend.relaxation.force_threshold} if refine else {}
        request = Request("hessian" if full else "modes", structure, options=options, guide=self.guide)

        def execute(request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
            try:
                _execute(backend, request, folder, tell, label, rest, along)
            except AnodeflowError:
                raise
            except Exception as error:
                formula = structure.composition.reduced_formula
                raise CalculationError(f"{backend.code} failed on {formula} in {folder.path}: {error}.") from error

        return compute(backend, request, label, ModesDoc, _document, execute)


def _execute(
    backend: Backend,
    request: Request,
    folder: CalculationFolder,
    tell: Any,
    label: str,
    known_rest: RestRecord | None,
    along: list[list[float]] | None,
) -> None:
    """Compute modes or all second derivatives, every geometry on record."""
    folder.outcome.unlink(missing_ok=True)
    structure = request.structure
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    free = free_coordinates(atoms)
    if not free.any():
        raise InputError(f"{label}: no atom is free to move, so there are no modes.")
    forces = DisplacedForces(backend, structure, folder, tell, label)
    cheap = forces.calculator is not None and backend.cheap_forces
    if known_rest is None or cheap:
        rest = forces(np.zeros(3 * len(structure)))
        outcome: dict[str, Any] = {"rest": forces.last}
    else:
        rest = np.array(known_rest.forces).ravel()
        outcome = {"rest": known_rest.model_dump() | {"positions": structure.cart_coords.tolist()}}
    if request.task == "hessian":
        assert forces.calculator is not None
        counted = now_and_then(tell, "second derivatives")
        hessian = finite_difference_hessian(atoms, forces.calculator, on_row=counted)
        with hessian_file(folder.steps_file).open("wb") as stream:
            np.save(stream, hessian)
        inner = hessian[np.ix_(free, free)]
        values, vectors = np.linalg.eigh(inner)
        kept = max(_KEPT, int(np.sum(values < NEGATIVE)) + 1)
        lowest = vectors.T[:kept]
        found = Modes(values[:kept], lowest, np.zeros(len(lowest)), True, lowest, lowest @ inner)
        outcome["frequencies"] = frequencies(inner, np.repeat(atoms.get_masses(), 3)[free])
    else:
        known, outcome["guide"] = _guiding_hessian(request, folder, backend, tell, label)
        approximate = spring_hessian(atoms, backend.relaxation.curvature) if known is None else known
        inner = approximate[np.ix_(free, free)]
        first = [] if along is None else [np.array(along).ravel()[free]]
        guided = known is not None
        if cheap:
            found = modes_in_full(forces, inner, free, first)
        else:
            found = signs_of_modes(forces, rest, inner, free, guided, first)
        if "force_threshold" in request.options and count_negative(found.curvatures) == 1:
            threshold = request.options["force_threshold"]
            outcome["rest"], again = saddle_near(forces, outcome["rest"], found, inner, free, threshold, guided, cheap)
            if again is not None:
                found, outcome["modes_of"] = again, "structure"
    modes = np.zeros((len(found.curvatures), len(free)))
    modes[:, free] = found.vectors
    outcome |= {
        "certain": found.converged,
        "curvatures": found.curvatures.tolist(),
        "uncertainties": found.uncertainties.tolist(),
        "modes": modes.reshape(len(modes), -1, 3).tolist(),
    }
    folder.write(folder.outcome, json.dumps(outcome))


def _guiding_hessian(
    request: Request, folder: CalculationFolder, backend: Backend, tell: Any, label: str
) -> tuple[np.ndarray | None, str | None]:
    """Return the second derivatives of the request's guide, and its name; none where there is none or it fails."""
    from anodeflow.backends.registry import from_recipe

    if not request.guide:
        return None, None
    name = request.guide.get("name", "the potential")
    try:
        learned = corrected_hessian(request, folder, backend)
        if learned is not None:
            return learned, name
        guide = from_recipe(recipe_of(request.guide))
        document = ModesMaker(f"{guide.code} modes", guide.recipe(), cheap=guide.cheap_forces).calculate(
            request.structure, f"{label} [{name}]", full=True
        )
        hessian = read_hessian(Path(document.directory) / "steps.jsonl", 3 * len(request.structure))
        if hessian is None:
            raise CalculationError(f"{document.directory}/hessian.npy is damaged: delete its folder, to have it anew")
        return symmetrised_hessian(request.structure, hessian), name
    except Exception as error:  # whatever a potential's package raises: it is a help, not a condition
        tell("running", message=f"begins without the second derivatives of {name}: {error}")
        return None, None


def _document(backend: Backend, request: Request, folder: CalculationFolder, address: str, label: str) -> ModesDoc:
    """Put the document together from the recorded geometries and the outcome."""
    steps, outcome = folder.steps(), folder.read(folder.outcome)
    if not steps or outcome is None:
        raise CalculationError(f"{label}: {backend.code} left no result in {folder.path}; see the logs there.")
    rest, structure = outcome["rest"], request.structure
    free = free_coordinates(AseAtomsAdaptor.get_atoms(structure, msonable=False)).reshape(-1, 3)
    left = largest_force(np.where(free, rest["forces"], 0.0))
    negative = count_negative(outcome["curvatures"])
    warnings: list[Caveat] = []
    if not outcome["certain"]:
        values = zip(outcome["curvatures"], outcome["uncertainties"], strict=True)
        known = ", ".join(f"{value:.2f} ± {error:.2f}" for value, error in values)
        warnings.append(
            Caveat(
                "modes-uncertain",
                f"the number of negative modes, {negative}, is not certain: after {len(steps)} forces the lowest "
                f"curvatures are {known} eV/Å²",
            )
        )
    asked = request.options.get("force_threshold")
    if asked is not None and left > asked and negative == 1:
        warnings.append(
            Caveat(
                "saddle-not-at-rest",
                f"the saddle was walked up to, but a force of {left:.3f} eV/Å is left, where less than {asked:g} was "
                "asked for",
            )
        )
    return ModesDoc(
        **common_fields(backend, request, folder, address, label, steps),
        structure=placed(structure, rest["positions"]),
        energy=rest["energy"],
        free_energy=rest["free_energy"],
        forces=rest["forces"],
        max_force=left,
        converged=True,
        ionic_steps=0,
        warnings=warnings,
        curvatures=outcome["curvatures"],
        uncertainties=outcome["uncertainties"],
        modes=outcome["modes"],
        modes_of=outcome.get("modes_of", "initial_structure"),
        negative_modes=negative,
        certain=outcome["certain"],
        frequencies=outcome.get("frequencies", []),
        guide=outcome.get("guide"),
        static_ids=[step["id"] for step in steps if "id" in step],
    )
