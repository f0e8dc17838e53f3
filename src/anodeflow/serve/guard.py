"""Who may read: requests to this machine by its own name that bring the token; no other, and nothing is changed.

The address that ``anodeflow serve`` prints holds the token. The first visit turns it into a cookie that no script can
read and that no other site can have sent. Programs may send ``Authorization: Bearer TOKEN`` instead.
"""

import hmac
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy of every page that brings none of its own: nothing comes from elsewhere or stands in it."""
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_ENTRY = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">
<title>anodeflow</title><meta http-equiv="refresh" content="0; url={0}">
</head><body><p><a href="{0}">Open anodeflow</a></p></body></html>
"""


class Guard:
    """Wraps an application.

    Parameters
    ----------
    app
        What answers requests that may be answered.
    token
        The secret of this run.
    port
        Port that it listens on, on 127.0.0.1.
    """

    def __init__(self, app: "ASGIApp", token: str, port: int) -> None:
        self.app, self.token = app, token.encode()
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.cookie = f"anodeflow_{port}"  # cookies are not told apart by ports

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        from starlette.responses import HTMLResponse, PlainTextResponse

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        response: Any
        if headers.get("host", "").lower() not in self.hosts:
            # Another name that leads here: a page from elsewhere would read results through it (DNS rebinding).
            response = PlainTextResponse("This server answers to 127.0.0.1 and localhost only.\n", 403)
        elif not self._is_token(given if given is not None else self._brought(headers)):
            response = PlainTextResponse(
                "This is the live view of anodeflow. Open the address that anodeflow serve printed: it holds a token, "
                "which is missing or wrong here.\n",
                403,
            )
        elif scope["method"] not in ("GET", "HEAD"):
            response = PlainTextResponse("This view is read-only.\n", 405, {"Allow": "GET, HEAD"})
        elif given is not None:
            # No redirect: a browser that came from another site would follow it without the new cookie.
            rest = urlencode([pair for pair in query if pair[0] != "token"])
            target = "/" + quote(scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")
            response = HTMLResponse(_ENTRY.format(target.replace("&", "&amp;")))
            response.set_cookie(self.cookie, given, httponly=True, samesite="strict", path="/")
        else:
            response = self.app
        await response(scope, receive, send)

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.token)

    def _brought(self, headers: dict[str, str]) -> str | None:
        """Return the token that a request brings in a header; none: it brings none."""
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return bearer.strip()
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return None
        return None if found is None else found.value


def _with_headers(send: "Send") -> "Send":
    """Return a way to send that adds the headers which every answer has, unless it has its own."""

    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name.encode(), text.encode()) for name, text in _HEADERS.items() if name.encode() not in there),
            ]
        await send(message)

    return sending
