"""What documents say of a potential that goes before DFT, among their settings."""

from dataclasses import asdict, dataclass
from typing import Any

from anodeflow.calculations.screening_document import PathMode


@dataclass(frozen=True)
class PrescreenSettings:
    """What decides the results of a prescreen.

    Attributes
    ----------
    backend, settings_hash
        Name of the potential's backend file and hash of its settings.
    keep
        Most candidates (adsorption sites, lateral shifts) that are handed on, lowest first.
    window
        Energy above the lowest up to which they are, eV.
    paths
        saddle: DFT climbs from the potential's saddle with one image; band: it relaxes the potential's whole path.
    by_uncertainty
        Whether the uncertainty of what the potential learned takes the place of the window, where it learned enough.
    """

    backend: str
    settings_hash: str = ""
    keep: int = 3
    window: float = 0.15
    paths: PathMode = "saddle"
    by_uncertainty: bool = False

    def written(self) -> dict[str, Any]:
        """Return it as documents and jobs keep it."""
        written = asdict(self)
        if not self.by_uncertainty:  # as it was before there was one
            del written["by_uncertainty"]
        return written
