"""What a campaign file may say of surfaces: systems and studies, each key with its default."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from anodeflow.structures.bulk.atom import BOX
from anodeflow.structures.slab.spec import SlabSpec

LONGEST_NAME = 100
"""Most characters of a name: files of reports are called after it."""
NAME_OF_SYSTEM = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"
"""A name is one line, and not blank."""
SiteWish = list[int | str] | Literal["all"]
"""Sites by number or by a part of their label, or all."""


class System(SlabSpec):
    """A surface of the campaign: a name, a bulk structure, and the slab that is cut from it."""

    name: str = Field(
        min_length=1, max_length=LONGEST_NAME, pattern=NAME_OF_SYSTEM, description="Name in results: Li(001)."
    )
    structure: str | list[str] = Field(
        description="Bulk: a catalogue name or a structure file (relative to the campaign file); or a list of them, "
        "each a surface of its own: the lowest orderings of an alloy."
    )
    spin_polarized: bool = Field(
        default=False, description="Spin-polarise slab and adatom: for a radical on an insulator (Li on LiH)."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the backend that differ for this surface: its bulk, slab and adatoms.",
    )

    @field_validator("structure")
    @classmethod
    def _distinct(cls, structure: str | list[str]) -> str | list[str]:
        if isinstance(structure, list) and (not structure or len(set(structure)) < len(structure)):
            raise ValueError("the list of structures names at least one, and none of them twice")
        stems = [Path(name).stem for name in structure] if isinstance(structure, list) else []
        for place, stem in enumerate(stems):
            if stem in stems[:place]:
                other = structure[stems.index(stem)]
                raise ValueError(
                    f"{other} and {structure[place]} would both be called {stem} in results: rename one of the files"
                )
        return structure

    @property
    def structures(self) -> list[str]:
        """Names of its bulks, one or several."""
        return [self.structure] if isinstance(self.structure, str) else self.structure

    def slab_spec(self) -> SlabSpec:
        """Return the slab alone."""
        return SlabSpec(**{key: getattr(self, key) for key in SlabSpec.model_fields})


class StudyInput(BaseModel):
    """What every study may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    needs: ClassVar[frozenset[str]] = frozenset()
    """Capabilities of the backend without which the study is refused."""


def known_element(symbol: str) -> str:
    """Return the symbol of an element; a validator of fields.

    Raises
    ------
    ValueError
        If there is no such element.
    """
    from ase.data import atomic_numbers

    if symbol not in atomic_numbers or symbol == "X":
        raise ValueError(f"{symbol!r} is no chemical element")
    return symbol


class SurfaceStudy(StudyInput):
    """A study of one adatom on some surfaces."""

    adsorbate: str = Field(default="Li", description="Element of the adatom.")
    systems: list[str] | Literal["all"] = Field(default="all", description="Names of systems, or all.")

    convergence: dict[str, list[float]] = Field(
        default_factory=dict,
        description="Parameter (layers, vacuum, min_width, or a number among the backend's settings) -> values at "
        "which the study is repeated, one parameter at a time.",
    )

    @field_validator("convergence")
    @classmethod
    def _some_values(cls, convergence: dict[str, list[float]]) -> dict[str, list[float]]:
        for name, values in convergence.items():
            if not values:
                raise ValueError(f"{name} has no values: give some, or leave it out")
        return convergence

    _element = field_validator("adsorbate")(known_element)


class AdsorptionStudy(SurfaceStudy):
    """Binding of one adatom on the distinct sites of some surfaces."""

    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress"})

    atom_box: tuple[float, float, float] = Field(default=BOX, description="Box of the isolated atom, Å.")
    sites: SiteWish | dict[str, SiteWish] = Field(
        default="all",
        description="Sites by number (as `anodeflow check` prints them) or by a part of their label; or system -> "
        "sites, all on systems that are not named.",
    )

    metal_system: str | None = Field(
        default=None,
        description="System of the adatom's own metal, to which binding_energy_vs_metal refers; default: the only one "
        "of that metal on which the campaign studies the same adatom.",
    )

    @field_validator("atom_box")
    @classmethod
    def _room(cls, box: tuple[float, float, float]) -> tuple[float, float, float]:
        if not (min(box) >= 4 and max(box) <= 60):
            raise ValueError("the edges of a box are 4 to 60 Å")
        return box

    @field_validator("sites", mode="before")
    @classmethod
    def _sites(cls, sites: Any) -> Any:
        for wish in sites.values() if isinstance(sites, dict) else [sites]:
            listed = isinstance(wish, list) and all(
                isinstance(item, int | str) and not isinstance(item, bool) for item in wish
            )
            if wish != "all" and not listed:
                raise ValueError(
                    "sites are all, a list of numbers and parts of labels ([4, hollow]), or a list for each system"
                )
        return sites

    def sites_of(self, *names: str) -> SiteWish:
        """Return the sites to study on a system, by the first of its names that `sites` knows."""
        if not isinstance(self.sites, dict):
            return self.sites
        return next((self.sites[name] for name in names if name in self.sites), "all")


class ChargeStudy(SurfaceStudy):
    """Bader charge and charge-density difference of the most stable adatom on some surfaces."""

    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress", "charge_density"})

    grid_spacing: float = Field(default=0.07, gt=0, le=0.5, description="Spacing of the density's grid, Å.")


_HIGHEST_PREFACTOR = 1e16  # 1/s


class DiffusionStudy(SurfaceStudy):
    """Hops of one adatom between the minima of some surfaces, and the cheapest way across."""

    needs: ClassVar[frozenset[str]] = frozenset({"relax", "stress", "neb"})

    images: int = Field(default=5, ge=1, le=100, description="Images of a path between its two ends.")
    prefactor: float | Literal["vineyard"] = Field(
        default=1.0e13,
        description="Attempt frequency of all hops, 1/s; vineyard: each hop's own, from the vibrations of a potential.",
    )
    modes: bool = Field(default=True, description="Whether the lowest modes of every saddle are computed.")
    temperatures: list[float] = Field(default=[300.0], description="Temperatures of rates and diffusivity, K.")

    @field_validator("prefactor")
    @classmethod
    def _positive(cls, prefactor: float | str) -> float | str:
        if not isinstance(prefactor, str) and not 0 < prefactor <= _HIGHEST_PREFACTOR:
            raise ValueError(f"prefactor is a frequency in 1/s above 0 and up to {_HIGHEST_PREFACTOR:g}, or vineyard")
        return prefactor

    @field_validator("temperatures")
    @classmethod
    def _above_zero(cls, temperatures: list[float]) -> list[float]:
        if any(not 0 < temperature <= 5000 for temperature in temperatures):
            raise ValueError("temperatures are in K, above 0 and at most 5000")
        return temperatures
