"""Other applications that answer under the same address, behind the same guard: the one place that names them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import Mount


def mounts(port: int) -> "list[Mount]":
    """Return what is served beside the pages, each under a path of its own.

    A mounted application sees only requests that the guard has let through (:mod:`anodeflow.serve.guard`).

    Parameters
    ----------
    port
        Port on 127.0.0.1 that the application listens on.
    """
    from starlette.routing import Mount

    from anodeflow.core.install import found
    from anodeflow.database.read_only import open_to_read
    from anodeflow.interchange.optimade_app import optimade_app

    if not found("optimade.server"):
        return []
    return [Mount("/optimade", optimade_app(open_to_read, f"http://127.0.0.1:{port}/optimade"))]
