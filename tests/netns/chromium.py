"""A headless Chromium in a namespace, driven by two pipes.

Its DevTools protocol is spoken over descriptors 3 and 4 (--remote-debugging-pipe): messages are
JSON with a zero octet behind each. So nothing of ours need be in the browser's namespace, no port
is opened, and nothing is downloaded.
"""

import base64
import contextlib
import json
import os
import select
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vtep.lab import LabError
from vtep.lab.netns import Netns
from vtep.lab.process import Process

PATIENCE_S = 20.0
_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-breakpad",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
_KEYS = {
    "Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "PageUp": 33, "PageDown": 34, "End": 35,
    "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
_CONTROL = 2
_TRIES = 20

Reply = dict[str, Any]


@contextmanager
def chromium(netns: Netns) -> Iterator["Browser"]:
    """Start a browser in `netns`; at the end of the block it is gone with all it wrote."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, ours_out)
        undo.callback(os.close, ours_in)
        # its helpers may still write for a moment after its end
        profile = undo.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        try:
            redirect = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
            program = ["chromium", *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
            process = netns.start(
                ["bash", "-c", redirect, "bash", *program],
                pass_fds=[theirs_in, theirs_out],
                variables={"HOME": profile, "XDG_CONFIG_HOME": profile, "XDG_CACHE_HOME": profile},
            )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        undo.callback(process.close)
        browser = Browser(process, ours_in, ours_out)
        yield browser
        browser.call("Browser.close")
        process.wait()


class Browser:
    """The conversation with one browser."""

    def __init__(self, process: Process, reading: int, writing: int) -> None:
        self.process = process
        self._reading = reading
        self._writing = writing
        self._begun = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def open(self, *, width: int, height: int, dark: bool = False, still: bool = False) -> "Page":
        """Return a new, empty page; `still` asks for reduced motion."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = Page(self, attached["sessionId"], target)
        self._pages[attached["sessionId"]] = page
        page.look(width=width, height=height, dark=dark, still=still)
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            page.call(f"{domain}.enable")
        return page

    def call(self, method: str, params: Reply | None = None, session: str | None = None) -> Reply:
        """Ask for something, and return the answer; LabError when it is an error, or late."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writing, data) :]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            told = self._read(deadline, method)
            if told.get("id") == number:
                if "error" in told:
                    raise LabError(f"{method}: {told['error']['message']}")
                result: Reply = told["result"]
                return result

    def listen(self, seconds: float) -> None:
        """Let the pages hear what is told within a time."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._read(time.monotonic() + seconds, "")

    def _read(self, deadline: float, what: str) -> Reply:
        while b"\0" not in self._begun:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._reading], [], [], left)[0]:
                if not what:
                    raise TimeoutError
                raise self.process.failure(f"does not answer {what}")
            octets = os.read(self._reading, 1 << 20)
            if not octets:
                raise self.process.failure("ended")
            self._begun += octets
        line, _, self._begun = self._begun.partition(b"\0")
        told: Reply = json.loads(line)
        page = self._pages.get(told.get("sessionId", ""))
        if page is not None and "method" in told:
            page.hear(told["method"], told["params"])
        return told


class Page:
    """One page.

    Attributes:
        complaints: what the console, the network and the security policy said against it.
        requests: the addresses asked for.
    """

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **params: Any) -> Reply:
        """Ask for something about this page."""
        return self._browser.call(method, params, self._session)

    def hear(self, method: str, params: Reply) -> None:
        """Note what is told of this page."""
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(f"console.{params['type']}: {json.dumps(params['args'])}")
        elif method == "Log.entryAdded":
            self.complaints.append(json.dumps(params["entry"]))
        elif method == "Audits.issueAdded":
            self.complaints.append(json.dumps(params["issue"]))

    def look(self, *, width: int, height: int, dark: bool = False, still: bool = False) -> None:
        """Change the size of the window, in CSS pixels, and what its user prefers."""
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone,
        )  # fmt: skip
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def go(self, url: str) -> None:
        """Load an address."""
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise LabError(f"{url}: {answer['errorText']}")
        self.wait("document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise LabError(f"{expression}: {json.dumps(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 10.0) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(f"Boolean({expression})"):
            if time.monotonic() > deadline:
                text = self.run("document.body.innerText")
                raise LabError(f"waited {seconds:g} s in vain for {expression}; there is: {text}")
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        """Return what stands in the first element that a selector finds."""
        found: str = self.run(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def press(self, key: str, *, control: bool = False) -> None:
        """Press and release a key: a letter, or "ArrowDown"."""
        code = _KEYS.get(key, ord(key[0].upper()))
        letter = (
            {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        )
        common = {
            "key": key, "windowsVirtualKeyCode": code, "modifiers": _CONTROL if control else 0,
        }  # fmt: skip
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **letter)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def point(self, selector: str, *, click: bool = False) -> None:
        """Move the mouse to the middle of an element, and click it."""
        one = f"document.querySelector({json.dumps(selector)})"
        for _ in range(_TRIES):  # what stands above it may grow meanwhile
            self.run(f"{one}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
            x, y, width, height = self.run(
                f"(({{x, y, width, height}}) => [x, y, width, height])"
                f"({one}.getBoundingClientRect())"
            )
            at = {"x": x + width / 2, "y": y + height / 2}
            self.call("Input.dispatchMouseEvent", type="mouseMoved", **at)
            if self.run(f"{one}.matches(':hover')"):
                break
        else:
            raise LabError(f"{selector} does not stay where the mouse is")
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def whole_picture(self) -> bytes:
        """Return all of the page as PNG."""
        width, height = self.run("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(answer["data"])

    def listen(self, seconds: float) -> None:
        """Hear what is still told within a time."""
        self._browser.listen(seconds)

    def close(self) -> None:
        """Close it."""
        self._browser.call("Target.closeTarget", {"targetId": self._target})


def write_picture(path: Path, octets: bytes) -> None:
    """Write a picture, and say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    print(f"drawn: {path}, {len(octets) // 1024} KiB")
