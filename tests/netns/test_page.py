"""The live page in a real browser, beside a real daemon in a lab.

Each test has a page of its own. A page that complains fails its test.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.netns.live_page import URL, LivePage, Scene, open_scene
from tests.netns.pictures import PICTURES, Views
from tests.netns.watched import sending_frames
from vtep.control.api.static import HEADERS
from vtep.lab import GENEROUS_S
from vtep.wire.ethernet import parse_mac

pytestmark = pytest.mark.netns

VNI_AT = 32
LOCAL_EXPERIMENT = bytes.fromhex("88b5")
"""The EtherType that IEEE 802 keeps for experiments."""


@pytest.fixture(scope="module")
def scene(private_namespace: None) -> Iterator[Scene]:
    with open_scene() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_page_stays(scene: Scene) -> Iterator[None]:
    yield
    scene.close_pages()


@pytest.fixture
def page(scene: Scene) -> Iterator[LivePage]:
    page = scene.open_page()
    yield page
    assert page.complaints == []


def fill(scene: Scene, page: LivePage) -> None:
    """Have something in each part of the page: frames, a drop, a table, a walk that ends early."""
    scene.talk()
    scene.drop_one()
    expect(page.drops).to_contain_text("unknown_vni")
    expect(page.rows.filter(has_text="unknown_vni")).not_to_have_count(0)
    page.choose("ICMP echo request")
    page.octet(VNI_AT).hover()
    page.charts.get_by_text("The same as a table").click()
    page.what_if.select_option("vni")
    page.walk.click()
    expect(page.page.locator(".station.dropped")).to_be_visible()


def test_a_learned_mac_appears_and_is_announced(scene: Scene, page: LivePage) -> None:
    lab = scene.lab
    places = (
        (lab.c1, lab.c2, "02:00:00:00:00:11", "this host"),
        (lab.c2, lab.c1, "02:00:00:00:00:12", lab.h2.address),
    )
    for sender, receiver, mac, behind in places:
        row = page.fdb.get_by_role("row").filter(has_text=mac)
        expect(row).to_have_count(0)
        receiver_mac = receiver.link("eth0")["address"]
        with sending_frames(sender) as send:
            send(parse_mac(receiver_mac) + parse_mac(mac) + LOCAL_EXPERIMENT + bytes(46))
        expect(row.get_by_role("cell").first).to_have_text("100")
        expect(row.get_by_role("cell").nth(1)).to_have_text(behind)
        expect(row).to_contain_class("new")
        expect(page.topology).to_contain_text(mac)
    expect(page.fdb_said).to_contain_text("lives behind")
    expect(page.fdb_said).to_have_attribute("aria-live", "polite")
    expect(page.topology_text).to_contain_text(lab.h2.address)


def test_the_drawing_follows_the_bridge(scene: Scene, page: LivePage) -> None:
    expect(page.topology_text).to_contain_text("on the bridge br0")
    scene.lab.h1.ip("link", "set", "vx0", "nomaster")
    expect(page.topology_text).not_to_contain_text("on the bridge", timeout=GENEROUS_S * 1000)
    scene.lab.h1.ip("link", "set", "vx0", "master", "br0")
    expect(page.topology_text).to_contain_text("on the bridge br0", timeout=GENEROUS_S * 1000)


def test_frames_of_both_ways_are_listed_with_what_was_decided(scene: Scene, page: LivePage) -> None:
    c2, h2 = scene.lab.c2.address, scene.lab.h2.address
    scene.forget_neighbors()
    scene.talk()
    scene.remember_neighbors()
    for what, decided in (
        (f"ARP who has {c2}?", f"flooded to {h2}: broadcast"),
        ("ICMP echo request", f"to {h2}"),
        ("ICMP echo reply", "to vx0"),
    ):
        expect(page.rows.filter(has_text=what)).to_contain_text([decided])


def test_pointing_at_an_octet_shows_its_field(scene: Scene, page: LivePage) -> None:
    scene.talk()
    page.choose("ICMP echo request")
    page.octet(VNI_AT).hover()
    for text in ("VXLAN: VNI", "24 bits, bytes 32 to 34", "RFC 7348 section 5"):
        expect(page.panel).to_contain_text(text)
    expect(page.panel.locator(".value")).to_have_text(re.compile(r"^100\b"))
    expect(page.inspector.locator(".octet.marked")).to_have_text(["00", "00", "64"])
    page.octet(28).hover()
    expect(page.panel).to_contain_text("VXLAN: 8 fields")
    expect(page.panel.locator(".set")).to_contain_text("the VNI is valid")


def test_a_drop_has_its_name_and_its_meaning(scene: Scene, page: LivePage) -> None:
    meaning = "no overlay here has this VNI"
    with scene.dropping():
        expect(page.page.locator("#figures .drops .more")).to_contain_text("/s")
    page.choose("unknown_vni")
    expect(page.rows.filter(has_text="unknown_vni").first).to_have_class("dropped")
    expect(page.decision).to_contain_text("Dropped")
    expect(page.decision).to_contain_text(meaning)
    expect(page.drops).to_contain_text("unknown_vni")
    expect(page.drops).to_contain_text(meaning)
    counted = scene.daemon.counters()["underlay"]["drops"]["unknown_vni"]
    expect(page.drops.locator("td.number")).to_have_text(str(counted))


def test_the_keyboard_alone_is_enough(scene: Scene, page: LivePage) -> None:
    keyboard = page.page.keyboard
    focused = page.inspector.locator("[role=gridcell]:focus")
    scene.talk(2)
    expect(page.rows).to_have_count(4)
    page.wait_for_octets()
    keyboard.press("Tab")
    expect(page.skip).to_be_focused()
    expect(page.skip).to_be_in_viewport(ratio=1)
    keyboard.press("Enter")
    expect(page.page.locator("#frames-title")).to_be_focused()
    keyboard.press("Tab")
    expect(page.follow).to_be_focused()
    keyboard.press("Tab")
    expect(page.frames).to_be_focused()
    expect(page.frames).to_have_css("outline-style", "solid")
    keyboard.press("Home")
    expect(page.rows.first).to_have_attribute("aria-selected", "true")
    keyboard.press("ArrowDown")
    expect(page.rows.nth(1)).to_have_attribute("aria-selected", "true")
    second = page.rows.nth(1).get_attribute("id") or ""
    expect(page.frames).to_have_attribute("aria-activedescendant", second)
    page.wait_for_octets()
    keyboard.press("Enter")
    expect(focused).to_have_count(1)
    keyboard.press("Control+Home")
    expect(page.octet(0)).to_be_focused()
    keyboard.press("PageDown")
    keyboard.press("PageDown")
    expect(page.octet(28)).to_be_focused()
    for _ in range(4):
        keyboard.press("ArrowRight")
    expect(page.octet(VNI_AT)).to_be_focused()
    expect(focused).to_have_accessible_name(re.compile("VNI 100"))
    expect(page.panel).to_contain_text("VXLAN: VNI")
    keyboard.press("ArrowDown")
    expect(page.octet(VNI_AT + 8)).to_be_focused()
    keyboard.press("End")
    expect(page.octet(28 + 8 + 14 - 1)).to_be_focused()
    keyboard.press("j")  # another frame: its octets are new, and still have the focus
    expect(page.rows.nth(2)).to_have_attribute("aria-selected", "true")
    page.wait_for_octets()
    expect(focused).to_have_count(1)
    keyboard.press("Escape")
    expect(page.frames).to_be_focused()


def test_paused_frames_wait_and_are_stepped_through(scene: Scene, page: LivePage) -> None:
    scene.talk()
    expect(page.rows).to_have_count(2)
    page.page.keyboard.press("p")
    expect(page.pause).to_have_attribute("aria-pressed", "true")
    expect(page.link).to_have_text("Paused")
    scene.talk(2)
    expect(page.step).to_contain_text("4 frames")
    expect(page.rows).to_have_count(2)
    for what, way, left in (("request", "out", 3), ("reply", "in", 2)):
        page.page.keyboard.press("s")
        expect(page.chosen).to_contain_text(f"ICMP echo {what}")
        expect(page.chosen).to_contain_text(way)
        expect(page.stepping).to_contain_text(f"{left} frames left")
        expect(page.topology.locator(".link.lit").nth(3)).to_be_attached()
    expect(page.rows).to_have_count(4)
    page.step.click()
    page.step.click()
    page.step.click()
    expect(page.stepping).to_contain_text("No frame waits")
    page.pause.click()
    expect(page.rows).to_have_count(6)
    expect(page.link).to_have_text("Live")


def test_a_frame_that_is_pointed_at_stays_when_others_come(scene: Scene, page: LivePage) -> None:
    scene.talk()
    expect(page.rows).to_have_count(2)
    expect(page.follow).to_be_checked()
    page.wait_for_octets()
    page.octet(20).hover()
    chosen = page.chosen.get_attribute("id") or ""
    scene.talk()
    expect(page.rows).to_have_count(4)
    page.refresh()
    expect(page.chosen).to_have_attribute("id", chosen)
    page.title.hover()
    expect(page.rows.first).to_have_attribute("aria-selected", "true")


def test_what_waits_while_paused_is_bounded(page: LivePage) -> None:
    left = (
        "import('/frames.js').then(({ Frames }) => { const frames = new Frames(); frames.pause();"
        " for (let i = 0; i < 600; i += 1) frames.add({}); return [frames.left, frames.missed]; })"
    )
    assert page.page.evaluate(left) == [500, 100]


def test_letters_are_no_shortcuts_in_a_field_or_when_switched_off(page: LivePage) -> None:
    keyboard = page.page.keyboard
    page.own_frame.click()
    keyboard.press("p")
    expect(page.own_frame).to_have_value("p")
    expect(page.pause).to_have_attribute("aria-pressed", "false")
    page.letters.uncheck()
    keyboard.press("p")
    expect(page.pause).to_have_attribute("aria-pressed", "false")
    page.letters.check()
    keyboard.press("p")
    expect(page.pause).to_have_attribute("aria-pressed", "true")
    keyboard.press("p")
    expect(page.pause).to_have_attribute("aria-pressed", "false")


def test_a_crafted_frame_walks(page: LivePage) -> None:
    page.walk.click()
    expect(page.walk_said).to_contain_text("all arrived")
    expect(page.stations.nth(9)).to_be_visible()
    vxlan_on = page.stations.filter(has_text=re.compile(r"^\s*h1 vxlan"))
    expect(vxlan_on).to_have_count(1)
    expect(vxlan_on).to_contain_text("+VXLAN 8")
    expect(vxlan_on).to_contain_text("+8")
    page.what_if.select_option("vni")
    page.walk.click()
    expect(page.page.locator(".station.dropped")).to_contain_text("unknown_vni")
    expect(page.walk_said).to_have_text("Dropped at step 1.10, on h2.")


def test_a_frame_that_cannot_walk_is_refused_with_the_reason(page: LivePage) -> None:
    page.own_frame.fill("this is no frame")
    page.walk.click()
    expect(page.walk_said).to_contain_text("not hexadecimal")
    expect(page.own_frame).to_be_focused()
    expect(page.own_frame).to_have_attribute("aria-invalid", "true")
    for what_if, octets, reason in (
        ("mtu", 60, "makes its own frame"),
        ("", 3001, "At most 3,000"),
    ):
        page.what_if.select_option(what_if)
        page.own_frame.fill("00" * octets)
        page.walk.click()
        expect(page.walk_said).to_contain_text(reason)


def test_it_says_all_it_shows_in_words_too(scene: Scene, page: LivePage) -> None:
    charts = page.charts.get_by_role("img")
    expect(charts).to_have_count(2)
    for chart, name in zip(charts.all(), ("Throughput of inner frames", "Frames"), strict=True):
        expect(chart).to_have_accessible_name(re.compile(f"^{name}: .*at most"))
    page.charts.get_by_text("The same as a table").click()
    expect(page.charts.locator("tbody tr").first).to_be_visible()
    scene.talk()
    page.wait_for_octets()
    page.inspector.get_by_text("All fields as a table").click()
    expect(page.inspector.get_by_role("region").get_by_role("row").nth(21)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_and_has_names(scene: Scene, scheme: str) -> None:
    page = scene.open_page(color_scheme=scheme, reduced_motion="reduce")
    fill(scene, page)
    contrast = page.audit("contrast")
    assert contrast["seen"] > 200
    assert contrast["poor"] == []
    assert page.audit("nameless") == []
    assert page.audit("broken") == []
    page.page.wait_for_function(
        "() => document.getAnimations().every((one) => one.playState !== 'running')"
    )
    assert page.complaints == []


def test_on_a_phone_it_is_one_column_and_can_be_touched(scene: Scene) -> None:
    page = scene.open_page(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True
    )
    fill(scene, page)
    expect(page.inspector.locator(".octets").first.get_by_role("gridcell")).to_have_count(8)
    assert document_width(page) == 390
    assert page.audit("smallTargets") == []
    assert page.audit("broken") == []
    resize(page, 320, 640)
    assert page.audit("tooWide") == []
    assert document_width(page) == 320
    assert page.frames.evaluate("(list) => list.scrollWidth - list.clientWidth") == 0
    resize(page, 320, 256)  # a window of 1280 x 1024, at 400 %
    expect(page.page.locator(".top")).to_have_css("position", "static")
    assert page.complaints == []


def resize(page: LivePage, width: int, height: int) -> None:
    page.page.set_viewport_size({"width": width, "height": height})
    page.page.wait_for_function(f"() => innerWidth === {width} && innerHeight === {height}")


def document_width(page: LivePage) -> int:
    width: int = page.page.evaluate("() => document.documentElement.scrollWidth")
    return width


def test_nothing_complains_and_no_other_origin_is_asked(scene: Scene, page: LivePage) -> None:
    fill(scene, page)
    page.refresh()
    assert page.complaints == []
    assert {url[: len(URL)] for url in page.requests} == {URL}
    assert len({url for url in page.requests if url.endswith(".js")}) >= 10


def test_the_security_policy_is_sent(scene: Scene) -> None:
    def headers() -> dict[str, str]:
        with urlopen(URL) as answer:
            return dict(answer.headers)

    assert HEADERS.items() <= scene.lab.h1.call(headers).items()


def test_pictures_are_drawn(scene: Scene, tmp_path: Path) -> None:
    Views(scene).draw(tmp_path)
    for name in PICTURES:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
