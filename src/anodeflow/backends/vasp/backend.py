"""VASP through atomate2: its input sets, its settings, its custodian.

How it fits. A campaign's jobs are those of :class:`~anodeflow.calculations.makers.CalculationMaker` and
:class:`~anodeflow.calculations.neb_maker.NebMaker`, whatever the code: they find finished work by its content and go on
after a kill, which atomate2's own Makers do not. So `execute` does, inside our job, what the body of atomate2's
``BaseVaspMaker.make`` and ``NebFromImagesMaker.make`` does inside theirs: ``write_vasp_input_set`` with an atomate2
input set generator, ``run_vasp`` with the `run_vasp_kwargs` of the Maker, ``gzip_output_folder``. A group that runs
atomate2 already finds its VASP_CMD, VASP_GAMMA_CMD, VASP_CUSTODIAN_MAX_ERRORS, CUSTODIAN_SCRATCH_DIR,
VASP_INCAR_UPDATES (hashed with the settings) and VASP_ZIP_FILES respected, and its POTCARs found. What differs: outputs
become our documents, read from vasprun.xml step by step (a TaskDoc is the end of one run, not the record of several),
and four handlers differ (:mod:`anodeflow.backends.vasp.handlers`).
"""

import json
import os
import shlex
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from anodeflow.backends.base import Availability, Backend, Capability
from anodeflow.backends.vasp.inputs import potcar_symbols
from anodeflow.backends.vasp.potcars import DamagedPotcarError, unvouched, usual_potcar
from anodeflow.backends.vasp.settings import VaspParallel, VaspSettings
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.core.address import content_hash
from anodeflow.core.errors import InputError

_POTCARS = (
    "run `pmg config -p POTPAW_FOLDER PSP_FOLDER` on the POTCARs that came with VASP, then "
    "`pmg config --add PMG_VASP_PSP_DIR PSP_FOLDER`"
)
_COMMAND = "set VASP_CMD in ~/.atomate2.yaml (or ATOMATE2_VASP_CMD) to the command that starts your licensed VASP"


class VaspBackend(Backend):
    """VASP with PAW potentials; paths need a VASP with the VTST code."""

    program: ClassVar[str] = "VASP"
    homepage: ClassVar[str] = "https://www.vasp.at/"
    foreign_runs: ClassVar[str] = "anodeflow.backends.vasp.foreign_folders:runs_in"
    foreign_files: ClassVar[str] = "vasprun.xml"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"relax", "stress", "spin", "charge_density", "neb"})
    sampling_settings: ClassVar[frozenset[str]] = frozenset({"kpoint_spacing", "fixed_moment"})

    code: Literal["vasp"] = "vasp"
    release: str = Field(
        default="6",
        pattern=r"^\d+(\.\d+)*$",
        description="Release of VASP that computes: 6, or 6.4; part of the name of every result.",
    )
    settings: VaspSettings = Field(default_factory=VaspSettings)
    parallel: VaspParallel = Field(default_factory=VaspParallel)

    @model_validator(mode="after")
    def _relaxes_by_forces(self) -> Self:
        for key in ("energy_tolerance", "evaluations"):
            if getattr(self.relaxation, key) is not None or getattr(self.path, key) is not None:
                raise ValueError(
                    f"{key}: VASP relaxes by itself, without a potential's Hessian; leave it out, its "
                    "relaxations end by force_threshold"
                )
        return self

    @classmethod
    def availability(cls) -> Availability:
        """Say whether atomate2's VASP_CMD and pymatgen's POTCARs are there; VASP itself is not started."""
        from atomate2 import SETTINGS
        from pymatgen.core import SETTINGS as PYMATGEN

        words = shlex.split(os.path.expandvars(SETTINGS.VASP_CMD))
        # The launcher, and VASP itself: mpirun -n 16 vasp_std.
        for word in (words[0], words[-1]) if words else ("",):
            if not shutil.which(word):
                return Availability(False, "", f"VASP_CMD is {SETTINGS.VASP_CMD!r} and {word!r} is not found", _COMMAND)
        folder = PYMATGEN.get("PMG_VASP_PSP_DIR")
        if not folder:
            return Availability(False, "", "VASP's POTCARs are not found: PMG_VASP_PSP_DIR is not set", _POTCARS)
        if not Path(folder).is_dir():
            return Availability(False, "", f"PMG_VASP_PSP_DIR leads to {folder}, which is no folder", _POTCARS)
        return Availability(True, "", f"{SETTINGS.VASP_CMD}, POTCARs in {folder}; paths need a VASP with VTST")

    def version(self) -> str:
        """Return the release and the set of POTCARs that the backend file names: VASP tells its own when it runs."""
        return f"{self.release}, {self.settings.potcar_functional} POTCARs"

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element without a POTCAR."""
        from pymatgen.io.vasp.inputs import PmgVaspPspDirError

        functional = self.settings.potcar_functional
        for element, symbol in potcar_symbols(sorted(elements), self.settings.potcars).items():
            try:
                potcar = usual_potcar(symbol, functional)
                found, doubt = potcar.element, unvouched(potcar)
            except PmgVaspPspDirError as error:
                raise InputError(f"backend {self.name}: VASP's POTCARs are not found: {_POTCARS}.") from error
            except FileNotFoundError as error:
                raise InputError(
                    f"backend {self.name}: there is no {functional} POTCAR {symbol} for {element}: choose another one "
                    f"(potcars: {{{element}: NAME}}), another potcar_functional, or another element."
                ) from error
            except DamagedPotcarError as error:
                raise InputError(
                    f"backend {self.name}: {error}, in {functional} for {element}: unpack it anew."
                ) from error
            except (OSError, ValueError, KeyError, IndexError) as error:
                raise InputError(
                    f"backend {self.name}: the {functional} POTCAR {symbol} for {element} cannot be read "
                    f"({type(error).__name__}: {error}): unpack it anew."
                ) from error
            if found != element:
                raise InputError(f"backend {self.name}: POTCAR {symbol}, chosen for {element}, is of {found}.")
            if doubt:  # documents say it, too
                warnings.warn(f"backend {self.name}: {doubt}", stacklevel=2)

    def all_settings(self) -> dict[str, Any]:
        """Return all settings that decide a result: atomate2's VASP_INCAR_UPDATES belong to them."""
        from atomate2 import SETTINGS

        updates = dict(SETTINGS.VASP_INCAR_UPDATES)
        return super().all_settings() | ({"VASP_INCAR_UPDATES": updates} if updates else {})

    def address(self, request: Request) -> str:
        """Return the content address of a calculation: its POTCARs count, chosen here or by atomate2."""
        elements = sorted({site.specie.symbol for site in request.structure})
        return content_hash([super().address(request), potcar_symbols(elements, self.settings.potcars)])

    def write_inputs(self, request: Request, folder: Path) -> None:
        """Write INCAR, KPOINTS, POSCAR and, for the POTCAR, POTCAR.spec (see :meth:`Backend.write_inputs`)."""
        from anodeflow.backends.vasp.runs import write_run

        write_run(folder, self, request, request.structure, self.relaxation.max_steps, potcar=False)

    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Run VASP as often as it takes (see :meth:`Backend.execute`).

        VASP does not hold the folder's lock, for custodian starts it; it ends with the job instead
        (:mod:`anodeflow.backends.vasp.exec`).
        """
        from anodeflow.backends.vasp.band import VaspBand
        from anodeflow.backends.vasp.runs import VaspCalculation

        folder.outcome.unlink(missing_ok=True)
        kind = VaspBand if request.task == "neb" else VaspCalculation
        calculation = kind(self, request, folder, tell)
        outcome = calculation.execute()
        folder.write(folder.outcome, json.dumps(outcome))
        if outcome["converged"]:
            for run in calculation.runs():
                _compress(run)


def _compress(run: Path) -> None:
    """Compress the files of a run and of its images as atomate2's VASP_ZIP_FILES says."""
    from atomate2 import SETTINGS
    from atomate2.common.files import gzip_output_folder
    from atomate2.vasp.jobs.base import _FILES_TO_ZIP

    for place in (run, *sorted(run.glob("[0-9][0-9]"))):
        gzip_output_folder(directory=place, setting=SETTINGS.VASP_ZIP_FILES, files_list=_FILES_TO_ZIP)
