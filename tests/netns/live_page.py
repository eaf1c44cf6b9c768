"""The live page as its user sees it, beside a daemon in a lab.

Locators are in one place, so that a new word on the page changes one line here. They wait: an
action for its element, an assertion by `expect` for its state, both for GENEROUS_S.
"""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect

from tests.netns.background import repeating
from tests.netns.chromium import LIMIT_MS, chromium
from tests.netns.tunnels import tunnel
from vtep.lab import GENEROUS_S, Container, Daemon, TwoHosts, ping, two_hosts
from vtep.wire import vxlan

WEB = "127.0.0.1:8789"
URL = f"http://{WEB}/"
DROP_INTERVAL_S = 0.2
UNUSED_VNI = 101
AUDIT = (Path(__file__).parent / "audit.js").read_text()


class LivePage:
    """One tab with the live page.

    Attributes:
        complaints: what the console, the network and the security policy said against the page.
        requests: the addresses that the page asked for.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        issues = page.context.new_cdp_session(page)
        issues.on("Audits.issueAdded", lambda told: self.complaints.append(str(told["issue"])))
        issues.send("Audits.enable")

        self.title = page.get_by_role("heading", level=1)
        self.link = page.locator("#link")
        self.pause = page.get_by_role("button", name=re.compile("^(Pause|Go on)$"))
        self.step = page.get_by_role("button", name=re.compile("^Step"))
        self.stepping = page.locator("#stepping")
        self.skip = page.get_by_role("link", name="Skip to the frames")
        self.topology = page.locator("#topology")
        self.topology_text = page.locator("#topology-text")
        self.follow = page.get_by_role("checkbox", name="Show the newest")
        self.frames = page.get_by_role("listbox", name="The last frames")
        self.rows = self.frames.get_by_role("option")
        self.chosen = self.frames.get_by_role("option", selected=True)
        self.inspector = page.get_by_role("region", name="The chosen frame")
        self.decision = self.inspector.locator(".decision")
        self.octets = self.inspector.get_by_role("gridcell")
        self.panel = page.locator("#panel")
        self.fdb = page.locator("#fdb")
        self.fdb_said = page.locator("#fdb-said")
        self.charts = page.locator("#charts")
        self.drops = page.locator("#drops")
        self.walk = page.get_by_role("button", name="Walk it")
        self.what_if = page.get_by_label("What if")
        self.own_frame = page.get_by_role("textbox", name="in hexadecimal")
        self.walk_said = page.locator("#craft-said")
        self.stations = page.locator(".walk[open] .station")
        self.letters = page.get_by_role("checkbox", name="The single letters")

    def open(self) -> None:
        """Load the page, and wait until it shows the daemon and listens to its frames."""
        with self.listening():
            self.page.goto(URL)
        expect(self.link).to_have_attribute("data-state", "live")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Wait at the end of the block until the page has begun to listen to frames in it."""
        with self.page.expect_response(_answers("/v1/frames"), timeout=LIMIT_MS):
            yield

    def refresh(self) -> None:
        """Wait until the page has asked for the counters, and drawn them, once more."""
        for _ in range(2):  # the second question comes when the first answer is drawn
            with self.page.expect_response(_answers("/v1/stats"), timeout=LIMIT_MS):
                pass

    def octet(self, at: int) -> Locator:
        """Find an octet of the chosen frame by its offset."""
        return self.inspector.get_by_role("gridcell", name=f"byte {at},")

    def choose(self, what: str) -> None:
        """Click the newest frame whose row contains `what`, and wait until it is dissected."""
        self.rows.filter(has_text=what).first.click()
        expect(self.chosen).to_contain_text(what)
        self.wait_for_octets()

    def wait_for_octets(self) -> None:
        """Wait until the octets of the chosen frame are there."""
        expect(self.inspector).to_have_attribute("aria-busy", "false")
        expect(self.octets.first).to_be_visible()

    def audit(self, name: str) -> Any:
        """Return the result of a function of audit.js."""
        return self.page.evaluate(f"() => ({AUDIT}).{name}()")


def _answers(path: str) -> Callable[[Response], bool]:
    return lambda response: path in response.url


@dataclass
class Scene:
    """A lab with two daemons, the first of which serves the page, and a browser beside it."""

    lab: TwoHosts
    daemon: Daemon
    browser: Browser
    _contexts: list[BrowserContext] = field(default_factory=list)

    def open_page(self, **options: Any) -> LivePage:
        """Return the page in a new context; `options` are Playwright's, of Browser.new_context."""
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        self._contexts.append(context)
        context.set_default_timeout(LIMIT_MS)
        page = LivePage(context.new_page())
        page.open()
        return page

    def close_pages(self) -> None:
        """Close all pages."""
        while self._contexts:
            self._contexts.pop().close()

    def talk(self, count: int = 1) -> None:
        """Send pings from container to container: 2 frames each, and 2 for ARP if they forgot."""
        address = self.lab.c2.address
        assert ping(self.lab.c1, address, count=count, interval=0.02, timeout=GENEROUS_S)

    def remember_neighbors(self) -> None:
        """Let no container ask for a MAC address again: the kernel would, after some seconds."""
        for one, other in self._pairs():
            mac = other.link("eth0")["address"]
            entry = [other.address, "lladdr", mac, "dev", "eth0", "nud", "permanent"]
            one.ip("neigh", "replace", *entry)

    def forget_neighbors(self) -> None:
        """Let the containers ask for each other's MAC address before the next ping."""
        for one, _ in self._pairs():
            one.ip("neigh", "flush", "dev", "eth0", "nud", "all")

    def drop_one(self) -> None:
        """Send the daemon a datagram with a VNI that it does not have."""
        with self.lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            self._send_stray(sender)

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Send such datagrams during the block, some each second."""
        with (
            self.lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
            repeating(lambda: self._send_stray(sender), DROP_INTERVAL_S),
        ):
            yield

    def _send_stray(self, sender: socket.socket) -> None:
        sender.sendto(vxlan.pack(UNUSED_VNI) + bytes(60), (self.lab.h1.address, vxlan.PORT))

    def _pairs(self) -> tuple[tuple[Container, Container], tuple[Container, Container]]:
        return (self.lab.c1, self.lab.c2), (self.lab.c2, self.lab.c1)


@contextmanager
def open_scene() -> Iterator[Scene]:
    """Join two hosts, and start a browser beside the first daemon; both FDBs have both MACs."""
    with (
        two_hosts() as lab,
        tunnel(lab.h2, lab.h1),
        tunnel(lab.h1, lab.h2, "--web", WEB) as daemon,
        chromium(lab.h1) as browser,
    ):
        scene = Scene(lab, daemon, browser)
        scene.talk()
        scene.remember_neighbors()
        yield scene
