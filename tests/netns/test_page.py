"""The live page in a real browser, beside a real daemon in a lab."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.netns.chromium import Browser, Page, chromium
from tests.netns.pictures import PICTURES, draw
from tests.netns.tunnels import tunnel
from vtep.control.api.static import HEADERS
from vtep.lab import Daemon, TwoHosts, ping, two_hosts
from vtep.wire import vxlan

pytestmark = pytest.mark.netns

WEB = "127.0.0.1:8789"
URL = f"http://{WEB}/"
FRAMES = "document.querySelectorAll('#frames [role=option]').length"
FOCUS = "document.activeElement"
STATIONS = "[...document.querySelectorAll('.walk[open] .station')]"
VNI_AT = 32
TRIES = 50
LONG_NAME = "br-0123456789ab"  # as Docker names its bridges
MORE_PEERS = 6
AUDIT = (Path(__file__).parent / "audit.js").read_text()


@dataclass
class Scene:
    """A lab with two daemons, the first of which serves the page; and a browser beside it."""

    lab: TwoHosts
    daemon: Daemon
    browser: Browser

    @property
    def macs(self) -> tuple[str, str]:
        c1, c2 = (c.link("eth0")["address"] for c in (self.lab.c1, self.lab.c2))
        return c1, c2

    def talk(self, count: int = 1) -> None:
        assert ping(self.lab.c1, self.lab.c2.address, count=count, interval=0.02)

    def drop_one(self) -> None:
        """Send the daemon a datagram of a VNI it has not."""
        with self.lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(vxlan.pack(101) + bytes(60), (self.lab.h1.address, vxlan.PORT))


@pytest.fixture(scope="module")
def scene(private_namespace: None) -> Iterator[Scene]:
    with (
        two_hosts() as lab,
        tunnel(lab.h2, lab.h1),
        tunnel(lab.h1, lab.h2, "--web", WEB) as daemon,
        chromium(lab.h1) as browser,
    ):
        yield Scene(lab, daemon, browser)


@pytest.fixture(scope="module")
def page(scene: Scene) -> Page:
    page = scene.browser.open(width=1280, height=900)
    page.go(URL)
    page.wait("document.querySelector('#link').dataset.state === 'live'")
    return page


def choose(page: Page, what: str) -> None:
    """Click the newest frame that is *what*."""
    page.run(
        f"[...document.querySelectorAll('#frames [role=option]')]"
        f".find((row) => row.textContent.includes({what!r})).click()"
    )
    page.wait(
        f"document.querySelector('#frames [aria-selected=true]').textContent.includes({what!r})"
        " && document.querySelector('#inspector').ariaBusy === 'false'"
    )


def test_a_learned_mac_appears_and_is_announced(scene: Scene, page: Page) -> None:
    assert page.run("document.querySelector('#fdb').tBodies[0].rows.length") == 0
    scene.talk()
    for mac, behind in zip(scene.macs, ("this host", scene.lab.h2.address), strict=True):
        rows = "[...document.querySelector('#fdb').tBodies[0].rows]"
        page.wait(f"{rows}.some((row) => row.innerText.includes('{mac}'))")
        row = page.run(f"{rows}.find((row) => row.innerText.includes('{mac}')).innerText")
        assert row.split("\t")[1:3] == ["100", behind]
        assert page.run(f"{rows}.find((row) => row.innerText.includes('{mac}')).className") == "new"
        assert mac in page.text("#topology")
    assert "lives behind" in page.text("#fdb-said")
    assert page.run("document.querySelector('#fdb-said').ariaLive") == "polite"
    assert scene.lab.h2.address in page.text("#topology-text")


def test_frames_of_both_ways_are_listed_with_what_was_decided(scene: Scene, page: Page) -> None:
    page.wait(f"{FRAMES} >= 4")
    listed = page.text("#frames")
    assert f"ARP who has {scene.lab.c2.address}?" in listed
    assert f"flooded to {scene.lab.h2.address}: broadcast" in listed
    assert "ICMP echo request" in listed
    assert "ICMP echo reply" in listed
    assert f"to {scene.lab.h2.address}" in listed
    assert "to vx0" in listed


def test_pointing_at_an_octet_tells_its_field(page: Page) -> None:
    choose(page, "ICMP echo request")
    page.point(f"[data-at='{VNI_AT}']")
    told = page.text("#panel")
    assert "VXLAN: VNI" in told
    assert re.search(r"^100\b", told, re.MULTILINE)
    assert "24 bits, octets 32 to 34" in told
    assert "RFC 7348 section 5" in told
    marked = page.run("[...document.querySelectorAll('.octet.marked')].map((one) => one.innerText)")
    assert marked == ["00", "00", "64"]
    page.point("[data-at='28']")
    assert "VXLAN: 8 fields" in page.text("#panel")
    assert "the VNI is valid" in page.text("#panel .set")


def test_a_drop_is_marked_by_its_name_and_told_with_its_meaning(scene: Scene, page: Page) -> None:
    scene.drop_one()
    page.wait("document.querySelector('#figures .drops .more').innerText.includes('/s')")
    choose_soon = "[...document.querySelectorAll('#frames .dropped')].length"
    page.wait(choose_soon)
    choose(page, "unknown_vni")
    page.wait("document.querySelector('.inspector .decision').innerText.includes('Dropped')")
    assert "no overlay here has this VNI" in page.text(".inspector .decision")
    page.wait("document.querySelector('#drops').innerText.includes('unknown_vni')")
    assert "no overlay here has this VNI" in page.text("#drops")
    assert page.text("#drops td.number") == "1"


def test_the_keyboard_alone_is_enough(scene: Scene, page: Page) -> None:
    page.run("document.activeElement.blur()")
    page.run("scrollTo(0, 0)")
    page.go(URL)
    page.wait(f"document.querySelector('#link').dataset.state === 'live' && {FRAMES} === 0")
    scene.talk()
    page.wait(f"{FRAMES} >= 2 && document.querySelector('[data-at]')")
    page.press("Tab")
    assert page.run(f"{FOCUS}.className") == "skip"
    assert page.run(f"{FOCUS}.getBoundingClientRect().top") >= 0
    page.press("Enter")
    page.press("Tab")
    assert page.run(f"{FOCUS}.id") == "follow"
    page.press("Tab")
    assert page.run(f"{FOCUS}.id") == "frames"
    assert page.run(f"getComputedStyle({FOCUS}).outlineStyle") == "solid"
    page.press("Home")
    page.press("ArrowDown")
    second = page.run("document.querySelectorAll('#frames [role=option]')[1].id")
    assert page.run(f"{FOCUS}.getAttribute('aria-activedescendant')") == second
    assert page.run("document.querySelector('#frames [aria-selected=true]').id") == second
    page.wait("document.querySelector('#inspector').ariaBusy === 'false'")
    page.press("Enter")
    assert page.run(f"{FOCUS}.getAttribute('role')") == "gridcell"
    page.press("Home", control=True)
    assert page.run(f"{FOCUS}.dataset.at") == "0"
    page.press("PageDown")
    page.press("PageDown")
    assert page.run(f"{FOCUS}.dataset.at") == "28"
    for _ in range(4):
        page.press("ArrowRight")
    assert "VNI 100" in page.run(f"{FOCUS}.ariaLabel")
    assert "VXLAN: VNI" in page.text("#panel")
    page.press("ArrowDown")
    assert page.run(f"{FOCUS}.dataset.at") == str(VNI_AT + 8)
    page.press("End")
    assert page.run(f"{FOCUS}.dataset.at") == str(28 + 8 + 14 - 1)
    page.press("j")  # another frame: its octets are new, and still have the focus
    page.wait("document.querySelector('#inspector').ariaBusy === 'false'")
    assert page.run(f"{FOCUS}.getAttribute('role')") == "gridcell"
    page.press("Escape")
    assert page.run(f"{FOCUS}.id") == "frames"


def test_paused_frames_wait_and_are_stepped_through(scene: Scene, page: Page) -> None:
    before = page.run(FRAMES)
    page.press("p")
    assert page.run("document.querySelector('#pause').ariaPressed") == "true"
    assert page.text("#link") == "Paused"
    scene.talk(2)
    page.wait("document.querySelector('#step').innerText.includes('4 frames')")
    assert page.run(FRAMES) == before
    chosen = "#frames [aria-selected=true]"
    for what, way, left in (("request", "out", 3), ("reply", "in", 2)):
        page.press("s")
        assert f"ICMP echo {what}" in page.text(chosen)
        assert way in page.text(chosen)
        assert f"{left} frames left" in page.text("#stepping")
        assert page.run("document.querySelectorAll('.link.lit').length") >= 4
    assert page.run(FRAMES) == before + 2
    page.point("#step", click=True)
    page.point("#step", click=True)
    page.point("#step", click=True)
    assert "No frame waits" in page.text("#stepping")
    page.point("#pause", click=True)
    assert page.run(FRAMES) == before + 4
    assert page.text("#link") == "Live"


def test_a_frame_that_is_pointed_at_stays_when_others_come(scene: Scene, page: Page) -> None:
    page.run(
        "document.querySelector('#follow').checked || document.querySelector('#follow').click()"
    )
    page.point("[data-at='20']")
    chosen = page.run("document.querySelector('#frames [aria-selected=true]').id")
    newest = "document.querySelector('#frames [role=option]').id"
    before = page.run(newest)
    scene.talk()
    page.wait(f"{newest} !== '{before}'")
    assert page.run("document.querySelector('#frames [aria-selected=true]').id") == chosen
    page.point("h1")
    page.wait(f"document.querySelector('#frames [aria-selected=true]').id === {newest}")


def test_what_waits_while_paused_is_bounded(page: Page) -> None:
    left = (
        "import('/frames.js').then(({ Frames }) => { const frames = new Frames(); frames.pause();"
        " for (let i = 0; i < 600; i += 1) frames.add({}); return [frames.left, frames.missed]; })"
    )
    assert page.run(left) == [500, 100]
    page.go(URL)
    page.wait("document.querySelector('#link').dataset.state === 'live'")


def test_letters_are_no_shortcuts_in_a_field_or_when_switched_off(page: Page) -> None:
    pressed = "document.querySelector('#pause').ariaPressed"
    page.point("#craft textarea", click=True)
    page.press("p")
    assert page.run(pressed) == "false"
    assert page.run("document.querySelector('#craft textarea').value") == "p"
    page.run("document.querySelector('#craft textarea').value = ''")
    page.point("#letters", click=True)
    page.press("p")
    assert page.run(pressed) == "false"
    page.point("#letters", click=True)
    page.press("p")
    assert page.run(pressed) == "true"
    page.press("p")


def test_a_crafted_frame_walks(page: Page) -> None:
    page.point("#craft button", click=True)
    page.wait("document.querySelector('#craft-said').innerText.includes('The last one arrived')")
    stations = page.run(
        "[...document.querySelectorAll('.walk[open] .station')].map((one) => one.innerText)"
    )
    assert len(stations) >= 10
    [vxlan_on] = [one for one in stations if one.startswith("h1 vxlan")]
    assert "+VXLAN 8" in vxlan_on
    assert "+8" in vxlan_on
    page.run("document.querySelector('#craft [name=what_if]').value = 'vni'")
    page.point("#craft button", click=True)
    page.wait("document.querySelector('.station.dropped')")
    assert "unknown_vni" in page.text(".station.dropped")
    page.point("#craft textarea", click=True)
    page.write("this is no frame")
    page.point("#craft button", click=True)
    page.wait("document.querySelector('#craft-said').innerText.includes('not hexadecimal')")
    assert page.run(f"{FOCUS}.ariaInvalid") == "true"
    for what_if, octets, told in (("mtu", 60, "makes its own frame"), ("", 3001, "At most 3,000")):
        page.run(f"document.querySelector('#craft [name=what_if]').value = '{what_if}'")
        page.run(f"document.querySelector('#craft textarea').value = '00'.repeat({octets})")
        page.point("#craft button", click=True)
        page.wait(f"document.querySelector('#craft-said').innerText.includes('{told}')")
    page.run("document.querySelector('#craft').reset()")


def test_it_says_all_it_shows_in_words_too(page: Page) -> None:
    charts = page.run("[...document.querySelectorAll('#charts svg')].map((one) => one.ariaLabel)")
    assert [label.partition(":")[0] for label in charts] == [
        "Throughput of inner frames",
        "Frames",
    ]
    assert all("at most" in label for label in charts)
    page.run("document.querySelector('#charts details').open = true")
    page.wait("document.querySelectorAll('#charts tbody tr').length")
    page.run("document.querySelector('.inspector details').open = true")
    page.wait("document.querySelectorAll('.inspector tbody tr').length > 20")


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_and_has_names(page: Page, dark: bool) -> None:
    page.look(width=1280, height=900, dark=dark, still=True)
    contrast = page.run(f"{AUDIT}.contrast()")
    assert contrast["seen"] > 200
    assert contrast["poor"] == []
    assert page.run(f"{AUDIT}.nameless()") == []
    assert page.run(f"{AUDIT}.broken()") == []
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert page.run(moving) == 0


def test_on_a_phone_it_is_one_column_and_can_be_touched(page: Page) -> None:
    page.look(width=390, height=844)
    page.wait("document.querySelectorAll('.octets')[0].children.length === 8")
    wide = "document.documentElement.scrollWidth"
    assert page.run(wide) == 390
    assert page.run(f"{AUDIT}.smallTargets()") == []
    assert page.run(f"{AUDIT}.broken()") == []
    page.look(width=320, height=640)
    assert page.run(f"{AUDIT}.tooWide()") == []
    assert page.run(wide) == 320
    sticks_out = "(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)"
    assert page.run(f"{sticks_out}(document.querySelector('#frames'))") == 0
    page.look(width=320, height=256)  # a window of 1280 x 1024, at 400 %
    assert page.run("getComputedStyle(document.querySelector('.top')).position") == "static"
    page.look(width=1280, height=900)


def test_nothing_complains_and_nobody_else_is_asked(scene: Scene, page: Page) -> None:
    page.listen(0.1)
    assert page.complaints == []
    assert {url[: len(URL)] for url in page.requests} == {URL}
    assert len({url for url in page.requests if url.endswith(".js")}) >= 10

    def headers() -> dict[str, str]:
        with urlopen(URL) as answer:
            return dict(answer.headers)

    assert HEADERS.items() <= scene.lab.h1.call(headers).items()


def test_pictures_are_drawn(scene: Scene, tmp_path: Path) -> None:
    draw(scene.browser, URL, tmp_path)
    for name in PICTURES:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_daemon_that_goes_is_missed_and_found_again(scene: Scene, page: Page) -> None:
    scene.daemon.stop()
    page.wait("document.querySelector('#link').dataset.state === 'gone'")
    assert "The daemon does not answer" in page.text("#link")
    more = [word for n in range(MORE_PEERS) for word in ("--peer", f"10.0.1.{50 + n}")]
    scene.lab.h1.ip("link", "set", "br0", "name", LONG_NAME)
    usual = ["--tap", "averylongtap000", "--vni", "100", "--bridge", LONG_NAME]
    peers = ["--peer", scene.lab.h2.address, *more]
    with scene.lab.h1.vtep(*usual, *peers, "--web", WEB):
        page.wait("document.querySelector('#link').dataset.state === 'live'")
        before = page.run(FRAMES)
        for _ in range(TRIES):  # until the page listens again
            scene.talk()
            if page.run(FRAMES) > before:
                break
        assert page.run(FRAMES) > before
        assert page.text("h1") == "vtep averylongtap000"
        assert "and 2 more peers" in page.text("#topology-text")
        assert page.run("document.querySelectorAll('.box.peer').length") == 5
        assert "and 2 more peers" in page.text("#topology")
        assert page.run(f"{AUDIT}.outOfBox()") == []
