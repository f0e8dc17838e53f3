"""The line that says what doctor tries."""

import io
import re

from anodeflow.cli.telling import Telling


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_what_is_tried(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Telling() as telling, telling.trying("GPAW"):
        with telling.trying("SevenNet"):
            telling._line._live.refresh()
        telling._line._live.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "trying GPAW, SevenNet" in shown
    assert re.search(r"trying GPAW\s", shown)


def test_a_pipe_is_told_nothing(capsys):
    with Telling() as telling, telling.trying("GPAW"):
        pass
    assert capsys.readouterr() == ("", "")
