"""Pictures and scenes that are drawn when they are needed: a large report leaves most of them out."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from anodeflow.report.page import Picture, Scene

P = ParamSpec("P")
Drawing = TypeVar("Drawing", Picture, Scene)


class _Later:
    """Stands for what a function draws, and draws it anew whenever something of it is asked for: it keeps nothing."""

    def __init__(self, draw: Callable[[], Any]) -> None:
        self._draw = draw

    def drawn(self) -> Any:
        """Return the drawing."""
        return self._draw()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.drawn(), name)


def drawn_later(draw: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """Let a function that draws return at once; its result has the attributes of what it draws, and ``drawn()``."""

    @wraps(draw)
    def later(*arguments: P.args, **options: P.kwargs) -> Any:
        return _Later(partial(draw, *arguments, **options))

    return later
