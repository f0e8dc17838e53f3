"""Reads YAML files, and says of everything wrong in one on which line it stands."""

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from anodeflow.core.errors import InputError
from anodeflow.core.inputs import said
from anodeflow.core.textfile import nesting, read_text

LARGEST_YAML = 2_000_000
"""Most bytes of a YAML file."""
DEEPEST, MOST_VALUES = 20, 100_000
"""Most levels and values of a YAML file, aliases (*name) written out."""
_BRACKETS = 5 * DEEPEST
"""Brackets open at once with which a file is not even parsed: in texts they need not be levels."""
_OLD = re.compile(r"(#[^\n]*\n|\s)*%YAML\s+1\.1\b")
LARGEST_NUMBER = 1e20
"""No number of a YAML file is larger: none of its keys means one."""

Model = TypeVar("Model", bound=BaseModel)
_YAML_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({"str", "map", "seq"})


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
        from ruamel.yaml.reader import ReaderError

        path = Path(path)
        try:
            text = read_text(path, LARGEST_YAML)
            if _OLD.match(text):
                raise InputError(
                    f"{path}, line 1: %YAML 1.1 makes yes a true and 010 an 8: take the line out, write what is meant."
                )
            if nesting(text) > _BRACKETS:
                raise RecursionError
            if "&" in text and "*" in text:
                _check_aliases(text, path)
            if "!" in text:
                _check_tags(text, path)
            content = YAML(typ="rt").load(text)
        except RecursionError:
            raise InputError(
                f"{path}: its values are nested more than {DEEPEST} levels deep: make it flatter."
            ) from None
        except MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise InputError(f"{path}{line}: not valid YAML ({error.problem}).") from error
        except ReaderError as error:
            number = text.count("\n", 0, error.position) + 1
            raise InputError(
                f"{path}, line {number}: it holds the character U+{error.character:04X}, which is no part of a text: "
                "take it out."
            ) from error
        except YAMLError as error:
            raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from error
        except (ValueError, OverflowError, TypeError, AttributeError, AssertionError, NotImplementedError) as error:
            # Whatever else the library raises at a value that it cannot make, a date that is none for one.
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"{path}: not valid YAML ({reason}).") from error
        _check_extent(content, path, aliased="*" in text)
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
        problems = list(self._numbers(self.content, ()))
        if problems:
            raise InputError("\n".join(problems))
        try:
            return model.model_validate({**extra, **_plain(self.content)})
        except ValidationError as error:
            raise InputError("\n".join(self._sentences(error.errors(), model))) from error

    def _numbers(self, node: Any, location: tuple[Any, ...]) -> Iterator[str]:
        """Yield a sentence for each number that is not finite, or larger than any key means."""
        if isinstance(node, dict | list):
            for key, value in node.items() if isinstance(node, dict) else enumerate(node):
                yield from self._numbers(value, (*location, key))
        elif isinstance(node, int | float) and (not math.isfinite(node) or abs(node) > LARGEST_NUMBER):
            key = ".".join(str(part) for part in location)
            shown = f"{float(node):g}" if abs(node) < 1e300 or not isinstance(node, int) else "an integer"
            yield f"{self.where(*location)}: {key}: expected a number of at most {LARGEST_NUMBER:g} (given: {shown})."

    def _sentences(self, items: Sequence[Any], model: type[BaseModel]) -> Iterator[str]:
        """Yield a sentence for each value that is wrong; what each alternative of a union says of it stands in one."""
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for item in items:
            own = item["type"] in ("missing", "extra_forbidden")
            groups.setdefault(item["loc"] if own else self._there(item["loc"]) or item["loc"], []).append(item)
        for location, group in groups.items():
            if len(group) == 1 or any(len(self._there(item["loc"])) == len(item["loc"]) for item in group):
                yield from (self._sentence(item, model) for item in group)
            else:
                said_of = dict.fromkeys(said(item).partition(" (given")[0].removeprefix("expected ") for item in group)
                given = said(group[0]).partition(" (given")[2]
                key = ".".join(str(part) for part in location)
                yield f"{self.where(*location)}: {key}: expected {', or '.join(said_of)}{given and f' (given{given}'}."

    def _there(self, location: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the parts of a location that the file has; pydantic names the alternatives of a union in between."""
        node, found = self.content, []
        for part in location:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                continue
            found.append(part)
        return tuple(found)

    def _sentence(self, item: Any, model: type[BaseModel]) -> str:
        location = item["loc"]
        key = ".".join(str(part) for part in self._there(location) or location) or "the file"
        if item["type"] == "extra_forbidden":
            known = _keys(model, location[:-1])
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}." if known else "."
            return f"{self.where(*location)}: unknown key {location[-1]!r}{hint}"
        if item["type"] == "missing":
            key = ".".join(str(part) for part in location)
            return f"{self.where(*location[:-1])}: the key {key!r} is missing."
        words = said(item)
        return f"{self.where(*location)}: {key}: {words}{'' if words.endswith('?') else '.'}"


def _check_aliases(text: str, path: Path) -> None:
    """Refuse a value that holds itself: ruamel would put nothing in its place."""
    from ruamel.yaml import YAML
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

    anchors: list[str | None] = []
    for event in YAML(typ="rt").parse(text):
        if isinstance(event, AliasEvent) and event.anchor in anchors:
            line = f", line {event.start_mark.line + 1}" if event.start_mark else ""
            raise InputError(f"{path}{line}: a value holds itself by an alias (*{event.anchor}): write it out.")
        if isinstance(event, CollectionStartEvent):
            anchors.append(event.anchor)
        elif isinstance(event, CollectionEndEvent):
            anchors.pop()


def _check_tags(text: str, path: Path) -> None:
    """Refuse tags that make of a value what no file of ours has: a set, bytes, an object of Python."""
    from ruamel.yaml import YAML

    for event in YAML(typ="rt").parse(text):
        tag = str(getattr(event, "tag", None) or "!")
        name = tag.removeprefix(_YAML_TAG)
        if tag != "!" and (name == tag or name not in _PLAIN_TAGS):
            shown = f"!!{name}" if name != tag else tag
            line = f", line {event.start_mark.line + 1}" if event.start_mark else ""
            raise InputError(
                f"{path}{line}: the tag {shown[:60]} is not read, for it makes something else of a value than text, a "
                "number, a list or keys: write the value without it."
            )


def _check_extent(content: Any, path: Path, aliased: bool) -> None:
    """Refuse values that hold themselves, are nested too deep, or become too many once aliases are written out."""
    sizes: dict[int, tuple[int, int]] = {}
    open_: set[int] = set()

    def measure(node: Any) -> tuple[int, int]:
        """Return number of values and levels of a node."""
        if not isinstance(node, dict | list):
            return 1, 0
        if id(node) in open_:
            raise InputError(f"{path}: a value holds itself by an alias (*name): write it out.")
        if id(node) not in sizes:
            open_.add(id(node))
            inner = [measure(value) for value in (node.values() if isinstance(node, dict) else node)]
            open_.discard(id(node))
            sizes[id(node)] = (
                1 + sum(number for number, _ in inner),
                1 + max((levels for _, levels in inner), default=0),
            )
        return sizes[id(node)]

    values, levels = measure(content)
    if levels > DEEPEST:
        raise InputError(f"{path}: its values are nested more than {DEEPEST} levels deep: make it flatter.")
    if values > MOST_VALUES:
        aliases = ", aliases (*name) written out" if aliased else ""
        raise InputError(
            f"{path}: it has {values:,} values{aliases}, and {MOST_VALUES:,} are read: divide it into several files."
        )


def _plain(node: Any) -> Any:
    """Return ruamel's nodes as plain dictionaries, lists and values."""
    from ruamel.yaml.comments import TaggedScalar
    from ruamel.yaml.scalarbool import ScalarBoolean

    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, TaggedScalar):  # !!str 2024, the only tag of a value that is read
        return str(node.value)
    if isinstance(node, bool | ScalarBoolean):  # an anchored one (&name true) is an integer of ruamel's
        return bool(node)
    for kind in (str, int, float):  # ruamel's remember how they were written
        if isinstance(node, kind):
            return kind(node)
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
