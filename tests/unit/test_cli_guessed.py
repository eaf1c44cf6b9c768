"""Words and options that users of ip, bridge and docker guess: each works, or explains itself.

test_cli_guessed_daemon.py has those for a daemon, tests/netns/test_control.py those for devices.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vtep import __version__
from vtep.cli.dispatch import split_command
from vtep.cli.guesses import FDB_ACTIONS, NOT_COMMANDS, PEER_ACTIONS
from vtep.cli.main import main
from vtep.cli.registry import COMMANDS
from vtep.config.options import OPTIONS, Option
from vtep.config.unsupported import UNSUPPORTED

IP_LINK_VXLAN = """
    id group remote local ttl tos df flowlabel dev dstport srcport learning nolearning proxy noproxy
    rsc norsc l2miss nol2miss l3miss nol3miss ageing maxaddress udpcsum noudpcsum udp6zerocsumtx
    noudp6zerocsumtx udp6zerocsumrx noudp6zerocsumrx remcsumtx noremcsumtx remcsumrx noremcsumrx
    external noexternal gbp gpe vnifilter novnifilter
"""
"""All words of `ip link add ... type vxlan help` of iproute2 6.1."""

FOREIGN = "name listen interface bind user pid pidfile key mode type up"
"""Options of docker and of VPN daemons that nothing here is similar to."""

JOIN = "--tap vx0 --vni 100 --peer 10.0.1.41"


def complaint(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that fails; return its error, which is one line of the usual form."""
    assert main(words.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vtep: error: ")
    assert said.err.count("\n") == 1
    assert "; " in said.err  # what: why; remedy
    assert "explicit" not in said.err
    return said.err.removeprefix("vtep: error: ")


@pytest.mark.parametrize("name", sorted(set(IP_LINK_VXLAN.split()) | {"master", "daemon"}))
def test_every_word_of_ip_link_is_an_option_or_explained(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    supported = {flag for option in OPTIONS for flag in (option.flag, *option.aliases)}
    if f"--{name}" in supported:
        assert name not in UNSUPPORTED
        return
    dashed = f"no-{name[2:]}" if name.startswith("no") else name
    for spelling in (f"--{name}", f"-{name}", f"--{name}=1", f"--{dashed}"):
        said = complaint(f"{JOIN} {spelling}", capsys)
        assert re.match(r"option '.*': not (supported|needed)[:;]", said), said
        assert "did you mean" not in said
    assert "not " in complaint(f"check {JOIN} --{name}", capsys)


def test_a_key_of_the_file_is_explained_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vtep.toml"
    path.write_text('[[overlay]]\nvni = 1\ntap = "a"\npeers = ["h"]\nttl = 5\n')
    said = complaint(f"check -c {path}", capsys)
    assert "key 'ttl'" in said
    assert "ip_default_ttl" in said


@pytest.mark.parametrize(
    ("option", "suggested"),
    [
        ("--tip", "--tap"),
        ("--prot", "--port"),
        ("--vnis", "--vni"),
        ("--peers", "--peer"),
        ("--age", "--ageing"),
        ("--remot", "--remote"),
        ("--verbos", "--verbose"),
        ("--verison", "--version"),
        ("--network", "--docker-network"),
        *[(f"--{word}", None) for word in FOREIGN.split()],
        ("-d", None),
        ("-i", None),
        ("-n", None),
        ("-p", None),
    ],
)
def test_a_suggestion_is_similar_or_absent(
    option: str, suggested: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(f"{JOIN} {option} x", capsys)
    assert said.startswith(f"option '{option}': ")
    assert (f"did you mean '{suggested}'?" in said) == (suggested is not None), said
    assert ("did you mean" in said) == (suggested is not None), said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        *[(word, why) for word, why in NOT_COMMANDS.items()],
        *[(f"fdb {word}", why) for word, why in FDB_ACTIONS.items()],
        *[(f"peer {word}", why) for word, why in PEER_ACTIONS.items()],
        ("-d", "vtep -d show"),
        (f"-d {JOIN}", "service"),
        ("-json", "vtep -json show"),
        ("-s -j", "vtep -s -j show"),
        ("--socket", "vtep --socket PATH show"),
        ("--socket show", "vtep --socket PATH show"),
        ("-s -socket show", "vtep -s -socket PATH show"),
        ("--socket=/x", "vtep --socket=/x show"),
        ("-br show", "use -o"),
        ("-brief show", "use -o"),
        ("show -br", "use -o"),
        ("-4 show", "IP version"),
        ("-6 peer", "IP version"),
        ("-f inet show", "IP version"),
        ("-family inet6 peer", "IP version"),
        ("peer -f inet", "IP version"),
        ("-n blue show", "ip netns exec NS vtep"),
        ("-s -netns blue fdb", "ip netns exec NS vtep"),
        (f"-n blue {JOIN}", "ip netns exec NS vtep"),
        (f"{JOIN} -netns blue", "ip netns exec NS vtep"),
        ("-N fdb", "always prints numbers"),
        ("-r peer", "always prints addresses"),
        ("-resolve peer", "always prints addresses"),
        ("-b FILE", "shell script"),
        ("-batch -", "shell script"),
        ("-rc 10 monitor", "netlink"),
        ("-a show", "vtep monitor"),
        ("-all fdb", "vtep monitor"),
        ("-t peer", "vtep monitor"),
        ("show -timestamp", "vtep monitor"),
        ("-ts show", "vtep monitor"),
        ("-color monitor", "no colours"),
        ("-color=always show", "remove 'always'"),
        ("-color=it's show", "takes no value; remove"),
        ("-c show", "write -c after show"),
        ("-s -c fdb", "write -c after fdb"),
        ("ttl 5", "ip_default_ttl"),
        ("learning", "always behaves so"),
        (f"{JOIN} ttl 5", "ip_default_ttl"),
        ("show vpn", "did you mean 'vni'? For a TAP write dev vpn"),
        ("add vx0 type vxlan id 100 remote 10.0.1.41", "write vtep --tap vx0 --vni 100"),
        ("link add vx0 type vxlan", "write vtep --tap vx0 --vni 100"),
        ("bridge fdb show", "vtep fdb show"),
        ("ip link", "vtep show"),
        ("vxlan show", "vtep show"),
        ("help --tap", "see vtep help\n"),
        ("fdb get xx", "'xx': not a MAC address; write it as 02:42:ac:12:00:0b"),
        ("fdb show xx:yy", "'xx:yy': neither a MAC address nor an IP address"),
        ("fdb xx:yy", "'xx:yy': neither a MAC address nor an IP address"),
        ("peer show 10:0", "'10:0': neither a MAC address nor an IP address"),
        ("show peer", "write vtep peer show"),
        ("show peers", "write vtep peer show"),
        ("link show fdb", "write vtep fdb show"),
        ("show all", "remove it"),
        ("--", "vtep show"),
        ("-s --", "vtep show"),
        ("-- --tap", "unknown"),
        ("walk --vni 1_0", "whole number"),
        ("walk --mtu x", "whole number"),
        ("walk --underlay-mtu 1_500", "whole number"),
        ("demo --seconds 0x", "whole number"),
        ("show type bridge", "all overlays are VXLAN"),
        ("monitor dropz", "event 'dropz': unknown; did you mean 'drop'?\n"),
        ("st", "vtep --help"),
        ("vni 100", "'--vni'"),
        ("remote 10.0.1.41", "'--remote'"),
        ("--tap vx0 vni 100", "'--vni'"),
        ("link set vx0 mtu 1400", "restart"),
        ("help stop", "SIGTERM"),
        ("help nope", "'nope'"),
        ("fdb foo", "show, get"),
        ("fdb get", "fdb get MAC"),
        ("fdb get dev vx0", "fdb get MAC"),
        ("fdb show dsr 10.0.1.41", "'dst'"),
        ("fdb show dev", "dev VALUE"),
        ("fdb show dev vx0 dev vx1", "second dev"),
        ("fdb show state", "state VALUE"),
        ("peer foo", "use show"),
        ("monitor link", "learned, moved, expired, refused, flooded, dropped, fdb, all"),
        ("monitor droped", "event 'droped': unknown; did you mean 'dropped'?\n"),
        ("monitor dev", "dev VALUE"),
        ("show --json=yes", "takes no value"),
        ("show -jx", "vtep show --help"),
        ("show -detailss", "'--details'"),
        ("show -v", "vtep show --help"),
        ("walk -jb", "vtep walk --help"),
        ("walk --brief --json", "cannot be combined"),
        ("walk --inner sctp", "icmp, tcp, udp, arp"),
        ("walk --vni x", "whole number"),
        ("walk extra", "'extra'"),
        ("decode 08 -details", "vtep decode --help"),
        ("decode", "FILE|HEX|-"),
        ("capture", "--output"),
        ("capture -o", "value"),
        ("extcap", "install|uninstall"),
        ("extcap add", "install, uninstall"),
        ("top -x", "vtep top --help"),
        ("check -x", "vtep check --help"),
        ("demo --seconds 0", "1 or more"),
        ("demo --web 65536", "0..65535"),
        ("lab --hosts 1", "2..9"),
        ("lab --family 5", "4, 6"),
        ("version -x", "vtep version --help"),
    ],
)
def test_a_guess_that_does_not_work_is_explained_in_one_line(
    words: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in complaint(words, capsys)


def test_vtep_alone_prints_the_usage_and_fails_as_ip_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    for name in COMMANDS:
        assert f"  vtep {name}" in said.err
    assert "vtep --help" in said.err
    monkeypatch.setenv("VTEP_TAP", "vx0")  # then the variables are the options
    assert "--vni" in complaint("", capsys)


@pytest.mark.parametrize(
    "words", ["version", "--version", "-V", "-version", "-V show", "-s -V fdb", "-s -V"]
)
def test_the_version_has_the_spellings_of_ip(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 0
    assert capsys.readouterr().out == f"vtep {__version__}\n"


@pytest.mark.parametrize(
    ("words", "beginning"),
    [
        ("help", "vtep connects"),
        ("-help", "vtep connects"),
        ("--help", "vtep connects"),
        ("-h", "vtep connects"),
        *[(f"help {name}", f"usage: vtep {name}") for name in COMMANDS],
        ("help link", "usage: vtep show"),
        ("help fdb show", "usage: vtep fdb"),
        ("help peer add", "usage: vtep peer"),
        ("fdb show help", "usage: vtep fdb"),
        ("link list help", "usage: vtep show"),
        ("-- show -h", "usage: vtep show"),
        ("fdb help", "usage: vtep fdb"),
        ("show help", "usage: vtep show"),
        ("link help", "usage: vtep show"),
        ("-h peer", "usage: vtep peer"),
        ("-s -h", "vtep connects"),
        ("-sc show -h", "usage: vtep show"),
        ("-socket x show -h", "usage: vtep show"),
        ("-tsh monitor -h", "usage: vtep monitor"),
        ("peer -help", "usage: vtep peer"),
        ("mon --help", "usage: vtep monitor"),
        ("m -h", "usage: vtep monitor"),
        ("f -h", "usage: vtep fdb"),
        ("p -h", "usage: vtep peer"),
        ("l -h", "usage: vtep show"),
        ("s -h", "usage: vtep show"),
        ("check --help", "usage: vtep check"),
        ("demo --help", "usage: vtep demo"),
        ("lab --help", "usage: vtep lab"),
    ],
)
def test_help_is_found_by_every_usual_way(
    words: str, beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 0
    assert capsys.readouterr().out.startswith(beginning)


@pytest.mark.parametrize(
    "words",
    [
        "--tap vx0 --vni 100 --remote 10.0.1.41 --master br0",
        "-tap vx0 -id 100 -remote 10.0.1.41 -master br0",
        "--master=br0 --remote=10.0.1.41 --tap=vx0 --id=100",
    ],
)
def test_the_kernels_words_are_options(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *words.split()]) == 0
    assert capsys.readouterr().out == (
        "tap vx0 vni 100 dstport 4789 peers 10.0.1.41 mtu auto bridge br0\nok\n"
    )
    assert complaint(f"{words} -mtu 5", capsys).startswith("mtu 5: ")  # read by the daemon, too


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key or "config")
def test_an_option_with_one_dash_is_one_of_the_daemon(option: Option) -> None:
    for name in (option.flag, *option.aliases):
        words = [f"-{name.lstrip('-')}", "x"]
        assert split_command(words) == (None, words)


def test_a_file_may_have_the_name_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show").write_text("vni 1")
    assert complaint("-c show", capsys).startswith("show: line 1: ")


@pytest.mark.parametrize("words", ["", "--help", "--nope", "show --help", "show -x", "check -h"])
def test_the_program_has_one_name_however_it_is_started(words: str) -> None:
    as_script = "import sys; sys.argv[0] = '/usr/bin/vtep.py'; from vtep.cli.main import main\n"
    said = [
        subprocess.run(
            [sys.executable, *start, *words.split()],
            env={"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        for start in (["-m", "vtep"], ["-c", f"{as_script}sys.exit(main())"])
    ]
    assert (said[0].stdout, said[0].stderr) == (said[1].stdout, said[1].stderr)
    assert not re.search(r"vtep\.py|__main__|python", said[0].stdout + said[0].stderr)
