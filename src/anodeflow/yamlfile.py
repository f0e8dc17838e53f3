"""Reads YAML files, and says of everything wrong in one on which line it stands."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from anodeflow.errors import InputError

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class YamlFile:
    """A YAML mapping that remembers the lines of its keys.

    Attributes
    ----------
    path
        Where it was read from.
    content
        The mapping; ruamel's, so that every key knows its line.
    """

    path: Path
    content: Any

    @classmethod
    def read(cls, path: str | Path) -> "YamlFile":
        """Read a file.

        Raises
        ------
        InputError
            If it cannot be read, is no YAML, or is no mapping.
        """
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        path = Path(path)
        try:
            content = YAML(typ="rt").load(path.read_text())
        except FileNotFoundError:
            raise InputError(f"there is no file {path}.") from None
        except UnicodeDecodeError:
            raise InputError(f"{path} is no text file.") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}.") from error
        except MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise InputError(f"{path}{line}: not valid YAML ({error.problem}).") from error
        except YAMLError as error:
            raise InputError(f"{path}: not valid YAML ({error}).") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: expected keys and values (key: value), found none.")
        return cls(path, content)

    def where(self, *location: Any) -> str:
        """Return 'file, line N' of the value at `location` (keys and list indices), as far as it is there."""
        line = self.line(*location)
        return f"{self.path}, line {line}" if line else str(self.path)

    def line(self, *location: Any) -> int | None:
        """Return the line (from 1) of the deepest part of `location` that the file has."""
        node, line = self.content, None
        for part in location:
            marks: Any = getattr(node, "lc", None)
            try:
                line = (marks.item(part) if isinstance(node, list) else marks.key(part))[0] + 1
                node = node[part]
            except (AttributeError, KeyError, IndexError, TypeError):
                # pydantic names the alternatives of a union in its locations: not a key of the file
                continue
        return line

    def validate(self, model: type[Model], **extra: Any) -> Model:
        """Turn the content into a model.

        Parameters
        ----------
        model
            Pydantic model of the file.
        **extra
            Values that the file need not give.

        Raises
        ------
        InputError
            One sentence for each thing that is wrong, with its line.
        """
        try:
            return model.model_validate({**extra, **_plain(self.content)})
        except ValidationError as error:
            raise InputError("\n".join(self._sentence(item, model) for item in error.errors())) from error

    def _sentence(self, item: Any, model: type[BaseModel]) -> str:
        location = item["loc"]
        key = ".".join(str(part) for part in location) or "the file"
        if item["type"] == "extra_forbidden":
            known = _keys(model, location[:-1])
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}." if known else "."
            return f"{self.where(*location)}: unknown key {location[-1]!r}{hint}"
        if item["type"] == "missing":
            return f"{self.where(*location[:-1])}: the key {key!r} is missing."
        message = item["msg"].removeprefix("Value error, ")
        given = item["input"]
        shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool | list) else ""
        return f"{self.where(*location)}: {key}: {message}{shown}."


def _plain(node: Any) -> Any:
    """Return ruamel's nodes as plain dictionaries and lists."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return node


def _keys(model: Any, location: tuple[Any, ...]) -> list[str]:
    """Return the keys that a model knows at `location`."""
    import typing

    for part in location:
        if isinstance(part, int) or not hasattr(model, "model_fields"):
            continue
        field = model.model_fields.get(part)
        if field is None:
            continue
        model = field.annotation
        while not (isinstance(model, type) and issubclass(model, BaseModel)):
            inner = [option for option in typing.get_args(model) if option is not type(None)]
            if not inner:
                return []
            model = inner[0]
    return list(getattr(model, "model_fields", {}))
