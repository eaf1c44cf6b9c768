"""The live page when its daemon goes, and another one comes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.netns.live_page import WEB, Scene, open_scene

pytestmark = pytest.mark.netns

LONG_NAME = "br-0123456789ab"  # as Docker names its bridges
MORE_PEERS = 6


@pytest.fixture
def scene() -> Iterator[Scene]:
    with open_scene() as opened:
        yield opened


def test_a_daemon_that_goes_is_missed_and_found_again(scene: Scene) -> None:
    page = scene.open_page()
    scene.talk()
    expect(page.rows).to_have_count(2)
    scene.daemon.stop()
    expect(page.link).to_have_attribute("data-state", "gone")
    expect(page.link).to_contain_text("The daemon does not answer")
    h1 = scene.lab.h1
    more = [word for n in range(MORE_PEERS) for word in ("--peer", f"10.0.1.{50 + n}")]
    h1.ip("link", "set", "br0", "name", LONG_NAME)
    words = ["--tap", "averylongtap000", "--vni", "100", "--bridge", LONG_NAME, "--web", WEB]
    with page.listening():
        daemon = h1.vtep(*words, "--peer", scene.lab.h2.address, *more)
    with daemon:
        expect(page.link).to_have_attribute("data-state", "live")
        scene.talk()
        expect(page.rows).to_have_count(4)
        expect(page.title).to_have_text("vtep averylongtap000")
        expect(page.topology_text).to_contain_text("and 2 more peers")
        expect(page.topology.locator(".box.peer")).to_have_count(5)
        expect(page.topology).to_contain_text("and 2 more peers")
        assert page.audit("outOfBox") == []
