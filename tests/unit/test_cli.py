"""The command as people meet it: run as a process, its output and exit code looked at."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.vectors.corpus import corpus
from vtep import __version__
from vtep.config.options import OPTIONS
from vtep.pcap import frame_block, interface_block, section_block

HEAVY = {"numpy", "uvloop", "scapy", "pyroute2", "docker", "pytun", "asyncio", "rich"}
NO_SOCKET = ("--control", "none")
HEAVY |= {"aiohttp", "prometheus_client"}
DATAGRAM = dict(corpus())["IPv4: ARP request"]
JOIN = "check --tap vx0 --vni 100 --peer 10.0.1.41"


def run(
    *words: str, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -m vtep` in `folder` with no VTEP_* variables but those of `environ`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VTEP_")}
    kept["PYTHONPATH"] = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-m", "vtep", *words],
        env=kept | dict(environ or {}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a mistake is answered with, without its prefix."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("vtep: error: ")
    return lines[0].removeprefix("vtep: error: ")


def test_check_prints_a_line_per_overlay_in_the_words_of_ip_link() -> None:
    done = run(*f"{JOIN} --peer h2 --bridge br0 --local 10.0.1.4".split())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "tap vx0 vni 100 local 10.0.1.4 dstport 4789 peers 10.0.1.41,h2 mtu auto bridge br0",
        "ok",
    ]


def shell(command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which "vtep" is ours."""
    return subprocess.run(
        ["bash", "-c", command.replace("vtep", f"{sys.executable} -m vtep")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("words", ["walk", "walk --json", "decode 0800", "--help"])
def test_output_without_room_or_reader_is_told_or_let_go(words: str) -> None:
    full = shell(f"vtep {words} > /dev/full")
    said = "vtep: error: the output cannot be written: No space left on device\n"
    assert (full.returncode, full.stderr) == (1, said)
    assert shell(f"vtep {words} >&-").stderr == ""


def test_standard_input_that_is_closed_is_told_in_one_line() -> None:
    done = shell("vtep decode - <&-")
    assert complaint(done) == "standard input is closed: give a file, or hexadecimal"


def test_a_comment_of_letters_that_the_terminal_lacks_is_printed_all_the_same() -> None:
    blocks = [
        section_block("x"),
        interface_block("\u2603"),
        frame_block(0, DATAGRAM, 0, ["\u00e9"]),
    ]
    octets = b"".join(blocks).hex()
    command = f"{sys.executable} -c \"import os; os.write(1, bytes.fromhex('{octets}'))\""
    done = shell(f"{command} | vtep decode -", PYTHONIOENCODING="ascii")
    assert done.stderr == ""
    assert "on \\u2603\n  # \\xe9\n" in done.stdout


def test_flags_have_the_names_of_ip_link_as_aliases() -> None:
    done = run("check", "--tap", "vx0", "--id", "7", "--peer", "h", "--dstport", "8472")
    assert done.stdout.startswith("tap vx0 vni 7 dstport 8472 ")
    assert run(*JOIN.split(), "--maxaddress", "-1").stderr.startswith("vtep: error: max-address -1")


def test_variables_alone_will_do() -> None:
    environ = {"VTEP_TAP": "vx9", "VTEP_VNI": "0", "VTEP_PEER": "10.0.1.41,10.0.1.42"}
    assert run("check", environ=environ).stdout.startswith(
        "tap vx9 vni 0 dstport 4789 peers 10.0.1.41,10.0.1.42 "
    )


def test_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"vtep {__version__}\n"


def test_help_fits_a_terminal_and_has_every_option_in_one_line() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 66
    for option in OPTIONS:
        name = option.flag.replace("--", "(--|--\\[no-\\])", 1)
        assert len([line for line in lines if re.match(rf"  (-\w, )?{name}(?![\w-])", line)]) == 1
    assert "[4789]" in done.stdout
    assert "    vtep --tap vx0 --vni 100 --peer 10.0.1.41" in lines
    assert run("check", "-h").stdout == done.stdout


def test_the_examples_of_help_are_valid() -> None:
    examples = re.findall(r"^    vtep (.+)$", run("--help").stdout, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        assert run("check", *example.split()).stdout.endswith("\nok\n")


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], JOIN.split(), ["check", "-c", "vtep.toml"], ["--vni", "x"]],
    ids=" ".join,
)
def test_what_only_asks_or_checks_imports_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "vtep.toml").write_text('[[overlay]]\nvni = 1\ntap = "a"\npeers = ["h"]\n')
    done = run(*words, environ={"PYTHONPROFILEIMPORTTIME": "1"}, folder=tmp_path)
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))
    assert "vtep.config.model" in imported
    assert not HEAVY & {name.partition(".")[0] for name in imported}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "--tap and --vni not given: say what to join with --tap NAME --vni VNI --peer HOST,"
             " or with --config FILE"),
        ("--tap vx0 --peer h", "--vni not given: say what to join with --tap NAME --vni VNI"
                               " --peer HOST, or with --config FILE"),
        ("chekc", "unknown command 'chekc': did you mean 'check'?"),
        ("zzz", "unknown command 'zzz': vtep --help lists what there is"),
        ("--prot 4789", "unknown option '--prot': did you mean '--port'?"),
        ("--vnis=4789", "unknown option '--vnis': did you mean '--vni'?"),
        (f"{JOIN} 10.0.1.42", "unexpected '10.0.1.42': write each value behind its option"),
        ("--vni", "--vni/--id: expected one argument"),
        ("--vni ten", "--vni must be a whole number: not 'ten'"),
        ("--ageing soon", "--ageing must be a number: not 'soon'"),
        ("--vlan all", "--vlan must be a VLAN number, \"strip\" or \"pass\": not 'all'"),
        ("--log-format xml", "--log-format must be \"text\" or \"json\": not 'xml'"),
        ("--peer h1,,h2", "--peer must be an address or a name, or several with commas between:"
                          " not 'h1,,h2'"),
        ("--vni 1 --id 2", "--vni is given 2 times: give it once (several overlays are written"
                           " into a file for --config)"),
        ("--tap vx0 -c a.toml", "--tap and --config exclude each other: write it into a.toml,"
                                " or leave --config out"),
        ("-c none.toml", "none.toml: No such file or directory: give --config a file that can be"
                         " read"),
        ("-c .", ".: Is a directory: give --config a file that can be read"),
        ("--tap a --vni 16777216", "vni 16777216 is out of range: use 0..16777215"),
        ("--tap a --vni -1", "vni -1 is out of range: use 0..16777215"),
        (f"{JOIN} --vlan 0", "vlan 0 is out of range: use 1..4094, strip or pass"),
        (f"{JOIN} --vlan 4095", "vlan 4095 is out of range: use 1..4094, strip or pass"),
        (f"{JOIN} --port 0", "port 0 is out of range: use 1..65535 (VXLAN's is 4789)"),
        (f"{JOIN} --port 65536", "port 65536 is out of range: use 1..65535 (VXLAN's is 4789)"),
        (f"{JOIN} --srcport 0 9", "srcport 0 9 is out of range: use two of 1..65535"),
        (f"{JOIN} --srcport 9 65536", "srcport 9 65536 is out of range: use two of 1..65535"),
        (f"{JOIN} --srcport 6000 5000", "srcport 6000 5000 begins behind its end: write 5000 6000"),
        (f"{JOIN} --srcport 5000", "--srcport: expected 2 arguments"),
        (f"{JOIN} --srcport 5000 x", "--srcport must be two port numbers, such as 49152 65535:"
                                     " not '5000 x'"),
        (f"{JOIN} --srcport 1 2 --srcport 3 4", "--srcport is given 2 times: give it once (several"
                                                " overlays are written into a file for --config)"),
        (f"{JOIN} --offload tls", "--offload must be auto, none, or some of vnet, tso, uso, segment"
                                  " and gro with commas between: not 'tls'"),
        (f"{JOIN} --offload tso,gro", "offload tso does not work without vnet: add that, or leave"
                                      " tso out"),
        (f"{JOIN} --offload uso", "offload uso does not work without vnet: add that, or leave"
                                  " uso out"),
        (f"{JOIN} --mtu 575", "mtu 575 is out of range: use 576..65535"),
        (f"{JOIN} --underlay-mtu 625", "underlay mtu 625 leaves less than 576 for the overlay:"
                                       " use 626 or more"),
        (f"{JOIN} --underlay-mtu 65536", "underlay mtu 65536 is out of range: use at most 65535"),
        (f"{JOIN} --ageing 0", "ageing 0 is out of range: use a number of seconds above 0"),
        (f"{JOIN} --ageing nan", "ageing nan is out of range: use a number of seconds above 0"),
        (f"{JOIN} --max-address -1", "max-address -1 is below 0: use 0 for no limit, or more"),
        (f"{JOIN} --ready-fd -1", "ready-fd -1 is no file descriptor: use 0 or more"),
        (f"{JOIN} --web 8789", "web '8789' is no IP address and port: write them as"
                               " 127.0.0.1:8789"),
        (f"{JOIN} --web ::1:80", "web '::1:80' is no IP address and port: write them as"
                                 " 127.0.0.1:8789"),
        (f"{JOIN} --metrics 10.0.1.4:65536", "metrics '10.0.1.4:65536' is no IP address and port:"
                                             " write them as 127.0.0.1:9478"),
        (f"{JOIN} --web 10.0.1.4:80", "web 10.0.1.4:80 can be reached from other hosts: use a"
                                      " loopback address, as 127.0.0.1:8789, or add web-remote"),
        (f"{JOIN} --local h1", "local 'h1' is no IP address: use an address of this host"),
        (f"{JOIN} --bridge b --docker-network n", "bridge and docker-network exclude each other:"
                                                  " leave one out"),
        ("--vni 1 --tap sixteen-letters0", "tap 'sixteen-letters0' has 16 characters: use 1..15"),
        ("--vni 1 --tap a/b", "tap 'a/b' is no device name: leave out white space and the"
                              " characters / : %"),
        ("--vni 1 --tap ..", "tap '..' is no device name: leave out white space and the"
                             " characters / : %"),
        ("--vni 1 --tap a", "no peer: name one (--peer, peers = [...]), or set accept-any to"
                            " receive from anyone"),
        (f"{JOIN} --peer 10.0.1.42:4789", "peer '10.0.1.42:4789': write 10.0.1.42 alone; the port"
                                          " is that of --port"),
        (f"{JOIN} --peer [fd00::1]", "peer '[fd00::1]': write fd00::1 alone; the port is that of"
                                     " --port"),
        (f"{JOIN} --peer 10.0.1.300", "peer '10.0.1.300' is neither an IP address nor a host name:"
                                      " correct it"),
        (f"{JOIN} --peer 10.1", "peer '10.1' is neither an IP address nor a host name: correct it"),
    ],
)  # fmt: skip
def test_a_mistake_in_flags_is_one_line(words: str, said: str, tmp_path: Path) -> None:
    assert complaint(run(*words.split(), folder=tmp_path)) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--ready-fd 913", "--ready-fd 913 is not an open file descriptor: have the caller pass it"
                           " on"),
        ("--control /", "control / exists and is no socket: choose another path"),
        ("--control /x/y", "cannot make the control socket /x/y (No such file or directory):"
                           " correct --control"),
        (f"--control {'x' * 200}", f"cannot make the control socket {'x' * 200} (AF_UNIX path too"
                                   " long): correct --control"),
        ("--metrics 192.0.2.1:80", "cannot listen for --metrics at 192.0.2.1:80 (Cannot assign"
                                   " requested address): choose another"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_said_before_a_device_is_touched(
    words: str, said: str, tmp_path: Path
) -> None:
    join = [*JOIN.removeprefix("check ").split(), *(() if "control" in words else NO_SOCKET)]
    assert complaint(run(*join, *words.split(), folder=tmp_path)) == said


def test_a_mistake_stays_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    assert complaint(run("check", "--vni", "1\n2")).endswith("not '1\\n2'")
    assert complaint(run("check", "-c", "a\nb", folder=tmp_path)).startswith("a b: No such file")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"VTEP_PORT": "tcp://10.0.0.1:80"}, "VTEP_PORT must be a whole number:"
                                             " not 'tcp://10.0.0.1:80'"),
        ({"VTEP_SRCPORT": "5000"}, "VTEP_SRCPORT must be two port numbers, such as 49152 65535:"
                                   " not '5000'"),
        ({"VTEP_ACCEPT_ANY": "maybe"}, "VTEP_ACCEPT_ANY must be true or false: not 'maybe'"),
        ({"VTEP_CONFIG": "n.toml"}, "n.toml: No such file or directory: give --config a file that"
                                    " can be read"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_variable_names_it(
    environ: dict[str, str], said: str, tmp_path: Path
) -> None:
    assert complaint(run("check", environ=environ, folder=tmp_path)) == said


ONE = '[[overlay]]\nvni = 100\ntap = "a"\npeers = ["h"]\n'
TWO = ONE.replace("100", "200").replace('"a"', '"b"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE + ONE.replace('"a"', '"b"'), "overlay 2 (vni 100): VNI 100 is already used by"
                                          " overlay 1: give each overlay its own"),
        (ONE + TWO.replace('"b"', '"a"'), "overlay 2 (vni 200): TAP a is already used by"
                                          " overlay 1: use another, or give each a vlan"),
        (f"{ONE}vlan=7\n{TWO}vlan=7\n".replace('"b"', '"a"'),
         "overlay 2 (vni 200): VLAN 7 on TAP a is already used by overlay 1: give each overlay"
         " its own"),
        (f'{ONE}vlan=7\nbridge="x"\n{TWO}vlan=8\nbridge="y"'.replace('"b"', '"a"'),
         "overlay 2 (vni 200): bridge is y, but x in overlay 1 on the same TAP a: make them equal"),
        (f'{ONE}vlan=7\ndocker-network="x"\n{TWO}vlan=8'.replace('"b"', '"a"'),
         "overlay 2 (vni 200): docker-network is not set, but x in overlay 1 on the same TAP a:"
         " make them equal"),
        (f"{ONE}vlan=7\nmtu=1400\n{TWO}vlan=8\nmtu=1300\n".replace('"b"', '"a"'),
         "overlay 2 (vni 200): mtu is 1300, but 1400 in overlay 1 on the same TAP a: make them"
         " equal"),
        (f"{ONE}{TWO}mtu = 5", "overlay 2 (vni 200): mtu 5 is out of range: use 576..65535"),
        (ONE.replace("peers", "peer"), "vtep.toml: unknown key 'peer' in [[overlay]] 1: did you"
                                       " mean 'peers'?"),
        (f"{ONE}docker_network = 'n'", "vtep.toml: unknown key 'docker_network' in [[overlay]] 1:"
                                       " did you mean 'docker-network'?"),
        (f"{ONE}maxaddress = 1", "vtep.toml: unknown key 'maxaddress' in [[overlay]] 1: did you"
                                 " mean 'max-address'?"),
        (f"{ONE}port = 1", "vtep.toml: unknown key 'port' in [[overlay]] 1: it belongs to"
                           " [underlay]"),
        (f"vni = 1\n{ONE}", "vtep.toml: unknown key 'vni' in the top level: it belongs to"
                            " [[overlay]]"),
        (f"{ONE}[[overlays]]\n", "vtep.toml: unknown key 'overlays' in the top level: did you mean"
                                 " '[[overlay]]'?"),
        (f"{ONE}[underlay]\nzzz = 1", "vtep.toml: unknown key 'zzz' in [underlay]: the keys there"
                                      " are local, dev, port, srcport, mtu, uplink, uplink-setup,"
                                      " trust-outer-checksum"),
        (f"{ONE}[underlay]\nport = '1'", "vtep.toml: port in [underlay] must be a whole number:"
                                         " not '1'"),
        (f"{ONE}[underlay]\nsrcport = 5000", "vtep.toml: srcport in [underlay] must be two port"
                                             " numbers, such as [49152, 65535]: not 5000"),
        (f"offload = ['gro', 7]\n{ONE}", 'vtep.toml: offload in the top level must be "auto",'
                                         ' "none", or a list of some of "vnet", "tso", "uso",'
                                         " \"segment\" and \"gro\": not ['gro', 7]"),
        (f"{ONE}mtu = true", "vtep.toml: mtu in [[overlay]] 1 must be a whole number: not True"),
        (f"{ONE}bridge = ''", "vtep.toml: bridge in [[overlay]] 1 must be text, and not empty:"
                              " not ''"),
        (ONE.replace('["h"]', '"h"'), "vtep.toml: peers in [[overlay]] 1 must be a list of"
                                      " addresses or names, such as [\"10.0.1.41\"]: not 'h'"),
        (ONE.replace('["h"]', "[]"), "no peer: name one (--peer, peers = [...]), or set accept-any"
                                     " to receive from anyone"),
        (ONE.replace("vni = 100", ""), "vtep.toml: vni is missing in [[overlay]] 1: add it"),
        (ONE.replace("[[overlay]]", "[overlay]"), "vtep.toml: overlay must be tables: write"
                                                  " [[overlay]], two brackets, above each"),
        (f"{ONE}[[underlay]]", "vtep.toml: underlay must be one table: write [underlay] above its"
                               " keys"),
        ("", "vtep.toml: no [[overlay]] in it: add one with vni, tap and peers"),
        ("\nvni 1", "vtep.toml: line 2: Expected '=' after a key in a key/value pair: correct the"
                    " TOML there"),
        ('a = 1\nb = "', "vtep.toml: line 2: Unterminated string: correct the TOML there"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_line_that_says_where(
    text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "vtep.toml").write_text(text)
    assert complaint(run("check", "-c", "vtep.toml", folder=tmp_path)) == said


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "vtep.toml").write_bytes(b"\xff\xfe\x00")
    said = "vtep.toml: is not UTF-8 text: give --config a TOML file"
    assert complaint(run("check", "-c", "vtep.toml", folder=tmp_path)) == said
