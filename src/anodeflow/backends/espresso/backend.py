"""Quantum ESPRESSO: pw.x with pseudopotentials that the user names."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from anodeflow.backends.base import Availability, Capability
from anodeflow.backends.drivers.kpoints import irreducible_kpoints
from anodeflow.backends.espresso.input import (
    error_reason,
    input_text,
    results,
    scf_cycles,
)
from anodeflow.backends.espresso.settings import EspressoSettings
from anodeflow.backends.external.backend import ParallelSettings
from anodeflow.backends.external.code import ExternalCode, Job, RecoveryStep
from anodeflow.core.errors import BackendUnavailableError, InputError

INSTALL = "apt-get install --no-install-recommends quantum-espresso, or name the program in the backend file (parallel)"


class EspressoParallel(ParallelSettings):
    """How pw.x is started; it does not change the numbers, so it is not hashed."""

    command: str = Field(default="pw.x", description="The program.")


class EspressoBackend(ExternalCode):
    """Quantum ESPRESSO's pw.x, resumable, with written recovery steps for a stubborn SCF."""

    program: ClassVar[str] = "Quantum ESPRESSO"
    homepage: ClassVar[str] = "https://www.quantum-espresso.org/"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"relax", "stress", "spin", "neb"})
    sampling_settings: ClassVar[frozenset[str]] = frozenset({"kpoint_spacing", "fixed_moment"})
    recovery_steps: ClassVar[tuple[RecoveryStep, ...]] = (
        ("density of free atoms, mixing of 30 %", {"mixing_beta": 0.3}),
        (
            "local Thomas-Fermi mixing of 10 %, 12 old densities",
            {"mixing_beta": 0.1, "mixing_mode": "local-TF", "mixing_ndim": 12},
        ),
        ("conjugate gradients instead of Davidson's method", {"diagonalization": "cg"}),
    )

    code: Literal["espresso"] = "espresso"
    settings: EspressoSettings
    parallel: EspressoParallel = Field(default_factory=EspressoParallel)

    @classmethod
    def availability(cls) -> Availability:
        """Say whether pw.x is there; pseudopotentials belong to a backend file."""
        path = shutil.which("pw.x")
        if path is None:
            return Availability(False, "", "Quantum ESPRESSO is not installed (no pw.x on the PATH)", INSTALL)
        version = program_version(path)
        if not version:
            return Availability(False, "", f"{path} does not tell its version", INSTALL)
        return Availability(True, version, path)

    def resolved(self, folder: Path) -> Self:
        """Return the backend with its pseudopotentials sought in a folder beside the backend file, if there is one."""
        given = self.settings.pseudopotential_folder.expanduser()
        if given.is_absolute() or not (folder / given).is_dir():
            return self
        settings = self.settings.model_copy(update={"pseudopotential_folder": folder / given})
        return self.model_copy(update={"settings": settings})

    def check_program(self) -> None:
        """Raise BackendUnavailableError if pw.x cannot be found."""
        if shutil.which(self.parallel.command) is None:
            raise BackendUnavailableError(f"backend {self.name}: no {self.parallel.command} here; {INSTALL}.")

    def version(self) -> str:
        """Return the version of pw.x; empty where it is not installed."""
        path = shutil.which(self.parallel.command)
        return program_version(path) if path else ""

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that decide a result, with hashes of the pseudopotentials instead of their folder.

        Raises
        ------
        InputError
            If one of them is not there.
        """
        settings = super().all_settings()
        del settings["pseudopotential_folder"]
        settings["pseudopotential_hashes"] = {
            element: file_hash(self.pseudopotential(element)) for element in sorted(self.settings.pseudopotentials)
        }
        return settings

    def pseudopotential(self, element: str) -> Path:
        """Return the file of an element.

        Raises
        ------
        InputError
            If the settings name none, or it is not there.
        """
        name = self.settings.pseudopotentials.get(element)
        if name is None:
            raise InputError(
                f"backend {self.name}: no pseudopotential is named for {element}: add it (settings, pseudopotentials), "
                "of the same functional as the others."
            )
        file = self.settings.pseudopotential_folder.expanduser() / name
        if not file.is_file():
            raise InputError(
                f"backend {self.name}: there is no pseudopotential {file}: put it there, or name another folder "
                "(settings, pseudopotential_folder)."
            )
        return file

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element without a pseudopotential."""
        for element in sorted(elements):
            self.pseudopotential(element)

    def prepare(self, job: Job) -> list[str]:
        """Write the input of one geometry; return the command of pw.x."""
        elements = dict.fromkeys(job.atoms.get_chemical_symbols())
        files = {element: self.pseudopotential(element) for element in elements}
        file = job.folder / f"{job.name}.pwi"
        file.write_text(input_text(job, self.settings, files))
        ranks = self.parallel.usable()
        points = irreducible_kpoints(job.structure, self.settings.kpoint_spacing)
        pools = max(share for share in range(1, ranks + 1) if ranks % share == 0 and share <= points)
        launcher = self.parallel.launch(ranks)
        return [*launcher, self.parallel.command, *(["-nk", str(pools)] if launcher else []), "-in", file.name]

    def read(self, text: str, job: Job) -> dict[str, Any]:
        """Return ASE's results from what pw.x printed."""
        return results(text, job.with_stress)

    def scf_cycles(self, text: str) -> int | None:
        """Return the number of the last SCF cycle in a piece of what pw.x printed."""
        return scf_cycles(text)

    def scf_failed(self, text: str) -> bool:
        """Return whether pw.x said that the SCF did not converge, or that its diagonalisation gave up."""
        return "convergence NOT achieved after" in text or "too many bands are not converged" in text

    def reason(self, text: str) -> str:
        """Return what pw.x says when it stops."""
        return error_reason(text)

    def scratch(self, folder: Path) -> list[Path]:
        """Return the densities and wave functions of pw.x."""
        return [path for path in folder.glob("espresso-*.*") if path.suffix not in (".pwi",)]


@lru_cache
def program_version(path: str) -> str:
    """Return the version that pw.x prints before it finds that it has nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [path, "-in", "/dev/null"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
    match = re.search(r"Program PWSCF v\.(\S+)", done.stdout)
    return match[1] if match else ""


@lru_cache
def file_hash(file: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
