"""Takes passwords out of what is shown or written: the one place that knows how a URI hides one."""

import os
import re

_LOGIN = re.compile(r"://([^\s/@:]*):\S*@")
"""User and password of a URI. Greedy: a password that nobody escaped may hold / or @ itself."""
_PARTS = re.compile(r"[/@:?#\[\]\s]+")
_SHORTEST = 3  # characters of a piece of a password that is looked for by itself


def without_password(uri: str) -> str:
    """Return one URI as it may be shown."""
    return re.sub(r"://([^/@:]*):.*@", r"://\1:***@", uri, flags=re.DOTALL)


def masked(text: str, uri: str | None = None) -> str:
    """Return a text in which no URI shows its password, nor that of `uri` (ANODEFLOW_DATABASE) stands by itself."""
    uri = uri or os.environ.get("ANODEFLOW_DATABASE", "")
    login = re.search(r"://[^/@:]*:(.*)@", uri, flags=re.DOTALL)
    if uri and login:
        text = text.replace(uri, without_password(uri))
        # pymongo quotes the part of a URI that it stumbles over: of an unescaped password any piece.
        ends = {login[1][found.end() :] for found in _PARTS.finditer(login[1])}
        for piece in sorted({login[1], *_PARTS.split(login[1]), *ends}, key=len, reverse=True):
            if len(piece) >= _SHORTEST:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(piece)}(?![A-Za-z0-9])", "***", text)
    return _LOGIN.sub(r"://\1:***@", text)
