"""Whether GPAW would take the value of one of its parameters (`extra`), before anything is computed.

GPAW reads a misspelt argument of its eigensolver or mixer when it starts, and a word in the place of a number in the
middle of the first SCF cycle. Its classes say which arguments there are and of which kind, so they are asked.
"""

import inspect
import json
import re
import typing
import warnings
from importlib.util import find_spec
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from anodeflow.backends.extra import NUMBER, TRUE_OR_FALSE, WHOLE, check_kind, unknown
from anodeflow.core.inputs import said

_MOST = 1e13  # bytes of a buffer, GPAW's largest number
_CRITERIA = {"eigenvalues": NUMBER, "forces": NUMBER, "work function": NUMBER, "minimum iterations": WHOLE}
_EXPERIMENTS = ("backwards_compatible", "ccirs", "pw_pot_calc", "paw_corr_mixer", "new_basis")
_IGNORED = ("method",)  # of a mixer: GPAW drops it without a word


def check_value(key: str, value: Any) -> None:
    """Raise ValueError for a value that GPAW would not take.

    Parameters
    ----------
    key
        One of the parameters that may be given.
    value
        Its value, as YAML has it.
    """
    match key:
        case "random":
            check_kind(key, value, TRUE_OR_FALSE)
        case "interpolation":
            if value != "fft":
                check_kind(key, value, WHOLE)
        case "nbands":
            _check_bands(value)
        case "basis":
            _check_basis(value)
        case "convergence":
            _check_criteria(_mapping(key, value, "{bands: occupied}"))
        case "experimental":
            for name, flag in _mapping(key, value, "{ccirs: true}").items():
                if name not in _EXPERIMENTS:
                    raise unknown(name, _EXPERIMENTS, f"GPAW's {key}")
                check_kind(f"{key}: {name}", flag, TRUE_OR_FALSE)
        case _:
            if find_spec("gpaw") is not None and find_spec("_gpaw") is not None:
                _check_object(key, value)


def _mapping(key: str, value: Any, example: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{key} is a mapping: {example}")
    return {str(name): inner for name, inner in value.items()}


def _check_bands(value: Any) -> None:
    if isinstance(value, str):
        percent = re.fullmatch(r"(\d+(?:\.\d+)?)%", value)
        if value != "nao" and not (percent and 100 <= float(percent[1]) <= 10_000):
            raise ValueError(f"nbands is a number of bands, a share like 120%, or nao, not {value!r}")
        return
    check_kind("nbands", value, WHOLE)
    if abs(value) > 1_000_000:
        raise ValueError("nbands is at most a million")


def _check_basis(value: Any) -> None:
    for element, name in (value if isinstance(value, dict) else {"default": value}).items():
        if not isinstance(name, str) or not re.fullmatch(r"[\w.()+-]+", name):
            raise ValueError(f"basis of {element} is the name of a basis set (dzp, szp(dzp)), not {name!r}")


def _check_criteria(criteria: dict[str, Any]) -> None:
    for name, value in criteria.items():
        if name == "bands":
            if isinstance(value, str):
                if value not in ("occupied", "all") and not re.fullmatch(r"CBM\+\d+(\.\d+)?", value):
                    raise ValueError(
                        f"convergence: bands is occupied, all, CBM+2.0 or a number of bands, not {value!r}"
                    )
            else:
                check_kind("convergence: bands", value, WHOLE)
        elif name in _CRITERIA:
            check_kind(f"convergence: {name}", value, _CRITERIA[name])
            if isinstance(value, list) or value <= 0:
                raise ValueError(f"convergence: {name} is one number above 0")
        else:
            raise unknown(name, ["bands", *_CRITERIA], "GPAW's convergence", "criterion")


def _check_object(key: str, value: Any) -> None:
    """Ask GPAW's own class of an eigensolver or mixer, its name and arguments."""
    from gpaw.dft import PPCG, Eigensolver, Mixer

    if isinstance(value, dict):
        given = dict(value)
        name = given.pop("name", None) or (given.pop("backend", None) if key == "mixer" else None)
    else:
        name, given = value, {}
    if name is not None and not isinstance(name, str):
        raise ValueError(f"{key} is a name, or a mapping with a name: {{name: ...}}")
    if key == "eigensolver" and name is None:
        kind: type = PPCG  # what GPAW takes with plane waves
    else:
        kind = _class_of(Eigensolver if key == "eigensolver" else Mixer, name)
        if kind is None or (key == "eigensolver" and not hasattr(kind, "build")):
            raise ValueError(f"GPAW has no {key} {name!r} for plane waves")
    _check_arguments(f"GPAW's {key} {name or ''}".strip(), kind, given)


def _class_of(parent: Any, name: str | None) -> Any:
    """Return GPAW's class of an eigensolver or mixer; none if it has none of that name."""
    from gpaw.dft import LegacyGPAWError

    with warnings.catch_warnings():
        # GPAW's own old name of an eigensolver: it makes the same one of both, and says so again when it runs.
        warnings.filterwarnings("ignore", message='Please use "davidson"', category=UserWarning)
        try:
            return type(parent.from_param({} if name is None else {"name": name}))
        except (LegacyGPAWError, ValueError, TypeError):
            return None


def _check_arguments(what: str, kind: type, given: dict[str, Any]) -> None:
    hints = typing.get_type_hints(vars(kind).get("__init__") or kind)
    known = {
        name: parameter
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD and name != "g_ss"  # an array, which no file can give
    }
    for name, value in given.items():
        if name not in known or name in _IGNORED:
            raise unknown(str(name), known.keys() - set(_IGNORED), what, "argument")
        default = known[name].default
        hint: Any = hints.get(name) or (int | None if default is None else type(default))
        if name.startswith("mixer_"):
            _check_object("mixer", value)
            continue
        adapter: TypeAdapter[Any] = TypeAdapter(hint, config=ConfigDict(strict=True, allow_inf_nan=False))
        try:
            adapter.validate_json(
                json.dumps(value, default=str)
            )  # strict JSON: a list is a tuple, 1 a number, "1" none
        except ValidationError as error:
            raise ValueError(f"{what}: {name}: {said(error.errors()[0])}") from None
        for number in value if isinstance(value, list) else [value]:
            if not isinstance(number, bool | None) and not 0 < number <= _MOST:
                raise ValueError(f"{what}: {name} is above 0 and at most {_MOST:.0e}")
