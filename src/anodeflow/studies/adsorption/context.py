"""What a study of adsorption tells its jobs."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anodeflow.structures.sites.site_choice import SiteChoice
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.context import AdatomContext


@dataclass(frozen=True, kw_only=True)
class AdsorptionContext(AdatomContext):
    """What is asked of an adatom on the sites of one surface.

    Attributes
    ----------
    slab_spec
        Which slab, as documents keep it among their settings.
    spin_polarized
        Whether slab and adatom start with the adatom's moment.
    atom_reference_reliable
        Whether the backend can treat isolated atoms.
    choice
        Sites to study; none: all.
    """

    uncounted: ClassVar[frozenset[str]] = frozenset({"atom_box"})

    input: AdsorptionInput
    slab_spec: dict[str, Any]
    spin_polarized: bool = False
    atom_reference_reliable: bool = True
    choice: SiteChoice | None = None
