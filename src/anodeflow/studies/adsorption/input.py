"""What a campaign file may tell a study of adsorption."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from anodeflow.core.inputs import listed
from anodeflow.structures.bulk.atom import BOX
from anodeflow.studies.inputs import AdatomInput

SiteWish = list[int | str] | Literal["all"]
"""Sites by number or by a part of their label, or all."""


class AdsorptionInput(AdatomInput):
    """Binding of one adatom on the distinct sites of some surfaces."""

    choosing: ClassVar[frozenset[str]] = AdatomInput.choosing | {"sites", "metal_system"}

    atom_box: tuple[float, float, float] = listed(
        default=BOX, description="Box of the isolated atom, Å.", json_schema_extra={"unit": "Å"}
    )
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
