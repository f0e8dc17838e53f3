"""One entry of a campaign's `studies`."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anodeflow.campaign.alloy_input import (
    ElectrochemistryStudy,
    InterdiffusionStudy,
    OrderingsStudy,
    VacancyStudy,
)
from anodeflow.campaign.systems import (
    AdsorptionStudy,
    ChargeStudy,
    DiffusionStudy,
    StudyInput,
)


class Study(BaseModel):
    """One entry of `studies`: the name of the study, and what it wants to know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adsorption: AdsorptionStudy | None = Field(default=None, description="Binding of an adatom.")
    charge: ChargeStudy | None = Field(default=None, description="Bader charge of the adatom.")
    diffusion: DiffusionStudy | None = Field(default=None, description="Hops of the adatom.")
    interdiffusion: InterdiffusionStudy | None = Field(default=None, description="Exchange across an interface.")
    vacancy: VacancyStudy | None = Field(default=None, description="Vacancy that moves through an interface.")
    orderings: OrderingsStudy | None = Field(default=None, description="Lowest orderings of an alloy.")
    electrochemistry: ElectrochemistryStudy | None = Field(default=None, description="Hull, voltages, capacities.")

    @model_validator(mode="after")
    def _one(self) -> "Study":
        if len(list(self._given())) != 1 or len(self.model_fields_set) != 1:
            raise ValueError(
                f"each entry names one study with its settings; there is {', '.join(type(self).model_fields)}"
            )
        return self

    @property
    def name(self) -> str:
        """Name of the study."""
        return next(self._given())[0]

    @property
    def input(self) -> Any:
        """What the study was told."""
        return next(self._given())[1]

    def _given(self) -> Iterator[tuple[str, StudyInput]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None:
                yield name, value
