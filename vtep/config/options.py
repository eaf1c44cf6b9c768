"""Every option, described once.

From this table come the flags of the command line, the VTEP_* environment variables, the keys of
the TOML file, and `vtep --help`; docs/options.md is held to it by a test. Defaults stand with the
fields of the configuration (vtep.config). Names and words are those of `ip link ... type vxlan`
wherever it has the option too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

TableName: TypeAlias = Literal["overlay", "underlay", "process", "command"]
"""What an option describes: a table of the TOML file, its top level, or the command line alone."""

JOIN, UNDERLAY, BEHAVIOUR, PROCESS = "What to join", "Underlay", "Behaviour", "Process"
GROUPS = (JOIN, UNDERLAY, BEHAVIOUR, PROCESS)
"""The headings of --help, in order."""

OFFLOADS = ("vnet", "tso", "uso", "segment", "gro")
"""What the kernel may do for us: virtio headers, TCP and UDP super-frames of the TAP; UDP_SEGMENT
and UDP_GRO of the socket."""

_ALL_OR_NONE: dict[str, tuple[str, ...]] = {"auto": OFFLOADS, "none": ()}
_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


@dataclass(frozen=True, eq=False, slots=True)
class ValueType:
    """How the value of an option is written.

    Attributes:
        wanted: what a value must be, to complete "must be ...".
        fits: tells whether a value, as TOML has it, is one.
        parse: the same value from text, as flags and variables have it; ValueError if it is none.
        wanted_text: `wanted` for text, where that differs.
        meaning: what a value that fits is in the configuration.
    """

    wanted: str
    fits: Callable[[Any], bool]
    parse: Callable[[str], Any]
    wanted_text: str = ""
    meaning: Callable[[Any], Any] = lambda value: value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _whole_number(text: str) -> int:
    return int(text, 0)


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError
    return text.lower() in _TRUE


def _vlan(text: str) -> int | str:
    return text if text in ("strip", "pass") else _whole_number(text)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _port_range(text: str) -> list[int]:
    return [int(part) for part in re.split(r"[\s,-]+", text.strip())]


TEXT = ValueType("text, and not empty", _is_text, str)
INTEGER = ValueType("a whole number", _is_int, _whole_number)
NUMBER = ValueType("a number", lambda value: _is_int(value) or isinstance(value, float), float)
BOOLEAN = ValueType("true or false", lambda value: isinstance(value, bool), _boolean)
COUNT = ValueType("a whole number", _is_int, _whole_number)
LIST = ValueType(
    'a list of addresses or names, such as ["10.0.1.41"]',
    _is_list,
    _split,
    "an address or a name, or several with commas between",
)
VLAN_VALUE = ValueType(
    'a VLAN number, "strip" or "pass"',
    lambda value: _is_int(value) or value in ("strip", "pass"),
    _vlan,
)
PORT_RANGE = ValueType(
    "two port numbers, such as [49152, 65535]",
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(_is_int, value)),
    _port_range,
    "two port numbers, such as 49152 65535",
    tuple,
)
OFFLOAD = ValueType(
    '"auto", "none", or a list of some of "vnet", "tso", "uso", "segment" and "gro"',
    lambda value: (
        (isinstance(value, str) and value in _ALL_OR_NONE)
        or (_is_list(value) and set(value) <= set(OFFLOADS))
    ),
    lambda text: text if text in _ALL_OR_NONE else _split(text),
    "auto, none, or some of vnet, tso, uso, segment and gro with commas between",
    lambda value: _ALL_OR_NONE[value] if isinstance(value, str) else tuple(value),
)
UPLINK_VALUE = ValueType(
    '"socket", "inject" or "auto"', lambda value: value in ("socket", "inject", "auto"), str
)
LOG_FORMAT = ValueType('"text" or "json"', lambda value: value in ("text", "json"), str)


class Option(NamedTuple):
    """One option.

    Attributes:
        flag: its long flag; a BOOLEAN has its --no- form too.
        key: its key in the TOML file, which is its field in the configuration with `-` for `_`.
        help: what it does, for one line of --help.
        metavar: what stands for its value there.
        unset: what happens without it, where that is no default value.
        aliases: other flags with the same meaning.
    """

    group: str
    table: TableName
    flag: str
    key: str
    kind: ValueType
    metavar: str
    help: str
    unset: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def dest(self) -> str:
        """Its attribute in the namespace of the command line."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "VTEP_" + self.dest.upper()

    @property
    def field(self) -> str:
        """Its field in the configuration."""
        return self.key.replace("-", "_")


CONFIG = Option(
    PROCESS, "command", "--config", "", TEXT, "FILE", "the TOML file; instead of all above",
    aliases=("-c",),
)  # fmt: skip

OPTIONS = (
    Option(JOIN, "overlay", "--tap", "tap", TEXT, "NAME",
           "TAP device of the access side; made if missing"),
    Option(JOIN, "overlay", "--vni", "vni", INTEGER, "VNI",
           "VXLAN Network Identifier, 0..16777215", aliases=("--id",)),
    Option(JOIN, "overlay", "--peer", "peers", LIST, "HOST",
           "a remote VTEP; repeat it for a flood list"),
    Option(JOIN, "overlay", "--bridge", "bridge", TEXT, "BRIDGE",
           "make the TAP a port of this bridge"),
    Option(JOIN, "overlay", "--docker-network", "docker-network", TEXT, "NAME",
           "or of this Docker network's bridge"),
    Option(JOIN, "overlay", "--vlan", "vlan", VLAN_VALUE, "N|strip|pass",
           "carry only VLAN N, or strip or pass tags", "strip"),
    Option(UNDERLAY, "underlay", "--local", "local", TEXT, "ADDRESS",
           "source address of outgoing packets", "by route"),
    Option(UNDERLAY, "underlay", "--dev", "dev", TEXT, "DEVICE",
           "device to send and receive by", "any"),
    Option(UNDERLAY, "underlay", "--port", "port", INTEGER, "PORT",
           "UDP port, ours and the peers'", aliases=("--dstport",)),
    Option(UNDERLAY, "underlay", "--srcport", "srcport", PORT_RANGE, "MIN MAX",
           "UDP ports to send from, by flow"),
    Option(UNDERLAY, "underlay", "--underlay-mtu", "mtu", INTEGER, "MTU",
           "largest packet on the underlay", "by route"),
    Option(UNDERLAY, "underlay", "--uplink", "uplink", UPLINK_VALUE, "socket|inject|auto",
           "send by socket, or inject packets"),
    Option(UNDERLAY, "underlay", "--uplink-setup", "uplink-setup", BOOLEAN, "",
           "change what is in the way of inject"),
    Option(UNDERLAY, "underlay", "--trust-outer-checksum", "trust-outer-checksum", BOOLEAN, "",
           "do not verify inner checksums twice"),
    Option(BEHAVIOUR, "overlay", "--mtu", "mtu", INTEGER, "MTU",
           "MTU of the TAP", "underlay's - 50 or 70"),
    Option(BEHAVIOUR, "overlay", "--ageing", "ageing", NUMBER, "SECONDS",
           "lifetime of learned FDB entries"),
    Option(BEHAVIOUR, "overlay", "--max-address", "max-address", INTEGER, "NUMBER",
           "most FDB entries", aliases=("--maxaddress",)),
    Option(BEHAVIOUR, "overlay", "--clamp-mss", "clamp-mss", BOOLEAN, "",
           "lower the MSS of TCP SYNs to what fits"),
    Option(BEHAVIOUR, "overlay", "--accept-any", "accept-any", BOOLEAN, "",
           "receive from others than the peers too"),
    CONFIG,
    Option(PROCESS, "process", "--ready-fd", "ready-fd", INTEGER, "N",
           "write a newline to descriptor N when ready"),
    Option(PROCESS, "process", "--log-format", "log-format", LOG_FORMAT, "text|json",
           "one line of text or JSON per event"),
    Option(PROCESS, "process", "--control", "control", TEXT, "PATH|none",
           "socket to be asked by", "/run/vtep/TAP.sock"),
    Option(PROCESS, "process", "--web", "web", TEXT, "ADDRESS:PORT",
           "and a TCP socket, for a browser"),
    Option(PROCESS, "process", "--web-remote", "web-remote", BOOLEAN, "",
           "--web may be reached from other hosts"),
    Option(PROCESS, "process", "--metrics", "metrics", TEXT, "ADDRESS:PORT",
           "and one for /metrics (Prometheus) alone"),
    Option(PROCESS, "process", "--offload", "offload", OFFLOAD, "LIST",
           "what the kernel may do for us, or none", "auto"),
    Option(PROCESS, "process", "--verbose", "verbose", COUNT, "",
           "log more, and the counters each minute", aliases=("-v",)),
)  # fmt: skip


def keys(table: TableName) -> dict[str, Option]:
    """Return the options of `table` by their key in the TOML file."""
    return {option.key: option for option in OPTIONS if option.table == table}
