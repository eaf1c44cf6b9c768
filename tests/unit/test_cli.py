"""The command line, run as a process: output, errors and exit codes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
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
    """Run `python -m vtep` in `folder`, with the VTEP_* variables of `environ` only."""
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
    """Return the error of a failed command, which is one line, without its prefix."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("vtep: error: ")
    return lines[0].removeprefix("vtep: error: ")


def assert_named(line: str, named: Sequence[str]) -> None:
    """Assert that an error names the option, the value and the remedy."""
    assert [part for part in named if part not in line] == [], line


def test_check_prints_a_line_per_overlay_with_the_keywords_of_ip_link() -> None:
    done = run(*f"{JOIN} --peer h2 --bridge br0 --local 10.0.1.4".split())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "tap vx0 vni 100 local 10.0.1.4 dstport 4789 peers 10.0.1.41,h2 mtu auto bridge br0",
        "ok",
    ]


def shell(command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command; "vtep" in it is this version."""
    return subprocess.run(
        ["bash", "-c", command.replace("vtep", f"{sys.executable} -m vtep")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("words", ["walk", "walk --json", "decode 0800", "--help"])
def test_a_full_disk_is_an_error_and_a_closed_output_is_not(words: str) -> None:
    full = shell(f"vtep {words} > /dev/full")
    assert full.returncode == 1
    [said] = full.stderr.splitlines()
    assert_named(said, ["vtep: error: ", "output", "No space left on device"])
    assert shell(f"vtep {words} >&-").stderr == ""


def test_a_closed_standard_input_is_one_line() -> None:
    done = shell("vtep decode - <&-")
    assert_named(complaint(done), ["standard input", "closed"])


def test_characters_that_the_terminal_lacks_are_printed_as_escapes() -> None:
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


def test_variables_alone_are_enough() -> None:
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
    assert len(lines) <= 72
    for option in OPTIONS:
        name = option.flag.replace("--", "(--|--\\[no-\\])", 1)
        assert len([line for line in lines if re.match(rf"  (-\w, )?{name}(?![\w-])", line)]) == 1
    assert "[4789]" in done.stdout
    assert "    vtep --tap vx0 --vni 100 --peer 10.0.1.41" in lines


def test_check_has_its_own_help() -> None:
    said = run("check", "--help").stdout
    assert "usage: vtep check" in said
    assert "without root" in said
    for option in OPTIONS:
        assert re.search(rf"[ ,] {option.flag}(,| |$)", said, re.MULTILINE), option


def test_the_examples_of_help_are_valid() -> None:
    examples = re.findall(r"^    vtep (.+)$", run("--help").stdout, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        assert run("check", *example.split()).stdout.endswith("\nok\n")


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        JOIN.split(),
        ["check", "-c", "vtep.toml"],
        ["--vni", "x"],
        ["help"],
        ["help", "decode"],
        ["version"],
        ["-s", "show"],
        ["fdb", "show"],
        ["peer"],
        ["monitor", "fdb"],
        ["demo", "--help"],
    ],
    ids=" ".join,
)
def test_commands_that_only_check_import_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "vtep.toml").write_text('[[overlay]]\nvni = 1\ntap = "a"\npeers = ["h"]\n')
    done = run(*words, environ={"PYTHONPROFILEIMPORTTIME": "1"}, folder=tmp_path)
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))
    assert "vtep.config.model" in imported
    assert not HEAVY & {name.partition(".")[0] for name in imported}


GOLDEN = "command 'chekc': unknown; did you mean 'check'?"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--accept-any", ["--tap", "--vni", "--peer", "--config"]),
        ("--tap vx0 --peer h", ["--vni"]),
        ("chekc", [GOLDEN]),
        ("zzz", ["command 'zzz'", "vtep --help"]),
        ("--prot 4789", ["option '--prot'", "'--port'"]),
        ("--vnis=4789", ["option '--vnis'", "'--vni'"]),
        (f"{JOIN} 10.0.1.42", ["'10.0.1.42'"]),
        ("--vni", ["--vni/--id"]),
        ("--vni ten", ["--vni", "whole number", "'ten'"]),
        ("--vni 1_0_0", ["--vni", "whole number", "'1_0_0'"]),
        ("--vni \u0661\u0660\u0660", ["--vni", "whole number", "\u0661\u0660\u0660"]),
        ("--vni 0b11", ["--vni", "whole number", "'0b11'"]),
        ("--ageing 1_0", ["--ageing", "number", "'1_0'"]),
        (f"{JOIN} --srcport 1_0 2_0", ["--srcport", "49152 65535", "'1_0 2_0'"]),
        (f"{JOIN} --clamp-mss no", ["--clamp-mss: takes no value; write --no-clamp-mss"]),
        (f"{JOIN} --clamp-mss=no", ["--clamp-mss: takes no value; write --no-clamp-mss"]),
        (f"{JOIN} --bridge no --clamp-mss no", ["--clamp-mss: takes no value"]),
        (f"{JOIN} --clamp-mss yes", ["--clamp-mss: takes no value; remove 'yes'"]),
        ("--ageing soon", ["--ageing", "number", "'soon'"]),
        ("--vlan all", ["--vlan", "strip", "pass", "'all'"]),
        ("--log-format xml", ["--log-format", "text", "json", "'xml'"]),
        ("--peer h1,,h2", ["--peer", "'h1,,h2'"]),
        ("--vni 1 --id 2", ["--vni", "2 times", "--config"]),
        ("--tap vx0 -c a.toml", ["--tap", "--config", "a.toml"]),
        ("-c none.toml", ["none.toml: No such file or directory", "--config"]),
        ("-c .", [".: Is a directory", "--config"]),
        ("--tap a --vni 16777216", ["vni 16777216", "0..16777215"]),
        ("--tap a --vni -1", ["vni -1", "0..16777215"]),
        (f"{JOIN} --vlan 0", ["vlan 0", "1..4094"]),
        (f"{JOIN} --vlan 4095", ["vlan 4095", "1..4094"]),
        (f"{JOIN} --port 0", ["port 0", "1..65535"]),
        (f"{JOIN} --port 65536", ["port 65536", "1..65535", "4789"]),
        (f"{JOIN} --srcport 0 9", ["srcport 0 9", "1..65535"]),
        (f"{JOIN} --srcport 9 65536", ["srcport 9 65536", "1..65535"]),
        (f"{JOIN} --srcport 6000 5000", ["srcport 6000 5000", "5000 6000"]),
        (f"{JOIN} --srcport 5000", ["--srcport", "2 values"]),
        (f"{JOIN} --srcport 5000 x", ["--srcport", "49152 65535", "'5000 x'"]),
        (f"{JOIN} --srcport 1 2 --srcport 3 4", ["--srcport", "2 times"]),
        (f"{JOIN} --offload tls", ["--offload", "vnet, tso, uso, segment", "'tls'"]),
        (f"{JOIN} --offload tso,gro", ["offload tso", "vnet"]),
        (f"{JOIN} --offload uso", ["offload uso", "vnet"]),
        (f"{JOIN} --mtu 575", ["mtu 575", "576..65535"]),
        (f"{JOIN} --underlay-mtu 625", ["underlay mtu 625", "626"]),
        (f"{JOIN} --underlay-mtu 65536", ["underlay mtu 65536", "65535"]),
        (f"{JOIN} --ageing 0", ["ageing 0"]),
        (f"{JOIN} --ageing nan", ["ageing nan"]),
        (f"{JOIN} --max-address -1", ["max-address -1", "0"]),
        (f"{JOIN} --ready-fd -1", ["ready-fd -1", "0"]),
        (f"{JOIN} --web 8789", ["web '8789'", "127.0.0.1:8789"]),
        (f"{JOIN} --web ::1:80", ["web '::1:80'", "127.0.0.1:8789"]),
        (f"{JOIN} --metrics 10.0.1.4:65536", ["metrics '10.0.1.4:65536'", "127.0.0.1:9478"]),
        (f"{JOIN} --web 10.0.1.4:80", ["web 10.0.1.4:80", "127.0.0.1:8789", "web-remote"]),
        (f"{JOIN} --local h1", ["local 'h1'"]),
        (f"{JOIN} --bridge b --docker-network n", ["bridge", "docker-network"]),
        ("--vni 1 --tap sixteen-letters0", ["tap 'sixteen-letters0'", "16", "1..15"]),
        ("--vni 1 --tap a/b", ["tap 'a/b'", "/ : %"]),
        ("--vni 1 --tap ..", ["tap '..'"]),
        ("--vni 1 --tap a", ["no peer", "--peer", "accept-any"]),
        (f"{JOIN} --peer 10.0.1.42:4789", ["peer '10.0.1.42:4789'", "--port"]),
        (f"{JOIN} --peer [fd00::1]", ["peer '[fd00::1]'", "write fd00::1", "--port"]),
        (f"{JOIN} --peer 10.0.1.300", ["peer '10.0.1.300'"]),
        (f"{JOIN} --peer 10.1", ["peer '10.1'"]),
    ],
)
def test_a_mistake_in_flags_is_one_line_that_names_it(
    words: str, named: list[str], tmp_path: Path
) -> None:
    assert_named(complaint(run(*words.split(), folder=tmp_path)), named)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--ready-fd 913", ["--ready-fd 913"]),
        ("--control /", ["control socket /", "not a socket"]),
        ("--control /x/y", ["/x/y", "No such file or directory", "--control"]),
        (
            "--metrics 192.0.2.1:80",
            ["--metrics", "192.0.2.1:80", "Cannot assign requested address"],
        ),
    ],
)
def test_a_socket_that_cannot_be_opened_is_reported_before_a_device_is_changed(
    words: str, named: list[str], tmp_path: Path
) -> None:
    join = [*JOIN.removeprefix("check ").split(), *(() if "control" in words else NO_SOCKET)]
    assert_named(complaint(run(*join, *words.split(), folder=tmp_path)), named)


def test_a_mistake_with_line_breaks_stays_one_line(tmp_path: Path) -> None:
    assert "'1\\n2'" in complaint(run("check", "--vni", "1\n2"))
    assert complaint(run("check", "-c", "a\nb", folder=tmp_path)).startswith("a b: No such file")


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"VTEP_PORT": "tcp://10.0.0.1:80"}, ["VTEP_PORT", "'tcp://10.0.0.1:80'"]),
        ({"VTEP_SRCPORT": "5000"}, ["VTEP_SRCPORT", "49152 65535", "'5000'"]),
        ({"VTEP_ACCEPT_ANY": "maybe"}, ["VTEP_ACCEPT_ANY", "true or false", "'maybe'"]),
        ({"VTEP_CONFIG": "n.toml"}, ["n.toml: No such file or directory"]),
    ],
)
def test_a_mistake_in_a_variable_names_it(
    environ: dict[str, str], named: list[str], tmp_path: Path
) -> None:
    assert_named(complaint(run("check", environ=environ, folder=tmp_path)), named)


def test_a_mistyped_variable_is_a_warning() -> None:
    done = run(*JOIN.split(), environ={"VTEP_AGING": "5", "VTEP_SERVICE_PORT": "4789"})
    assert done.returncode == 0
    assert done.stderr == "vtep: warning: VTEP_AGING: unknown variable; did you mean VTEP_AGEING?\n"
    done = run(*JOIN.split(), environ={"VTEP_REMOTE": "10.0.0.1"})
    assert done.stderr.endswith("did you mean VTEP_PEER?\n")


def test_an_interrupt_ends_a_background_job_of_a_script(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "vtep.toml")
    with (
        subprocess.Popen(
            [sys.executable, "-m", "vtep", "-c", "vtep.toml"],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=tmp_path,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        ) as job,
        open(tmp_path / "vtep.toml", "w"),
    ):  # waits until it reads its file
        job.send_signal(signal.SIGINT)
        assert job.wait(30) == 130


ONE = '[[overlay]]\nvni = 100\ntap = "a"\npeers = ["h"]\n'
TWO = ONE.replace("100", "200").replace('"a"', '"b"')
TRUNK = TWO.replace('"b"', '"a"')


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (ONE + ONE.replace('"a"', '"b"'), ["overlay 2 (vni 100)", "VNI 100", "overlay 1"]),
        (ONE + TRUNK, ["overlay 2 (vni 200)", "TAP a", "overlay 1", "vlan"]),
        (f"{ONE}vlan=7\n{TRUNK}vlan=7\n", ["overlay 2 (vni 200)", "VLAN 7", "TAP a", "overlay 1"]),
        (
            f'{ONE}vlan=7\nbridge="x"\n{TRUNK}vlan=8\nbridge="y"',
            ["overlay 2 (vni 200)", "bridge", "y", "x", "overlay 1", "TAP a"],
        ),
        (
            f'{ONE}vlan=7\ndocker-network="x"\n{TRUNK}vlan=8',
            ["overlay 2 (vni 200)", "docker-network", "not set", "overlay 1", "TAP a"],
        ),
        (
            f"{ONE}vlan=7\nmtu=1400\n{TRUNK}vlan=8\nmtu=1300\n",
            ["overlay 2 (vni 200)", "mtu", "1300", "1400", "overlay 1", "TAP a"],
        ),
        (f"{ONE}{TWO}mtu = 5", ["overlay 2 (vni 200)", "mtu 5", "576..65535"]),
        (f"{ONE}mtu = 9000\n[underlay]\nmtu = 1500", ["vni 100", "mtu 9000", "at most 1450"]),
        (
            ONE.replace('"h"', '"10.0.0.1"') + TWO.replace('"h"', '"fd00::1"'),
            ["fd00::1: IPv6", "10.0.0.1 is IPv4"],
        ),
        (ONE.replace("peers", "peer"), ["vtep.toml", "key 'peer'", "[[overlay]] 1", "'peers'"]),
        (f"{ONE}docker_network = 'n'", ["key 'docker_network'", "'docker-network'"]),
        (f"{ONE}maxaddress = 1", ["key 'maxaddress'", "'max-address'"]),
        (f"{ONE}port = 1", ["vtep.toml", "key 'port'", "[[overlay]] 1", "[underlay]"]),
        (f"vni = 1\n{ONE}", ["key 'vni'", "top level", "[[overlay]]"]),
        (f"{ONE}[[overlays]]\n", ["key 'overlays'", "top level", "'[[overlay]]'"]),
        (
            f"{ONE}[underlay]\nzzz = 1",
            ["key 'zzz'", "[underlay]", "local, dev, port, srcport, mtu, uplink, uplink-setup"],
        ),
        (f"{ONE}[underlay]\nport = '1'", ["port in [underlay]", "whole number", "'1'"]),
        (f"{ONE}[underlay]\nsrcport = 5000", ["srcport in [underlay]", "[49152, 65535]", "5000"]),
        (f"offload = ['gro', 7]\n{ONE}", ["offload", "top level", '"auto"', "['gro', 7]"]),
        (f"{ONE}mtu = true", ["mtu in [[overlay]] 1", "whole number", ": true is not valid"]),
        (f"{ONE}bridge = ''", ["bridge in [[overlay]] 1", "''"]),
        (ONE.replace('["h"]', '"h"'), ["peers in [[overlay]] 1", '["10.0.1.41"]', "'h'"]),
        (ONE.replace('["h"]', "[]"), ["no peer", "--peer", "accept-any"]),
        (ONE.replace("vni = 100", ""), ["vtep.toml", "vni is missing", "[[overlay]] 1"]),
        (ONE.replace("[[overlay]]", "[overlay]"), ["vtep.toml", "[[overlay]]"]),
        (f"{ONE}[[underlay]]", ["vtep.toml", "[underlay]"]),
        ("", ["vtep.toml", "no [[overlay]]"]),
        ("\nvni 1", ["vtep.toml: line 2", "Expected '='"]),
        ('a = 1\nb = "', ["vtep.toml: line 2", "Unterminated string"]),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_place(
    text: str, named: list[str], tmp_path: Path
) -> None:
    (tmp_path / "vtep.toml").write_text(text)
    assert_named(complaint(run("check", "-c", "vtep.toml", folder=tmp_path)), named)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "vtep.toml").write_bytes(b"\xff\xfe\x00")
    said = complaint(run("check", "-c", "vtep.toml", folder=tmp_path))
    assert_named(said, ["vtep.toml", "UTF-8", "--config"])
