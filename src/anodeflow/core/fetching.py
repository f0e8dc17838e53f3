"""Fetches a small document from the network: from the host that was named and no other, in a bounded time and size."""

import http.client
import ipaddress
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from anodeflow import __version__
from anodeflow.core.errors import InputError

_SILENCE = 15.0  # s in which a host has to say something
_LONGEST = 60.0  # s for all of it
_PIECE = 2**16


class _OneHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects within a host, and none from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Return the request that follows a redirect.

        Raises
        ------
        URLError
            If it leads to another host.
        """
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            raise urllib.error.URLError(f"it redirects to another host, {after.scheme}://{after.netloc}"[:200])
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, largest: int, what: str) -> bytes:
    """Fetch a document.

    Parameters
    ----------
    url
        Its address: https, or http on this machine.
    largest
        Most bytes that it may have.
    what
        What it is, for messages.

    Raises
    ------
    InputError
        If the network or the host is out of reach, it answers otherwise than with the document, redirects to another
        host, takes too long, or answers more than `largest`.
    """
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or "")):
        raise InputError(f"{what} is not fetched from {place}, which is not encrypted: name an address with https.")
    request = urllib.request.Request(
        url, headers={"User-Agent": f"anodeflow/{__version__}", "Accept": "application/json"}
    )
    deadline = time.monotonic() + _LONGEST
    content = b""
    try:
        with urllib.request.build_opener(_OneHost).open(request, timeout=_SILENCE) as answer:
            while piece := answer.read1(_PIECE):
                content += piece
                if len(content) > largest:
                    raise InputError(f"{what}: {place} answers more than {largest / 1e6:g} MB: give a file instead.")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no whole answer within {_LONGEST:g} s")
    except urllib.error.HTTPError as error:
        with error:
            known = error.code in (404, 410)
            advice = "correct the id" if known else "try again later, or give a file instead"
            raise InputError(f"{place} has no {what} for us (status {error.code}): {advice}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{what} cannot be fetched from {place} ({str(reason).rstrip('.')}): connect to the network once, after "
            "which it is kept, or give a file instead."
        ) from error
    return content


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
