"""What decides VASP's numbers, and how VASP is run."""

from difflib import get_close_matches
from inspect import signature
from typing import Any, Literal

from pydantic import Field, field_validator

from anodeflow.backends.base import SpinSettings
from anodeflow.backends.code_settings import KpointSpacing
from anodeflow.backends.vasp.tags import check_tag, known_tags
from anodeflow.core.inputs import InputModel, by_element

Functional = Literal["PBE", "PBEsol", "RPBE", "revPBE"]
Smearing = Literal["gaussian", "methfessel-paxton", "fermi-dirac"]

GGA_TAGS: dict[Functional, str] = {"PBE": "PE", "PBEsol": "PS", "RPBE": "RP", "revPBE": "RE"}
ISMEAR: dict[Smearing, int] = {"gaussian": 0, "methfessel-paxton": 1, "fermi-dirac": -1}
PERFORMANCE_TAGS = frozenset({"NCORE", "NPAR", "KPAR", "NSIM", "LPLANE", "LSCALU", "LSCALAPACK"})
"""INCAR tags that change how fast VASP is, and no number."""
# fmt: off
OWN_TAGS = frozenset({
    "ALGO", "DIPOL", "EDIFF", "EDIFFG", "EFIRST", "ELAST", "ENCUT", "GGA", "IBRION", "ICHAIN", "ICHARG", "IDIPOL",
    "FERDO", "FERWE", "IMAGES", "IOPT", "ISIF", "ISMEAR", "ISPIN", "ISTART", "KSPACING", "LAECHG", "LCHARG", "LCLIMB",
    "LDIPOL", "LNONCOLLINEAR", "LSORBIT", "LWAVE", "MAGMOM", "MAXMOVE", "NELECT", "NELM", "NGXF", "NGYF", "NGZF", "NSW",
    "NUPDOWN", "POTIM", "PREC", "SIGMA", "SPRING",
})
# fmt: on
"""INCAR tags that settings and tasks decide: `incar` must not name them."""


class VaspSettings(SpinSettings):
    """What decides VASP's numbers. All of it is hashed and stored with every calculation.

    A number that a convergence test may vary says in which direction it is `finer`, and its unit.
    """

    functional: Functional = Field(default="PBE", description="Exchange-correlation (GGA tag).")
    potcar_functional: Literal["PBE", "PBE_52", "PBE_54", "PBE_64"] = Field(
        default="PBE_64", description="Set of POTCARs, in pymatgen's words: PBE_64 is potpaw_PBE.64."
    )
    potcars: dict[str, str] = Field(
        default_factory=dict,
        description="POTCAR of an element other than atomate2's choice: {Mg: Mg_pv}.",
    )
    cutoff: float = Field(
        default=520.0,
        gt=100,
        le=5000,
        description="Plane-wave cutoff ENCUT, eV.",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    kpoint_spacing: KpointSpacing = 0.20
    smearing: Smearing = Field(default="gaussian", description="ISMEAR 0, 1 or -1: one for all, atoms too.")
    smearing_width: float = Field(
        default=0.05,
        gt=0,
        le=2,
        description="SIGMA, eV.",
        json_schema_extra={"finer": "smaller", "unit": "eV"},
    )
    dipole_correction: bool = Field(default=True, description="LDIPOL along the vacuum of slabs.")
    energy_tolerance: float = Field(
        default=1e-6,
        gt=0,
        le=0.1,
        description="SCF: change of energy EDIFF, eV per cell.",
        json_schema_extra={"finer": "smaller", "unit": "eV per cell"},
    )
    max_scf_cycles: int = Field(
        default=150, ge=1, le=10_000, description="NELM: SCF cycles before custodian's recovery steps."
    )
    algorithm: Literal["Normal", "Fast", "VeryFast", "All"] = Field(default="Normal", description="ALGO.")
    incar: dict[str, Any] = Field(
        default_factory=dict, description="INCAR tags besides those that settings and tasks decide: {IVDW: 12}."
    )

    _elements = field_validator("potcars")(by_element)

    @field_validator("incar")
    @classmethod
    def _tags(cls, tags: dict[str, Any]) -> dict[str, Any]:
        tags = {tag.upper(): value for tag, value in tags.items()}
        if taken := sorted(tags.keys() & OWN_TAGS):
            raise ValueError(f"{', '.join(taken)} is decided by another setting or by the task")
        for tag in tags:
            if tag not in known_tags() and (close := get_close_matches(tag, known_tags(), n=1, cutoff=0.8)):
                raise ValueError(f"VASP has no tag {tag}: did you mean {close[0]}?")
        if fast := sorted(tags.keys() & PERFORMANCE_TAGS):
            raise ValueError(f"{', '.join(fast)} belongs to parallel: incar, which is not hashed")
        for tag, value in tags.items():
            check_tag(tag, value)
        return tags


class VaspParallel(InputModel):
    """How VASP is run; it does not change the numbers, so it is not hashed.

    The command itself (``mpirun -n 16 vasp_std``) is atomate2's VASP_CMD.
    """

    incar: dict[str, bool | int] = Field(
        default_factory=dict, description=f"{', '.join(sorted(PERFORMANCE_TAGS))}: {{NCORE: 4, KPAR: 2}}."
    )
    custodian: dict[str, bool | int | float] = Field(
        default_factory=dict,
        description="Arguments of custodian: {polling_time_step: 10, monitor_freq: 30}, s and multiples of it.",
    )

    @field_validator("incar", mode="before")
    @classmethod
    def _tags(cls, tags: Any) -> Any:
        if not isinstance(tags, dict):
            return tags
        tags = {str(tag).upper(): value for tag, value in tags.items()}
        if others := sorted(tags.keys() - PERFORMANCE_TAGS):
            raise ValueError(f"{', '.join(others)} may change numbers: it belongs to settings: incar")
        for tag, value in tags.items():
            switch = tag.startswith("L")
            if isinstance(value, bool) != switch or (not switch and not (isinstance(value, int) and value >= 1)):
                raise ValueError(
                    f"{tag} is {'true or false' if switch else 'a whole number of at least 1'}, not {value}"
                )
        return tags

    @field_validator("custodian")
    @classmethod
    def _arguments(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments:
            from custodian import Custodian

            known = signature(Custodian.__init__).parameters.keys() - {"self", "handlers", "jobs", "validators"}
            for name, value in arguments.items():
                if name not in known:
                    raise ValueError(f"custodian has no argument {name!r}; there is {', '.join(sorted(known))}")
                if not isinstance(value, bool) and value < 0:
                    raise ValueError(f"{name} of custodian is not negative")
        return arguments
