"""A potential that goes before DFT in a campaign: what its file may say of it, and the Makers that follow."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from anodeflow.backends.base import Backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.screening_document import PathMode
from anodeflow.core.address import content_hash
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import InputModel

if TYPE_CHECKING:
    from jobflow import Maker

    from anodeflow.screening.makers import Prescreen

NONE = "none"
"""What the command line says to leave a prescreen out."""
NEEDS = frozenset({"relax", "stress", "neb"})
"""Capabilities that a potential must have."""


class PrescreenInput(InputModel):
    """`prescreen: mlip`, or `prescreen: {backend: mlip, keep: 3, window: 0.15, paths: saddle}`."""

    backend: str = Field(default="mlip", description="Name of a file in configs/backends, or path of one.")
    keep: int = Field(
        default=3, ge=1, le=1000, description="Most sites or lateral shifts that are handed on to the backend."
    )
    window: float = Field(
        default=0.15,
        ge=0,
        le=10,
        description="Energy above the lowest up to which they are handed on, eV (by the potential). With `learn`, "
        "unless it is given: sites that may be the lowest within two standard deviations of what was learned.",
        json_schema_extra={"unit": "eV"},
    )
    paths: PathMode = Field(
        default="saddle",
        description="saddle: the backend climbs from the potential's saddle; band: it relaxes the whole path.",
    )
    learn: bool = Field(
        default=False,
        description="Whether the potential learns from every calculation that it guides, and lets the next ones begin "
        "where it then has their minima and saddles: fewer force evaluations to the same result.",
    )


@dataclass(frozen=True)
class CampaignPrescreen:
    """The potential of a campaign.

    Attributes
    ----------
    input
        What the campaign file says of it.
    backend
        Its backend.
    """

    input: PrescreenInput
    backend: Backend

    def check(self, backend: Backend) -> None:
        """Raise InputError if it cannot go before `backend`, BackendUnavailableError if it does not work here."""
        missing = NEEDS - self.backend.capabilities
        if missing:
            raise InputError(
                f"backend {self.backend.name} cannot be a prescreen: it lacks {', '.join(sorted(missing))}; choose "
                "another one."
            )
        if self.same_as(backend):
            raise InputError(
                f"prescreen {self.backend.name} is the campaign's own backend, so there is nothing to hand on: choose "
                "a cheaper one, or leave prescreen out."
            )
        self.backend.check_available()

    def check_elements(self, elements: set[str]) -> None:
        """Raise InputError for an element that it does not know; nothing where it does not work here at all."""
        try:
            self.backend.check_available()
        except InputError:  # told of by check
            return
        self.backend.check_elements(elements)

    def same_as(self, backend: Backend) -> bool:
        """Whether both compute the same, whatever their names."""
        return self.backend.settings_hash() == backend.settings_hash()

    def settings(self) -> dict[str, Any]:
        """Return what decides its results, as documents say it."""
        settings = self.input.model_dump(exclude={"learn"}) | {
            "backend": self.backend.name,
            "settings_hash": content_hash([self.backend.settings_hash(), self.backend.path.model_dump()]),
        }
        if self.input.learn and "window" not in self.input.model_fields_set:
            settings["by_uncertainty"] = True
        return settings

    def makers(self) -> "Prescreen":
        """Return its Makers with its settings, for the Makers of studies."""
        from anodeflow.screening.makers import Prescreen

        own = Makers(self.backend)
        return Prescreen(
            relax=own.relax(),
            relax_cell=own.relax(cell=True),
            static=own.static(),
            neb=own.neb(),
            modes=own.modes(),
            atom_reference_reliable=self.backend.atom_reference_reliable,
            learn=self.input.learn,
            **self.settings(),
        )

    def relax(self, backend: Backend) -> "Maker":
        """Return the Maker that relaxes positions by the potential and then by `backend`."""
        from anodeflow.screening.makers import PrescreenedRelaxMaker

        return PrescreenedRelaxMaker(self.makers(), Makers(backend).relax())
