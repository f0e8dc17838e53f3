"""Other applications that answer under the same address, behind the same guard: the one place that names them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import Mount


def mounts() -> "list[Mount]":
    """Return what is served beside the pages, each under a path of its own.

    A mounted application sees only requests that the guard has let through (:mod:`anodeflow.serve.guard`).
    """
    return []
