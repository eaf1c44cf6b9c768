"""The pictures of the live page that README and docs show: `make pictures` draws them.

Two hosts of the lab, pings and a TCP stream between their containers, and a browser beside one.
"""

import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.netns.live_page import LivePage, Scene, open_scene
from vtep.lab.traffic import iperf3_command, iperf3_server

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
PICTURES = ("page-light.png", "page-dark.png", "page-phone.png", "page-walk.png")
_LOADS = ((8, 20), (5, 45), (7, 12), (6, 60), (9, 30))
"""Seconds and megabits a second of TCP streams, one behind the other."""
_VNI_AT = 32


class Views:
    """The page on a desk and on a phone, both open from the beginning."""

    def __init__(self, scene: Scene) -> None:
        self.desk = scene.open_page(viewport={"width": 1280, "height": 1400})
        self.phone = scene.open_page(
            viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True
        )

    def choose(self, what: str) -> None:
        """Choose a frame of those listed, and point at the VNI in it."""
        for page in (self.desk, self.phone):
            page.choose(what)
            page.octet(_VNI_AT).hover()

    def draw(self, folder: Path) -> None:
        """Draw both as they are now."""
        folder.mkdir(parents=True, exist_ok=True)
        desk = self.desk.page
        _keep(self.desk, folder / "page-light.png")
        _keep(self.phone, folder / "page-phone.png")
        desk.emulate_media(color_scheme="dark")
        _keep(self.desk, folder / "page-dark.png")
        desk.emulate_media(color_scheme="light")
        desk.set_viewport_size({"width": 1280, "height": 1000})
        self.desk.walk.click()
        expect(self.desk.stations.first).to_be_visible()
        desk.locator("#craft-title").evaluate(
            "(title) => title.scrollIntoView({behavior: 'instant'})"
        )
        _write(self.desk, folder / "page-walk.png")


def _keep(page: LivePage, path: Path) -> None:
    page.page.evaluate("() => scrollTo(0, 0)")
    _write(page, path)


def _write(page: LivePage, path: Path) -> None:
    octets = page.page.screenshot(path=path)
    print(f"drawn: {path}, {len(octets) // 1024} KiB")


def main() -> int:
    """Draw them into docs/pictures; takes under a minute."""
    with open_scene() as scene, iperf3_server(scene.lab.c2):
        lab = scene.lab
        views = Views(scene)
        c3 = lab.h1.container("c3", "br0", "172.18.0.13/16")
        c4 = lab.h2.container("c4", "br0", "172.18.0.14/16")
        pings = [
            one.start(["ping", "-i", "0.2", other.address])
            for one, other in ((lab.c1, lab.c2), (c4, lab.c1), (c3, lab.c2))
        ]
        for seconds, megabits in _LOADS:
            rate = ["-b", f"{megabits}M"]
            lab.c1.run([*iperf3_command(lab.c2.address, seconds=seconds), *rate], timeout=60)
            scene.drop_one()
        views.choose("ICMP")
        views.draw(FOLDER)
        for process in pings:
            process.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
