"""What a convergence test may vary of what a study is made on: numbers of its geometry and of the backend."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from anodeflow.backends.base import Backend
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import said
from anodeflow.studies.convergence.analysis import ConvergenceParameter


class Subject(Protocol):
    """What a study is made on: a surface, an interface, or what a package brings of a kind of its own.

    Attributes
    ----------
    name
        Name in results, with the changed parameter of a variant.
    backend
        Who computes it.
    variant
        Parameters that a convergence test changed -> their values; empty: as asked for.
    spec
        Model of its geometry; its numbers that say which way is `finer`, and their `unit`, may be varied.
    """

    @property
    def name(self) -> str: ...
    @property
    def backend(self) -> Backend: ...
    @property
    def variant(self) -> dict[str, float]: ...
    @property
    def spec(self) -> type[BaseModel]: ...

    def varied(self, parameter: str, value: float) -> "Subject":
        """Return it with one parameter changed; raise InputError if it, or the backend, does not allow the value."""


class OwnSubject(Subject, Protocol):
    """A subject of a kind that a package brings: it knows itself what a campaign knows of surfaces and interfaces."""

    def own_value(self, parameter: str) -> float | None:
        """Return the value that it has of a parameter; none: it does not use it."""

    def check(self) -> None:
        """Raise InputError if it cannot be built."""


OwnValue = Callable[[str], float | None]
"""Parameter -> the value that a subject has of it; none: it does not use it."""


def declarations(spec: type[BaseModel] | None, backend: Backend) -> dict[str, dict[str, Any]]:
    """Return the parameters that a convergence test may vary, with `finer` and `unit` of each."""
    own = {} if spec is None else spec.model_fields
    fields: dict[str, FieldInfo] = {**own, **type(backend.settings).model_fields}
    return {
        name: {"finer": found.json_schema_extra["finer"], "unit": found.json_schema_extra["unit"]}
        for name, found in fields.items()
        if isinstance(found.json_schema_extra, dict) and "finer" in found.json_schema_extra
    }


def declaration(subject: Subject, parameter: str) -> dict[str, Any]:
    """Return `finer` and `unit` of a parameter of a convergence test.

    Raises
    ------
    InputError
        If neither the geometry nor the backend has it.
    """
    known = declarations(subject.spec, subject.backend)
    if parameter not in known:
        close = get_close_matches(parameter, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there is {', '.join(known)}."
        what = subject.spec.__name__.removesuffix("Spec").lower()
        article = "an" if what[0] in "aeiou" else "a"
        raise InputError(
            f"neither {article} {what} nor backend {subject.backend.name} has a number {parameter!r} to vary; {hint}"
        )
    return known[parameter]


def varied_parameters(
    own_value: OwnValue, subject: Subject, convergence: Mapping[str, Sequence[float]]
) -> Iterator[ConvergenceParameter]:
    """Yield what a convergence test varies, without the values that the study itself uses.

    Raises
    ------
    InputError
        For a parameter that neither the geometry nor the backend has, or that the subject does not use.
    """
    for name, values in convergence.items():
        declared = declaration(subject, name)
        own = own_value(name)
        if own is None:
            raise InputError(f"{subject.name} does not give a {name}: vary what it gives, or give it one.")
        others = [value for value in dict.fromkeys(values) if value != own]
        if others:
            yield ConvergenceParameter(name=name, own=own, values=others, **declared)


def parameters_not_varied(own_value: OwnValue, subject: Subject, varied: Sequence[str]) -> list[str]:
    """Return the parameters that a convergence test could vary and does not, leaving out mere thresholds."""
    known = declarations(subject.spec, subject.backend)
    fixed = ["fixed_layers"]
    if "thickness" in known and own_value("thickness") is not None:
        fixed.append("layers")  # they follow from the thickness
    return [
        name
        for name in known
        if name not in (*varied, *fixed) and "tolerance" not in name and own_value(name) is not None
    ]


def changed_model(model: Any, parameter: str, value: float, drop: Sequence[str] = ()) -> Any:
    """Return a model with one field changed, and those of `drop` unset.

    Raises
    ------
    InputError
        If the model does not allow the value.
    """
    # A campaign gives the values of all parameters as floats, and a number of layers is whole.
    whole = float(value).is_integer() and "int" in str(type(model).model_fields[parameter].annotation)
    changes = {parameter: int(value) if whole else value}
    try:
        return type(model).model_validate(model.model_dump() | dict.fromkeys(drop) | changes)
    except ValidationError as error:
        raise InputError(f"{parameter} {value:g}: {said(error.errors()[0])}.") from error
