"""Whether a calculation is guided by a cheap potential, and that potential."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anodeflow.backends.features import Features
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request

if TYPE_CHECKING:
    from anodeflow.backends.inprocess import InProcessBackend


NEARBY = "nearby"
"""What a guide is asked besides where a relaxation is to say whether it ends near its beginning: true where it was
pushed off that place (it begins there, and no energy that was only learned ends it), or :data:`WITHIN`."""
WITHIN = "within"
"""It may begin at another place, if that is near: it is to say whether there is a minimum where a potential has one."""


@dataclass(frozen=True)
class Guide:
    """A potential that works here.

    Attributes
    ----------
    potential
        Its backend.
    calculator
        Its ASE calculator.
    features
        In which its error is learned.
    """

    potential: "InProcessBackend"
    calculator: Any
    features: Features

    def potential_features(self, folder: CalculationFolder) -> Features:
        """Return features of a calculator of their own: each image of a path wants one."""
        return self.potential.features(self.potential.calculator_in(folder.path))


def learns(request: Request) -> bool:
    """Whether a calculation is guided by a potential that learns from it."""
    return bool(request.guide.get("learn")) and (is_guided(request) or request.task == "modes")


def recipe_of(guide: dict[str, Any]) -> dict[str, Any]:
    """Return the potential of a guide as plain data, without what is asked of it besides."""
    return {key: value for key, value in guide.items() if key not in ("learn", NEARBY)}


def is_guided(request: Request) -> bool:
    """Whether a potential helps a calculation to begin."""
    return bool(request.guide) and (request.task == "relax" or request.climbs or learns_path(request))


def learns_path(request: Request) -> bool:
    """Whether it is a whole path: a Hessian is no help there, another beginning is."""
    return request.task == "neb" and bool(request.guide.get("learn")) and not request.climbs


def guide_of(request: Request, folder: CalculationFolder) -> Guide | None:
    """Return the potential of a request; none if its forces are not cheap."""
    from anodeflow.backends.inprocess import InProcessBackend
    from anodeflow.backends.registry import from_recipe

    potential = from_recipe(recipe_of(request.guide))
    if not (isinstance(potential, InProcessBackend) and potential.cheap_forces):
        return None
    potential.check_available()
    potential.check_elements({site.specie.symbol for site in request.structure})
    calculator = potential.calculator_in(folder.path)
    return Guide(potential, calculator, potential.features(calculator))


def tried(action: Callable[[], None], tell: Any, without: str) -> None:
    """Do what is a help, not a condition: tell what a potential's package raised, whatever that is."""
    try:
        action()
    except Exception as error:
        tell("running", message=f"{without}: {error}")
