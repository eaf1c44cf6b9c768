"""walk.text: a walk as text; the signs do not depend on colour."""

import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from tests.consoles import ROOT
from vtep.cli.dispatch import run as run_command
from vtep.decode.terminal import WIDTH
from vtep.errors import UsageError
from vtep.walk.engine import run
from vtep.walk.options import Options
from vtep.walk.text import Text

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def lines(options: Options, *, colour: bool = False, verbose: bool = False) -> list[str]:
    return list(Text(colour=colour, verbose=verbose).lines(run(options)))


def test_the_text_answers_the_three_questions() -> None:
    text = " ".join(" ".join(lines(Options())).split())
    assert "20 IPv4 + 8 UDP + 8 VXLAN + 14 Ethernet = 50" in text
    assert "24 bits in the VXLAN header" in text
    assert "behind 10.0.1.4," in text
    assert "+ 02:42:ac:12:00:0c is behind 10.0.1.41" in text


def test_the_text_is_short_and_repeats_no_explanation() -> None:
    shown = lines(Options())
    assert len(shown) < 230
    assert all(len(line) <= WIDTH for line in shown)
    explained = [line for line in shown if "16 million" in line]
    assert len(explained) == 1


@pytest.mark.parametrize("options", [Options(), Options(what_if="mtu")])
def test_a_long_piece_is_cut_to_fit_the_width(options: Options) -> None:
    (cut,) = [line for line in lines(options) if line.endswith(" more")]
    assert len(cut) <= WIDTH


def test_colour_adds_nothing_but_colour() -> None:
    plain, coloured = lines(Options(inner="tcp")), lines(Options(inner="tcp"), colour=True)
    assert plain == [ESCAPE.sub("", line) for line in coloured]
    for sign, code in (("+", "32"), ("-", "31"), ("~", "33")):
        signed = [line for line in coloured if line.startswith(f"\x1b[{code}m       {sign} ")]
        assert len(signed) > 1


def test_verbose_shows_every_piece_at_every_station() -> None:
    shown = lines(Options(inner="arp"), verbose=True)
    assert len([line for line in shown if "VXLAN             8  08 00" in line]) == 14


def test_a_terminal_gets_colour_unless_no_color_is_set() -> None:
    for no_color, expected in (("", True), ("1", False)):
        end, terminal = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "vtep", "walk", "--brief", "--inner", "arp"],
            env=os.environ | {"NO_COLOR": no_color, "PYTHONPATH": str(ROOT)},
            stdout=terminal,
            timeout=30,
            check=True,
        )
        assert (b"\x1b[" in os.read(end, 1 << 16)) == expected
        os.close(end)
        os.close(terminal)


def test_the_text_fits_a_narrow_terminal() -> None:
    end, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 70))
    command = [sys.executable, "-m", "vtep", "walk", "--verbose", "--inner", "arp"]
    with subprocess.Popen(command, stdout=terminal, env=os.environ | {"PYTHONPATH": str(ROOT)}):
        os.close(terminal)
        shown = b""
        with suppress(OSError), os.fdopen(end, "rb", 0) as printed:  # EIO: nobody has it open
            while octets := printed.read(1 << 16):
                shown += octets
    details = [line for line in ESCAPE.sub("", shown.decode()).splitlines() if line[:7].isspace()]
    assert 60 < max(map(len, details)) <= 70


@pytest.mark.parametrize("words", [["--json", "--html", "x"], ["--brief", "-v"], ["-v", "--check"]])
def test_only_one_output_format_is_allowed(words: list[str]) -> None:
    with pytest.raises(UsageError, match=f"cannot be combined with .*{words[0]}"):
        run_command("walk", words)


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--html .*none/a\.html: .*No such file or directory"):
        run_command("walk", ["--html", f"{tmp_path}/none/a.html"])
