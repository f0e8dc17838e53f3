"""Machine-learned interatomic potentials through atomate2.forcefields."""

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from anodeflow.backends.base import Availability
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.errors import InputError

# Package whose version decides the numbers, by atomate2's name of the force field.
_PACKAGES = {"SevenNet": "sevenn", "CHGNet": "chgnet", "MACE_MP_0": "mace-torch", "MatterSim": "mattersim"}


class MlipSettings(BaseModel):
    """Which potential, in atomate2's words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    force_field_name: str = Field(default="SevenNet", description="Name in atomate2.forcefields (MLFF).")
    calculator_kwargs: dict[str, Any] = Field(
        default_factory=lambda: {"model": "7net-l3i5"}, description="Arguments of its ASE calculator."
    )


class MlipBackend(InProcessBackend):
    """A universal potential: seconds instead of hours, good for ranking, poor for isolated atoms."""

    atom_reference_reliable: ClassVar[bool] = False

    code: Literal["mlip"] = "mlip"
    settings: MlipSettings = Field(default_factory=MlipSettings)

    @classmethod
    def availability(cls) -> Availability:
        """SevenNet, whose wheel holds its weights, is the potential that must be there."""
        if find_spec("sevenn") is None:
            return Availability(False, "", "SevenNet is not installed", "install it with pip install 'anodeflow[mlip]'")
        return Availability(True, version("sevenn"), "SevenNet, weights in its wheel")

    def version(self) -> str:
        """Return name and version of the potential's package."""
        package = _PACKAGES.get(self.settings.force_field_name, self.settings.force_field_name.lower())
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            return package

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element that the potential was not trained on (SevenNet tells)."""
        known = getattr(self.calculator(), "type_map", None)
        if not known:
            return
        from ase.data import atomic_numbers

        for element in sorted(elements):
            if atomic_numbers[element] not in known:
                raise InputError(
                    f"backend {self.name}: {self.settings.force_field_name} was not trained on {element}: "
                    "choose another backend."
                )

    def calculator(self) -> Any:
        """Return an ASE calculator of the potential; the model is loaded once a process."""
        from copy import copy

        # Each image of a path wants a calculator of its own, with its own results; the model they share.
        return copy(self._loaded())

    def _loaded(self) -> Any:
        import json

        return _load(self.settings.force_field_name, json.dumps(self.settings.calculator_kwargs, sort_keys=True))


@lru_cache(maxsize=2)
def _load(force_field_name: str, kwargs: str) -> Any:
    import json

    from atomate2.forcefields.utils import ase_calculator

    try:
        calculator = ase_calculator(force_field_name, **json.loads(kwargs))
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise InputError(f"force field {force_field_name} with {kwargs} cannot be loaded: {error}.") from error
    if calculator is None:
        raise InputError(f"atomate2 knows no force field {force_field_name}: see atomate2.forcefields.MLFF.")
    return calculator
