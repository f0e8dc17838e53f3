"""What each address shows."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import AnodeflowError
from anodeflow.core.masking import masked
from anodeflow.serve.rendering import page
from anodeflow.serve.states import States

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class Pages:
    """The pages of one run of ``anodeflow serve``."""

    def __init__(self) -> None:
        self.states = States()

    def overview(self, request: "Request") -> "Response":
        """Show all campaigns with their states."""
        states = [state for name in self.states.names() for state in self.states.of(name)]
        return _polled(request, "overview", states=states)

    def campaign(self, request: "Request") -> "Response":
        """Show the jobs of a campaign."""
        name = request.path_params["name"]
        states = self.states.of(name)
        if not states:
            return _missing(f"No campaign {name} was run or submitted from here.")
        return _polled(request, "campaign", name=name, states=states)

    @staticmethod
    def file(path: Path) -> "Callable[[Request], Response]":
        """Return what answers with a file of ours."""
        from starlette.responses import FileResponse

        return lambda request: FileResponse(path)

    @staticmethod
    def failures() -> dict[Any, Any]:
        """Return what is shown when something goes wrong."""
        return {404: lambda request, error: _missing("There is no such page."), AnodeflowError: _failed}


def _missing(sentence: str) -> "Response":
    return page("message.html.j2", 404, title="Not found", sentence=sentence)


def _failed(request: "Request", error: Exception) -> "Response":
    return page("message.html.j2", 500, title="This cannot be shown", sentence=masked(str(error)))


def _polled(request: "Request", template: str, **shown: Any) -> "Response":
    """Return a page, or of one that is looked at again only what has changed: nothing, where that is nothing."""
    from starlette.responses import Response

    asked = request.headers.get("hx-request") == "true"
    live = page(f"{template}_live.html.j2", **shown, seen="")
    seen = sha256(live.body).hexdigest()[:16]
    if not asked:
        return page(f"{template}.html.j2", **shown, seen=seen)
    if request.query_params.get("seen") == seen:
        return Response(status_code=204)
    return page(f"{template}_live.html.j2", **shown, seen=seen)
