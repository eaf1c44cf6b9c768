"""The pictures of the live page that README and docs show: `make pictures` draws them.

Two hosts of the lab, pings and a TCP stream between their containers, and a browser beside one.
"""

import sys
from pathlib import Path

from tests.netns.chromium import Browser, Page, chromium, write_picture
from tests.netns.tools import tunnel
from vtep.lab import two_hosts
from vtep.lab.traffic import iperf3_server

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
PICTURES = ("page-light.png", "page-dark.png", "page-phone.png", "page-walk.png")
WEB = "127.0.0.1:8789"
_SECONDS = 45


def draw(browser: Browser, url: str, folder: Path) -> None:
    """Draw the page as it is now."""
    page = browser.open(width=1280, height=1240, still=True)
    _open(page, url)
    _keep(page, folder, "page-light.png")
    page.look(width=1280, height=1240, dark=True, still=True)
    _keep(page, folder, "page-dark.png")
    page.look(width=1280, height=1000, still=True)
    page.point("#craft button", click=True)
    page.wait("document.querySelector('.station')")
    page.run("document.querySelector('#craft-title').scrollIntoView()")
    write_picture(folder / "page-walk.png", page.picture())
    page.close()
    phone = browser.open(width=390, height=844, still=True)
    _open(phone, url)
    _keep(phone, folder, "page-phone.png")
    phone.close()


def _open(page: Page, url: str) -> None:
    page.go(url)
    page.wait("document.querySelector('#link').dataset.state === 'live'")


def _keep(page: Page, folder: Path, name: str) -> None:
    page.run("scrollTo(0, 0)")
    write_picture(folder / name, page.picture())


def main() -> int:
    with (
        two_hosts() as lab,
        tunnel(lab.h2, lab.h1),
        tunnel(lab.h1, lab.h2, "--web", WEB),
        iperf3_server(lab.c2),
        chromium(lab.h1) as browser,
    ):
        draw(browser, f"http://{WEB}/", FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
