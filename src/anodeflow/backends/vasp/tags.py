"""INCAR tags that a backend file may give: which there are, and of which kind their values are."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from anodeflow.backends.extra import NUMBER, TEXT, TRUE_OR_FALSE, WHOLE, check_kind, check_line

_KINDS = {"bool": TRUE_OR_FALSE, "int": WHOLE, "float": NUMBER, "str": TEXT}


@cache
def known_tags() -> Mapping[Any, Any]:
    """Return tag -> `type` and `values`, of the tags that pymatgen knows; VASP and its patches have a few more."""
    from pymatgen.io.vasp import Incar

    return Incar.INCAR_PARAMS


def check_tag(tag: str, value: Any) -> None:
    """Raise ValueError for a tag or value that VASP would not read, or read as more than one tag.

    VASP stops at a word in the place of a number, but takes what follows a semicolon for another tag.

    Parameters
    ----------
    tag
        In upper case.
    value
        Its value, or a list, as YAML has it.
    """
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", tag):
        raise ValueError(f"{tag!r} is no tag of an INCAR")
    for each in value if isinstance(value, list) else [value]:
        check_line(tag, each, ';=#!\\"')
    known = known_tags().get(tag, {})
    kind = known.get("type")
    if kind == "list":
        return  # also a number, or text: 3*0.5 0.1
    if kind in _KINDS:
        if isinstance(value, list):
            raise ValueError(f"{tag} is {_KINDS[kind]}, not a list")
        check_kind(tag, value, _KINDS[kind])
