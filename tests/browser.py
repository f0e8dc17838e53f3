"""Drives a headless Chromium by its DevTools protocol over two pipes: no further package, any width, real keys."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_PATIENCE = 60.0  # s
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40}


class Browser:
    """One tab.

    Attributes
    ----------
    problems
        Errors of the console, uncaught exceptions, and what a policy has forbidden, so far.
    requested
        Addresses that were fetched so far.
    """

    def __init__(self, process: subprocess.Popen, write: int, read: int) -> None:
        self.process, self._write, self._read = process, write, read
        self._buffer, self._number, self._session = b"", 0, ""
        self.problems: list[str] = []
        self.requested: list[str] = []
        self._loaded = 0

    def start(self) -> None:
        """Open the tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        return self._until(lambda found: found.get("id") == self._number)

    def size(self, width: int, height: int = 900, scheme: str = "light") -> None:
        """Look through a window of this width, px; below 500: a phone."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, address: str) -> None:
        """Go to an address and wait until it is there."""
        self._loaded = 0
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """Return the value of an expression on the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def wait(self, condition: str, patience: float = _PATIENCE) -> None:
        """Wait until an expression is true on the page."""
        until = time.monotonic() + patience
        while True:
            try:
                if self.run(f"Boolean({condition})"):
                    return
            except RuntimeError:  # in the middle of a change of pages
                pass
            if time.monotonic() > until:
                raise TimeoutError(
                    f"{condition} is not true; the page says {self.run('document.body.innerText')[:500]}"
                )
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press a key: one of the keyboard's, or a letter."""
        known = _KEYS.get(key)
        text = "\r" if key == "Enter" else "" if known else key
        more = {"key": key, "windowsVirtualKeyCode": known or ord(key.upper())} | ({"text": text} if text else {})
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", **more)

    def spoken(self) -> list[tuple[str, str]]:
        """Return role and name of everything on the page that a screen reader tells."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored") and "role" in node
        ]

    def picture(self, file: Path, whole: bool = False) -> None:
        """Take a picture of what is seen, or of the whole page."""
        more: dict[str, Any] = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            more = {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "scale": 1, **{k: size[k] for k in ("width", "height")}},
            }
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", **more)["data"]))

    def _until(self, wanted: Any) -> dict[str, Any]:
        until = time.monotonic() + _PATIENCE
        while True:
            while b"\0" in self._buffer:
                text, _, self._buffer = self._buffer.partition(b"\0")
                found = json.loads(text)
                self._note(found)
                if wanted(found):
                    if "error" in found:
                        raise RuntimeError(found["error"]["message"])
                    return found["result"]
            if not select.select([self._read], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._buffer += piece

    def _note(self, found: dict[str, Any]) -> None:
        method, told = found.get("method"), found.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.problems.append(" ".join(str(each.get("value", each.get("description"))) for each in told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.problems.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])


def _high(descriptor: int) -> int:
    """Return the same file under a number above 9."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10)
    os.close(descriptor)
    return high


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Yield a new Chromium that keeps its files in a folder."""
    read_theirs, write_ours = os.pipe()
    read_ours, write_theirs = os.pipe()

    # The protocol's pipes are 3 and 4, which may be others' here: a Python of its own puts them there.
    inner = "import os, sys; a = sys.argv; os.dup2(int(a[1]), 3); os.dup2(int(a[2]), 4); os.execv(a[3], a[3:])"
    read_theirs, write_theirs = (_high(fd) for fd in (read_theirs, write_theirs))
    hand_over = [sys.executable, "-c", inner, str(read_theirs), str(write_theirs)]
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run",
               "--enable-unsafe-swiftshader", "--disable-component-update",
               f"--user-data-dir={folder / 'profile'}"]  # fmt: skip
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen([*hand_over, *command], stdout=log, stderr=log, pass_fds=(read_theirs, write_theirs))
    os.close(read_theirs)
    os.close(write_theirs)
    made = Browser(process, write_ours, read_ours)
    try:
        made.start()
        yield made
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(write_ours)
        os.close(read_ours)
