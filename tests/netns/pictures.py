"""The pictures of the live page that README and docs show: `make pictures` draws them.

Two hosts of the lab, pings and a TCP stream between their containers, and a browser beside one.
"""

import socket
import sys
from pathlib import Path

from tests.netns.chromium import Browser, Page, chromium, write_picture
from tests.netns.tunnels import tunnel
from vtep.lab import two_hosts
from vtep.lab.traffic import iperf3_command, iperf3_server
from vtep.wire import vxlan

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
PICTURES = ("page-light.png", "page-dark.png", "page-phone.png", "page-walk.png")
WEB = "127.0.0.1:8789"
_LOADS = ((8, 20), (5, 45), (7, 12), (6, 60), (9, 30))
"""Seconds and megabits a second of TCP streams, one behind the other."""


def draw(browser: Browser, url: str, folder: Path, page: Page | None = None) -> None:
    """Draw the page as it is now; *page* is one that has been looking for a while."""
    if page is None:
        page = browser.open(width=1280, height=1400)
        _open(page, url)
    _keep(page, folder, "page-light.png")
    page.look(width=1280, height=1400, dark=True)
    _keep(page, folder, "page-dark.png")
    page.look(width=1280, height=1000)
    page.point("#craft button", click=True)
    page.wait("document.querySelector('.station')")
    page.run("document.querySelector('#craft-title').scrollIntoView({behavior: 'instant'})")
    write_picture(folder / "page-walk.png", page.picture())
    page.look(width=390, height=844)
    _keep(page, folder, "page-phone.png")
    page.close()


def _choose_a_ping(page: Page) -> None:
    """Choose a ping of those listed, and point at the VNI in it."""
    page.run(
        "[...document.querySelectorAll('#frames [role=option]')]"
        ".find((row) => row.textContent.includes('ICMP')).click()"
    )
    page.wait("document.querySelector('#frames [aria-selected=true] .what').innerText[0] === 'I'")
    page.wait("document.querySelector('#inspector').ariaBusy === 'false'")
    page.point("[data-at='32']")


def _open(page: Page, url: str) -> None:
    page.go(url)
    page.wait("document.querySelector('#link').dataset.state === 'live'")


def _keep(page: Page, folder: Path, name: str) -> None:
    page.run("scrollTo(0, 0)")
    write_picture(folder / name, page.picture())


def main() -> int:
    """Draw them into docs/pictures; takes under a minute."""
    with (
        two_hosts() as lab,
        tunnel(lab.h2, lab.h1),
        tunnel(lab.h1, lab.h2, "--web", WEB),
        iperf3_server(lab.c2),
        chromium(lab.h1) as browser,
    ):
        watching = browser.open(width=1280, height=1400)
        watching.go(f"http://{WEB}/")
        c3 = lab.h1.container("c3", "br0", "172.18.0.13/16")
        c4 = lab.h2.container("c4", "br0", "172.18.0.14/16")
        pings = [
            one.start(["ping", "-i", "0.2", other.address])
            for one, other in ((lab.c1, lab.c2), (c4, lab.c1), (c3, lab.c2))
        ]
        with lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
            for seconds, megabits in _LOADS:
                rate = ["-b", f"{megabits}M"]
                lab.c1.run([*iperf3_command(lab.c2.address, seconds=seconds), *rate], timeout=60)
                stray.sendto(vxlan.pack(101) + bytes(60), (lab.h1.address, vxlan.PORT))
        _choose_a_ping(watching)
        draw(browser, f"http://{WEB}/", FOLDER, watching)
        for process in pings:
            process.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
