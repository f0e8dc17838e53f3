"""What a study of diffusion tells its jobs."""

from dataclasses import dataclass
from typing import Literal

from anodeflow.studies.context import AdatomContext


@dataclass(frozen=True, kw_only=True)
class DiffusionContext(AdatomContext):
    """What is asked of the hops of an adatom on one surface.

    Attributes
    ----------
    images
        Images of a path between its two ends.
    prefactor
        Attempt frequency of all hops, 1/s; "vineyard": each hop's own.
    temperatures
        Temperatures of rates and diffusivity, K.
    modes
        Whether the lowest modes of saddles are computed.
    """

    images: int
    prefactor: float | Literal["vineyard"]
    temperatures: list[float]
    modes: bool
